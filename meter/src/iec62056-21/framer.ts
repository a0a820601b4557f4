import { crc16Arc } from '../crc16.ts'
import type { DiscardedEvent, DiscardReason } from '../events.ts'
import { isEven } from './seven-bit.ts'

/** Longest telegram of text: a readout with tables; push telegrams have some 500 bytes. */
export const TEXT_TELEGRAM_BYTES_MAX = 65_536

/** Longest line: a DSMR text message takes 2,060 bytes, a heat meter's line some 400. */
export const TEXT_LINE_BYTES_MAX = 4_096

/** Longest identification line, `/` to the line's end. */
export const TEXT_IDENT_BYTES_MAX = 66

/** Garbage is reported in portions of this size. */
export const TEXT_GARBAGE_BYTES_MAX = 1_024

/** Digits of a DSMR checksum; fewer where a meter leaves out the zeros in front. */
const CRC_DIGITS = 4
/** ACK, protocol, speed, mode: what a head may echo before the data. */
const ACKNOWLEDGEMENT_LETTERS = 4
const FIRST_BUFFER_BYTES = 2_048

const STX = 0x02
const ETX = 0x03
const ACK = 0x06
const LF = 0x0a
const CR = 0x0d
const MARK = 0x21
const OPEN = 0x28
const CLOSE = 0x29
const SLASH = 0x2f
const PARITY = 0x80
/** From here on ISO 8859-1 has letters; what lies between is one bit away from a control. */
const LETTERS_BEYOND_ASCII = 0xa0

/** What protects a telegram: the block check character, DSMR's CRC-16, or nothing. */
export type TextCheck = 'bcc' | 'crc' | 'none'

/** A telegram from its `/` (or STX) to its end, not looked into. */
export interface TextTelegram {
  readonly type: 'telegram'
  readonly offset: number
  readonly length: number
  /** Identification without `/` and line end; undefined where it is missing. */
  readonly ident: string | undefined
  /** The data lines up to `!`, ASCII; borrowed until the next call. */
  readonly data: Uint8Array
  readonly check: TextCheck
  /** Whether the check holds; true where there is none. */
  readonly valid: boolean
  /** STX began the data, as it does before a block check. */
  readonly block: boolean
  /** An empty line stands between identification and data, as DSMR wants it. */
  readonly blank: boolean
}

/** Where in a telegram the framer stands. */
type State = 'hunt' | 'ident' | 'data' | 'tail' | 'etx' | 'bcc'

/**
 * Finds telegrams of IEC 62056-21 and DSMR P1 in a stream of bytes, one byte at a time:
 *
 * ```text
 *  /XXXZ ident CR LF [ACK … CR LF] STX data ! CR LF ETX BCC      readout with block check
 *  /XXXZ ident CR LF               data ! CR LF                  push without
 *  /XXXZ ident CR LF CR LF         data ! 1A2B CR LF             DSMR P1
 *  STX data ! CR LF ETX BCC                                      block without identification
 *  /?…! CR LF data ! CR LF                                       a head's echo of the request
 * ```
 *
 * Lines end in CR LF or all in LF. A port without parity delivers seven-bit text with the parity
 * bit in it: then every byte must have even parity, and the bit is taken off. Memory is one buffer
 * of at most {@link TEXT_TELEGRAM_BYTES_MAX}.
 */
export class TextFramer {
  /** What the last byte taken gave rise to. */
  event: TextTelegram | DiscardedEvent | undefined
  #state: State = 'hunt'
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES)
  #length = 0
  /** Stream position of the first byte not yet accounted for. */
  #start = 0
  #parity = false
  #ident: string | undefined
  /** All lines end in CR LF (true) or LF (false); undefined before the first end. */
  #crlf: boolean | undefined
  #lineAt = 0
  #slashAt = -1
  #dataAt = 0
  #endAt = 0
  #lines = 0
  #stx = false
  #blank = false

  /** Takes bytes from `from` on until one gives rise to {@link event}; answers the next position. */
  scan(chunk: Uint8Array, from: number): number {
    this.event = undefined
    let at = from
    while (at < chunk.length) {
      if (this.#state === 'data' && !this.#parity) at = this.#run(chunk, at)
      if (at < chunk.length && this.#take(chunk[at++] ?? 0)) break
    }
    return at
  }

  /** The input has ended: what is pending is a telegram without checksum, or discarded. */
  end(): void {
    this.event = undefined
    if (this.#length === 0) return
    if (this.#state === 'tail' || this.#state === 'etx') this.#complete(this.#length, 'end')
    else this.#discard(this.#length, this.#isTelegram() ? 'truncated' : 'garbage')
  }

  #isTelegram(): boolean {
    return this.#state !== 'hunt' && this.#state !== 'ident' && this.#lines > 0
  }

  /** The usual case, taken quickly: bytes inside a line that mean nothing to the framer. */
  #run(chunk: Uint8Array, from: number): number {
    const most = Math.min(this.#buffer.length, TEXT_TELEGRAM_BYTES_MAX - 1)
    const room = Math.min(most, this.#lineAt + TEXT_LINE_BYTES_MAX) - this.#length
    const end = Math.min(chunk.length, from + room)
    let at = from
    if (this.#length === this.#lineAt || this.#buffer[this.#length - 1] === CR) return from
    for (; at < end; at++) {
      const byte = chunk[at] ?? 0
      if (byte < 0x20 || byte >= 0x7f || byte === SLASH || byte === MARK) break
      this.#buffer[this.#length++] = byte
    }
    return at
  }

  /** Takes a byte and answers whether it gave rise to an event. */
  #take(raw: number): boolean {
    const spoiled = this.#state !== 'hunt' && this.#parity && !isEven(raw)
    if (spoiled) this.#fail('malformed', raw)
    else this.#step(this.#parity ? raw & ~PARITY : raw, raw)
    return this.event !== undefined
  }

  /** A byte of a telegram, without and with its parity bit. */
  #step(byte: number, raw: number): void {
    switch (this.#state) {
      case 'hunt':
        this.#begin(raw)
        break
      case 'ident':
        this.#takeIdent(byte, raw)
        break
      case 'data':
        this.#takeData(byte, raw)
        break
      case 'tail':
        this.#takeTail(byte, raw)
        break
      case 'etx':
        this.#takeEtx(byte, raw)
        break
      case 'bcc':
        this.#append(byte)
        this.#complete(this.#length, 'bcc')
    }
  }

  /** Between telegrams: a byte that may start one, or garbage. */
  #begin(raw: number): void {
    const byte = raw & ~PARITY
    const parity = raw !== byte
    if ((byte !== SLASH && byte !== STX) || (parity && !isEven(raw))) {
      this.#length++
      if (this.#length >= TEXT_GARBAGE_BYTES_MAX) this.#discard(this.#length, 'garbage')
      return
    }
    if (this.#length > 0) this.#discard(this.#length, 'garbage')
    this.#parity = parity
    this.#ident = undefined
    this.#crlf = undefined
    this.#slashAt = -1
    this.#lines = 0
    this.#stx = byte === STX
    this.#blank = false
    this.#dataAt = 1
    this.#append(byte)
    this.#lineAt = this.#length
    this.#state = this.#stx ? 'data' : 'ident'
  }

  #takeIdent(byte: number, raw: number): void {
    const allowed = byte >= 0x20 || byte === CR || byte === LF || byte === STX
    if (!allowed || byte === SLASH || this.#length >= TEXT_IDENT_BYTES_MAX) {
      this.#fail('garbage', raw)
      return
    }
    this.#append(byte)
    if (byte !== LF) return
    if (this.#endIdent()) this.#startLine()
    else this.#fail('garbage', undefined)
  }

  /** At the LF of the first line: a sound identification, or the echo of a request. */
  #endIdent(): boolean {
    const crlf = this.#buffer[this.#length - 2] === CR
    const text = latin(this.#buffer, 1, this.#length - (crlf ? 2 : 1))
    if (!/^[A-Za-z]{3}[!-~][^\r\n]*$/.test(text) && !/^[?24][0-9A-Za-z ]{0,32}!$/.test(text)) {
      return false
    }
    this.#ident = /^[?24]/.test(text) ? undefined : text
    this.#crlf = crlf
    this.#dataAt = this.#length
    this.#state = 'data'
    return true
  }

  #startLine(): void {
    this.#lineAt = this.#length
    this.#slashAt = -1
  }

  #takeData(byte: number, raw: number): void {
    const previous = this.#buffer[this.#length - 1] ?? 0
    const lineStart = this.#length === this.#lineAt
    if (byte === LF) this.#endLine(previous === CR, raw)
    else if (previous === CR) this.#fail('malformed', raw)
    else if (byte === SLASH && lineStart) {
      this.#fail(this.#lines > 0 ? 'truncated' : 'garbage', raw)
    } else if (byte === STX && lineStart && !this.#stx && this.#lines === 0) {
      this.#append(byte)
      this.#stx = true
      this.#dataAt = this.#length
      this.#startLine()
    } else if (byte === MARK && (lineStart || previous === CLOSE)) {
      this.#endAt = this.#length
      this.#append(byte)
      this.#state = 'tail'
    } else if (!this.#mayStand(byte, lineStart)) this.#fail('malformed', raw)
    else {
      if (byte === SLASH) this.#slashAt = this.#length
      this.#append(byte)
      if (this.#length - this.#lineAt > TEXT_LINE_BYTES_MAX) this.#fail('oversize', undefined)
      else if (this.#length >= TEXT_TELEGRAM_BYTES_MAX) this.#fail('oversize', undefined)
    }
  }

  /** Printable bytes, letters that makers put into messages, and CR; ACK where the echo of an acknowledgement may begin. */
  #mayStand(byte: number, lineStart: boolean): boolean {
    if (byte === ACK) return lineStart && !this.#stx && this.#lines === 0
    return (byte >= 0x20 && byte < 0x7f) || byte >= LETTERS_BEYOND_ASCII || byte === CR
  }

  #endLine(crlf: boolean, raw: number): void {
    const end = this.#length - (crlf ? 1 : 0)
    const empty = end === this.#lineAt
    const last = this.#buffer[end - 1]
    const first = this.#buffer[this.#lineAt]
    if (!empty && last !== CLOSE && this.#slashAt > this.#lineAt && this.#restart(raw)) return
    if (this.#crlf !== undefined && this.#crlf !== crlf) {
      this.#fail('malformed', raw)
      return
    }
    this.#crlf = crlf
    this.#append(LF)
    if (empty) {
      if (this.#lines === 0) this.#blank = true
    } else if (first === ACK) {
      // Four characters and no more, or a damaged STX would pass for the echo.
      if (end - this.#lineAt !== ACKNOWLEDGEMENT_LETTERS) {
        this.#fail('malformed', undefined)
        return
      }
    } else {
      this.#lines++
      // A block without identification proves itself by its first line, or garbage would pile up.
      if (this.#ident === undefined && this.#lines === 1 && !this.#looksLikeData(end)) {
        this.#fail('garbage', undefined)
        return
      }
    }
    this.#startLine()
  }

  #looksLikeData(end: number): boolean {
    const line = this.#buffer.subarray(this.#lineAt, end)
    return line[0] !== OPEN && line.includes(OPEN) && line[line.length - 1] === CLOSE
  }

  /** A telegram began in the middle of a line, behind lost bytes: it is kept, what was is not. */
  #restart(raw: number): boolean {
    const at = this.#slashAt
    const length = this.#length - at
    const [offset, parity] = [this.#start + at, this.#parity]
    if (length >= TEXT_IDENT_BYTES_MAX) return false
    const rest = this.#buffer.slice(at, this.#length)
    if (!/^\/[A-Za-z]{3}[!-~][^\r\n]*\r?$/.test(latin(rest, 0, rest.length))) return false
    this.#discard(at, this.#lines > 0 ? 'truncated' : 'garbage')
    const event = this.event
    this.#start = offset
    this.#begin(parity ? SLASH | PARITY : SLASH)
    for (const byte of rest.subarray(1)) this.#append(byte)
    this.#takeIdent(LF, raw)
    this.event = event
    return true
  }

  /** Behind `!`: the end of the line, in any spelling, and before it a DSMR checksum. */
  #takeTail(byte: number, raw: number): void {
    const previous = this.#buffer[this.#length - 1] ?? 0
    const digits = this.#length - this.#endAt - 1
    if (byte === LF) {
      this.#append(byte)
      if (this.#stx) this.#state = 'etx'
      else this.#complete(this.#length, 'end')
    } else if (byte === CR && previous !== CR && (!this.#stx || digits === 0)) this.#append(byte)
    else if (!this.#stx && isHex(byte) && previous !== CR && digits < CRC_DIGITS) {
      this.#append(byte)
    } else if (!this.#stx && byte === SLASH && (digits === 0 || digits === CRC_DIGITS)) {
      this.#complete(this.#length, 'end')
      this.#begin(raw)
    } else this.#fail('malformed', raw)
  }

  /** Behind the last line of a block that STX began: ETX, unless the meter leaves it out. */
  #takeEtx(byte: number, raw: number): void {
    if (byte === ETX) {
      this.#append(byte)
      this.#state = 'bcc'
    } else if (byte === SLASH || byte === 0) {
      this.#complete(this.#length, 'end')
      this.#begin(raw)
    } else this.#fail('malformed', raw)
  }

  #complete(length: number, by: 'end' | 'bcc'): void {
    const digits = latin(this.#buffer, this.#endAt + 1, length).trim()
    const crc = by === 'end' && !this.#stx && digits !== ''
    const start = this.#start
    const valid =
      by === 'bcc'
        ? this.#blockCheck(length)
        : !crc || crc16Arc(this.#buffer, 0, this.#endAt + 1) === parseInt(digits, 16)
    const telegram: TextTelegram = {
      type: 'telegram',
      offset: start,
      length,
      ident: this.#ident,
      data: this.#buffer.subarray(this.#dataAt, this.#endAt),
      check: by === 'bcc' ? 'bcc' : crc ? 'crc' : 'none',
      valid: valid && !(crc && this.#ident === undefined),
      block: this.#stx,
      blank: this.#blank,
    }
    this.#forget(length)
    this.event = telegram
  }

  /** XOR of everything behind STX up to and with ETX (IEC 62056-21, 6.1). */
  #blockCheck(length: number): boolean {
    let sum = 0
    for (let at = this.#dataAt; at < length - 1; at++) sum ^= this.#buffer[at] ?? 0
    return sum === this.#buffer[length - 1]
  }

  /** Drops what is pending; the byte that told so may begin a telegram itself. */
  #fail(reason: DiscardReason, raw: number | undefined): void {
    const why = this.#ident === undefined && reason !== 'oversize' ? 'garbage' : reason
    this.#discard(this.#length, why)
    if (raw === undefined) return
    const event = this.event
    this.#begin(raw)
    this.event = event
  }

  #discard(bytes: number, reason: DiscardReason): void {
    const offset = this.#start
    this.#forget(bytes)
    this.event = { type: 'discarded', offset, bytes, reason }
  }

  #forget(bytes: number): void {
    this.#start += bytes
    this.#length = 0
    this.#state = 'hunt'
  }

  #append(byte: number): void {
    if (this.#length >= this.#buffer.length) {
      const larger = new Uint8Array(2 * this.#buffer.length)
      larger.set(this.#buffer)
      this.#buffer = larger
    }
    this.#buffer[this.#length++] = byte
  }
}

/** Upper case alone: the other case is one flipped bit away. */
function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46)
}

const LATIN = new TextDecoder('latin1')

/** Bytes as text, one character a byte; those of 80 to 9F hex, which no telegram has, as Windows does. */
export function latin(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return LATIN.decode(bytes.subarray(start, end))
}
