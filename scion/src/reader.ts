import { ScionError } from './errors.ts'

const words = new DataView(new ArrayBuffer(8))

/**
 * Reads big-endian fields from borrowed bytes, front to back.
 *
 * Every read names its field, and a read past the end throws `ERR_SCION_TRUNCATED` with that name;
 * nothing is ever shortened in silence. Byte runs alias the input: `slice()` what is kept.
 */
export class Reader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #offset: number

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  /** Index of the next byte, counted from the start of the array given to the constructor. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /** Reads one byte. */
  u8(field: string): number {
    const at = this.#take(1, field)
    return byteAt(this.#bytes, at)
  }

  /** Reads an unsigned 16-bit number. */
  u16(field: string): number {
    return u16At(this.#bytes, this.#take(2, field))
  }

  /** Reads an unsigned 32-bit number. */
  u32(field: string): number {
    return u32At(this.#bytes, this.#take(4, field))
  }

  /** Reads an unsigned 48-bit number; 48 bits fit a double exactly. */
  u48(field: string): number {
    const at = this.#take(6, field)
    return u16At(this.#bytes, at) * 0x1_0000_0000 + u32At(this.#bytes, at + 2)
  }

  /** Reads an unsigned 64-bit number. */
  u64(field: string): bigint {
    return u64At(this.#bytes, this.#take(8, field))
  }

  /** Reads `length` bytes as an alias of the input. */
  bytes(length: number, field: string): Uint8Array {
    const at = this.#take(length, field)
    return this.#bytes.subarray(at, at + length)
  }

  /** Reads whatever is left as an alias of the input. */
  rest(): Uint8Array {
    return this.bytes(this.remaining, 'rest')
  }

  #take(length: number, field: string): number {
    const at = this.#offset
    if (!(length >= 0 && length <= this.#end - at)) {
      throw new ScionError(
        'ERR_SCION_TRUNCATED',
        `${field}: needs ${length} bytes at offset ${at}, found ${this.#end - at}`,
      )
    }
    this.#offset = at + length
    return at
  }
}

/**
 * The byte at an index that the caller has checked; 0 past the end. Whoever reads past the end makes it
 * slower for all from then on, for the compiler then expects it everywhere: a packet takes 85 ns to
 * decode instead of 65.
 */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

/** The 16-bit number at an index that the caller has checked. */
export function u16At(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1)
}

/** The unsigned 32-bit number at an index that the caller has checked. */
export function u32At(bytes: Uint8Array, at: number): number {
  return ((u16At(bytes, at) << 16) | u16At(bytes, at + 2)) >>> 0
}

/**
 * The unsigned 64-bit number at an index that the caller has checked.
 *
 * Two words through one kept view cost 11 ns; a `DataView` over the packet costs 55 ns to make.
 */
export function u64At(bytes: Uint8Array, at: number): bigint {
  words.setUint32(0, u32At(bytes, at))
  words.setUint32(4, u32At(bytes, at + 4))
  return words.getBigUint64(0)
}
