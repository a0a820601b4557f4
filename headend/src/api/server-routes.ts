import { API_ROOT } from '@s3mp/web/api'
import { limit, query, LAST_EVENT_ID } from '@s3mp/web/openapi'
import { headendDocument } from './openapi.ts'
import { need, type ApiOptions } from './parts.ts'
import { Question } from './requests.ts'
import type { Routes } from './routes.ts'

/** Events in one answer. */
export const EVENTS_PAGE_MAX = 200

/** Who answers, how it is, what it counts, what happens. */
export function addServerRoutes(routes: Routes, options: ApiOptions): void {
  addDescriptions(routes, options)
  addHappenings(routes, options)
}

function addDescriptions(routes: Routes, options: ApiOptions): void {
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/server`,
      scope: 'open',
      summary: 'Who answers',
      answer: 'ServerInfo',
    },
    (context) => context.json(options.describe()),
  )
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/health`,
      scope: 'open',
      summary: 'Whether it works; 503 where it does not',
      answer: 'Health',
    },
    (context) => {
      const health = options.health()
      return context.json(health, health.status === 'failing' ? 503 : 200)
    },
  )
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/openapi.json`,
      scope: 'open',
      summary: 'This document',
      answer: 'OpenApi',
    },
    (context) => context.json(headendDocument(options.describe().version, routes.list)),
  )
  routes.add(
    {
      method: 'GET',
      path: '/metrics',
      scope: 'metrics:read',
      summary: 'Counters for Prometheus, text format 0.0.4',
      answer: 'text/plain',
    },
    async (context) => {
      const { type, text } = await options.metrics()
      return context.body(text, 200, { 'content-type': type })
    },
  )
}

function addHappenings(routes: Routes, options: ApiOptions): void {
  const { access, store, views, live } = options
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/events`,
      scope: 'devices:read',
      summary: 'Events, newest first',
      answer: 'Events',
      parameters: [
        query('device', 'Only of this device'),
        query('before', '`next` of the page before'),
        limit(EVENTS_PAGE_MAX),
      ],
      refusals: [400, 404],
    },
    (context) => {
      const question = new Question(context.req.url)
      const id = question.id('device')
      const count = question.integer('limit', 1, EVENTS_PAGE_MAX, EVENTS_PAGE_MAX)
      const before = question.integer('before', 1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      const device = id && need(store.registry.device(id), 'device').row
      const events = store.queries.events({ device, before, limit: count })
      const last = events.length === count ? events.at(-1) : undefined
      return context.json({
        events: events.map((event) => views.event(event)),
        ...(last !== undefined && { next: String(last.row) }),
      })
    },
  )
  routes.add(
    {
      method: 'GET',
      path: `${API_ROOT}/live`,
      scope: 'readings:read',
      summary: 'Readings, devices and events as they come; resumes by Last-Event-ID',
      answer: 'text/event-stream',
      events: ['reset', 'reading', 'device', 'event'],
      parameters: [LAST_EVENT_ID],
      refusals: [503],
    },
    ({ req }, actor) => {
      const signal = access.streams.follow(actor, req.raw.signal)
      return live.respond(new Request(req.raw, { signal }), options.describe)
    },
  )
}
