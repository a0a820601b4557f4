/** Telegrams that a proposal looks at; more say no more. */
export const MAPPING_SAMPLES_MAX = 4_096

/** Telegrams and milliseconds without which nothing is proposed. */
export const MAPPING_SAMPLES_MIN = 20

/** Shortest time that they must span, in milliseconds. */
export const MAPPING_SPAN_MS_MIN = 120_000

/** Places of one list. */
export const MAPPING_PLACES_MAX = 64

/** One telegram whose numbers have no names. */
export interface MappingSample {
  /** When it came, in milliseconds of any clock that does not step. */
  readonly timeMs: number
  /** The numbers in their places; undefined for what is none. */
  readonly values: readonly (bigint | undefined)[]
}

/** The numbers of one place over time. */
export interface Column {
  readonly place: number
  readonly values: readonly number[]
  readonly least: number
  readonly most: number
  readonly mean: number
  /** Never falls, and rises at least twice. */
  readonly grows: boolean
  /** Rises by the seconds that pass: a clock, or a second index. */
  readonly isClock: boolean
}

const CLOCK_SHARE = 0.02

/** The columns that hold a number in every sample and are not constant. */
export function columnsOf(samples: readonly MappingSample[]): readonly Column[] {
  const places = Math.min(
    MAPPING_PLACES_MAX,
    Math.max(...samples.map(({ values }) => values.length)),
  )
  const columns: Column[] = []
  for (let place = 0; place < places; place++) {
    const values: number[] = []
    for (const sample of samples) {
      const value = sample.values[place]
      if (value !== undefined) values.push(Number(value))
    }
    const least = Math.min(...values)
    const most = Math.max(...values)
    if (values.length < samples.length || least === most || !Number.isFinite(most - least)) continue
    columns.push(columnOf(place, values, samples))
  }
  return columns
}

function columnOf(
  place: number,
  values: readonly number[],
  samples: readonly MappingSample[],
): Column {
  let [falls, rises] = [0, 0]
  values.forEach((value, at) => {
    const before = values[at - 1] ?? value
    if (value < before) falls++
    if (value > before) rises++
  })
  const seconds = ((samples.at(-1)?.timeMs ?? 0) - (samples[0]?.timeMs ?? 0)) / 1_000
  const grew = (values.at(-1) ?? 0) - (values[0] ?? 0)
  const ticks = falls === 0 && Math.abs(grew - seconds) <= CLOCK_SHARE * seconds + 2
  return {
    place,
    values,
    least: Math.min(...values),
    most: Math.max(...values),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    grows: falls === 0 && rises >= 2,
    // Energy grows with the power, which changes; a clock grows evenly.
    isClock: ticks && rises >= values.length * 0.9 && isEven(values, samples),
  }
}

/** Whether a column rises in step with time from one sample to the next. */
function isEven(values: readonly number[], samples: readonly MappingSample[]): boolean {
  return values.every((value, at) => {
    if (at === 0) return true
    const seconds = ((samples[at]?.timeMs ?? 0) - (samples[at - 1]?.timeMs ?? 0)) / 1_000
    return Math.abs(value - (values[at - 1] ?? 0) - seconds) <= 1.5
  })
}
