import {
  API_ROOT,
  COUNTER_EDGES_MAX,
  SERIES_POINTS_MAX,
  type CountersAnswer,
  type SeriesAnswer,
} from '@s3mp/web/api'
import { path, query } from '@s3mp/web/openapi'
import { suitingStream } from './choose.ts'
import { countersOf, seriesOf } from './curves.ts'
import { evidenceOf } from './evidence.ts'
import {
  deviceOf,
  headOf,
  idText,
  need,
  PARAMETERS,
  streamOf,
  TIME_MS_MAX,
  type ApiOptions,
} from './parts.ts'
import { badRequest, integerOf, Question } from './requests.ts'
import type { Routes } from './routes.ts'
import { curveStreams } from './streams.ts'

const scope = 'readings:read'

/** Readings of one device: the newest, curves, counters, and what proves them. */
export function addReadingRoutes(routes: Routes, options: ApiOptions): void {
  addLatest(routes, options)
  addSeries(routes, options)
  addCounters(routes, options)
  addEvidence(routes, options)
}

/** The range of time that a question names. @throws HeadendError */
export function rangeOf(question: Question): { readonly fromMs: number; readonly toMs: number } {
  const fromMs = question.integer('fromMs', 0, TIME_MS_MAX)
  const toMs = question.integer('toMs', 0, TIME_MS_MAX)
  if (toMs <= fromMs) throw badRequest('toMs: expected a time after fromMs')
  return { fromMs, toMs }
}

function addLatest(routes: Routes, { store, views }: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device/latest`,
      scope,
      summary: 'The newest reading of a stream, or of the finest stream of a meter',
      answer: 'Reading',
      parameters: [PARAMETERS.device, PARAMETERS.stream, PARAMETERS.head],
      refusals: [400, 404],
    },
    (context) => {
      const device = deviceOf(store, context.req.param('device'))
      const question = new Question(context.req.url)
      const latest = views.latest(device, question.text('stream'), headOf(question))
      return context.json(need(latest, 'stream'))
    },
  )
}

function addSeries(routes: Routes, { store }: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device/series`,
      scope,
      summary: 'A curve of one register',
      answer: 'Series',
      parameters: [
        PARAMETERS.device,
        PARAMETERS.register,
        PARAMETERS.fromMs,
        PARAMETERS.toMs,
        query('points', 'Buckets at most', {
          type: 'integer',
          minimum: 1,
          maximum: SERIES_POINTS_MAX,
          default: 1000,
        }),
        PARAMETERS.stream,
        PARAMETERS.head,
      ],
      refusals: [400, 404],
    },
    (context) => {
      const device = deviceOf(store, context.req.param('device'))
      const question = new Question(context.req.url)
      const register = question.needText('register')
      const { fromMs, toMs } = rangeOf(question)
      const points = question.integer('points', 1, SERIES_POINTS_MAX, 1000)
      const name = question.text('stream')
      const asked = { register, fromMs, toMs, points }
      const stream =
        name === undefined
          ? suitingStream(store, device, headOf(question), asked)
          : streamOf(store, device, name)
      const series = seriesOf(store.queries, need(stream, 'stream'), asked)
      const answer: SeriesAnswer = { device: idText(device), register, ...series }
      return context.json(answer)
    },
  )
}

function addCounters(routes: Routes, { store }: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device/counters`,
      scope,
      summary: 'An energy counter, exact, at given times',
      answer: 'Counters',
      parameters: [
        PARAMETERS.device,
        PARAMETERS.register,
        query('edges', `Up to ${COUNTER_EDGES_MAX} times, separated by commas`, undefined, true),
        PARAMETERS.head,
      ],
      refusals: [400, 404],
    },
    (context) => {
      const device = deviceOf(store, context.req.param('device'))
      const question = new Question(context.req.url)
      const register = question.needText('register')
      const edges = question.integers('edges', 0, TIME_MS_MAX, COUNTER_EDGES_MAX)
      const streams = curveStreams(headOf(question))
        .map((name) => streamOf(store, device, name))
        .filter((stream) => stream !== undefined)
      const counters = countersOf(store.queries, streams, register, edges)
      const answer: CountersAnswer = { device: idText(device), register, ...counters }
      return context.json(answer)
    },
  )
}

function addEvidence(routes: Routes, options: ApiOptions): void {
  const { store } = options
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device/evidence/:stream/:seq`,
      scope,
      summary: 'What proves one reading: signed bytes as they were received',
      answer: 'Evidence',
      parameters: [
        PARAMETERS.device,
        path('stream', 'The stream’s name'),
        path('seq', 'The reading’s number', { type: 'integer', minimum: 1 }),
      ],
      refusals: [400, 404],
    },
    (context) => {
      const device = deviceOf(store, context.req.param('device'))
      const stream = need(streamOf(store, device, context.req.param('stream') ?? ''), 'stream')
      const seq = integerOf('seq', context.req.param('seq'), 1, Number.MAX_SAFE_INTEGER)
      return context.json(evidenceOf(options, device, stream, seq))
    },
  )
}
