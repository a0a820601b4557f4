import { APDU } from './apdu.ts'
import { DLMS_BODY_BYTES_MAX } from './body-stream.ts'
import type { Framing } from './frame-scanner.ts'

const TITLE_BYTES = 8
/** Tag, length of the title, title, length form with two bytes. */
const LENGTH_AT = 2 + TITLE_BYTES
const TWO_BYTE_LENGTH = 0x82
const HEAD_BYTES = LENGTH_AT + 3

/**
 * general-glo-ciphering on a line of its own, as ciphered P1 ports send it (Luxembourg, parts of
 * Austria):
 *
 * ```
 *  DB │ 08 │ system title, 8 │ 82 │ length, 2 │ control, counter, ciphertext, tag
 * ```
 *
 * Its own length delimits it. A telegram of text is longer than 255 bytes, so one form of the length
 * suffices.
 */
export const BARE: Framing = {
  bytesMax: HEAD_BYTES + DLMS_BODY_BYTES_MAX,

  mayBegin(byte) {
    return byte === APDU.generalGloCiphering
  },

  judge(bytes, start, end) {
    const known = end - start
    const length = ((bytes[start + LENGTH_AT + 1] ?? 0) << 8) | (bytes[start + LENGTH_AT + 2] ?? 0)
    if (
      (known > 1 && bytes[start + 1] !== TITLE_BYTES) ||
      (known > LENGTH_AT && bytes[start + LENGTH_AT] !== TWO_BYTE_LENGTH) ||
      (known >= HEAD_BYTES && length > DLMS_BODY_BYTES_MAX)
    ) {
      return { type: 'refuse', reason: 'garbage', bytes: 1 }
    }
    if (known < HEAD_BYTES) return { type: 'need', bytes: known + 1 }
    const total = HEAD_BYTES + length
    if (known < total) return { type: 'need', bytes: total }
    return { type: 'frame', frame: { length: total, start, end: start + total, more: false } }
  },
}
