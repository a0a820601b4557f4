import type { ScionErrorCode } from './errors.ts'
import { ScionError } from './errors.ts'

/**
 * A place in a parsed JSON document. Every question names the place in its error, such as
 * `paths[3].mtu: integer 1 … 65535, found "big"`; nothing is converted in silence.
 */
export class Json {
  readonly #value: unknown
  readonly #place: string
  readonly #code: ScionErrorCode

  constructor(value: unknown, place: string, code: ScionErrorCode) {
    this.#value = value
    this.#place = place
    this.#code = code
  }

  /** Parses a text; `name` is what its errors begin with. */
  static parse(text: string, name: string, code: ScionErrorCode): Json {
    try {
      return new Json(JSON.parse(text) as unknown, name, code)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new ScionError(code, `${name}: JSON, found ${reason}`, { cause })
    }
  }

  /** Where this is, for messages. */
  get place(): string {
    return this.#place
  }

  /** Whether the place holds something other than null. */
  get exists(): boolean {
    return this.#value !== undefined && this.#value !== null
  }

  /** The member of an object; it may turn out not to exist. */
  get(key: string): Json {
    const object = this.#object()
    const value = Object.hasOwn(object, key) ? object[key] : undefined
    return new Json(value, `${this.#place}.${key}`, this.#code)
  }

  /** All members of an object, in the order of the document. */
  entries(limit: number): readonly (readonly [string, Json])[] {
    const entries = Object.entries(this.#object())
    if (entries.length > limit) throw this.wrong(`at most ${limit} members`, entries.length)
    return entries.map(([key, value]) => [
      key,
      new Json(value, `${this.#place}.${key}`, this.#code),
    ])
  }

  /** Refuses an object with members other than these: they are likely misspelt. */
  only(...keys: readonly string[]): this {
    const stranger = Object.keys(this.#object()).find((key) => !keys.includes(key))
    if (stranger !== undefined) throw this.wrong(`only ${keys.join(', ')}`, stranger)
    return this
  }

  /** The elements of an array. */
  array(limit: number): readonly Json[] {
    if (!Array.isArray(this.#value)) throw this.wrong('array')
    if (this.#value.length > limit)
      throw this.wrong(`at most ${limit} elements`, this.#value.length)
    return this.#value.map(
      (value, index) => new Json(value, `${this.#place}[${index}]`, this.#code),
    )
  }

  /** A text. */
  string(): string {
    if (typeof this.#value !== 'string') throw this.wrong('text')
    return this.#value
  }

  /** A text, or undefined where there is nothing. */
  optionalString(): string | undefined {
    return this.exists ? this.string() : undefined
  }

  /** True or false. */
  boolean(): boolean {
    if (typeof this.#value !== 'boolean') throw this.wrong('true or false')
    return this.#value
  }

  /** A finite number. */
  number(): number {
    if (typeof this.#value !== 'number' || !Number.isFinite(this.#value)) throw this.wrong('number')
    return this.#value
  }

  /** A whole number in `min` … `max`. */
  integer(min: number, max: number): number {
    const value = this.#value
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw this.wrong(`integer ${min} … ${max}`)
    }
    return value
  }

  /** What `read` makes of the text here; its ScionError gets the place and code of this document. */
  parsed<T>(read: (text: string) => T): T {
    const text = this.string()
    try {
      return read(text)
    } catch (cause) {
      if (!(cause instanceof ScionError)) throw cause
      throw new ScionError(this.#code, `${this.#place}: ${cause.message}`, { cause })
    }
  }

  /** The error that says that something else was expected here. */
  wrong(expected: string, found: unknown = this.#value): ScionError {
    const text = JSON.stringify(found) as string | undefined
    const shown = text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 80)}…` : text
    return new ScionError(this.#code, `${this.#place}: ${expected}, found ${shown}`)
  }

  #object(): Readonly<Record<string, unknown>> {
    const value = this.#value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.wrong('object')
    }
    return value as Readonly<Record<string, unknown>>
  }
}
