import { API_ROOT, COUNTER_EDGES_MAX, SERIES_POINTS_MAX } from '@s3mp/web/api'
import {
  LAST_EVENT_ID,
  limit,
  openApiDocument,
  path,
  query,
  sharedParameters,
  type Address,
} from '@s3mp/web/openapi'

import { PLACES_MAX } from '../streams.ts'
import { EVENTS_PAGE_MAX } from './api.ts'

/** Devices that a page written for many may ask for; there is one. */
const DEVICES_ASKED_MAX = 100
const OWNER = 'owner'
const DEVICE = `${API_ROOT}/devices/:device`
const SHARED = sharedParameters(PLACES_MAX - 1)
const { device, stream, head, register, fromMs, toMs } = SHARED
const refusals = [400, 404]
const edges = (least: number) =>
  query('edges', `${String(least)} to ${String(COUNTER_EDGES_MAX)} times, separated by commas`, undefined, true) // prettier-ignore
const points = { type: 'integer', minimum: 1, maximum: SERIES_POINTS_MAX, default: 1000 }
const decimals = { type: 'string', enum: ['point', 'comma'], default: 'point' }

function get(address: Omit<Address, 'method' | 'scope'>): Address {
  return { method: 'GET', scope: OWNER, ...address }
}

/** Every address of the meter's own page. */
export const PAGE_ADDRESSES: readonly Address[] = [
  get({ path: `${API_ROOT}/server`, summary: 'Who answers', answer: 'ServerInfo' }),
  get({ path: `${API_ROOT}/openapi.json`, summary: 'This document', answer: 'OpenApi' }),
  {
    method: 'GET',
    path: `${API_ROOT}/session`,
    scope: 'open',
    summary: 'Who the meter takes the asker for',
    answer: 'Session',
  },
  {
    method: 'POST',
    path: `${API_ROOT}/session`,
    scope: 'open',
    summary: 'Takes the set-up code; sets an HttpOnly cookie',
    answer: 'Session',
    body: 'Login',
    refusals: [401, 403, 429],
  },
  {
    method: 'DELETE',
    path: `${API_ROOT}/session`,
    scope: 'open',
    summary: 'Ends the session',
    answer: 'Session',
    refusals: [403],
  },
  get({
    path: `${API_ROOT}/live`,
    summary: 'Readings, the device and events as they come; resumes by Last-Event-ID',
    answer: 'text/event-stream',
    events: ['reset', 'reading', 'device', 'event', 'network'],
    parameters: [LAST_EVENT_ID],
    refusals: [503],
  }),
  get({
    path: `${API_ROOT}/devices`,
    summary: 'The one device, however many are asked for',
    answer: 'Devices',
    parameters: [limit(DEVICES_ASKED_MAX)],
  }),
  get({ path: DEVICE, summary: 'The device', answer: 'Device', parameters: [device], refusals }),
  get({
    path: `${DEVICE}/latest`,
    summary: 'The newest reading of a stream, or of the finest stream of a meter',
    answer: 'Reading',
    parameters: [device, stream, head],
    refusals,
  }),
  get({
    path: `${DEVICE}/series`,
    summary: 'A curve of one register',
    answer: 'Series',
    parameters: [device, register, fromMs, toMs, query('points', 'Buckets at most', points), stream, head], // prettier-ignore
    refusals,
  }),
  get({
    path: `${DEVICE}/counters`,
    summary: 'An energy counter, exact, at given times',
    answer: 'Counters',
    parameters: [device, register, edges(1), head],
    refusals,
  }),
  get({
    path: `${DEVICE}/evidence/:stream/:seq`,
    summary: 'What proves one reading: signed bytes as they were recorded',
    answer: 'Evidence',
    parameters: [
      device,
      path('stream', 'The stream’s name'),
      path('seq', 'The reading’s number', { type: 'integer', minimum: 1 }),
    ],
    refusals,
  }),
  get({
    path: `${DEVICE}/tariff`,
    summary: 'What the owner pays; 404 before it was entered',
    answer: 'Tariff',
    parameters: [device],
    refusals,
  }),
  {
    method: 'PUT',
    path: `${DEVICE}/tariff`,
    scope: OWNER,
    summary: 'Keeps what the owner pays',
    answer: 'Tariff',
    body: 'Tariff',
    parameters: [device],
    refusals,
  },
  get({
    path: `${DEVICE}/costs`,
    summary: 'What spans of time cost, exactly, from signed counters; 404 without a tariff',
    answer: 'Costs',
    parameters: [device, edges(2), head],
    refusals,
  }),
  get({
    path: `${DEVICE}/readings.csv`,
    summary: 'Readings as a file: a line a reading, a column a register',
    answer: 'text/csv',
    parameters: [device, stream, head, fromMs, toMs, query('decimal', 'comma: for spreadsheets that expect 1,5 and semicolons', decimals)], // prettier-ignore
    refusals,
  }),
  get({
    path: `${API_ROOT}/events`,
    summary: 'Events, newest first',
    answer: 'Events',
    parameters: [
      query('device', 'Only of this device'),
      query('before', '`next` of the page before'),
      limit(EVENTS_PAGE_MAX),
    ],
    refusals: [400],
  }),
  get({
    path: `${API_ROOT}/network`,
    summary: 'The paths to the head-end and their changes; 404 before the uplink told of any',
    answer: 'Network',
    refusals: [404],
  }),
  get({
    path: `${API_ROOT}/network/policy`,
    summary: 'The configured policy, and what it makes of each path; 404 as above',
    answer: 'Policy',
    refusals: [404],
  }),
  {
    method: 'GET',
    path: '/metrics',
    scope: 'open',
    summary: 'Counters for Prometheus, for programs on the same machine, text format 0.0.4',
    answer: 'text/plain',
    refusals: [403],
  },
]

/** The description of the meter's own page. */
export function pageDocument(version: string): Readonly<Record<string, unknown>> {
  const about = {
    title: 'S3MP meter',
    version,
    description: 'On loopback nobody has to log in; elsewhere the set-up code opens a session.',
    securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: 's3mp' } },
    security: (scope: string) => (scope === 'open' ? [] : [{ session: [] }]),
  }
  return openApiDocument(about, PAGE_ADDRESSES)
}
