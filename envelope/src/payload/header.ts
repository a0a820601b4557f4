import type { CborValue } from '../cbor.ts'
import { badField, type FieldReader } from '../field.ts'
import { SEQ_MAX, STREAM_MAX } from '../limits.ts'

/** What every record begins with: its place in a stream, its time, and the record before it. */
export interface RecordHeader {
  /** The stream: a counter of its own for every purpose and recipient, 0 to 65,535. */
  readonly stream: number
  /** Sequence number of the first reading in this record; a stream begins with 1. */
  readonly seq: number
  /** The device's wall clock, milliseconds since 1970; how good it is stands in `status`. */
  readonly timeMs: number
  /** {@link Status} as bits. */
  readonly status: number
  /** First 16 bytes of SHA-256 of the payload before this one in the stream, or the genesis hash. */
  readonly prevHash16: Uint8Array
}

/** How many elements of a payload array the header takes. */
export const HEADER_FIELDS = 5
/** Largest time that a record can carry: the year 10889. */
export const TIME_MS_MAX = 2 ** 48 - 1
/** Status is sixteen bits. */
export const STATUS_MAX = 0xffff

/** The first elements of a record's payload. */
export function headerItems(header: RecordHeader): CborValue[] {
  checkRange('record.stream', header.stream, 0, STREAM_MAX)
  checkRange('record.seq', header.seq, 1, SEQ_MAX)
  checkRange('record.timeMs', header.timeMs, 0, TIME_MS_MAX)
  checkRange('record.status', header.status, 0, STATUS_MAX)
  if (header.prevHash16.length !== 16) {
    throw badField('record.prevHash16', '16 bytes', header.prevHash16)
  }
  return [header.stream, header.seq, header.timeMs, header.status, header.prevHash16]
}

/** Reads the header from the front of a payload array. */
export function readHeader(reader: FieldReader): RecordHeader {
  const stream = reader.uint('stream', STREAM_MAX)
  const seq = reader.uint('seq', SEQ_MAX)
  checkRange('record.seq', seq, 1, SEQ_MAX)
  return {
    stream,
    seq,
    timeMs: reader.uint('timeMs', TIME_MS_MAX),
    status: reader.uint('status', STATUS_MAX),
    prevHash16: reader.bytes('prevHash16', 16),
  }
}

/** Refuses a number that is not an integer within both bounds (`bad-field`). */
export function checkRange(field: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw badField(field, `an integer from ${min} to ${max}`, value)
  }
}
