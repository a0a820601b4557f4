import {
  TARIFF_PERIODS_MAX,
  TARIFF_RATES_MAX,
  TARIFF_ZONES_MAX,
  TIME_ZONE_CHARS_MAX,
  type Tariff,
  type TariffPeriod,
  type TariffRate,
  type TariffZone,
} from '../costs.ts'
import { decimalOf, parseDecimal } from './decimal.ts'
import { HttpError } from './errors.ts'
import { LocalClock } from './local-clock.ts'

const TIME_MS_MAX = 8_640_000_000_000_000

/**
 * Checks a tariff that somebody entered, and gives it back in its own form.
 *
 * @throws HttpError `ERR_HTTP_TARIFF` naming the field, what was expected and found.
 */
export function readTariff(value: unknown): Tariff {
  const { currency, timeZone, periods } = fieldsOf(value, 'tariff')
  if (typeof currency !== 'string' || !/^[A-Z]{3}$/.test(currency)) {
    throw wrong('currency', 'three capital letters (ISO 4217)', currency)
  }
  const read = listOf(periods, 'periods', TARIFF_PERIODS_MAX).map(readPeriod)
  for (const [index, { fromMs }] of read.entries()) {
    const before = read[index - 1]
    if (before !== undefined && before.fromMs >= fromMs) {
      throw wrong(`periods.${index}.fromMs`, 'a time after that of the period before', fromMs)
    }
  }
  const zoned = read.some(({ rates }) => rates.some(({ zones }) => zones !== undefined))
  if (timeZone === undefined && !zoned) return { currency, periods: read }
  return { currency, timeZone: readTimeZone(timeZone), periods: read }
}

function readTimeZone(value: unknown): string {
  if (typeof value !== 'string' || value.length > TIME_ZONE_CHARS_MAX) {
    throw wrong('timeZone', 'the name of a time zone, as hours have prices of their own', value)
  }
  // Whoever can tell the time there knows it.
  new LocalClock(value)
  return value
}

function readPeriod(value: unknown, index: number): TariffPeriod {
  const field = `periods.${index}`
  const { fromMs, monthly, rates } = fieldsOf(value, field)
  if (
    typeof fromMs !== 'number' ||
    !Number.isSafeInteger(fromMs) ||
    Math.abs(fromMs) > TIME_MS_MAX
  ) {
    throw wrong(`${field}.fromMs`, 'milliseconds since 1970', fromMs)
  }
  const read = listOf(rates, `${field}.rates`, TARIFF_RATES_MAX).map((rate, place) =>
    readRate(rate, `${field}.rates.${place}`),
  )
  const twice = read.findIndex(({ register }, place) =>
    read.slice(0, place).some((before) => before.register === register),
  )
  if (twice >= 0) {
    throw wrong(`${field}.rates.${twice}.register`, 'each counter once', read[twice]?.register)
  }
  return { fromMs, monthly: decimalField(monthly, `${field}.monthly`), rates: read }
}

function readRate(value: unknown, field: string): TariffRate {
  const { register, price, zones, earns, factor } = fieldsOf(value, field)
  if (
    typeof register !== 'string' ||
    !/^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}\*\d{1,3}$/.test(register)
  ) {
    throw wrong(`${field}.register`, 'an OBIS code in full', register)
  }
  if (typeof earns !== 'boolean') throw wrong(`${field}.earns`, 'true or false', earns)
  const listed = listOf(zones ?? [], `${field}.zones`, TARIFF_ZONES_MAX)
  return {
    register,
    price: decimalField(price, `${field}.price`),
    ...(listed.length > 0 && {
      zones: listed.map((zone, place) => readZone(zone, `${field}.zones.${place}`)),
    }),
    earns,
    ...(factor !== undefined && { factor: decimalField(factor, `${field}.factor`) }),
  }
}

function readZone(value: unknown, field: string): TariffZone {
  const { days, from, to, price } = fieldsOf(value, field)
  return {
    days: readDays(days, `${field}.days`),
    from: timeField(from, `${field}.from`),
    to: timeField(to, `${field}.to`),
    price: decimalField(price, `${field}.price`),
  }
}

function readDays(value: unknown, field: string): readonly number[] {
  const days = listOf(value, field, 7)
  const inOrder = [1, 2, 3, 4, 5, 6, 7].filter((day) => days.includes(day))
  if (inOrder.length === 0 || inOrder.some((day, index) => day !== days[index])) {
    throw wrong(field, 'weekdays from 1 (Monday) to 7, in order', value)
  }
  if (inOrder.length !== days.length) throw wrong(field, 'each weekday once', value)
  return inOrder
}

function timeField(value: unknown, field: string): string {
  if (typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value)) return value
  throw wrong(field, 'a time from 00:00 to 23:59', value)
}

function decimalField(value: unknown, field: string): string {
  if (typeof value !== 'string') throw wrong(field, 'a decimal as text', value)
  return decimalOf(parseDecimal(value, field))
}

function fieldsOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(field, 'an object', value)
  }
  return { ...value }
}

function listOf(value: unknown, field: string, max: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length > max)
    throw wrong(field, `a list of at most ${max}`, value)
  return value
}

/** A refusal of something that somebody entered. */
export function wrong(field: string, expected: string, found: unknown): HttpError {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 40)
  return new HttpError('ERR_HTTP_TARIFF', `${field}: expected ${expected}, found ${shown}`)
}
