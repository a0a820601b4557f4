import { COUNTER_EDGES_MAX } from '../api.ts'
import {
  TARIFF_PERIODS_MAX,
  TARIFF_RATES_MAX,
  type CostSpan,
  type Tariff,
  type TariffPeriod,
  type TariffRate,
} from '../costs.ts'
import {
  decimalOf,
  fraction,
  minus,
  parseDecimal,
  plus,
  times,
  ZERO,
  type Decimal,
} from './decimal.ts'
import { HttpError } from './errors.ts'

/** Places at which the share of a fixed charge is rounded. */
const FIXED_PLACES = 6
const YEAR_MS = 365n * 86_400_000n
const TIME_MS_MAX = 8_640_000_000_000_000

/** What counters showed around one moment. */
export interface CountersAt {
  /** The exact value of a register and its unit; undefined where it was not read. */
  value(register: string): { readonly value: string; readonly unit: string } | undefined
  /** The reading came in while its device was in quarantine. */
  readonly quarantined: boolean
}

/**
 * What each span between two neighbouring edges cost. A span in which prices change is cut there and
 * its parts are added; `countersAt` is asked once for each edge and each such moment.
 */
export function costSpans(
  tariff: Tariff,
  edgesMs: readonly number[],
  countersAt: (atMs: number) => CountersAt,
): readonly CostSpan[] {
  const seen = new Map<number, CountersAt>()
  const at = (atMs: number): CountersAt => {
    const known = seen.get(atMs) ?? countersAt(atMs)
    seen.set(atMs, known)
    return known
  }
  return edgesMs.slice(1).map((toMs, index) => spanOf(tariff, edgesMs[index] ?? toMs, toMs, at))
}

function spanOf(
  tariff: Tariff,
  fromMs: number,
  toMs: number,
  at: (atMs: number) => CountersAt,
): CostSpan {
  const sums = { energy: new Sum(), earned: new Sum(), fixed: new Sum() }
  const counted = new Map<string, { amount: Sum; unit: string }>()
  let quarantined = false
  for (const { begin, end, period } of partsOf(tariff, fromMs, toMs)) {
    if (period === undefined) {
      for (const sum of Object.values(sums)) sum.add(undefined)
      continue
    }
    const yearly = times(parseDecimal(period.monthly, 'monthly'), { digits: 12n, places: 0 })
    sums.fixed.add(fraction(yearly, BigInt(end - begin), YEAR_MS, FIXED_PLACES))
    const [before, after] = [at(begin), at(end)]
    quarantined ||= before.quarantined || after.quarantined
    for (const rate of period.rates) {
      const part = amountOf(rate, before, after)
      const entry = counted.get(rate.register) ?? { amount: new Sum(), unit: '' }
      counted.set(rate.register, entry)
      entry.amount.add(part?.amount)
      entry.unit = part?.unit ?? entry.unit
      sums[rate.earns ? 'earned' : 'energy'].add(part?.cost)
    }
  }
  const { energy, earned, fixed } = sums
  const known =
    energy.value !== undefined && earned.value !== undefined && fixed.value !== undefined
  return {
    fromMs,
    toMs,
    energy: energy.text,
    earned: earned.text,
    fixed: fixed.text,
    total: known ? decimalOf(plus(minus(energy.value, earned.value), fixed.value), 2) : null,
    counted: [...counted].map(([register, { amount, unit }]) => ({
      register,
      amount: amount.value === undefined ? null : decimalOf(amount.value),
      unit,
    })),
    ...(quarantined && { quarantined }),
  }
}

/** The span cut where prices change; without a period where none had begun. */
function partsOf(
  { periods }: Tariff,
  fromMs: number,
  toMs: number,
): readonly { begin: number; end: number; period: TariffPeriod | undefined }[] {
  const changes = periods.map((period) => period.fromMs).filter((ms) => ms > fromMs && ms < toMs)
  const edges = [fromMs, ...changes, toMs]
  return edges.slice(1).map((end, index) => {
    const begin = edges[index] ?? end
    return { begin, end, period: periods.findLast((period) => period.fromMs <= begin) }
  })
}

function amountOf(
  rate: TariffRate,
  before: CountersAt,
  after: CountersAt,
): { amount: Decimal; cost: Decimal; unit: string } | undefined {
  const [first, last] = [before.value(rate.register), after.value(rate.register)]
  if (first === undefined || last === undefined) return undefined
  const billed = BILLED[first.unit]
  if (billed === undefined || first.unit !== last.unit) return undefined
  const difference = minus(
    parseDecimal(last.value, 'counter'),
    parseDecimal(first.value, 'counter'),
  )
  // A counter that ran backwards is another meter's, or a lie: no cost is made of it.
  if (difference.digits < 0n) return undefined
  const amount = times(difference, billed.by)
  const factor = rate.factor === undefined ? ONE : parseDecimal(rate.factor, 'factor')
  const cost = times(times(amount, factor), parseDecimal(rate.price, 'price'))
  return { amount, cost, unit: billed.unit }
}

const ONE: Decimal = { digits: 1n, places: 0 }

/** What a counter's unit is billed in. */
const BILLED: Readonly<Record<string, { readonly unit: string; readonly by: Decimal }>> = {
  Wh: { unit: 'kWh', by: { digits: 1n, places: 3 } },
  kWh: { unit: 'kWh', by: ONE },
  MWh: { unit: 'kWh', by: { digits: 1000n, places: 0 } },
  'm³': { unit: 'm³', by: ONE },
}

/** A sum that is unknown as soon as one of its parts is. */
class Sum {
  #value: Decimal | undefined = ZERO

  get value(): Decimal | undefined {
    return this.#value
  }

  get text(): string | null {
    return this.#value === undefined ? null : decimalOf(this.#value, 2)
  }

  add(part: Decimal | undefined): void {
    this.#value = this.#value && part && plus(this.#value, part)
  }
}

/**
 * Checks a tariff that somebody entered, and gives it back in its own form.
 *
 * @throws HttpError `ERR_HTTP_TARIFF` naming the field, what was expected and found.
 */
export function readTariff(value: unknown): Tariff {
  const { currency, periods } = fieldsOf(value, 'tariff')
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
  return { currency, periods: read }
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
  return {
    fromMs,
    monthly: decimalField(monthly, `${field}.monthly`),
    rates: listOf(rates, `${field}.rates`, TARIFF_RATES_MAX).map((rate, place) =>
      readRate(rate, `${field}.rates.${place}`),
    ),
  }
}

function readRate(value: unknown, field: string): TariffRate {
  const { register, price, earns, factor } = fieldsOf(value, field)
  if (
    typeof register !== 'string' ||
    !/^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}\*\d{1,3}$/.test(register)
  ) {
    throw wrong(`${field}.register`, 'an OBIS code in full', register)
  }
  if (typeof earns !== 'boolean') throw wrong(`${field}.earns`, 'true or false', earns)
  return {
    register,
    price: decimalField(price, `${field}.price`),
    earns,
    ...(factor !== undefined && { factor: decimalField(factor, `${field}.factor`) }),
  }
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

function wrong(field: string, expected: string, found: unknown): HttpError {
  const shown = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, 40)
  return new HttpError('ERR_HTTP_TARIFF', `${field}: expected ${expected}, found ${shown}`)
}

/** Edges of a costs question, checked: in order, each once, two or more. @throws HttpError */
export function readEdges(edgesMs: readonly number[]): readonly number[] {
  const ordered = edgesMs.every((edge, index) => index === 0 || edge > (edgesMs[index - 1] ?? edge))
  if (edgesMs.length < 2 || edgesMs.length > COUNTER_EDGES_MAX || !ordered) {
    throw wrong('edges', `2 to ${COUNTER_EDGES_MAX} times in order`, edgesMs.length)
  }
  return edgesMs
}
