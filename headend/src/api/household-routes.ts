import { API_ROOT, COUNTER_EDGES_MAX, type CostsAnswer } from '@s3mp/web/api'
import { costSpans, HttpError, readEdges, readTariff } from '@s3mp/web/http'
import { query } from '@s3mp/web/openapi'
import { z } from 'zod'
import { countersAt } from './curves.ts'
import { csvOf, DOWNLOADS_MAX } from './csv.ts'
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
import { rangeOf } from './reading-routes.ts'
import { Question } from './requests.ts'
import { bodyOf, type Routes } from './routes.ts'
import { curveStreams } from './streams.ts'

/** What an owner wants of a device: costs by her tariff, and her readings as a file. */
export function addHouseholdRoutes(routes: Routes, options: ApiOptions): void {
  addTariff(routes, options)
  addCosts(routes, options)
  addDownload(routes, options)
}

function addTariff(routes: Routes, { store, clock }: ApiOptions): void {
  const path = `${API_ROOT}/devices/:device/tariff`
  routes.add(
    {
      method: 'GET',
      path,
      scope: 'readings:read',
      summary: 'What the owner pays; 404 before it was entered',
      answer: 'Tariff',
      parameters: [PARAMETERS.device],
      refusals: [400, 404],
    },
    (context) => {
      const device = deviceOf(store, context.req.param('device'))
      return context.json(need(store.tariffs.of(device.row), 'tariff'))
    },
  )
  routes.add(
    {
      method: 'PUT',
      path,
      scope: 'tariffs:write',
      summary: 'Keeps what the owner pays',
      answer: 'Tariff',
      body: 'Tariff',
      parameters: [PARAMETERS.device],
      refusals: [400, 404],
    },
    async (context, { who }) => {
      const device = deviceOf(store, context.req.param('device'))
      // Prices are checked by the same code that calculates with them.
      const tariff = readTariff(await bodyOf(context, z.unknown()))
      const { currency, periods } = tariff
      const details = { who, currency, periods: periods.length }
      store.audited(clock.nowMs(), 'tariff.changed', idText(device), details, () => {
        store.tariffs.keep(device.row, tariff)
      })
      return context.json(tariff)
    },
  )
}

function addCosts(routes: Routes, { store }: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device/costs`,
      scope: 'readings:read',
      summary: 'What spans of time cost, exactly, from signed counters; 404 without a tariff',
      answer: 'Costs',
      parameters: [
        PARAMETERS.device,
        query(
          'edges',
          `2 to ${COUNTER_EDGES_MAX} times in order, separated by commas`,
          undefined,
          true,
        ),
        PARAMETERS.head,
      ],
      refusals: [400, 404],
    },
    (context) => {
      const device = deviceOf(store, context.req.param('device'))
      const question = new Question(context.req.url)
      const edges = readEdges(question.integers('edges', 0, TIME_MS_MAX, COUNTER_EDGES_MAX))
      const head = headOf(question)
      const tariff = need(store.tariffs.of(device.row), 'tariff')
      const streams = curveStreams(head)
        .map((name) => streamOf(store, device, name))
        .filter((stream) => stream !== undefined)
      const answer: CostsAnswer = {
        device: idText(device),
        head,
        currency: tariff.currency,
        spans: costSpans(tariff, edges, countersAt(store.queries, streams)),
      }
      return context.json(answer)
    },
  )
}

function addDownload(routes: Routes, { store }: ApiOptions): void {
  let downloads = 0
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/devices/:device/readings.csv`,
      scope: 'readings:read',
      summary: 'Readings as a file: a line a reading, a column a register',
      answer: 'text/csv',
      parameters: [
        PARAMETERS.device,
        query('stream', 'The stream’s name; without it the meter’s quarter hours'),
        PARAMETERS.head,
        PARAMETERS.fromMs,
        PARAMETERS.toMs,
        query('decimal', 'comma: for spreadsheets that expect 1,5 and semicolons', {
          type: 'string',
          enum: ['point', 'comma'],
          default: 'point',
        }),
      ],
      refusals: [400, 404, 503],
    },
    ({ req }) => {
      if (downloads >= DOWNLOADS_MAX) {
        throw new HttpError('ERR_HTTP_BUSY', `downloads: ${DOWNLOADS_MAX} are under way already`)
      }
      const device = deviceOf(store, req.param('device'))
      const question = new Question(req.url)
      const { fromMs, toMs } = rangeOf(question)
      const name = question.text('stream') ?? curveStreams(headOf(question)).at(-1) ?? 'quarter'
      const stream = need(streamOf(store, device, name), 'stream')
      const style = question.choice('decimal', ['point', 'comma'] as const) ?? 'point'
      const body = csvOf(store.queries, stream, { fromMs, toMs, style }, req.raw.signal, () => {
        downloads--
      })
      downloads++
      const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
      const file = `readings-${idText(device).slice(2, 10)}-${name}-${day(fromMs)}-${day(toMs)}.csv`
      return new Response(body, {
        headers: {
          'content-type': 'text/csv; charset=utf-8',
          'content-disposition': `attachment; filename="${file}"`,
        },
      })
    },
  )
}
