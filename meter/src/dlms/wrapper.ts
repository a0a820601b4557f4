import type { Framing } from './frame-scanner.ts'
import { isPushTag } from './apdu.ts'

/** Longest APDU that the wrapper may announce; there is no checksum to believe a longer one. */
export const WRAPPER_APDU_BYTES_MAX = 4_096

const HEAD_BYTES = 8
const VERSION = 1

/**
 * The wrapper for IP networks (IEC 62056-47): version 1, source and destination port, length, all
 * 16 bits, then the APDU. Nothing in it is checked, so a reading needs a faultless APDU.
 */
export const WRAPPER: Framing = {
  bytesMax: HEAD_BYTES + WRAPPER_APDU_BYTES_MAX,

  mayBegin(byte) {
    return byte === 0
  },

  judge(bytes, start, end) {
    if (end < start + HEAD_BYTES + 1) {
      if (end > start + 1 && bytes[start + 1] !== VERSION) {
        return { type: 'refuse', reason: 'garbage', bytes: 1 }
      }
      return { type: 'need', bytes: end - start + 1 }
    }
    const length = ((bytes[start + 6] ?? 0) << 8) | (bytes[start + 7] ?? 0)
    const apdu = start + HEAD_BYTES
    if (
      bytes[start + 1] !== VERSION ||
      length === 0 ||
      length > WRAPPER_APDU_BYTES_MAX ||
      !isPushTag(bytes[apdu] ?? 0)
    ) {
      return { type: 'refuse', reason: 'garbage', bytes: 1 }
    }
    const total = HEAD_BYTES + length
    if (end < start + total) return { type: 'need', bytes: total }
    return {
      type: 'frame',
      frame: { length: total, start: apdu, end: start + total, more: false },
    }
  },
}
