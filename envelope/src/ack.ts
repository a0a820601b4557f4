import { decodeCbor, encodeCbor, type CborValue } from './cbor.ts'
import { badField, FieldReader } from './field.ts'
import {
  ACK_BITMAP_BYTES_MAX,
  ACK_PACE_MS_MAX,
  ACK_STREAMS_MAX,
  EPOCH_OBJECTS_MAX,
  SEQ_MAX,
  STREAM_MAX,
} from './limits.ts'
import { checkRange, TIME_MS_MAX } from './payload/header.ts'

/** What is stored of one stream. */
export interface StreamAck {
  readonly stream: number
  /** Everything up to and including this is stored for good; 0: nothing yet. */
  readonly cumulative: number
  /**
   * Beyond it: bit `i` (least significant first) says that `cumulative + 1 + i` is stored. Bit 0 is
   * never set, and the last byte is not zero.
   */
  readonly bitmap: Uint8Array
  /**
   * First eight bytes of the hash of the record that ends at `cumulative` (of the genesis hash for 0).
   * Through the chain it stands for everything before: what is stored is what was sent.
   */
  readonly headHash8: Uint8Array
}

/** An acknowledgement: sent only after what it names has been committed to disk. */
export interface Ack {
  /** The recipient's clock, milliseconds since 1970. */
  readonly timeMs: number
  /** How long the device should wait before it sends more than is urgent; 0 for at once. */
  readonly paceMs: number
  /** Partial IV of the newest object that reached the recipient in this epoch; null: only the epoch. */
  readonly echo: number | null
  readonly streams: readonly StreamAck[]
}

/** The payload of an ack: `[timeMs, paceMs, echo, [* [stream, cumulative, bitmap, headHash8]]]`. */
export function encodeAck(ack: Ack): Uint8Array {
  checkRange('ack.timeMs', ack.timeMs, 0, TIME_MS_MAX)
  checkRange('ack.paceMs', ack.paceMs, 0, ACK_PACE_MS_MAX)
  checkRange('ack.streams', ack.streams.length, 0, ACK_STREAMS_MAX)
  if (ack.echo !== null) checkRange('ack.echo', ack.echo, 0, EPOCH_OBJECTS_MAX - 1)
  checkStreams(ack.streams)
  const streams = ack.streams.map(({ stream, cumulative, bitmap, headHash8 }) => [
    stream,
    cumulative,
    bitmap,
    headHash8,
  ])
  return encodeCbor([ack.timeMs, ack.paceMs, ack.echo, streams])
}

/** Reads the payload of an ack. */
export function decodeAck(payload: Uint8Array): Ack {
  const reader = new FieldReader(decodeCbor(payload), 'ack', 4)
  const timeMs = reader.uint('timeMs', TIME_MS_MAX)
  const paceMs = reader.uint('paceMs', ACK_PACE_MS_MAX)
  const echo = reader.nullableUint('echo', EPOCH_OBJECTS_MAX - 1)
  const streams = reader.array('streams', 0, ACK_STREAMS_MAX).map(readStream)
  checkStreams(streams)
  return { timeMs, paceMs, echo, streams }
}

/** Whether an ack says that this sequence number is stored. */
export function acknowledges(ack: StreamAck, seq: number): boolean {
  if (seq <= ack.cumulative) return true
  const bit = seq - ack.cumulative - 1
  return ((ack.bitmap[Math.floor(bit / 8)] ?? 0) & (1 << (bit % 8))) !== 0
}

/** The bitmap that names `stored` sequence numbers beyond `cumulative`; what is too far is left out. */
export function ackBitmap(cumulative: number, stored: Iterable<number>): Uint8Array {
  const bitmap = new Uint8Array(ACK_BITMAP_BYTES_MAX)
  let length = 0
  for (const seq of stored) {
    const bit = seq - cumulative - 1
    const index = Math.floor(bit / 8)
    if (bit < 1 || index >= bitmap.length) continue
    bitmap[index] = (bitmap[index] ?? 0) | (1 << (bit % 8))
    length = Math.max(length, index + 1)
  }
  return bitmap.slice(0, length)
}

function readStream(value: CborValue): StreamAck {
  const reader = new FieldReader(value, 'ack.stream', 4)
  const stream = reader.uint('stream', STREAM_MAX)
  const cumulative = reader.uint('cumulative', SEQ_MAX)
  const bitmap = reader.any()
  if (!(bitmap instanceof Uint8Array)) throw badField('ack.stream.bitmap', 'bytes', bitmap)
  return { stream, cumulative, bitmap, headHash8: reader.bytes('headHash8', 8) }
}

function checkStreams(streams: readonly StreamAck[]): void {
  let previous = -1
  for (const { stream, cumulative, bitmap, headHash8 } of streams) {
    // Ascending, so that no stream is named twice.
    checkRange('ack.stream', stream, previous + 1, STREAM_MAX)
    checkRange('ack.cumulative', cumulative, 0, SEQ_MAX)
    checkRange('ack.bitmap', bitmap.length, 0, ACK_BITMAP_BYTES_MAX)
    if (((bitmap[0] ?? 0) & 1) !== 0 || bitmap.at(-1) === 0) {
      throw badField('ack.bitmap', 'bit 0 clear and no zero byte at the end', bitmap)
    }
    if (headHash8.length !== 8) throw badField('ack.headHash8', '8 bytes', headHash8)
    previous = stream
  }
}
