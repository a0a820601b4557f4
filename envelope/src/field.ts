import type { CborValue } from './cbor.ts'
import { EnvelopeError } from './errors.ts'
import { TEXT_BYTES_MAX } from './limits.ts'

/** The error of a field that is not what it should be: `field: expected, found`. */
export function badField(field: string, expected: string, found: CborValue): EnvelopeError {
  return new EnvelopeError('bad-field', `${field}: expected ${expected}, found ${describe(found)}`)
}

function describe(value: CborValue): string {
  if (value === null || typeof value !== 'object') {
    return typeof value === 'string' ? `text of ${value.length}` : String(value)
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (Array.isArray(value)) return `an array of ${value.length}`
  return 'a map'
}

/** Takes a positional array apart in order; every refusal names the field. */
export class FieldReader {
  readonly #items: readonly CborValue[]
  readonly #name: string
  #next = 0

  /** Checks that `value` is an array with as many items as one of `lengths`. */
  constructor(value: CborValue, name: string, ...lengths: readonly number[]) {
    this.#items = asArray(value, name)
    this.#name = name
    if (!lengths.includes(this.#items.length)) {
      throw badField(name, `an array of ${lengths.join(' or ')}`, value)
    }
  }

  get length(): number {
    return this.#items.length
  }

  /** Any value, for a caller that checks it. */
  any(): CborValue {
    return this.#items[this.#next++] ?? null
  }

  uint(field: string, max: number): number {
    return asUint(this.any(), this.#path(field), max)
  }

  nullableUint(field: string, max: number): number | null {
    const value = this.any()
    return value === null ? null : asUint(value, this.#path(field), max)
  }

  bytes(field: string, length: number): Uint8Array {
    return asBytes(this.any(), this.#path(field), length)
  }

  text(field: string): string {
    return asText(this.any(), this.#path(field))
  }

  array(field: string, min: number, max: number): readonly CborValue[] {
    const items = asArray(this.any(), this.#path(field))
    if (items.length < min || items.length > max) {
      throw badField(this.#path(field), `${min} to ${max} items`, items)
    }
    return items
  }

  #path(field: string): string {
    return `${this.#name}.${field}`
  }
}

/** An integer from 0 to `max`, which is a safe integer. */
export function asUint(value: CborValue, field: string, max: number): number {
  const integer = typeof value === 'bigint' ? Number(value) : value
  if (typeof integer !== 'number' || integer < 0 || integer > max) {
    throw badField(field, `an integer from 0 to ${max}`, value)
  }
  return integer
}

/** An integer of at most 53 bits and a sign. */
export function asInt(value: CborValue, field: string): number {
  const integer = typeof value === 'bigint' ? Number(value) : value
  if (typeof integer !== 'number' || !Number.isSafeInteger(integer)) {
    throw badField(field, 'a safe integer', value)
  }
  return integer
}

const INT64_MIN = -(1n << 63n)
const INT64_MAX = (1n << 63n) - 1n

/** An integer of 64 bits. */
export function asInt64(value: CborValue, field: string): bigint {
  const integer = typeof value === 'number' ? BigInt(value) : value
  if (typeof integer !== 'bigint' || integer < INT64_MIN || integer > INT64_MAX) {
    throw badField(field, 'a 64-bit integer', value)
  }
  return integer
}

/** A byte string of exactly `length` bytes. */
export function asBytes(value: CborValue, field: string, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) {
    throw badField(field, `${length} bytes`, value)
  }
  return value
}

/** Text of at most {@link TEXT_BYTES_MAX} bytes without control characters: it is shown to people. */
export function asText(value: CborValue, field: string): string {
  if (typeof value !== 'string') throw badField(field, 'text', value)
  if (new TextEncoder().encode(value).length > TEXT_BYTES_MAX || /\p{Cc}/u.test(value)) {
    throw badField(field, `at most ${TEXT_BYTES_MAX} bytes of printable text`, value)
  }
  return value
}

/** An array of any length. */
export function asArray(value: CborValue, field: string): readonly CborValue[] {
  if (!Array.isArray(value)) throw badField(field, 'an array', value)
  return value as readonly CborValue[]
}
