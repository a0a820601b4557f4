import { COUNTER_EDGES_MAX, SERIES_POINTS_MAX } from '@s3mp/web/api'
import { z } from 'zod'
import * as schemas from './schemas.ts'

/** Devices in one answer. */
export const DEVICES_PAGE_MAX = 100
/** Events in one answer. */
export const EVENTS_PAGE_MAX = 200

type JsonObject = Readonly<Record<string, unknown>>

const COMPONENTS: Readonly<Record<string, z.ZodType>> = {
  ServerInfo: schemas.serverInfo,
  Health: schemas.healthAnswer,
  Device: schemas.device,
  Devices: schemas.devicesAnswer,
  Reading: schemas.readingView,
  Series: schemas.seriesAnswer,
  Counters: schemas.countersAnswer,
  Evidence: schemas.evidenceAnswer,
  Event: schemas.eventView,
  Events: schemas.eventsAnswer,
  Error: schemas.apiError,
}

function components(): JsonObject {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id })
  const { schemas: made } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(
    Object.entries(made).map(([name, schema]) => [name, withoutMeta(schema)]),
  )
}

/** A schema's own name and dialect are said once, by the document around it. */
function withoutMeta(schema: object): JsonObject {
  return Object.fromEntries(
    Object.entries(schema).filter(([key]) => key !== '$id' && key !== '$schema'),
  )
}

function parameter(
  name: string,
  place: 'path' | 'query',
  schema: JsonObject,
  description: string,
  required = place === 'path',
): JsonObject {
  return { name, in: place, required, description, schema }
}

const text = { type: 'string' }
const time = { type: 'integer', minimum: 0 }
const device = parameter(
  'device',
  'path',
  { type: 'string', pattern: '^[0-9a-f]{66}$' },
  'The device’s UEID, lower-case hex',
)
const stream = parameter(
  'stream',
  'query',
  text,
  'quarter, minute, live, or another stream’s name; without it the finest that has data',
  false,
)
const register = parameter('register', 'query', text, 'OBIS code in full: 1-0:16.7.0*255', true)

function limit(max: number): JsonObject {
  const schema = { type: 'integer', minimum: 1, maximum: max, default: max }
  return parameter('limit', 'query', schema, 'How many at most', false)
}

function answer(name: string, description: string): JsonObject {
  const schema = { $ref: `#/components/schemas/${name}` }
  return { description, content: { 'application/json': { schema } } }
}

function get(
  summary: string,
  schema: string,
  parameters: readonly JsonObject[] = [],
  refusals: readonly number[] = [400, 404],
): JsonObject {
  const responses = {
    200: answer(schema, 'The answer'),
    ...Object.fromEntries(
      (parameters.length === 0 ? [] : refusals).map((status) => [
        status,
        answer('Error', 'Why not'),
      ]),
    ),
    default: answer('Error', 'Any other refusal'),
  }
  return { get: { summary, parameters, responses } }
}

const PATHS: JsonObject = {
  '/api/v1/server': get('Who answers', 'ServerInfo'),
  '/api/v1/health': get('Whether it works; 503 where it does not', 'Health'),
  '/api/v1/devices': get('Devices, ordered by name, then id', 'Devices', [
    parameter('after', 'query', text, '`next` of the page before', false),
    parameter('query', 'query', text, 'Part of a name or an id', false),
    limit(DEVICES_PAGE_MAX),
  ]),
  '/api/v1/devices/{device}': get('One device', 'Device', [device]),
  '/api/v1/devices/{device}/latest': get('The newest reading of a stream', 'Reading', [
    device,
    stream,
  ]),
  '/api/v1/devices/{device}/series': get('A curve of one register', 'Series', [
    device,
    register,
    parameter('fromMs', 'query', time, 'Begin, inclusive', true),
    parameter('toMs', 'query', time, 'End, exclusive', true),
    parameter(
      'points',
      'query',
      { type: 'integer', minimum: 1, maximum: SERIES_POINTS_MAX, default: 1000 },
      'Buckets at most',
      false,
    ),
    stream,
  ]),
  '/api/v1/devices/{device}/counters': get('An energy counter, exact, at given times', 'Counters', [
    device,
    register,
    parameter(
      'edges',
      'query',
      text,
      `Up to ${COUNTER_EDGES_MAX} times, separated by commas`,
      true,
    ),
  ]),
  '/api/v1/devices/{device}/evidence/{stream}/{seq}': get(
    'What proves one reading: signed bytes as they were received',
    'Evidence',
    [
      device,
      parameter('stream', 'path', text, 'The stream’s name'),
      parameter('seq', 'path', { type: 'integer', minimum: 1 }, 'The reading’s number'),
    ],
  ),
  '/api/v1/events': get('Events, newest first', 'Events', [
    parameter('device', 'query', text, 'Only of this device', false),
    parameter('before', 'query', text, '`next` of the page before', false),
    limit(EVENTS_PAGE_MAX),
  ]),
  '/api/v1/live': {
    get: {
      summary: 'Readings, devices and events as they come; resumes by Last-Event-ID',
      parameters: [],
      responses: {
        200: {
          description: 'Server-sent events',
          content: { 'text/event-stream': { schema: text } },
        },
        503: { description: 'Too many readers; Retry-After says when' },
      },
    },
  },
  '/api/v1/openapi.json': {
    get: {
      summary: 'This document',
      parameters: [],
      responses: {
        200: {
          description: 'OpenAPI 3.1',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
      },
    },
  },
  '/metrics': {
    get: {
      summary: 'Counters for Prometheus',
      parameters: [],
      responses: {
        200: { description: 'Text format 0.0.4', content: { 'text/plain': { schema: text } } },
      },
    },
  },
}

/** The description of the API, OpenAPI 3.1. */
export function openApiDocument(version: string): JsonObject {
  return {
    openapi: '3.1.0',
    info: {
      title: 'S3MP head-end',
      version,
      description:
        'Read-only. Times are milliseconds since 1970 UTC, bytes are lower-case hex, register values are exact decimal strings.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: PATHS,
    components: { schemas: components() },
  }
}
