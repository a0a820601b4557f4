import { unitText } from '@s3mp/envelope'
import type { LiveFeed } from '@s3mp/web'
import {
  API_ROOT,
  COUNTER_EDGES_MAX,
  SERIES_POINTS_MAX,
  type CostsAnswer,
  type CountersAnswer,
  type DevicesAnswer,
  type EventsAnswer,
  type NetworkAnswer,
  type SeriesAnswer,
  type ServerInfo,
  type Tariff,
} from '@s3mp/web/api'
import { costSpans, csvLine, HttpError, readEdges, readTariff, refusal, type CsvCell } from '@s3mp/web/http' // prettier-ignore

import { counterAt, countersOf, seriesOf, suitingStream } from '../history/curves.ts'
import type { History } from '../history/history.ts'
import { registerViews } from '../history/sample.ts'
import { PLACES_MAX, STREAM } from '../streams.ts'
import type { NetworkReport } from '../channel/network.ts'
import { streamName, streamsOf } from './names.ts'
import { networkAnswer, policyAnswer } from './network.ts'
import { integerOf, notFound, Question, Refused } from './question.ts'
import type { Views } from './views.ts'

/** Events in one answer. */
export const EVENTS_PAGE_MAX = 100

/** Lines of one download: more than thirteen months of quarter-hours. */
export const CSV_LINES_MAX = 50_000

/** Readings taken from the store at a time for a download. */
const CSV_PAGE = 500
const TIME_MAX = 8_640_000_000_000_000

/** What the device's own API is made of. */
export interface PageApiOptions {
  readonly history: History
  readonly views: Views
  readonly live: LiveFeed
  readonly nowMs: () => number
  readonly describe: () => ServerInfo
  /** What the uplink told last, and when; undefined before the first time. */
  readonly network: () => { readonly atMs: number; readonly report: NetworkReport } | undefined
  /** The owner's tariff, and how it is kept. */
  readonly tariff: () => Tariff | undefined
  readonly keepTariff: (tariff: Tariff) => void
}

type Handler = (question: Question, parts: readonly string[], request: Request) => unknown

/**
 * Answers the API of one device (docs/api.md) from its own records. Who may ask is decided in front of
 * it. Never throws: what cannot be answered is refused with a code.
 */
export class PageApi {
  readonly #options: PageApiOptions
  readonly #routes: readonly (readonly [string, RegExp, Handler])[]

  constructor(options: PageApiOptions) {
    this.#options = options
    const device = (rest: string): RegExp => new RegExp(`^/devices/([0-9a-f]{66})${rest}$`, 'u')
    this.#routes = [
      ['GET', /^\/server$/u, () => options.describe()],
      ['GET', /^\/openapi\.json$/u, () => this.#document()],
      ['GET', /^\/live$/u, (_question, _parts, request) => options.live.respond(request, options.describe)], // prettier-ignore
      ['GET', /^\/devices$/u, () => this.#devices()],
      ['GET', device(''), () => options.views.device(options.nowMs())],
      ['GET', device('/latest'), (question) => this.#latest(question)],
      ['GET', device('/series'), (question) => this.#series(question)],
      ['GET', device('/counters'), (question) => this.#counters(question)],
      ['GET', device('/costs'), (question) => this.#costs(question)],
      ['GET', device('/tariff'), () => this.#tariff()],
      ['PUT', device('/tariff'), (_question, _parts, request) => this.#keepTariff(request)],
      ['GET', device('/readings\\.csv'), (question) => this.#download(question)],
      ['GET', device('/evidence/([a-z0-9-]{1,16})/(\\d{1,16})'), (_question, parts) => this.#evidence(parts)], // prettier-ignore
      ['GET', /^\/events$/u, (question) => this.#events(question)],
      ['GET', /^\/network$/u, () => this.#network()],
      ['GET', /^\/network\/policy$/u, () => policyAnswer(this.#told().report)],
    ]
  }

  /** The answer to a question below {@link API_ROOT}. */
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const path = url.pathname.startsWith(API_ROOT) ? url.pathname.slice(API_ROOT.length) : ''
    const method = request.method === 'HEAD' ? 'GET' : request.method
    try {
      let isKnown = false
      for (const [allowed, pattern, handler] of this.#routes) {
        const match = pattern.exec(path)
        if (match === null) continue
        isKnown = true
        if (allowed !== method) continue
        const [, id, ...parts] = match
        if (id !== undefined && id !== this.#options.views.id) throw notFound('device')
        const answer = await handler(new Question(url), parts, request)
        return answer instanceof Response ? answer : Response.json(answer)
      }
      return isKnown
        ? refusal(405, 'method_not_allowed', `${method}: not for this address`)
        : refusal(404, 'not_found', 'no such address')
    } catch (error) {
      if (error instanceof Refused) return error.response
      if (error instanceof HttpError) return refusal(400, 'bad_request', error.message)
      return refusal(500, 'internal', 'a fault of the meter; see its log')
    }
  }

  /** Schemas take memory: they are loaded when somebody asks for them. */
  async #document(): Promise<unknown> {
    const { pageDocument } = await import('./openapi.ts')
    return pageDocument(this.#options.describe().version)
  }

  #devices(): DevicesAnswer {
    const { views, nowMs } = this.#options
    return { devices: [views.device(nowMs())], total: 1 }
  }

  #latest(question: Question): unknown {
    const latest = this.#options.views.latest(this.#stream(question), placeIn(question))
    if (latest === undefined) throw notFound('stream')
    return latest
  }

  #series(question: Question): SeriesAnswer {
    const { history, views } = this.#options
    const register = question.needText('register')
    const { fromMs, toMs } = rangeOf(question)
    const points = question.integer('points', 1, SERIES_POINTS_MAX, 1000)
    const asked = { register, fromMs, toMs, points }
    const streams = streamsOf(placeIn(question))
    const stream = this.#stream(question) ?? suitingStream(history, views.samples, streams, asked)
    if (stream === undefined) throw notFound('stream')
    return { device: views.id, register, ...seriesOf(history, views.samples, stream, asked) }
  }

  #counters(question: Question): CountersAnswer {
    const { history, views } = this.#options
    const register = question.needText('register')
    const edges = question.integers('edges', TIME_MAX, COUNTER_EDGES_MAX)
    const streams = streamsOf(placeIn(question))
    const counters = countersOf(history, views.samples, streams, register, edges)
    return { device: views.id, register, ...counters }
  }

  #costs(question: Question): CostsAnswer {
    const { history, views, tariff: kept } = this.#options
    const edges = readEdges(question.integers('edges', TIME_MAX, COUNTER_EDGES_MAX))
    const head = placeIn(question)
    const tariff = kept()
    if (tariff === undefined) throw notFound('tariff')
    const spans = costSpans(tariff, edges, (atMs) => ({
      value: (register) => counterAt(history, views.samples, streamsOf(head), register, atMs),
      quarantined: false,
    }))
    return { device: views.id, head, currency: tariff.currency, spans }
  }

  #tariff(): Tariff {
    const tariff = this.#options.tariff()
    if (tariff === undefined) throw notFound('tariff')
    return tariff
  }

  async #keepTariff(request: Request): Promise<Tariff> {
    const value: unknown = await request.json().catch(() => undefined)
    const tariff = readTariff(value)
    this.#options.keepTariff(tariff)
    return tariff
  }

  #evidence([name = '', digits = '']: readonly string[]): unknown {
    const { history, views } = this.#options
    const stream = streamNamed(name)
    const seq = integerOf('seq', digits, 1, Number.MAX_SAFE_INTEGER)
    const record = stream === undefined ? undefined : history.at(stream, seq)
    const sample = record && views.samples.of(record)
    if (record === undefined || sample === undefined) throw notFound('seq')
    return views.evidence(record, sample)
  }

  #events(question: Question): EventsAnswer {
    const { history, views } = this.#options
    const max = question.integer('limit', 1, EVENTS_PAGE_MAX, EVENTS_PAGE_MAX)
    const before = question.integer('before', 1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    const records = history.newest(STREAM.events, 'event', before, max)
    const last = records.length === max ? records.at(-1) : undefined
    return {
      events: records.map((record) => views.event(record)).filter((one) => one !== undefined),
      ...(last === undefined ? {} : { next: String(last.seq) }),
    }
  }

  #network(): NetworkAnswer {
    const { report, atMs } = this.#told()
    return networkAnswer(report, atMs)
  }

  #told(): { readonly atMs: number; readonly report: NetworkReport } {
    const told = this.#options.network()
    if (told === undefined) throw notFound('network')
    return told
  }

  #download(question: Question): Response {
    const { history } = this.#options
    const { fromMs, toMs } = rangeOf(question)
    const stream = this.#stream(question) ?? streamsOf(placeIn(question)).at(-1) ?? STREAM.billing
    if (history.count(stream, fromMs, toMs, CSV_LINES_MAX + 1) > CSV_LINES_MAX) {
      const expected = `expected a range of at most ${String(CSV_LINES_MAX)} readings`
      throw new Refused(400, 'bad_request', `toMs: ${expected}, found more`)
    }
    const style = question.text('decimal') === 'comma' ? 'comma' : 'point'
    const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
    const file = `readings-${streamName(stream)}-${day(fromMs)}-${day(toMs)}.csv`
    const lines = this.#csv(stream, fromMs, toMs, style)
    const encoder = new TextEncoder()
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const line = lines.next()
        if (line.done === true) controller.close()
        else controller.enqueue(encoder.encode(line.value))
      },
    })
    return new Response(body, {
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="${file}"`,
      },
    })
  }

  /** A line a reading; columns are the registers of the newest reading's schema. */
  *#csv(stream: number, fromMs: number, toMs: number, style: 'point' | 'comma'): Generator<string> {
    const { history, views } = this.#options
    const newest = history.readingBefore(stream, toMs - 1)
    const registers = (newest && views.samples.of(newest)?.schema?.registers) ?? []
    const names = registers.map(({ obis, unitCode }) => {
      const unit = unitText(unitCode)
      return { text: `${obis}${unit === '' ? '' : ` [${unit}]`}` }
    })
    const head = ['time', 'number', 'clock', 'flags', 'proof'].map((text) => ({ text }))
    yield csvLine([...head, ...names], style)
    for (let after = 0, isMore = true; isMore;) {
      const page = history.readings(stream, { fromMs, toMs, max: CSV_PAGE, after })
      for (const record of page) {
        const sample = views.samples.of(record)
        if (sample === undefined) continue
        const values = new Map(registerViews(sample).map(({ obis, value }) => [obis, value]))
        const cells = registers.map(({ obis }): CsvCell => {
          const number = values.get(obis)
          return number === undefined ? { empty: true } : { number }
        })
        const first: readonly CsvCell[] = [
          { text: new Date(sample.timeMs).toISOString() },
          { number: String(record.seq) },
          { text: sample.clock },
          { text: sample.flags.join(' ') },
          { text: views.reading(sample).proof },
        ]
        yield csvLine([...first, ...cells], style)
      }
      after = page.at(-1)?.seq ?? after
      isMore = page.length === CSV_PAGE
    }
  }

  #stream(question: Question): number | undefined {
    const name = question.text('stream')
    if (name === undefined) return undefined
    const stream = streamNamed(name)
    if (stream === undefined) throw notFound('stream')
    return stream
  }
}

function placeIn(question: Question): number {
  return question.integer('head', 0, PLACES_MAX - 1, 0)
}

function rangeOf(question: Question): { readonly fromMs: number; readonly toMs: number } {
  const fromMs = question.integer('fromMs', 0, TIME_MAX)
  const toMs = question.integer('toMs', 0, TIME_MAX)
  if (toMs > fromMs) return { fromMs, toMs }
  throw new Refused(400, 'bad_request', 'toMs: expected a time after fromMs')
}

function streamNamed(name: string): number | undefined {
  const all = Array.from({ length: PLACES_MAX }, (_, place) => streamsOf(place)).flat()
  return all.find((stream) => streamName(stream) === name)
}
