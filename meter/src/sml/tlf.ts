import { signedBigAt, unsignedAt, unsignedBigAt } from '../bytes.ts'
import { MeterError } from '../errors.ts'

/** TL bytes of one element. Four nibbles count to 65,535, which no telegram reaches. */
export const SML_TL_BYTES_MAX = 4

/** Bytes of an integer: SML knows Integer8 to Integer64, and meters send every width between. */
export const SML_INTEGER_BYTES_MAX = 8

/** Element types, as bits 6 to 4 of the TL byte give them. */
export const TLF_TYPE = { octets: 0, boolean: 4, signed: 5, unsigned: 6, list: 7 } as const

const ANOTHER_TL = 0x80
const ABSENT = 0x01
const END_OF_MESSAGE = 0x00
/** Where a number stops being exact as a double. */
const EXACT_BYTES = 6

/**
 * A cursor over SML's type-length fields (SML 1.04 §6.2).
 *
 * ```
 *    7   6 5 4   3 2 1 0
 *  ┌───┬───────┬─────────┐   more: another TL byte follows, its nibble appended
 *  │more  type │ length  │   length: counts the TL bytes too, except for lists (elements)
 *  └───┴───────┴─────────┘
 * ```
 *
 * After `head` the fields `type`, `start` and `length` describe the element; nothing is allocated
 * for a length, so a hostile one costs no more than its own bytes.
 */
export class TlfReader {
  readonly bytes: Uint8Array
  /** Type of the element last read, one of {@link TLF_TYPE}, or an unknown code. */
  type = 0
  /** Position of its first content byte. */
  start = 0
  /** Content bytes; elements for a list. */
  length = 0
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Position of the next element. */
  get position(): number {
    return this.#at
  }

  /** Goes back to an element that was read before, to read it otherwise. */
  seek(position: number): void {
    this.#at = position
  }

  /** Whether all elements are read. */
  get done(): boolean {
    return this.#at >= this.#end
  }

  /** The next TL byte without taking it; -1 at the end. */
  peek(): number {
    return this.#at < this.#end ? (this.bytes[this.#at] ?? -1) : -1
  }

  /** Reads a TL field; for all but lists the cursor moves behind the content. */
  head(field: string): void {
    const at = this.#at
    const first = at < this.#end ? (this.bytes[at] ?? 0) : -1
    if (first < 0 || (first & ANOTHER_TL) !== 0) {
      this.#longHead(field)
      return
    }
    this.#finishHead(field, (first >> 4) & 0x07, first & 0x0f, at + 1, 1)
  }

  /** A TL field of several bytes, or none at all. */
  #longHead(field: string): void {
    let at = this.#at
    if (at >= this.#end) throw short(field, 1, 0)
    const first = this.bytes[at] ?? 0
    at++
    let length = first & 0x0f
    let count = 1
    for (let more = first; (more & ANOTHER_TL) !== 0; count++) {
      if (count === SML_TL_BYTES_MAX) {
        throw malformed(`${field}: expected at most ${SML_TL_BYTES_MAX} TL bytes, found more`)
      }
      if (at >= this.#end) throw short(field, 1, 0)
      more = this.bytes[at] ?? 0
      at++
      length = (length << 4) | (more & 0x0f)
    }
    this.#finishHead(field, (first >> 4) & 0x07, length, at, count)
  }

  #finishHead(field: string, type: number, counted: number, start: number, tlBytes: number): void {
    this.type = type
    this.start = start
    if (type === TLF_TYPE.list) {
      this.length = counted
      this.#at = start
      return
    }
    const length = counted - tlBytes
    if (length < 0) throw malformed(`${field}: expected an element, found the end of message`)
    if (length > this.#end - start) throw short(field, length, this.#end - start)
    this.length = length
    this.#at = start + length
  }

  /** Takes an optional element that is absent (01). */
  absent(): boolean {
    if (this.#at >= this.#end || this.bytes[this.#at] !== ABSENT) return false
    this.#at++
    return true
  }

  /** Takes the end of a message (00), which stands where its sixth element would. */
  endOfMessage(field: string): void {
    if (this.peek() !== END_OF_MESSAGE)
      throw malformed(`${field}: expected 00, found ${this.#hex()}`)
    this.#at++
  }

  /** Takes zero bytes between messages and behind the last, as meters pad there. */
  skipZeros(): void {
    while (this.#at < this.#end && this.bytes[this.#at] === 0) this.#at++
  }

  /** Reads a list's head and answers its number of elements. */
  list(field: string): number {
    this.head(field)
    if (this.type !== TLF_TYPE.list) throw this.#unexpected(field, 'a list')
    return this.length
  }

  /** Reads the head of a list that must have `elements`. */
  listOf(elements: number, field: string): void {
    const found = this.list(field)
    if (found !== elements) {
      throw malformed(`${field}: expected a list of ${elements}, found ${found}`)
    }
  }

  /** Reads an octet string; `start` and `length` say where it is. */
  octets(field: string): void {
    this.head(field)
    if (this.type !== TLF_TYPE.octets) throw this.#unexpected(field, 'an octet string')
  }

  /** Reads an unsigned integer up to `maximum`, of any width. */
  unsigned(field: string, maximum: number): number {
    this.head(field)
    if (this.type !== TLF_TYPE.unsigned) throw this.#unexpected(field, 'an unsigned integer')
    this.#checkWidth(field)
    const value =
      this.length <= EXACT_BYTES
        ? unsignedAt(this.bytes, this.start, this.length)
        : Number(unsignedBigAt(this.bytes, this.start, this.length))
    if (value > maximum) {
      throw new MeterError('range', `${field}: expected at most ${maximum}, found ${value}`)
    }
    return value
  }

  /** Reads a signed integer from `-limit - 1` to `limit`, of any width. */
  signed(field: string, limit: number): number {
    this.head(field)
    if (this.type !== TLF_TYPE.signed) throw this.#unexpected(field, 'a signed integer')
    this.#checkWidth(field)
    const value = Number(signedBigAt(this.bytes, this.start, this.length))
    if (value > limit || value < -limit - 1) {
      throw new MeterError('range', `${field}: expected within ±${limit}, found ${value}`)
    }
    return value
  }

  /** The integer that `head` has just read, signed or unsigned, of any width. */
  integer(field: string): bigint {
    this.#checkWidth(field)
    return this.type === TLF_TYPE.signed
      ? signedBigAt(this.bytes, this.start, this.length)
      : unsignedBigAt(this.bytes, this.start, this.length)
  }

  /** The content of the element last read, copied. */
  copy(): Uint8Array {
    return this.bytes.slice(this.start, this.start + this.length)
  }

  /** Passes over one element of any shape. Nesting needs no memory: lists only add to a count. */
  skip(field: string): void {
    const { bytes } = this
    const end = this.#end
    let at = this.#at
    for (let pending = 1; pending > 0; pending--) {
      const first = at < end ? (bytes[at] ?? 0) : ANOTHER_TL
      if ((first & ANOTHER_TL) !== 0) {
        this.#at = at
        this.head(field)
        at = this.#at
        if (this.type === TLF_TYPE.list) pending += this.length
      } else if (first >> 4 === TLF_TYPE.list) {
        pending += first & 0x0f
        at++
      } else {
        if (first === 0) throw malformed(`${field}: expected an element, found the end of message`)
        at += first & 0x0f
        if (at > end || (first & 0x0f) === 0) throw short(field, first & 0x0f, end - at)
      }
    }
    this.#at = at
  }

  #checkWidth(field: string): void {
    if (this.length < 1 || this.length > SML_INTEGER_BYTES_MAX) {
      throw malformed(
        `${field}: expected an integer of 1 to ${SML_INTEGER_BYTES_MAX} bytes, found ${this.length}`,
      )
    }
  }

  #unexpected(field: string, wanted: string): MeterError {
    return malformed(`${field}: expected ${wanted}, found type ${this.type}`)
  }

  #hex(): string {
    const byte = this.peek()
    return byte < 0 ? 'the end' : byte.toString(16).padStart(2, '0')
  }
}

function short(field: string, wanted: number, found: number): MeterError {
  return new MeterError('short', `${field}: expected ${wanted} bytes, found ${found}`)
}

function malformed(message: string): MeterError {
  return new MeterError('malformed', message)
}
