import type { ModbusAnswer, ModbusBlock } from './plan.ts'

/** Models that are passed by in search of a meter's. */
export const SUNSPEC_MODELS_MAX = 64

/** Where a SunSpec device may begin (SunSpec Device Information Model, 6.2). */
const BASES = [40_000, 50_000, 0]
/** 'SunS'. */
const MARK = [0x5375, 0x6e53]
const END_MODEL = 0xffff
const COMMON_MODEL = 1
/** Serial number in the common model, from its first register: sixteen registers of text. */
const SERIAL_AT = 50
const SERIAL_WORDS = 16

/**
 * Finds a meter's model in a SunSpec device: 'SunS' at one of three places, then models one after
 * the other, each with its number and length, up to number FFFF.
 */
export class SunSpecSearch {
  readonly #wanted: readonly number[]
  #base = 0
  #at: number | undefined
  #models = 0
  #serialAt: number | undefined
  #found: number | undefined
  #serial: string | undefined

  constructor(wanted: readonly number[]) {
    this.#wanted = wanted
  }

  /** Address of the model's first register, its number; undefined until it is found. */
  get found(): number | undefined {
    return this.#serialAt === undefined ? this.#found : undefined
  }

  /** The serial number of the common model, where the device has one. */
  get serial(): string | undefined {
    return this.#serial
  }

  /** What to ask for next; undefined when there is no such model. */
  get question(): ModbusBlock | undefined {
    if (this.#serialAt !== undefined) return { address: this.#serialAt, count: SERIAL_WORDS }
    if (this.#at !== undefined) {
      const fits = this.#at < 0x10000 - 2 && this.#models < SUNSPEC_MODELS_MAX
      return fits ? { address: this.#at, count: 2 } : undefined
    }
    const address = BASES[this.#base]
    return address === undefined ? undefined : { address, count: 2 }
  }

  /** Begins anew: the device may have been restarted or exchanged. */
  reset(): void {
    this.#base = 0
    this.#at = undefined
    this.#models = 0
    this.#serialAt = undefined
    this.#found = undefined
    this.#serial = undefined
  }

  /** The device does not have what was asked for. */
  refuse(): void {
    if (this.#serialAt !== undefined) this.#serialAt = undefined
    else if (this.#at === undefined) this.#base++
    else this.#models = SUNSPEC_MODELS_MAX
  }

  answer({ address, words }: ModbusAnswer): void {
    const [first = 0, second = 0] = words
    if (this.#serialAt !== undefined) {
      this.#serialAt = undefined
      this.#serial = textOf(words)
      return
    }
    if (this.#at === undefined) {
      if (first === MARK[0] && second === MARK[1]) this.#at = address + 2
      else this.#base++
      return
    }
    this.#models++
    if (first === END_MODEL) this.#models = SUNSPEC_MODELS_MAX
    else if (this.#wanted.includes(first)) this.#found = address
    else {
      if (first === COMMON_MODEL && second >= SERIAL_AT + SERIAL_WORDS - 2) {
        this.#serialAt = address + SERIAL_AT
      }
      this.#at = address + 2 + second
    }
  }
}

/** Text of two characters a word, up to the first NUL; undefined where there is none. */
function textOf(words: readonly number[]): string | undefined {
  const letters = words.flatMap((word) => [word >> 8, word & 0xff])
  const end = letters.indexOf(0)
  const text = String.fromCharCode(...(end < 0 ? letters : letters.slice(0, end))).trim()
  return /^[ -~]+$/.test(text) ? text : undefined
}
