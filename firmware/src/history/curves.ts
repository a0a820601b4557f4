import type { CountersAnswer, SeriesAnswer } from '@s3mp/web/api'
import {
  drawCurve,
  newestOfBuckets,
  suitingCandidate,
  usualDistanceMs,
  type CurveQuestion,
} from '@s3mp/web/http'

import { streamName } from '../page/names.ts'
import type { History } from './history.ts'
import { registerOf, type HistorySample, type Samples } from './sample.ts'

/** Readings decoded one by one for a curve; beyond, each bucket is asked for its newest only. */
export const CURVE_READINGS_MAX = 5000

/** So much older than its interval a counter's reading may be and still stand for an edge. */
export const COUNTER_AGE_MS_MIN = 60_000

/** The stream that draws a curve best; streams come from the finest to the coarsest. */
export function suitingStream(
  history: History,
  samples: Samples,
  streams: readonly number[],
  question: CurveQuestion,
): number | undefined {
  const { fromMs, toMs } = question
  const candidates = streams.flatMap((stream) => {
    const first = history.readingFrom(stream, fromMs)
    const last = history.readingBefore(stream, toMs - 1)
    if (first === undefined || last === undefined || first.timeMs >= toMs) return []
    const intervalMs = samples.of(last)?.schema?.intervalMs ?? 0
    return [{ stream, intervalMs, firstMs: first.timeMs, lastMs: last.timeMs }]
  })
  return suitingCandidate(candidates, question)?.stream ?? streams[0]
}

/** A curve of one register, from readings that exist: {@link drawCurve}. */
export function seriesOf(
  history: History,
  samples: Samples,
  stream: number,
  question: CurveQuestion,
): Omit<SeriesAnswer, 'device' | 'register'> {
  const readings = samplesOf(history, samples, stream, question)
  const intervalMs = readings.at(-1)?.schema?.intervalMs ?? 0
  let unit = ''
  const points = readings.flatMap((sample) => {
    const found = registerOf(sample, question.register)
    unit = found?.unit ?? unit
    return found === undefined ? [] : [{ timeMs: sample.timeMs, value: Number(found.value) }]
  })
  const drawn = drawCurve(points, question, intervalMs > 0 ? intervalMs : usualDistanceMs(readings))
  return { unit, stream: streamName(stream), ...drawn }
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
    const ageMs = (sample.schema?.intervalMs ?? 0) + COUNTER_AGE_MS_MIN
    const found = sample.timeMs < edgeMs - ageMs ? undefined : registerOf(sample, register)
    if (found !== undefined) best = { atMs: sample.timeMs, ...found }
  }
  return best
}

function samplesOf(
  history: History,
  samples: Samples,
  stream: number,
  question: CurveQuestion,
): readonly HistorySample[] {
  const { fromMs, toMs } = question
  if (history.count(stream, fromMs, toMs, CURVE_READINGS_MAX + 1) <= CURVE_READINGS_MAX) {
    const records = history.readings(stream, { fromMs, toMs, max: CURVE_READINGS_MAX })
    return records.map((record) => samples.of(record)).filter((one) => one !== undefined)
  }
  return newestOfBuckets(question, (endMs) => {
    const record = history.readingBefore(stream, endMs)
    return record && samples.of(record)
  })
}
