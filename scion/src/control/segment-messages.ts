import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { SignedSegment } from '../segment/codec.ts'
import { decodeSegment } from '../segment/codec.ts'
import type { SegmentType } from '../segment/segment.ts'
import type { ProtoField } from './protobuf.ts'
import { ProtoWriter, fieldsOf } from './protobuf.ts'

/** A segment with the use that the control service says it has. */
export interface TypedSegment extends SignedSegment {
  readonly type: SegmentType
}

/** What a control service answered. */
export interface SegmentsAnswer {
  readonly segments: readonly TypedSegment[]
  /** Why others were left out, one entry each. */
  readonly refused: readonly ScionError[]
}

/** Most segments taken from one answer. */
export const SEGMENTS_ANSWERED_MAX = 1024

const TYPES: Readonly<Record<number, SegmentType>> = { 1: 'up', 2: 'down', 3: 'core' }

/** Writes a SegmentsRequest; a wildcard AS stands for the core ASes of its ISD. */
export function encodeSegmentsRequest(source: IsdAs, destination: IsdAs): Uint8Array {
  return new ProtoWriter().varint(1, source).varint(2, destination).finish()
}

/**
 * Reads a SegmentsResponse. A segment that is malformed is left out and its reason kept: one bad
 * beacon of a distant AS must not take the good ones away.
 */
export function decodeSegmentsResponse(message: Uint8Array): SegmentsAnswer {
  const segments: TypedSegment[] = []
  const refused: ScionError[] = []
  for (const field of fieldsOf(message, 'SegmentsResponse')) {
    if (field.number !== 1) continue
    const { type, list } = readEntry(field)
    for (const one of list) {
      if (segments.length + refused.length === SEGMENTS_ANSWERED_MAX) return { segments, refused }
      readSegment(one, type, segments, refused)
    }
  }
  return { segments, refused }
}

/** Reads one segment into `segments`, or the reason why it is none into `refused`. */
export function readSegment(
  field: ProtoField,
  type: SegmentType | undefined,
  segments: TypedSegment[],
  refused: ScionError[],
): void {
  try {
    if (type === undefined) throw new ScionError('ERR_SCION_MALFORMED', 'SegmentType: 1 … 3')
    segments.push({ ...decodeSegment(field.bytes()), type })
  } catch (error) {
    if (!(error instanceof ScionError)) throw error
    refused.push(error)
  }
}

function readEntry(entry: ProtoField): {
  readonly type: SegmentType | undefined
  readonly list: readonly ProtoField[]
} {
  let type: SegmentType | undefined
  let list: readonly ProtoField[] = []
  for (const field of entry.fields('SegmentsResponse.segments')) {
    if (field.number === 1) type = TYPES[field.i32()]
    if (field.number === 2) list = [...field.fields('Segments')].filter((one) => one.number === 1)
  }
  return { type, list }
}

/** Writes a SegmentsResponse around encoded segments. */
export function encodeSegmentsResponse(
  segments: readonly { readonly type: SegmentType; readonly message: Uint8Array }[],
): Uint8Array {
  const writer = new ProtoWriter()
  for (const [number, type] of Object.entries(TYPES)) {
    const ofType = segments.filter((one) => one.type === type)
    if (ofType.length === 0) continue
    writer.message(1, (entry) =>
      entry.varint(1, Number(number)).message(2, (list) => {
        for (const { message } of ofType) list.bytes(1, message)
      }),
    )
  }
  return writer.finish()
}
