import { createHmac } from 'node:crypto'

/** Shortest run of digits that is taken for a serial number. */
export const SERIAL_DIGITS_MIN = 6

/** Bytes that mean something to a protocol's frame: an alias of raw bytes has none of them. */
const FRAME_BYTES: readonly number[] = [0x02, 0x03, 0x16, 0x1a, 0x1b, 0x21, 0x2f, 0x68, 0x7e]
/** Letters of a maker's code, kept because vendors have quirks. */
const MAKER_LETTERS = 3
const DIGITS = '0123456789'

/**
 * Gives every name another one of the same shape, always the same for the same name and secret: a
 * report must not name a meter, and must stay of one piece.
 */
export class Alias {
  readonly #secret: Uint8Array

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  /**
   * A name in text. Digits become digits and letters letters; a maker's code in front stays, and so
   * do zeros in front of a number, so that the short and the long form of a number stay related.
   */
  text(name: string): string {
    const inner = textInHex(name)
    if (inner !== undefined) return hexLike(this.text(inner), name)
    const tail = new RegExp(`\\d{${SERIAL_DIGITS_MIN},}$`).exec(name)?.[0] ?? ''
    const head = name.slice(0, name.length - tail.length)
    // The block and the zeros behind a maker's code are no secret.
    if (tail !== '' && head.length <= MAKER_LETTERS + 1) return head + this.#tail(tail)
    return this.#letters(head) + this.#tail(tail)
  }

  /** A name in raw bytes: what stands before and in a maker's code stays. */
  raw(name: Uint8Array): Uint8Array {
    const kept = keptBytes(name)
    const stream = this.#stream(name)
    return name.map((byte, at) => (at < kept ? byte : notOfFrames(next(stream))))
  }

  /** A number of 32 bits, and the eight digits that it reads as. */
  number(serial: number): number {
    return Number(this.digits(String(serial).padStart(1, '0')))
  }

  /** A run of digits; zeros in front stay. */
  digits(run: string): string {
    const zeros = /^0*/.exec(run)?.[0] ?? ''
    const rest = run.slice(zeros.length)
    if (rest === '') return run
    const stream = this.#stream(new TextEncoder().encode(rest))
    let text: string
    do {
      text = Array.from(rest, (_, at) =>
        at === 0 ? DIGITS[1 + (next(stream) % 8)] : DIGITS[next(stream) % 10],
      ).join('')
    } while (text === rest)
    return zeros + text
  }

  /** Digits at the end: the last eight are the number by itself, as other places print it. */
  #tail(run: string): string {
    if (run.length <= NUMBER_DIGITS) return this.digits(run)
    const at = run.length - NUMBER_DIGITS
    return this.digits(run.slice(0, at)) + this.digits(run.slice(at))
  }

  #letters(text: string): string {
    const maker = /^[A-Z0-9]?[A-Z]{3}/.exec(text)?.[0] ?? ''
    const rest = text.slice(maker.length)
    const isHex = /^[0-9A-F]*$/.test(rest)
    const stream = this.#stream(new TextEncoder().encode(text))
    const from = (letters: string): string => letters[next(stream) % letters.length] ?? ''
    const changed = Array.from(rest, (letter) => {
      if (/\d/.test(letter)) return from(DIGITS)
      if (/[A-Z]/.test(letter)) return from(isHex ? 'ABCDEF' : 'ABCDEFGHJKLMNPQRSTUVWXYZ')
      return /[a-z]/.test(letter) ? from('abcdefghjkmnpqrstuvwxyz') : letter
    })
    return maker + changed.join('')
  }

  *#stream(seed: Uint8Array): Generator<number, never> {
    for (let block = 0; ; block++) {
      yield* createHmac('sha256', this.#secret).update(Uint8Array.of(block)).update(seed).digest()
    }
  }
}

/** Digits of the number in a DIN 43863-5 name. */
const NUMBER_DIGITS = 8

function next(stream: Generator<number, never>): number {
  return stream.next().value
}

function notOfFrames(byte: number): number {
  return FRAME_BYTES.includes(byte) ? byte ^ 0x40 : byte
}

/** How much of a raw name says what it is, not whose: type, maker's letters, block. */
function keptBytes(name: Uint8Array): number {
  const isLetters = (from: number): boolean =>
    name.subarray(from, from + MAKER_LETTERS).every((byte) => byte >= 0x41 && byte <= 0x5a)
  if (name.length < 2 * MAKER_LETTERS) return 0
  return [0, 1, 2].filter(isLetters).map((from) => from + MAKER_LETTERS)[0] ?? 1
}

/** The printable text that a text gives in hex, as DSMR writes names; undefined where it does not. */
function textInHex(text: string): string | undefined {
  if (text.length < 2 * SERIAL_DIGITS_MIN || text.length % 2 !== 0) return undefined
  if (!/^[0-9A-Fa-f]+$/.test(text)) return undefined
  const inner = Buffer.from(text, 'hex').toString('latin1')
  return /^[0-9A-Za-z-]+$/.test(inner) ? inner : undefined
}

function hexLike(text: string, model: string): string {
  const hex = Buffer.from(text, 'latin1').toString('hex')
  return /[a-f]/.test(model) ? hex : hex.toUpperCase()
}
