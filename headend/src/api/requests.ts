import { fromHex } from '@s3mp/envelope'
import { HeadendError } from '../errors.ts'

/** Characters of a query parameter; the longest is a list of edges. */
export const PARAMETER_CHARS_MAX = 8192

/** Reads the parameters of a question; every refusal names the parameter. */
export class Question {
  readonly #parameters: URLSearchParams

  constructor(url: string) {
    this.#parameters = new URL(url).searchParams
  }

  /** A text, if it is given. */
  text(name: string): string | undefined {
    const value = this.#parameters.get(name)
    if (value === null) return undefined
    if (value.length > PARAMETER_CHARS_MAX) {
      throw badRequest(`${name}: expected at most ${PARAMETER_CHARS_MAX} characters`)
    }
    return value
  }

  /** A text that must be given. */
  needText(name: string): string {
    const value = this.text(name)
    if (value === undefined || value === '')
      throw badRequest(`${name}: expected a value, found none`)
    return value
  }

  /** An integer within bounds; `fallback` where it is not given. */
  integer(name: string, min: number, max: number, fallback?: number): number {
    const value = this.text(name)
    if (value === undefined && fallback !== undefined) return fallback
    return integerOf(name, value, min, max)
  }

  /** Integers separated by commas, `countMax` at most. */
  integers(name: string, min: number, max: number, countMax: number): readonly number[] {
    const parts = this.needText(name).split(',')
    if (parts.length > countMax) {
      throw badRequest(`${name}: expected at most ${countMax} values, found ${parts.length}`)
    }
    return parts.map((part) => integerOf(name, part, min, max))
  }

  /** One of several words, if it is given. */
  choice<T extends string>(name: string, words: readonly T[]): T | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const word = words.find((one) => one === value)
    if (word !== undefined) return word
    throw badRequest(`${name}: expected one of ${words.join(', ')}, found ${quoted(value)}`)
  }

  /** A device's id, if it is given. */
  id(name: string): Uint8Array | undefined {
    const value = this.text(name)
    return value === undefined ? undefined : idOf(name, value)
  }
}

/** An integer in a text. */
export function integerOf(
  name: string,
  value: string | undefined,
  min: number,
  max: number,
): number {
  const number = value !== undefined && /^-?[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(number) || number < min || number > max) {
    throw badRequest(`${name}: expected an integer from ${min} to ${max}, found ${quoted(value)}`)
  }
  return number
}

/** The UEID in a text. */
export function idOf(name: string, value: string): Uint8Array {
  if (!/^[0-9a-f]{66}$/.test(value)) {
    throw badRequest(`${name}: expected 66 hex digits, found ${quoted(value)}`)
  }
  return fromHex(value)
}

/** A refusal of a question. */
export function badRequest(message: string): HeadendError {
  return new HeadendError('ERR_HEADEND_REQUEST', message)
}

/** A refusal of a question for what is not there. */
export function notFound(message: string): HeadendError {
  return new HeadendError('ERR_HEADEND_NOT_FOUND', message)
}

function quoted(value: string | undefined): string {
  return value === undefined ? 'none' : JSON.stringify(value.slice(0, 40))
}
