import { MeterError } from './errors.ts'

/** Bytes looked at before a capture counts as hex text. */
export const CAPTURE_PROBE_BYTES_MAX = 256

const NIBBLES = new Map<number, number>()
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  NIBBLES.set(digit.charCodeAt(0), value)
  NIBBLES.set(digit.toUpperCase().charCodeAt(0), value)
}

/** Blanks, line ends, and what people put between hex bytes: , ; : - */
const SEPARATORS = new Set(new TextEncoder().encode(' \t\r\n,;:-'))
const ZERO = 0x30
const X = [0x58, 0x78]
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

/**
 * The bytes of a capture, whether it was stored raw or as hex text: with or without blanks, line
 * ends, commas, `0x`, in small or capital letters. The first bytes decide: raw telegrams of every
 * protocol contain something that hex text does not.
 */
export class CaptureBytes {
  #kind: 'unknown' | 'raw' | 'hex' = 'unknown'
  readonly #probe = new Uint8Array(CAPTURE_PROBE_BYTES_MAX)
  #probed = 0
  readonly #hex = new HexText()

  /** What the capture turned out to be; `unknown` as long as nothing has decided. */
  get kind(): 'unknown' | 'raw' | 'hex' {
    return this.#kind
  }

  /**
   * The bytes that `chunk` adds; none while the kind is open.
   *
   * @throws {@link MeterError} `malformed` where hex text has something else in it.
   */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#kind === 'raw') return chunk
    if (this.#kind === 'hex') return this.#hex.push(chunk)
    const taken = Math.min(chunk.length, CAPTURE_PROBE_BYTES_MAX - this.#probed)
    this.#probe.set(chunk.subarray(0, taken), this.#probed)
    this.#probed += taken
    const probe = this.#probe.slice(0, this.#probed)
    if (!looksLikeHex(probe)) this.#kind = 'raw'
    else if (this.#probed === CAPTURE_PROBE_BYTES_MAX) this.#kind = 'hex'
    else return new Uint8Array()
    return join(this.#convert(probe), this.push(chunk.subarray(taken)))
  }

  /**
   * What was held back, once the input is over.
   *
   * @throws {@link MeterError} `malformed` where hex text ends within a byte.
   */
  end(): Uint8Array {
    let rest = new Uint8Array()
    if (this.#kind === 'unknown') {
      const probe = this.#probe.slice(0, this.#probed)
      this.#kind = this.#probed > 0 && looksLikeHex(probe) ? 'hex' : 'raw'
      rest = Uint8Array.from(this.#convert(probe))
    }
    return this.#kind === 'hex' ? join(rest, this.#hex.end()) : rest
  }

  #convert(probe: Uint8Array): Uint8Array {
    return this.#kind === 'hex' ? this.#hex.push(probe) : probe
  }
}

/** Whether there is nothing but hex digits and what may stand between them. */
function looksLikeHex(bytes: Uint8Array): boolean {
  const start = startsWithMark(bytes) ? BYTE_ORDER_MARK.length : 0
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    const prefix = X.includes(byte) && bytes[at - 1] === ZERO
    if (!NIBBLES.has(byte) && !SEPARATORS.has(byte) && !prefix) return false
  }
  return true
}

function startsWithMark(bytes: Uint8Array): boolean {
  return BYTE_ORDER_MARK.every((byte, at) => at >= bytes.length || bytes[at] === byte)
}

/** Hex text to bytes. A single digit between separators is a byte; a line may break in a byte. */
class HexText {
  /** High nibble that waits for its low one; -1 for none. */
  #high = -1
  /** Digits since the last separator. */
  #digits = 0
  #position = 0

  push(text: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(text.length)
    let length = 0
    for (const sign of text) {
      const byte = this.#next(sign)
      if (byte >= 0) {
        bytes[length] = byte
        length++
      }
      this.#position++
    }
    return bytes.subarray(0, length)
  }

  end(): Uint8Array {
    const last = this.#separate()
    if (this.#high >= 0) throw this.#error('another hex digit', 'the end')
    return last >= 0 ? Uint8Array.of(last) : new Uint8Array()
  }

  /** The byte that a sign completes, or -1. */
  #next(sign: number): number {
    const nibble = NIBBLES.get(sign)
    if (nibble !== undefined) {
      this.#digits++
      if (this.#high < 0) {
        this.#high = nibble
        return -1
      }
      const byte = (this.#high << 4) | nibble
      this.#high = -1
      return byte
    }
    if (SEPARATORS.has(sign)) return this.#separate()
    if (X.includes(sign) && this.#high === 0 && this.#digits === 1) {
      this.#high = -1
      this.#digits = 0
      return -1
    }
    if (this.#position < BYTE_ORDER_MARK.length && BYTE_ORDER_MARK.includes(sign)) return -1
    throw this.#error('a hex digit', `0x${sign.toString(16).padStart(2, '0')}`)
  }

  #separate(): number {
    const single = this.#digits === 1 && this.#high >= 0 ? this.#high : -1
    if (single >= 0) this.#high = -1
    this.#digits = 0
    return single
  }

  #error(wanted: string, found: string): MeterError {
    return new MeterError(
      'malformed',
      `hex text at position ${this.#position}: expected ${wanted}, found ${found}`,
    )
  }
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
