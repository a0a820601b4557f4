import { crc16X25 } from '../crc16.ts'
import type { FrameVerdict, Framing, LinkFrame } from './frame-scanner.ts'

/** Flags in a row before a frame; more of them are line idle and dropped. */
export const HDLC_FLAGS_MAX = 8

/** Bytes of an HDLC address. */
export const HDLC_ADDRESS_BYTES_MAX = 4

const FLAG = 0x7e
/** Frame format type 3, the four high bits of the format field. */
const TYPE = 0xa0
const SEGMENTED = 0x08
const LENGTH_HIGH = 0x07
/** Format, one byte for each address, control, one checksum. */
const LENGTH_MIN = 7
const LENGTH_MAX = 0x7ff

/**
 * HDLC as DLMS uses it (IEC 62056-46): no byte stuffing, a length instead.
 *
 * ```
 *  7E │ A S LL │ LL │ destination │ source │ control │ HCS HCS │ information │ FCS FCS │ 7E
 *      ╰───────────────── checked by HCS ────────────╯
 *      ╰───────────────────────────── checked by FCS ───────────────╯   one flag may serve two
 * ```
 */
export const HDLC: Framing = {
  bytesMax: HDLC_FLAGS_MAX + LENGTH_MAX + 1,

  mayBegin(byte, joined) {
    return byte === FLAG || (joined && (byte & 0xf0) === TYPE)
  },

  judge(bytes, start, end, joined, over) {
    let head = start
    while (head < end && bytes[head] === FLAG && head - start <= HDLC_FLAGS_MAX) head++
    if (head === start && !joined) return GARBAGE
    if (head - start > HDLC_FLAGS_MAX) return GARBAGE
    if (head >= end) return need(head + 1 - start)
    if (((bytes[head] ?? 0) & 0xf0) !== TYPE) return GARBAGE
    if (head + 1 >= end) return need(head + 2 - start)
    const format = bytes[head] ?? 0
    const length = ((format & LENGTH_HIGH) << 8) | (bytes[head + 1] ?? 0)
    if (length < LENGTH_MIN) return GARBAGE
    const source = addressEnd(bytes, head + 2, end)
    if (source < 0) return missing(source, end, start)
    const control = addressEnd(bytes, source, end)
    if (control < 0) return missing(control, end, start)
    const headerEnd = control + 3
    const close = head + length
    if (headerEnd > close) return GARBAGE
    if (headerEnd > end) return need(headerEnd - start)
    if (!holds(bytes, head, headerEnd)) return refuse(headerEnd - start)
    const flagLost = over && end === close
    if (close + 1 > end && !flagLost) return need(close + 1 - start)
    if (!holds(bytes, head, close)) return refuse(close + 1 - start)
    // The closing flag is the one byte of a frame that no checksum covers. Stored telegrams may lack
    // it, and the opening one, at their very ends.
    if (!flagLost && bytes[close] !== FLAG) {
      return { type: 'refuse', reason: 'truncated', bytes: close - start }
    }
    const frame: LinkFrame = {
      length: close + (flagLost ? 0 : 1) - start,
      start: headerEnd,
      // A frame without information ends with its header checksum.
      end: Math.max(headerEnd, close - 2),
      more: (format & SEGMENTED) !== 0,
    }
    return { type: 'frame', frame }
  },
}

const GARBAGE: FrameVerdict = { type: 'refuse', reason: 'garbage', bytes: 1 }
const TOO_LONG = -2

function need(bytes: number): FrameVerdict {
  return { type: 'need', bytes }
}

function refuse(bytes: number): FrameVerdict {
  return { type: 'refuse', reason: 'crc', bytes }
}

function missing(code: number, end: number, start: number): FrameVerdict {
  return code === TOO_LONG ? GARBAGE : need(end - start + 1)
}

/** Position behind an address, whose last byte alone is odd; -1 when bytes are missing. */
function addressEnd(bytes: Uint8Array, at: number, end: number): number {
  for (let index = 0; index < HDLC_ADDRESS_BYTES_MAX; index++) {
    if (at + index >= end) return -1
    if (((bytes[at + index] ?? 0) & 1) === 1) return at + index + 1
  }
  return TOO_LONG
}

/** Whether the two bytes before `end` are the checksum of those from `start`. */
function holds(bytes: Uint8Array, start: number, end: number): boolean {
  const sent = (bytes[end - 2] ?? 0) | ((bytes[end - 1] ?? 0) << 8)
  return crc16X25(bytes, start, end - 2) === sent
}
