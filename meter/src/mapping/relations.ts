import type { Column, MappingSample } from './columns.ts'

/** How an energy follows from a power. */
export interface EnergyRelation {
  readonly energy: Column
  readonly power: Column
  /** Which part of the power: all of it above zero, or below. */
  readonly part: 'positive' | 'negative'
  /** Power of ten by which the raw energy is finer or coarser than the raw power times hours. */
  readonly exponent: number
  /** How far the two are apart, as a share of the energy. */
  readonly error: number
}

const HOUR_MS = 3_600_000
const WINDOWS = 6
/** Counters step: an energy that moved by fewer steps proves nothing. */
const STEPS_MIN = 8
const ERROR_MAX = 0.1
const EXPONENTS = [-4, -3, -2, -1, 0, 1, 2, 3, 4]

/** Every counter that is the integral of a part of a power, best first. */
export function energyRelations(
  counters: readonly Column[],
  powers: readonly Column[],
  samples: readonly MappingSample[],
): readonly EnergyRelation[] {
  const found: EnergyRelation[] = []
  for (const power of powers) {
    for (const part of ['positive', 'negative'] as const) {
      const sign = part === 'positive' ? 1 : -1
      const integral = integrate(
        power.values.map((value) => Math.max(0, sign * value)),
        samples,
      )
      for (const energy of counters) {
        const relation = relate(energy, integral)
        if (relation !== undefined) found.push({ energy, power, part, ...relation })
      }
    }
  }
  return found.sort((left, right) => left.error - right.error)
}

/** The integral up to each sample, in raw units times hours, by trapezoids. */
function integrate(
  values: readonly number[],
  samples: readonly MappingSample[],
): readonly number[] {
  let sum = 0
  return values.map((value, at) => {
    if (at > 0) {
      const hours = ((samples[at]?.timeMs ?? 0) - (samples[at - 1]?.timeMs ?? 0)) / HOUR_MS
      sum += ((value + (values[at - 1] ?? 0)) / 2) * hours
    }
    return sum
  })
}

function relate(
  { values }: Column,
  integral: readonly number[],
): { readonly exponent: number; readonly error: number } | undefined {
  const grew = (values.at(-1) ?? 0) - (values[0] ?? 0)
  const area = integral.at(-1) ?? 0
  if (grew < STEPS_MIN || area <= 0) return undefined
  const exponent = EXPONENTS.find((one) => Math.abs(grew / (area * 10 ** one) - 1) <= ERROR_MAX)
  if (exponent === undefined) return undefined
  // The ratio must hold in every part of the time, or two things just happen to be as large.
  let error = 0
  for (let window = 0; window < WINDOWS; window++) {
    const from = Math.floor((window * (values.length - 1)) / WINDOWS)
    const to = Math.floor(((window + 1) * (values.length - 1)) / WINDOWS)
    const moved = (values[to] ?? 0) - (values[from] ?? 0)
    const expected = ((integral[to] ?? 0) - (integral[from] ?? 0)) * 10 ** exponent
    const apart = Math.max(0, Math.abs(moved - expected) - 2)
    error = Math.max(error, apart / Math.max(grew / WINDOWS, 1))
  }
  return error <= 2 * ERROR_MAX ? { exponent, error } : undefined
}

/** Columns that add up to another one. */
export interface Addends {
  readonly chosen: readonly Column[]
  /** No other choice adds up as well. */
  readonly isUnique: boolean
}

/** So many columns, none of them the total, that add up to it in every sample; the closest ones. */
export function addends(
  total: Column,
  others: readonly Column[],
  count: 2 | 3,
): Addends | undefined {
  const slack = count + 1
  let best: { readonly chosen: readonly Column[]; readonly apart: number } | undefined
  let fitting = 0
  for (const chosen of combinations(others, count)) {
    let apart = 0
    const fits = total.values.every((value, at) => {
      const sum = chosen.reduce((all, { values }) => all + (values[at] ?? 0), 0)
      apart += Math.abs(sum - value)
      return Math.abs(sum - value) <= slack
    })
    if (!fits) continue
    fitting++
    if (best === undefined || apart < best.apart) best = { chosen, apart }
  }
  return best === undefined ? undefined : { chosen: best.chosen, isUnique: fitting === 1 }
}

/** All choices of so many columns; at most some 42,000 for 64 places. */
export function* combinations(
  columns: readonly Column[],
  count: 1 | 2 | 3,
): Generator<readonly Column[]> {
  for (const [at, first] of columns.entries()) {
    if (count === 1) {
      yield [first]
      continue
    }
    const fewer = count === 3 ? 2 : 1
    for (const rest of combinations(columns.slice(at + 1), fewer)) yield [first, ...rest]
  }
}

/** How far `|power|` and `volts × current × 10^exponent` are apart, as a share of the power. */
export function apparentError(
  power: readonly number[],
  volts: readonly number[],
  current: readonly number[],
): number {
  let [apart, all] = [0, 0]
  power.forEach((value, at) => {
    const apparent = Math.abs((volts[at] ?? 0) * (current[at] ?? 0))
    apart += Math.abs(apparent - Math.abs(value))
    all += Math.max(Math.abs(value), apparent)
  })
  return all === 0 ? 1 : apart / all
}
