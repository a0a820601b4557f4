import type { CountersAnswer, SeriesAnswer } from '@s3mp/web/api'

import { streamName } from '../page/names.ts'
import type { History } from './history.ts'
import { registerOf, type HistorySample, type Samples } from './sample.ts'

/** Readings decoded one by one for a curve; beyond, each bucket is asked for its newest only. */
export const CURVE_READINGS_MAX = 5000

/** The age up to which a counter's reading stands for an edge, even in a faster stream. */
export const COUNTER_AGE_MS_MIN = 60_000

/** A question for a curve. */
export interface CurveQuestion {
  readonly register: string
  readonly fromMs: number
  readonly toMs: number
  readonly points: number
}

interface Curve {
  readonly times: number[]
  readonly values: (number | null)[]
  readonly low: (number | null)[]
  readonly high: (number | null)[]
}

/**
 * The stream that draws a curve best: the coarsest that still fills every bucket and leaves nothing out
 * that a finer one has. Fine readings are kept for less long.
 */
export function suitingStream(
  history: History,
  samples: Samples,
  streams: readonly number[],
  { fromMs, toMs, points }: CurveQuestion,
): number | undefined {
  const widthMs = (toMs - fromMs) / points
  const candidates = streams.flatMap((stream) => {
    const first = history.readingFrom(stream, fromMs)
    const last = history.readingBefore(stream, toMs - 1)
    if (first === undefined || last === undefined || first.timeMs >= toMs) return []
    const intervalMs = samples.of(last)?.schema?.intervalMs ?? 0
    return [{ stream, intervalMs, firstMs: first.timeMs, lastMs: last.timeMs }]
  })
  const firstMs = Math.min(...candidates.map((one) => one.firstMs))
  const lastMs = Math.max(...candidates.map((one) => one.lastMs))
  const whole = candidates.filter((one) => {
    const slackMs = 2 * Math.max(one.intervalMs, widthMs)
    return one.firstMs <= firstMs + slackMs && one.lastMs >= lastMs - slackMs
  })
  const suiting = whole.findLast(({ intervalMs }) => intervalMs <= widthMs)
  return (suiting ?? whole[0] ?? candidates[0])?.stream ?? streams[0]
}

/**
 * A curve of one register: in each bucket that has readings the newest of them, at its own time, and the
 * extremes where there were more. A null stands where readings are further apart than usual.
 */
export function seriesOf(
  history: History,
  samples: Samples,
  stream: number,
  question: CurveQuestion,
): Omit<SeriesAnswer, 'device' | 'register'> {
  const { fromMs, toMs, points, register } = question
  const widthMs = Math.max(1, Math.ceil((toMs - fromMs) / points))
  const readings = samplesOf(history, samples, stream, question, widthMs)
  const intervalMs = readings.at(-1)?.schema?.intervalMs ?? 0
  const bucketMs = Math.max(widthMs, intervalMs > 0 ? intervalMs : usualDistanceMs(readings))
  const curve: Curve = { times: [], values: [], low: [], high: [] }
  let bucket = -1
  let unit = ''
  for (const sample of readings) {
    const found = registerOf(sample, register)
    if (found === undefined) continue
    unit = found.unit
    const own = Math.floor((sample.timeMs - fromMs) / widthMs)
    if (own === bucket) replaceLast(curve, sample.timeMs, Number(found.value))
    else append(curve, sample.timeMs, Number(found.value), bucketMs)
    bucket = own
  }
  const isSpread = curve.values.some((_, index) => curve.low[index] !== curve.high[index])
  const { times, values, low, high } = curve
  return {
    unit,
    stream: streamName(stream),
    bucketMs,
    timesMs: times,
    values,
    ...(isSpread ? { low, high } : {}),
  }
}

/** A counter's exact value at each edge: the newest reading before it that is not too old. */
export function countersOf(
  history: History,
  samples: Samples,
  streams: readonly number[],
  register: string,
  edgesMs: readonly number[],
): Omit<CountersAnswer, 'device' | 'register'> {
  let unit = ''
  const values = edgesMs.map((edgeMs) => {
    const found = counterAt(history, samples, streams, register, edgeMs)
    unit = found?.unit ?? unit
    return found?.value ?? null
  })
  return { unit, edgesMs, values }
}

/** One counter around one moment, from whichever stream was read last before it. */
export function counterAt(
  history: History,
  samples: Samples,
  streams: readonly number[],
  register: string,
  edgeMs: number,
): { readonly value: string; readonly unit: string } | undefined {
  let best: { readonly atMs: number; readonly value: string; readonly unit: string } | undefined
  for (const stream of streams) {
    const record = history.readingBefore(stream, edgeMs)
    const sample = record && samples.of(record)
    if (sample === undefined || (best !== undefined && sample.timeMs <= best.atMs)) continue
    const ageMs = Math.max(sample.schema?.intervalMs ?? 0, COUNTER_AGE_MS_MIN)
    const found = sample.timeMs < edgeMs - ageMs ? undefined : registerOf(sample, register)
    if (found !== undefined) best = { atMs: sample.timeMs, ...found }
  }
  return best
}

function samplesOf(
  history: History,
  samples: Samples,
  stream: number,
  { fromMs, toMs, points }: CurveQuestion,
  widthMs: number,
): readonly HistorySample[] {
  if (history.count(stream, fromMs, toMs, CURVE_READINGS_MAX + 1) <= CURVE_READINGS_MAX) {
    const records = history.readings(stream, { fromMs, toMs, max: CURVE_READINGS_MAX })
    return records.map((record) => samples.of(record)).filter((one) => one !== undefined)
  }
  const newest: HistorySample[] = []
  for (let bucket = 0, startMs = fromMs; bucket < points && startMs < toMs; bucket++) {
    const endMs = Math.min(toMs, startMs + widthMs)
    const record = history.readingBefore(stream, endMs - 1)
    const sample = record !== undefined && record.timeMs >= startMs ? samples.of(record) : undefined
    if (sample !== undefined) newest.push(sample)
    startMs = endMs
  }
  return newest
}

function usualDistanceMs(readings: readonly HistorySample[]): number {
  const distances = readings
    .slice(1)
    .map(({ timeMs }, index) => timeMs - (readings[index]?.timeMs ?? timeMs))
    .sort((a, b) => a - b)
  return distances[Math.floor(distances.length / 2)] ?? 0
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
