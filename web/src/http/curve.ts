import type { SeriesAnswer } from '../api.ts'

/** A question for a curve. */
export interface CurveQuestion {
  readonly register: string
  readonly fromMs: number
  readonly toMs: number
  /** At most so many points. */
  readonly points: number
}

/** A reading of one register, as a curve needs it. */
export interface CurvePoint {
  readonly timeMs: number
  readonly value: number
}

/** A stream that could draw a curve, and what it has within the question's span. */
export interface CurveCandidate {
  /** Usual distance of its readings; 0 where it has none of its own. */
  readonly intervalMs: number
  readonly firstMs: number
  readonly lastMs: number
}

type Columns = Pick<SeriesAnswer, 'bucketMs' | 'timesMs' | 'values' | 'low' | 'high'>

interface Curve {
  readonly times: number[]
  readonly values: (number | null)[]
  readonly low: (number | null)[]
  readonly high: (number | null)[]
}

/** How wide the buckets are that a question's points stand for, in milliseconds. */
export function bucketWidthMs({ fromMs, toMs, points }: Omit<CurveQuestion, 'register'>): number {
  return Math.max(1, Math.ceil((toMs - fromMs) / points))
}

/**
 * The candidate that draws a curve best: the coarsest that still fills every bucket and leaves no more
 * of the range out than one reading of another. A year of one reading a second is thirty million of
 * them, and fine readings are kept for less long: where they reach less far back, the coarse ones are
 * drawn. Candidates come from the finest to the coarsest.
 */
export function suitingCandidate<T extends CurveCandidate>(
  candidates: readonly T[],
  question: Omit<CurveQuestion, 'register'>,
): T | undefined {
  const widthMs = (question.toMs - question.fromMs) / question.points
  const whole = candidates.filter((one) =>
    candidates.every((other) => {
      // A single reading of a coarse stream, such as the last quarter hour's, is no reason to prefer it.
      const slackMs = Math.max(2 * one.intervalMs, 2 * widthMs, other.intervalMs)
      return one.firstMs <= other.firstMs + slackMs && one.lastMs >= other.lastMs - slackMs
    }),
  )
  const suiting = whole.findLast(({ intervalMs }) => intervalMs <= widthMs)
  return suiting ?? whole[0] ?? candidates[0]
}

/** The median distance of readings in order of time; 0 for fewer than two. */
export function usualDistanceMs(readings: readonly { readonly timeMs: number }[]): number {
  const distances = readings
    .slice(1)
    .map(({ timeMs }, index) => timeMs - (readings[index]?.timeMs ?? timeMs))
    .sort((left, right) => left - right)
  return distances[Math.floor(distances.length / 2)] ?? 0
}

/**
 * Draws a curve: for each bucket with readings the newest of them, at its own time, and the extremes
 * where there were more. Every value is a reading that exists; where two are further apart than twice
 * the bucket, and than twice what is usual in the stream, a null stands between.
 */
export function drawCurve(
  points: Iterable<CurvePoint>,
  question: Omit<CurveQuestion, 'register'>,
  usualMs: number,
): Columns {
  const widthMs = bucketWidthMs(question)
  const bucketMs = Math.max(widthMs, usualMs)
  const curve: Curve = { times: [], values: [], low: [], high: [] }
  let bucket = -1
  for (const { timeMs, value } of points) {
    const own = Math.floor((timeMs - question.fromMs) / widthMs)
    if (own === bucket) replaceLast(curve, timeMs, value)
    else append(curve, timeMs, value, bucketMs)
    bucket = own
  }
  const { times, values, low, high } = curve
  const isSpread = values.some((_, index) => low[index] !== high[index])
  return { bucketMs, timesMs: times, values, ...(isSpread && { low, high }) }
}

/** What stands in each bucket, asked for bucket by bucket: for spans with more readings than are read. */
export function newestOfBuckets<T extends { readonly timeMs: number }>(
  question: Omit<CurveQuestion, 'register'>,
  before: (endMs: number) => T | undefined,
): readonly T[] {
  const { fromMs, toMs, points } = question
  const widthMs = bucketWidthMs(question)
  const newest: T[] = []
  for (let bucket = 0, startMs = fromMs; bucket < points && startMs < toMs; bucket++) {
    const endMs = Math.min(toMs, startMs + widthMs)
    const found = before(endMs - 1)
    if (found !== undefined && found.timeMs >= startMs) newest.push(found)
    startMs = endMs
  }
  return newest
}

function append(curve: Curve, timeMs: number, value: number, bucketMs: number): void {
  const last = curve.times.at(-1)
  if (last !== undefined && timeMs - last > 2 * bucketMs) {
    curve.times.push(Math.round((last + timeMs) / 2))
    for (const column of [curve.values, curve.low, curve.high]) column.push(null)
  }
  curve.times.push(timeMs)
  for (const column of [curve.values, curve.low, curve.high]) column.push(value)
}

function replaceLast(curve: Curve, timeMs: number, value: number): void {
  const last = curve.times.length - 1
  curve.times[last] = timeMs
  curve.values[last] = value
  curve.low[last] = Math.min(curve.low[last] ?? value, value)
  curve.high[last] = Math.max(curve.high[last] ?? value, value)
}
