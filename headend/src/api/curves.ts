import { decimalText, unitText, type Schema } from '@s3mp/envelope'
import type { CountersAnswer, SeriesAnswer } from '@s3mp/web/api'
import {
  drawCurve,
  newestOfBuckets,
  usualDistanceMs,
  type CountersAt,
  type CurveQuestion,
} from '@s3mp/web/http'
import type { Queries, StoredSample } from '../store/queries.ts'
import { registerAt } from '../store/registers.ts'
import type { StreamRow } from '../store/streams.ts'
import { streamName } from './streams.ts'

/** Samples read one by one for a curve; beyond, each bucket is asked for its newest only. */
export const CURVE_SAMPLES_MAX = 20_000

/** A curve of one register, from readings that exist: {@link drawCurve}. */
export function seriesOf(
  queries: Queries,
  stream: StreamRow,
  question: CurveQuestion,
): Omit<SeriesAnswer, 'device' | 'register'> {
  const samples = samplesOf(queries, stream, question)
  // A stream of every telegram has no interval of its own: its meter's rhythm takes the place.
  const intervalMs = schemaOf(queries, stream)?.intervalMs ?? 0
  const reader = new RegisterReader(queries, question.register)
  const points = samples.flatMap((sample) => {
    const value = reader.number(sample)
    return value === null ? [] : [{ timeMs: sample.timeMs, value }]
  })
  const drawn = drawCurve(points, question, intervalMs > 0 ? intervalMs : usualDistanceMs(samples))
  return { unit: reader.unit, stream: streamName(stream.number), ...drawn }
}

/**
 * What a meter's counters showed at a moment: of all its streams the newest reading before it that has
 * the register, not much older than an interval.
 */
export function countersAt(
  queries: Queries,
  streams: readonly StreamRow[],
): (atMs: number) => CountersAt {
  const readers = new Map<string, RegisterReader>()
  return (atMs) => {
    const samples = streams
      .map((stream) => freshBefore(queries, stream, atMs))
      .filter((sample) => sample !== undefined)
      .sort((left, right) => right.timeMs - left.timeMs)
    return {
      quarantined: samples.some((sample) => queries.record(sample.record)?.quarantined === true),
      value: (register) => {
        const reader = readers.get(register) ?? new RegisterReader(queries, register)
        readers.set(register, reader)
        for (const sample of samples) {
          const value = reader.text(sample)
          if (value !== null) return { value, unit: reader.unit }
        }
        return undefined
      },
    }
  }
}

/** A counter's exact value at each edge, as {@link countersAt} finds it. */
export function countersOf(
  queries: Queries,
  streams: readonly StreamRow[],
  register: string,
  edgesMs: readonly number[],
): Omit<CountersAnswer, 'device' | 'register'> {
  const at = countersAt(queries, streams)
  const found = edgesMs.map((edge) => at(edge).value(register))
  const unit = found.find((one) => one !== undefined)?.unit ?? ''
  return { unit, edgesMs, values: found.map((one) => one?.value ?? null) }
}

/** The newest sample before a moment, unless it is too old to stand for it. */
function freshBefore(queries: Queries, stream: StreamRow, atMs: number): StoredSample | undefined {
  const sample = queries.sampleBefore(stream.row, atMs)
  if (sample === undefined) return undefined
  const intervalMs = schemaOf(queries, stream)?.intervalMs ?? 0
  const ageMs = atMs - sample.timeMs
  // The reading of a quarter hour that has just ended is on its way for a while.
  if (ageMs <= intervalMs + COUNTER_AGE_MS_MIN) return sample
  if (intervalMs > 0 || ageMs > COUNTER_AGE_MS_MAX) return undefined
  // Without an interval of its own: gas and water say something when they have something to say.
  const rhythmMs = usualDistanceMs(queries.samplesBefore(stream.row, atMs, RHYTHM_SAMPLES))
  return ageMs <= 2 * rhythmMs ? sample : undefined
}

/** So much older than its interval a counter's reading may be and still stand for an edge. */
export const COUNTER_AGE_MS_MIN = 60_000
/** The age up to which a meter without an interval of its own may stand for an edge. */
export const COUNTER_AGE_MS_MAX = 93_600_000

/** Readings that tell the rhythm of a stream. */
const RHYTHM_SAMPLES = 8

function schemaOf(queries: Queries, stream: StreamRow): Schema | undefined {
  return stream.schema === undefined ? undefined : queries.schema(stream.schema)
}

function samplesOf(
  queries: Queries,
  stream: StreamRow,
  question: CurveQuestion,
): readonly StoredSample[] {
  const { fromMs, toMs } = question
  const count = queries.sampleCount(stream.row, fromMs, toMs, CURVE_SAMPLES_MAX + 1)
  if (count <= CURVE_SAMPLES_MAX) {
    return [...queries.samples(stream.row, fromMs, toMs, CURVE_SAMPLES_MAX)]
  }
  return newestOfBuckets(question, (endMs) => queries.sampleBefore(stream.row, endMs))
}

interface Place {
  readonly index: number
  readonly scaler: number
  readonly unit: string
}

/** Finds one register in samples whose schemas may change on the way. */
class RegisterReader {
  readonly #queries: Queries
  readonly #obis: string
  readonly #places = new Map<number, Place | undefined>()
  unit = ''

  constructor(queries: Queries, obis: string) {
    this.#queries = queries
    this.#obis = obis
  }

  /** As a number, for drawing. */
  number(sample: StoredSample): number | null {
    const text = this.text(sample)
    return text === null ? null : Number(text)
  }

  /** Exactly. */
  text(sample: StoredSample): string | null {
    const place = this.#placeIn(sample)
    const digits = place && registerAt(sample.registers, place.index)
    if (place !== undefined) this.unit = place.unit
    return place === undefined || digits === undefined || digits === null
      ? null
      : decimalText(digits, place.scaler)
  }

  #placeIn(sample: StoredSample): Place | undefined {
    const row = sample.schema
    if (this.#places.has(row)) return this.#places.get(row)
    const schema = this.#queries.schema(row)
    const index = schema?.registers.findIndex(({ obis }) => obis === this.#obis) ?? -1
    const register = schema?.registers[index]
    const place = register && {
      index,
      scaler: register.scaler,
      unit: unitText(register.unitCode),
    }
    this.#places.set(row, place)
    return place
  }
}
