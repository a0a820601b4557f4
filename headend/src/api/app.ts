import { SEAL_RECORDS_MAX, toHex } from '@s3mp/envelope'
import type { LiveFeed, Page } from '@s3mp/web'
import { secureHeaders } from '@s3mp/web/http'
import {
  API_ROOT,
  COUNTER_EDGES_MAX,
  SERIES_POINTS_MAX,
  type ApiError,
  type EvidenceAnswer,
  type EvidenceRecord,
  type ServerInfo,
} from '@s3mp/web/api'
import { Hono } from 'hono'
import type { Clock } from '../clock.ts'
import { HeadendError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { StoredRecord } from '../store/queries.ts'
import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow } from '../store/types.ts'
import { countersOf, seriesOf } from './curves.ts'
import { DEVICES_PAGE_MAX, EVENTS_PAGE_MAX, openApiDocument } from './openapi.ts'
import { badRequest, idOf, integerOf, notFound, Question } from './requests.ts'
import type { HealthAnswer } from './schemas.ts'
import { CURVE_STREAMS, streamName, streamNumber } from './streams.ts'
import type { Views } from './views.ts'

/** What the API is made of. */
export interface ApiOptions {
  readonly store: SqliteStore
  readonly views: Views
  readonly live: LiveFeed
  readonly clock: Clock
  readonly log: Log
  /** The page to serve beside the API, where there is one. */
  readonly page?: Page | undefined
  /** The head-end's identity, to which records are addressed. */
  readonly recipientId: Uint8Array
  readonly describe: () => ServerInfo
  readonly health: () => HealthAnswer
  readonly metrics: () => Promise<{ readonly type: string; readonly text: string }>
}

const TIME_MAX = 8_640_000_000_000_000

/**
 * The HTTP API, read-only, as docs/api.md and `/api/v1/openapi.json` describe it. Mount further routes
 * with Hono's `route` before the page's catch-all by giving no page, or in front of the whole.
 */
export function createApi(options: ApiOptions): Hono {
  const app = new Hono()
  app.use(async (context, next) => {
    await next()
    secureHeaders(context.res.headers)
  })
  addServer(app, options)
  addDevices(app, options)
  addReadings(app, options)
  app.get(`${API_ROOT}/events`, (context) => {
    const question = new Question(context.req.url)
    const id = question.id('device')
    const limit = question.integer('limit', 1, EVENTS_PAGE_MAX, EVENTS_PAGE_MAX)
    const before = question.integer('before', 1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    const device = id && need(options.store.registry.device(id), 'device').row
    const events = options.store.queries.events({ device, before, limit })
    const last = events.length === limit ? events.at(-1) : undefined
    return context.json({
      events: events.map((event) => options.views.event(event)),
      ...(last !== undefined && { next: String(last.row) }),
    })
  })
  app.get(`${API_ROOT}/live`, (context) => options.live.respond(context.req.raw, options.describe))
  app.all(`${API_ROOT}/*`, (context) => {
    const isRead = context.req.method === 'GET' || context.req.method === 'HEAD'
    return isRead
      ? context.json(refusal('not_found', 'no such address'), 404)
      : context.json(refusal('method_not_allowed', 'expected GET or HEAD'), 405)
  })
  app.get('*', (context) => options.page?.respond(context.req.raw) ?? context.notFound())
  app.notFound((context) => context.json(refusal('not_found', 'no such address'), 404))
  app.onError((error, context) => {
    const [code, status] = statusOf(error)
    if (status === 500) options.log.error('api.failed', { reason: String(error) })
    const message = status === 500 ? 'a fault of the server' : error.message
    return context.json(refusal(code, message), status)
  })
  return app
}

function addServer(app: Hono, options: ApiOptions): void {
  app.get(`${API_ROOT}/server`, (context) => context.json(options.describe()))
  app.get(`${API_ROOT}/health`, (context) => {
    const health = options.health()
    return context.json(health, health.status === 'failing' ? 503 : 200)
  })
  const document = openApiDocument(options.describe().version)
  app.get(`${API_ROOT}/openapi.json`, (context) => context.json(document))
  app.get('/metrics', async (context) => {
    const { type, text } = await options.metrics()
    return context.body(text, 200, { 'content-type': type })
  })
}

function addDevices(app: Hono, { store, views, clock }: ApiOptions): void {
  app.get(`${API_ROOT}/devices`, (context) => {
    const question = new Question(context.req.url)
    const limit = question.integer('limit', 1, DEVICES_PAGE_MAX, DEVICES_PAGE_MAX)
    const query = question.text('query')
    const rows = store.registry.devices({ after: question.id('after'), query, limit })
    const last = rows.length === limit ? rows.at(-1) : undefined
    const nowMs = clock.nowMs()
    return context.json({
      devices: rows.map((row) => views.device(row, nowMs)),
      total: store.registry.deviceCount(query),
      ...(last !== undefined && { next: toHex(last.ueid) }),
    })
  })
  app.get(`${API_ROOT}/devices/:device`, (context) =>
    context.json(views.device(deviceOf(store, context.req.param('device')), clock.nowMs())),
  )
}

function addReadings(app: Hono, options: ApiOptions): void {
  const { store, views } = options
  app.get(`${API_ROOT}/devices/:device/latest`, (context) => {
    const device = deviceOf(store, context.req.param('device'))
    const latest = views.latest(device, new Question(context.req.url).text('stream'))
    return context.json(need(latest, 'stream'))
  })
  app.get(`${API_ROOT}/devices/:device/series`, (context) => {
    const device = deviceOf(store, context.req.param('device'))
    const question = new Question(context.req.url)
    const register = question.needText('register')
    const fromMs = question.integer('fromMs', 0, TIME_MAX)
    const toMs = question.integer('toMs', 0, TIME_MAX)
    if (toMs <= fromMs) throw badRequest('toMs: expected a time after fromMs')
    const points = question.integer('points', 1, SERIES_POINTS_MAX, 1000)
    const stream = need(
      finestStream(store, device, question.text('stream'), fromMs, toMs),
      'stream',
    )
    const series = seriesOf(store.queries, stream, { register, fromMs, toMs, points })
    return context.json({ device: toHex(device.ueid), register, ...series })
  })
  app.get(`${API_ROOT}/devices/:device/counters`, (context) => {
    const device = deviceOf(store, context.req.param('device'))
    const question = new Question(context.req.url)
    const register = question.needText('register')
    const edges = question.integers('edges', 0, TIME_MAX, COUNTER_EDGES_MAX)
    const streams = CURVE_STREAMS.map((name) => streamOf(store, device, name)).filter(
      (stream) => stream !== undefined,
    )
    const counters = countersOf(store.queries, streams, register, edges)
    return context.json({ device: toHex(device.ueid), register, ...counters })
  })
  app.get(`${API_ROOT}/devices/:device/evidence/:stream/:seq`, (context) => {
    const device = deviceOf(store, context.req.param('device'))
    const stream = need(streamOf(store, device, context.req.param('stream')), 'stream')
    const seq = integerOf('seq', context.req.param('seq'), 1, Number.MAX_SAFE_INTEGER)
    return context.json(evidenceOf(options, device, stream, seq))
  })
}

/** The schema, the record, and the run up to its seal where it bears no signature itself. */
function evidenceOf(
  { store, views, recipientId }: ApiOptions,
  device: DeviceRow,
  stream: StreamRow,
  seq: number,
): EvidenceAnswer {
  const { queries } = store
  const record = need(queries.recordAt(stream.row, seq), 'seq')
  const sample = need(queries.sampleOf(record, seq), 'seq')
  const claimed = need(views.reading(toHex(device.ueid), stream, sample), 'seq')
  const seal = record.proof === 'sealed' ? queries.sealOver(stream.row, seq) : undefined
  const run =
    seal === undefined
      ? [record]
      : queries
          .recordsFrom(stream.row, seal.first, SEAL_RECORDS_MAX + 1)
          .filter((one) => one.seq <= seal.seal)
  const schema = record.schema === undefined ? undefined : queries.schemaRecord(record.schema)
  const withSchema = schema === undefined || run.some(({ row }) => row === schema.row)
  const records = withSchema ? run : [schema, ...run]
  return {
    device: toHex(device.ueid),
    algorithm: device.algorithm,
    publicKey: toHex(device.publicKey),
    recipientId: toHex(recipientId),
    stream: streamName(stream.number),
    seq,
    claimed,
    records: records.map((one) => evidenceRecord(one, store)),
  }
}

function evidenceRecord(record: StoredRecord, store: SqliteStore): EvidenceRecord {
  return {
    row: record.row,
    // A schema may have been announced in another stream than the one that uses it.
    stream: streamName(store.queries.streamNumberOf(record.stream)),
    seq: record.seq,
    kind: record.kind,
    bytes: toHex(record.bytes),
  }
}

/** The stream asked for, or the finest that has readings in the range, or any that exists. */
function finestStream(
  store: SqliteStore,
  device: DeviceRow,
  name: string | undefined,
  fromMs: number,
  toMs: number,
): StreamRow | undefined {
  if (name !== undefined) return streamOf(store, device, name)
  const streams = CURVE_STREAMS.map((each) => streamOf(store, device, each)).filter(
    (stream) => stream !== undefined,
  )
  return (
    streams.find(({ row }) => store.queries.sampleCount(row, fromMs, toMs, 1) > 0) ?? streams[0]
  )
}

function deviceOf(store: SqliteStore, id: string): DeviceRow {
  return need(store.registry.device(idOf('device', id)), 'device')
}

function streamOf(store: SqliteStore, device: DeviceRow, name: string): StreamRow | undefined {
  const number = streamNumber(name)
  return number === undefined ? undefined : store.queries.stream(device.row, number)
}

function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw notFound(`${what}: expected one that is stored, found none`)
  return value
}

function refusal(code: string, message: string): ApiError {
  return { error: { code, message } }
}

function statusOf(error: Error): readonly [string, 400 | 404 | 500] {
  if (error instanceof HeadendError) {
    if (error.code === 'ERR_HEADEND_REQUEST') return ['bad_request', 400]
    if (error.code === 'ERR_HEADEND_NOT_FOUND') return ['not_found', 404]
  }
  return ['internal', 500]
}
