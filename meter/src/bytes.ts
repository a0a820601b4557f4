import { MeterError } from './errors.ts'

/**
 * A bounds-checked cursor over borrowed bytes. Every read names its field, so that an error says
 * what was missing and where.
 *
 * The bytes are not copied: `bytes()` answers a view that is valid as long as the caller's buffer.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Where the next read begins, counted from the start of the buffer. */
  get position(): number {
    return this.#at
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#end - this.#at
  }

  /** The next byte without taking it, or -1 at the end. */
  peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] ?? -1) : -1
  }

  u8(field: string): number {
    const at = this.#take(1, field)
    return this.#bytes[at] ?? 0
  }

  /** Big-endian, as all meter protocols have it except M-Bus. */
  u16(field: string): number {
    const at = this.#take(2, field)
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0)
  }

  u32(field: string): number {
    const at = this.#take(4, field)
    return unsignedAt(this.#bytes, at, 4)
  }

  /** A view of the next `length` bytes. */
  bytes(length: number, field: string): Uint8Array {
    const at = this.#take(length, field)
    return this.#bytes.subarray(at, at + length)
  }

  skip(length: number, field: string): void {
    this.#take(length, field)
  }

  #take(length: number, field: string): number {
    const at = this.#at
    if (length < 0 || length > this.#end - at) {
      throw new MeterError('short', `${field}: expected ${length} bytes, found ${this.#end - at}`)
    }
    this.#at = at + length
    return at
  }
}

/** Widest big-endian integer that a double holds exactly in every case. */
const EXACT_BYTES = 6

/** Unsigned big-endian integer of at most 6 bytes, exact as a number. */
export function unsignedAt(bytes: Uint8Array, at: number, width: number): number {
  let value = 0
  for (let index = at; index < at + width; index++) value = value * 256 + (bytes[index] ?? 0)
  return value
}

/** Unsigned big-endian integer of any width. */
export function unsignedBigAt(bytes: Uint8Array, at: number, width: number): bigint {
  if (width <= EXACT_BYTES) return BigInt(unsignedAt(bytes, at, width))
  const low = unsignedAt(bytes, at + width - EXACT_BYTES, EXACT_BYTES)
  const high = unsignedBigAt(bytes, at, width - EXACT_BYTES)
  return (high << 48n) | BigInt(low)
}

/** Two's complement big-endian integer of any width: the first byte carries the sign. */
export function signedBigAt(bytes: Uint8Array, at: number, width: number): bigint {
  if (width === 0) return 0n
  const negative = ((bytes[at] ?? 0) & 0x80) !== 0
  if (width <= EXACT_BYTES) {
    const value = unsignedAt(bytes, at, width)
    return BigInt(negative ? value - 256 ** width : value)
  }
  const value = unsignedBigAt(bytes, at, width)
  return negative ? value - (1n << BigInt(8 * width)) : value
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte] ?? ''
  return text
}

/** The bytes as text when every one is printable ASCII, else undefined. */
export function printable(bytes: Uint8Array): string | undefined {
  let text = ''
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) return undefined
    text += String.fromCharCode(byte)
  }
  return text.length > 0 ? text : undefined
}
