import type { IsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { SignedSegment } from '../segment/codec.ts'
import type { SegmentType } from '../segment/segment.ts'
import { ProtoWriter, fieldsOf } from './protobuf.ts'

/** A segment as it came, with the use that the control service says it has. */
export interface RawSegment {
  readonly type: SegmentType
  /** A PathSegment message, which nobody has looked at yet; it aliases the answer. */
  readonly message: Uint8Array
}

/** The same, taken apart. */
export interface TypedSegment extends SignedSegment {
  readonly type: SegmentType
}

/** What a control service answered. */
export interface SegmentsAnswer {
  readonly segments: readonly RawSegment[]
  /** Why others were left out. */
  readonly refused: readonly ScionError[]
}

/** Most segments taken from one answer. */
export const SEGMENTS_ANSWERED_MAX = 4096

const TYPES: Readonly<Record<number, SegmentType>> = { 1: 'up', 2: 'down', 3: 'core' }

/** Writes a SegmentsRequest; a wildcard AS stands for the core ASes of its ISD. */
export function encodeSegmentsRequest(source: IsdAs, destination: IsdAs): Uint8Array {
  return new ProtoWriter().varint(1, source).varint(2, destination).finish()
}

/**
 * Reads a SegmentsResponse as far as the single segments, which are looked at one by one later: one bad
 * beacon of a distant AS must not take the good ones away.
 */
export function decodeSegmentsResponse(message: Uint8Array): SegmentsAnswer {
  const segments: RawSegment[] = []
  const refused: ScionError[] = []
  for (const entry of fieldsOf(message, 'SegmentsResponse')) {
    if (entry.number !== 1) continue
    let type: SegmentType | undefined
    let list = message.subarray(0, 0)
    for (const field of entry.fields('SegmentsResponse.segments')) {
      if (field.number === 1) type = TYPES[field.i32()]
      if (field.number === 2) list = field.bytes()
    }
    if (type !== undefined) takeSegments(list, type, segments)
    else if (refused.length === 0) {
      refused.push(new ScionError('ERR_SCION_MALFORMED', 'SegmentType: 1 … 3'))
    }
  }
  return { segments, refused }
}

function takeSegments(list: Uint8Array, type: SegmentType, segments: RawSegment[]): void {
  for (const field of fieldsOf(list, 'Segments')) {
    if (segments.length === SEGMENTS_ANSWERED_MAX) return
    if (field.number === 1) segments.push({ type, message: field.bytes() })
  }
}

/** Writes a SegmentsResponse around encoded segments. */
export function encodeSegmentsResponse(segments: readonly RawSegment[]): Uint8Array {
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
