import type { Register } from '../reading.ts'
import { UNIT, UNIT_NONE, unitCode, unitName } from '../units.ts'

/** Digits of a number that is taken for one; longer ones do not fit 64 bits and stay text. */
export const TEXT_NUMBER_DIGITS_MAX = 18

/** A number with its unit, exact. */
export type Quantity = Pick<Register, 'digits' | 'scaler' | 'unit' | 'unitCode'>

/** Units as meters spell them: the code of the DLMS unit and the power of ten to reach it. */
const UNITS: ReadonlyMap<string, readonly [code: number, scaler: number]> = new Map([
  ...prefixed('Wh', UNIT.wattHour, 'kM'),
  ...prefixed('W', UNIT.watt, 'mkM'),
  ...prefixed('varh', UNIT.reactiveHour, 'kM'),
  ...prefixed('var', UNIT.reactive, 'kM'),
  ...prefixed('VAh', UNIT.voltAmpereHour, 'kM'),
  ...prefixed('VA', UNIT.voltAmpere, 'kM'),
  ...prefixed('V', UNIT.volt, 'mk'),
  ...prefixed('A', UNIT.ampere, 'mk'),
  ...prefixed('Hz', UNIT.hertz, 'mk'),
  ...prefixed('J', unitCode('J'), 'kMG'),
  ...prefixed('s', UNIT.second, ''),
  ...prefixed('min', unitCode('min'), ''),
  ...prefixed('h', unitCode('h'), ''),
  ...prefixed('l', unitCode('l'), ''),
  ...prefixed('m3', UNIT.cubicMetre, ''),
  ...prefixed('m3ph', unitCode('m³/h'), ''),
  ...prefixed('m3/h', unitCode('m³/h'), ''),
  ...prefixed('C', UNIT.celsius, ''),
  ...prefixed('%', unitCode('%'), ''),
  ...prefixed('deg', UNIT.degree, ''),
])

function prefixed(
  name: string,
  code: number,
  prefixes: string,
): readonly (readonly [string, readonly [number, number]])[] {
  const scalers = { m: -3, k: 3, M: 6, G: 9 } as const
  return [
    [name, [code, 0]],
    ...prefixes.split('').map((prefix) => {
      const scaler = scalers[prefix as keyof typeof scalers]
      return [`${prefix}${name}`, [code, scaler]] as const
    }),
  ]
}

/** The same in lower case, for meters that do not mind case; `m` would be milli or mega: left out. */
const LOWER = new Map(
  [...UNITS]
    .filter(([name]) => !/^[mM][A-Z]/.test(name))
    .map(([name, to]) => [name.toLowerCase(), to]),
)

const NUMBER = /^ *([+-]?)(\d+)(?:\.(\d+))?(?:(?:\*| +)([A-Za-z%][A-Za-z0-9/]*))? *$/

/**
 * A value such as '00026107.7034231*kWh', '024562 kWh' or '0002' as an exact number in the unit
 * without prefix (kWh becomes Wh with three more powers of ten); undefined for what is no number
 * or has a unit that is not known.
 */
export function parseQuantity(text: string): Quantity | undefined {
  const quick = quickQuantity(text)
  if (quick !== undefined) return quick
  const match = NUMBER.exec(text)
  if (match === null) return undefined
  const [, sign, whole = '', fraction = '', name] = match as readonly (string | undefined)[]
  if (whole.length + fraction.length > TEXT_NUMBER_DIGITS_MAX) return undefined
  const unit = name === undefined ? NO_UNIT : unitOf(name)
  if (unit === undefined) return undefined
  const digits = BigInt(whole + fraction)
  return quantity(sign === '-' ? -digits : digits, unit, fraction.length)
}

const NO_UNIT = [UNIT_NONE, 0] as const
const ZERO = 0x30
const POINT = 0x2e
const STAR = 0x2a
/** Digits that a double surely holds. */
const DOUBLE_DIGITS = 15

/** The usual spelling, `000123.456*kWh`, without a regular expression; undefined for any other. */
function quickQuantity(text: string): Quantity | undefined {
  let value = 0
  let point = -1
  let at = 0
  for (; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (text.charCodeAt(at) === POINT && point < 0 && at > 0) point = at
    else break
  }
  if (at === 0 || at > DOUBLE_DIGITS || point === at - 1) return undefined
  const fraction = point < 0 ? 0 : at - point - 1
  if (at === text.length) return quantity(BigInt(value), NO_UNIT, fraction)
  const unit = text.charCodeAt(at) === STAR ? UNITS.get(text.slice(at + 1)) : undefined
  return unit === undefined ? undefined : quantity(BigInt(value), unit, fraction)
}

function quantity(
  digits: bigint,
  [code, scaler]: readonly [code: number, scaler: number],
  decimals: number,
): Quantity {
  return { digits, scaler: scaler - decimals, unit: unitName(code), unitCode: code }
}

function unitOf(name: string): readonly [code: number, scaler: number] | undefined {
  return UNITS.get(name) ?? LOWER.get(name.toLowerCase())
}
