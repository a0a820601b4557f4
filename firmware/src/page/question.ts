import { refusal } from '@s3mp/web/http'

/** Characters of one parameter; the longest is a list of edges. */
export const PARAMETER_CHARS_MAX = 8192

/** A question that cannot be answered; becomes a refusal with its status and code. */
export class Refused extends Error {
  readonly response: Response

  constructor(status: number, code: string, message: string) {
    super(message)
    this.response = refusal(status, code, message)
  }
}

/** What is asked for is not there. */
export function notFound(what: string): Refused {
  return new Refused(404, 'not_found', `${what}: expected one that is stored, found none`)
}

/** Reads the parameters of a question; every refusal names the parameter. */
export class Question {
  readonly #parameters: URLSearchParams

  constructor(url: URL) {
    this.#parameters = url.searchParams
  }

  /** A text, if it is given. */
  text(name: string): string | undefined {
    const value = this.#parameters.get(name) ?? undefined
    if (value !== undefined && value.length > PARAMETER_CHARS_MAX) {
      throw wrong(name, `at most ${String(PARAMETER_CHARS_MAX)} characters`, 'more')
    }
    return value
  }

  /** A text that must be given. */
  needText(name: string): string {
    const value = this.text(name)
    if (value === undefined || value === '') throw wrong(name, 'a value', 'none')
    return value
  }

  /** A whole number within bounds; `fallback` where it is not given. */
  integer(name: string, min: number, max: number, fallback?: number): number {
    const value = this.text(name)
    if (value === undefined && fallback !== undefined) return fallback
    return integerOf(name, value ?? '', min, max)
  }

  /** Whole numbers separated by commas, `countMax` at most. */
  integers(name: string, max: number, countMax: number): readonly number[] {
    const parts = this.needText(name).split(',')
    if (parts.length > countMax) {
      throw wrong(name, `at most ${String(countMax)} values`, String(parts.length))
    }
    return parts.map((part) => integerOf(name, part, 0, max))
  }
}

/** A whole number in a text. */
export function integerOf(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,16}$/u.test(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(number) && number >= min && number <= max) return number
  throw wrong(name, `a whole number from ${String(min)} to ${String(max)}`, value.slice(0, 40))
}

function wrong(name: string, expected: string, found: string): Refused {
  return new Refused(400, 'bad_request', `${name}: expected ${expected}, found ${found}`)
}
