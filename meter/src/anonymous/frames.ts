import { crc16Kermit, crc16X25 } from '../crc16.ts'
import { MeterError } from '../errors.ts'
import { SML_FRAME_BYTES_MAX } from '../sml/framer.ts'
import { TLF_TYPE, TlfReader } from '../sml/tlf.ts'
import { TEXT_TELEGRAM_BYTES_MAX } from '../iec62056-21/framer.ts'
import type { Check } from './checks.ts'

const ESC = 0x1b

/** A frame found in a capture, sound or not. */
export interface Frame {
  /** Position behind its last byte. */
  readonly end: number
  /** Positions of what it carries, in order: without frame, headers and doubled escapes. */
  readonly content: readonly number[]
  /** Its checksums, inner ones first. */
  readonly checks: readonly Check[]
  /** The system title of a ciphered telegram stands in the clear in it. */
  readonly isCiphered?: boolean
}

/** The frame that begins at a position, or undefined. */
export function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  return FRAMES.get(bytes[at] ?? 0)?.(bytes, at)
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function isRun(bytes: Uint8Array, at: number, byte: number, count: number): boolean {
  for (let index = at; index < at + count; index++) if (bytes[index] !== byte) return false
  return true
}

/* ---- SML -------------------------------------------------------------------------------------- */

const SML_END = 0x1a

/** From the start escape to the checksum; a start inside means that the end was lost. */
function smlAt(bytes: Uint8Array, at: number): Frame | undefined {
  if (!isRun(bytes, at, ESC, 4) || !isRun(bytes, at + 4, 1, 4)) return undefined
  const content: number[] = []
  for (let next = at + 8; next < bytes.length && next - at < SML_FRAME_BYTES_MAX;) {
    if (!isRun(bytes, next, ESC, 4)) {
      content.push(next)
      next += 1
    } else if (isRun(bytes, next + 4, ESC, 4)) {
      content.push(...range(next, next + 4))
      next += 8
    } else if (bytes[next + 4] === SML_END && next + 8 <= bytes.length) {
      const end = next + 8
      const field = [end - 2, end - 1]
      const kind = kindOf(
        bytes.slice(at, end - 2),
        ((bytes[end - 2] ?? 0) << 8) | (bytes[end - 1] ?? 0),
      )
      const transport: Check = { kind, covers: range(at, end - 2), at: field }
      return { end, content, checks: [...messageChecks(bytes, content, kind), transport] }
    } else break
  }
  return content.length === 0
    ? undefined
    : { end: (content.at(-1) ?? at) + 1, content, checks: messageChecks(bytes, content, 'x25') }
}

/** Which of the two checksums it is; the usual one where neither holds. */
function kindOf(covered: Uint8Array, field: number): 'x25' | 'kermit' {
  const x25 = crc16X25(covered)
  const isX25 = (((x25 & 0xff) << 8) | (x25 >> 8)) === field
  return !isX25 && crc16Kermit(covered) === field ? 'kermit' : 'x25'
}

/** Checksums of the messages, as far as the content can be followed. */
function messageChecks(
  bytes: Uint8Array,
  content: readonly number[],
  kind: 'x25' | 'kermit',
): readonly Check[] {
  const body = Uint8Array.from(content, (position) => bytes[position] ?? 0)
  const reader = new TlfReader(body)
  const checks: Check[] = []
  const at = (from: number, to: number): readonly number[] => content.slice(from, to)
  try {
    for (;;) {
      reader.skipZeros()
      if (reader.done) return checks
      const start = reader.position
      reader.listOf(6, 'message')
      reader.octets('transactionId')
      const free = at(reader.start, reader.start + reader.length).slice(-2)
      for (const field of ['groupNo', 'abortOnError', 'body']) reader.skip(field)
      const end = reader.position
      reader.head('crc16')
      if (reader.type !== TLF_TYPE.unsigned || reader.length > 2) return checks
      const field = at(reader.start, reader.start + reader.length)
      checks.push({ kind, covers: at(start, end), at: field, free })
      reader.endOfMessage('end')
    }
  } catch (error) {
    // Damaged: what stands behind the damage is told by the frame's own checksum alone.
    if (!(error instanceof MeterError)) throw error
    return checks
  }
}

/* ---- DLMS: HDLC and M-Bus ----------------------------------------------------------------------- */

const GENERAL_GLO = 0xdb

function hdlcAt(bytes: Uint8Array, at: number): Frame | undefined {
  const head = at + 1
  if (((bytes[head] ?? 0) & 0xf0) !== 0xa0) return undefined
  const length = (((bytes[head] ?? 0) & 0x07) << 8) | (bytes[head + 1] ?? 0)
  const close = head + length
  if (length < 9 || close > bytes.length || (close < bytes.length && bytes[close] !== 0x7e)) {
    return undefined
  }
  let control = head + 2
  for (let address = 0; address < 2; address++) {
    while (control < close && ((bytes[control] ?? 1) & 1) === 0) control += 1
    control += 1
  }
  const info = control + 3
  if (info > close - 2) return undefined
  const isLlc = bytes[info] === 0xe6 && bytes[info + 2] === 0
  const content = range(isLlc ? info + 3 : info, close - 2)
  const check: Check = { kind: 'x25', covers: range(head, close - 2), at: [close - 2, close - 1] }
  // The closing flag may open the next frame.
  return {
    end: close,
    content,
    checks: [check],
    isCiphered: bytes[content[0] ?? 0] === GENERAL_GLO,
  }
}

/** The length byte wraps in some meters: the stop byte and the sum tell which length it is. */
function mbusAt(bytes: Uint8Array, at: number): Frame | undefined {
  const size = bytes[at + 1] ?? 0
  if (bytes[at + 2] !== size || bytes[at + 3] !== 0x68) return undefined
  const body = at + 4
  for (const length of [size, size + 0x100]) {
    const sumAt = body + length
    if (length < 5 || sumAt + 1 >= bytes.length || bytes[sumAt + 1] !== 0x16) continue
    const check: Check = { kind: 'sum', covers: range(body, sumAt), at: [sumAt] }
    const content = range(body + 5, sumAt)
    return {
      end: sumAt + 2,
      content,
      checks: [check],
      isCiphered: bytes[content[0] ?? 0] === GENERAL_GLO,
    }
  }
  return undefined
}

/* ---- text: IEC 62056-21 and DSMR ---------------------------------------------------------------- */

const ETX = 0x03
const MARK = 0x21

/** From STX to the block check character behind ETX, which is not covered by itself. */
function blockAt(bytes: Uint8Array, at: number): Frame | undefined {
  const limit = Math.min(bytes.length, at + TEXT_TELEGRAM_BYTES_MAX)
  for (let next = at + 1; next + 1 < limit; next++) {
    const byte = bytes[next] ?? 0
    if ((byte & 0x7f) === ETX) {
      const check: Check = { kind: 'xor', covers: range(at + 1, next + 1), at: [next + 1] }
      return { end: next + 2, content: range(at + 1, next), checks: [check] }
    }
    if (byte === 0x02) return undefined
  }
  return undefined
}

/** From `/` to `!` and, where they follow, up to four digits of DSMR's checksum. */
function telegramAt(bytes: Uint8Array, at: number): Frame | undefined {
  const limit = Math.min(bytes.length, at + TEXT_TELEGRAM_BYTES_MAX)
  for (let next = at + 1; next < limit; next++) {
    const byte = bytes[next] ?? 0
    // A block has a check of its own; a slash at a line's begin is another telegram.
    if ((byte === 0x02 || byte === 0x2f) && bytes[next - 1] === 0x0a) return undefined
    if (byte !== MARK) continue
    let end = next + 1
    while (end < next + 5 && /[0-9A-Fa-f]/.test(String.fromCharCode(bytes[end] ?? 0))) end += 1
    const check: Check = { kind: 'arc', covers: range(at, next + 1), at: range(next + 1, end) }
    const hasCheck = end > next + 1
    return { end, content: range(at, next), checks: hasCheck ? [check] : [] }
  }
  return undefined
}

/** What may begin with a byte. */
const FRAMES: ReadonlyMap<number, (bytes: Uint8Array, at: number) => Frame | undefined> = new Map([
  [ESC, smlAt],
  [0x7e, hdlcAt],
  [0x68, mbusAt],
  [0x02, blockAt],
  [0x2f, telegramAt],
])
