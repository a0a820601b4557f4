import { ScionError } from './errors.ts'

const SLAB_BYTES = 64 * 1024
const SLAB_SHARE_BYTES = 2048

let slab = new Uint8Array(SLAB_BYTES)
let slabUsed = 0

/**
 * Makes an array that the caller is going to fill completely.
 *
 * Small ones are cut from a shared slab: 40 ns instead of the 380 ns of `new Uint8Array(460)`. Like
 * node's own pool, a small array that is kept for long keeps its slab; `slice()` it then.
 */
export function allocate(length: number): Uint8Array {
  if (length > SLAB_SHARE_BYTES) return new Uint8Array(length)
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES)
    slabUsed = 0
  }
  const start = slabUsed
  slabUsed += length
  return slab.subarray(start, slabUsed)
}

/**
 * Writes big-endian fields into an array of known length, front to back.
 *
 * A number outside its field, or a write past the end, throws `ERR_SCION_TOO_LARGE` with the name
 * of the field; nothing is ever cut to fit.
 */
export class Writer {
  readonly #bytes: Uint8Array
  readonly #start: number
  #offset: number

  constructor(target: number | Uint8Array, offset = 0) {
    this.#bytes = typeof target === 'number' ? new Uint8Array(target) : target
    this.#start = offset
    this.#offset = offset
  }

  /** Index of the next byte. */
  get offset(): number {
    return this.#offset
  }

  /** Writes one byte. */
  u8(value: number, field: string): void {
    checkUint(value, 0xff, field)
    const at = this.#take(1, field)
    this.#bytes[at] = value
  }

  /** Writes an unsigned 16-bit number. */
  u16(value: number, field: string): void {
    checkUint(value, 0xffff, field)
    putU16(this.#bytes, this.#take(2, field), value)
  }

  /** Writes an unsigned 32-bit number. */
  u32(value: number, field: string): void {
    checkUint(value, 0xffff_ffff, field)
    putU32(this.#bytes, this.#take(4, field), value)
  }

  /** Writes an unsigned 48-bit number. */
  u48(value: number, field: string): void {
    checkUint(value, 0xffff_ffff_ffff, field)
    const at = this.#take(6, field)
    putU16(this.#bytes, at, Math.floor(value / 0x1_0000_0000))
    putU32(this.#bytes, at + 2, value % 0x1_0000_0000)
  }

  /** Writes an unsigned 64-bit number. */
  u64(value: bigint, field: string): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new ScionError('ERR_SCION_TOO_LARGE', `${field}: 0 … 2^64-1, found ${value.toString()}`)
    }
    putU64(this.#bytes, this.#take(8, field), value)
  }

  /** Copies `bytes`. */
  bytes(bytes: Uint8Array, field: string): void {
    this.#bytes.set(bytes, this.#take(bytes.length, field))
  }

  /** Writes `length` zero bytes. */
  zeros(length: number, field: string): void {
    const at = this.#take(length, field)
    this.#bytes.fill(0, at, at + length)
  }

  /** What was written, as an alias of the target; throws when the target is not full. */
  finish(): Uint8Array {
    if (this.#offset !== this.#bytes.length) {
      throw new ScionError(
        'ERR_SCION_MALFORMED',
        `length: ${this.#bytes.length - this.#start} bytes planned, ${this.#offset - this.#start} written`,
      )
    }
    return this.#start === 0 ? this.#bytes : this.#bytes.subarray(this.#start)
  }

  #take(length: number, field: string): number {
    const at = this.#offset
    if (length > this.#bytes.length - at) {
      throw new ScionError(
        'ERR_SCION_TOO_LARGE',
        `${field}: ${length} bytes, room for ${this.#bytes.length - at}`,
      )
    }
    this.#offset = at + length
    return at
  }
}

/** Throws `ERR_SCION_TOO_LARGE` unless `value` is a whole number in 0 … `ceiling`. */
export function checkUint(value: number, ceiling: number, field: string): void {
  if (!Number.isInteger(value) || value < 0 || value > ceiling) {
    throw new ScionError('ERR_SCION_TOO_LARGE', `${field}: 0 … ${ceiling}, found ${value}`)
  }
}

/** Puts a 16-bit number at an index that the caller has checked. */
export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/** Puts a 32-bit number at an index that the caller has checked. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

const words = new DataView(new ArrayBuffer(8))

/** Puts a 64-bit number at an index that the caller has checked. */
export function putU64(bytes: Uint8Array, at: number, value: bigint): void {
  words.setBigUint64(0, value)
  putU32(bytes, at, words.getUint32(0))
  putU32(bytes, at + 4, words.getUint32(4))
}
