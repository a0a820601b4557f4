import type { FrameVerdict, Framing } from './frame-scanner.ts'

const START = 0x68
const STOP = 0x16
/** Start, length, length, start. */
const HEAD_BYTES = 4
/** Checksum and stop. */
const TAIL_BYTES = 2
/** Control, address, control information, two service access points. */
const BODY_HEAD_BYTES = 5
const BODY_BYTES_MAX = 0xff + BODY_HEAD_BYTES
/** What carries user data: SND_UD with any count bits, SND_NR, RSP_UD (EN 13757-2 §5.4). */
const CONTROLS = [0x53, 0x73, 0x43, 0x63, 0x44, 0x08]
const LAST = 0x10
const PART = 0x0f

/**
 * Wired M-Bus as DLMS uses it (EN 13757-2 and -3, IEC 62056-7-3): long frames with an APDU, or a
 * part of one, behind the service access points.
 *
 * ```
 *  68 │ L │ L │ 68 │ C │ A │ CI: last, part │ STSAP │ DTSAP │ data │ sum │ 16
 *                  ╰──────────── L bytes, added up in sum ────────╯
 * ```
 *
 * Bodies of 256 bytes and more exist although L is one byte: L wraps (`quirks.ts`). A length too
 * small for the five bytes of the head can only be such a one.
 */
export const MBUS: Framing = {
  bytesMax: HEAD_BYTES + BODY_BYTES_MAX + TAIL_BYTES,

  mayBegin(byte) {
    return byte === START
  },

  judge(bytes, start, end) {
    const body = start + HEAD_BYTES
    if (end < body + 3) {
      const known = end - start
      if (known > 3 && bytes[start + 3] !== START) return GARBAGE
      return { type: 'need', bytes: known + 1 }
    }
    const size = bytes[start + 1] ?? 0
    const information = bytes[body + 2] ?? 0
    if (
      bytes[start + 2] !== size ||
      bytes[start + 3] !== START ||
      !CONTROLS.includes(bytes[body] ?? 0) ||
      (information & ~(LAST | PART)) !== 0
    ) {
      return GARBAGE
    }
    const length = size < BODY_HEAD_BYTES ? size + 0x100 : size
    const bodyEnd = body + length
    const stop = bodyEnd + 1
    if (end <= stop) return { type: 'need', bytes: stop + 1 - start }
    let sum = 0
    for (let at = body; at < bodyEnd; at++) sum += bytes[at] ?? 0
    if (bytes[stop] !== STOP || (sum & 0xff) !== bytes[bodyEnd]) {
      return { type: 'refuse', reason: 'crc', bytes: stop + 1 - start }
    }
    return {
      type: 'frame',
      frame: {
        length: stop + 1 - start,
        start: body + BODY_HEAD_BYTES,
        end: bodyEnd,
        more: (information & LAST) === 0,
        part: information & PART,
      },
    }
  },
}

const GARBAGE: FrameVerdict = { type: 'refuse', reason: 'garbage', bytes: 1 }
