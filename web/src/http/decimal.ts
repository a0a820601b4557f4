import { HttpError } from './errors.ts'

/** Digits before, and digits after, the point of a decimal that is taken. */
export const DECIMAL_DIGITS_MAX = 30

/** An exact decimal: `digits` × 10 to the power of −`places`. */
export interface Decimal {
  readonly digits: bigint
  readonly places: number
}

/** Nothing. */
export const ZERO: Decimal = { digits: 0n, places: 0 }

/** Reads "-12.340". @throws HttpError `ERR_HTTP_TARIFF` naming the field. */
export function parseDecimal(text: string, field: string): Decimal {
  const match = /^(-?[0-9]{1,30})(?:\.([0-9]{1,30}))?$/.exec(text)
  if (match === null) {
    const found = JSON.stringify(text.slice(0, 40))
    throw new HttpError('ERR_HTTP_TARIFF', `${field}: expected a decimal, found ${found}`)
  }
  const [, whole = '', part = ''] = match
  return { digits: BigInt(whole + part), places: part.length }
}

/** The sum, exactly. */
export function plus(left: Decimal, right: Decimal): Decimal {
  const places = Math.max(left.places, right.places)
  return { digits: widened(left, places) + widened(right, places), places }
}

/** The difference, exactly. */
export function minus(left: Decimal, right: Decimal): Decimal {
  return plus(left, { ...right, digits: -right.digits })
}

/** The product, exactly. */
export function times(left: Decimal, right: Decimal): Decimal {
  return { digits: left.digits * right.digits, places: left.places + right.places }
}

/** A fraction of a decimal, rounded half to even at `places`. */
export function fraction(
  value: Decimal,
  numerator: bigint,
  denominator: bigint,
  places: number,
): Decimal {
  const scaled = widened(value, Math.max(places, value.places)) * numerator
  const divisor = denominator * 10n ** BigInt(Math.max(0, value.places - places))
  return { digits: halfEven(scaled, divisor), places }
}

/** As text, without zeros behind that say nothing; at least `placesMin` places. */
export function decimalOf({ digits, places }: Decimal, placesMin = 0): string {
  const sign = digits < 0n ? '-' : ''
  const all = (digits < 0n ? -digits : digits).toString().padStart(places + 1, '0')
  const whole = all.slice(0, all.length - places)
  const part = all
    .slice(all.length - places)
    .replace(/0+$/, '')
    .padEnd(placesMin, '0')
  return `${sign}${whole}${part === '' ? '' : `.${part}`}`
}

function widened({ digits, places }: Decimal, to: number): bigint {
  return digits * 10n ** BigInt(to - places)
}

function halfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const rest = numerator % denominator
  const twice = (rest < 0n ? -rest : rest) * 2n
  const up = twice > denominator || (twice === denominator && quotient % 2n !== 0n)
  if (!up) return quotient
  return rest < 0n ? quotient - 1n : quotient + 1n
}
