import { COUNTER_EDGES_MAX } from '../api.ts'
import {
  ZONED_DAYS_MAX,
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
import { LocalClock } from './local-clock.ts'
import { wrong } from './tariff.ts'
import { pricedRuns, type PricedRun } from './zones.ts'

/**
 * Moments at which one answer looks at counters: three years in which prices change eight times a day, and
 * some tenths of a second of a small computer.
 */
export const COST_MOMENTS_MAX = 10_000

/** Places at which the share of a fixed charge is rounded. */
const FIXED_PLACES = 6
const YEAR_MS = 365n * 86_400_000n
const DAY_MS = 86_400_000

/** What counters showed around one moment. */
export interface CountersAt {
  /** The exact value of a register and its unit; undefined where it was not read. */
  value(register: string): { readonly value: string; readonly unit: string } | undefined
  /** The reading came in while its device was in quarantine. */
  readonly quarantined: boolean
}

/** What the parts of an answer have in common. */
interface Reckoning {
  readonly tariff: Tariff
  /** The owner's clocks, where hours have prices of their own. */
  readonly clock: LocalClock | undefined
  readonly at: (atMs: number) => CountersAt
}

/**
 * What each span between two neighbouring edges cost. A span in which prices change is cut there and
 * its parts are added; `countersAt` is asked once for each edge and each such moment.
 *
 * @throws HttpError `ERR_HTTP_TARIFF` for edges further apart than can be reckoned by the hour.
 */
export function costSpans(
  tariff: Tariff,
  edgesMs: readonly number[],
  countersAt: (atMs: number) => CountersAt,
): readonly CostSpan[] {
  const zoned = tariff.periods.some(({ rates }) => rates.some(({ zones }) => zones !== undefined))
  const days = ((edgesMs.at(-1) ?? 0) - (edgesMs[0] ?? 0)) / DAY_MS
  if (zoned && days > ZONED_DAYS_MAX) {
    throw wrong('edges', `times within ${ZONED_DAYS_MAX} days, as prices change by the hour`, days)
  }
  const clock = zoned ? new LocalClock(tariff.timeZone ?? '') : undefined
  const seen = new Map<number, CountersAt>()
  const at = (atMs: number): CountersAt => {
    const known = seen.get(atMs)
    if (known !== undefined) return known
    if (seen.size >= COST_MOMENTS_MAX) {
      throw wrong('edges', `at most ${COST_MOMENTS_MAX} changes of price between them`, 'more')
    }
    const found = countersAt(atMs)
    seen.set(atMs, found)
    return found
  }
  const reckoning: Reckoning = { tariff, clock, at }
  return edgesMs.slice(1).map((toMs, index) => spanOf(reckoning, edgesMs[index] ?? toMs, toMs))
}

function spanOf(reckoning: Reckoning, fromMs: number, toMs: number): CostSpan {
  const sums = { energy: new Sum(), earned: new Sum(), fixed: new Sum() }
  const counted = new Map<string, Counted>()
  let quarantined = false
  for (const { begin, end, period } of partsOf(reckoning.tariff, fromMs, toMs)) {
    if (period === undefined) {
      for (const sum of Object.values(sums)) sum.add(undefined)
      continue
    }
    const yearly = times(parseDecimal(period.monthly, 'monthly'), { digits: 12n, places: 0 })
    sums.fixed.add(fraction(yearly, BigInt(end - begin), YEAR_MS, FIXED_PLACES))
    for (const rate of period.rates) {
      const entry = counted.get(rate.register) ?? new Counted()
      counted.set(rate.register, entry)
      for (const run of pricedRuns(rate, reckoning.clock, begin, end)) {
        const [before, after] = [reckoning.at(run.beginMs), reckoning.at(run.endMs)]
        quarantined ||= before.quarantined || after.quarantined
        const part = amountOf(rate, run, before, after)
        entry.add(run.price, rate.zones !== undefined, part)
        sums[rate.earns ? 'earned' : 'energy'].add(part?.cost)
      }
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
    counted: [...counted].map(([register, entry]) => ({ register, ...entry.answer() })),
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

interface Part {
  readonly amount: Decimal
  readonly cost: Decimal
  readonly unit: string
}

function amountOf(
  rate: TariffRate,
  { price }: PricedRun,
  before: CountersAt,
  after: CountersAt,
): Part | undefined {
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
  const cost = times(times(amount, factor), parseDecimal(price, 'price'))
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

  /** As money. */
  get text(): string | null {
    return this.#value === undefined ? null : decimalOf(this.#value, 2)
  }

  /** As what was counted. */
  get amount(): string | null {
    return this.#value === undefined ? null : decimalOf(this.#value)
  }

  add(part: Decimal | undefined): void {
    this.#value = this.#value && part && plus(this.#value, part)
  }
}

/** What one counter counted, in all and, where hours have prices of their own, by price. */
class Counted {
  readonly #all = new Sum()
  readonly #byPrice = new Map<string, Sum>()
  #unit = ''
  #isZoned = false

  add(price: string, isZoned: boolean, part: Part | undefined): void {
    this.#all.add(part?.amount)
    this.#unit = part?.unit ?? this.#unit
    this.#isZoned ||= isZoned
    const sum = this.#byPrice.get(price) ?? new Sum()
    this.#byPrice.set(price, sum)
    sum.add(part?.amount)
  }

  answer(): Omit<CostSpan['counted'][number], 'register'> {
    const byPrice = [...this.#byPrice].map(([price, sum]) => ({ price, amount: sum.amount }))
    const unit = this.#unit
    return { amount: this.#all.amount, unit, ...(this.#isZoned && { byPrice }) }
  }
}

/** Edges of a costs question, checked: in order, each once, two or more. @throws HttpError */
export function readEdges(edgesMs: readonly number[]): readonly number[] {
  const ordered = edgesMs.every((edge, index) => index === 0 || edge > (edgesMs[index - 1] ?? edge))
  if (edgesMs.length < 2 || edgesMs.length > COUNTER_EDGES_MAX || !ordered) {
    throw wrong('edges', `2 to ${COUNTER_EDGES_MAX} times in order`, edgesMs.length)
  }
  return edgesMs
}
