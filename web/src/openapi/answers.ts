import {
  COUNTER_EDGES_MAX,
  SERIES_POINTS_MAX,
  type ApiError,
  type CountersAnswer,
  type Device,
  type DevicesAnswer,
  type EventsAnswer,
  type EventView,
  type EvidenceAnswer,
  type ReadingView,
  type SeriesAnswer,
  type ServerInfo,
} from '../api.ts'
import { z } from 'zod'

/*
 * Every answer as a schema: the OpenAPI document is made of these, and the compiler holds them to the
 * types that the pages are written against.
 */

const hex = z.string().regex(/^([0-9a-f]{2})*$/)
const id = z.string().regex(/^[0-9a-f]{66}$/)
const timeMs = z.int().min(0)
const seq = z.int().min(0)
const decimal = z.string().regex(/^-?[0-9]+(\.[0-9]+)?$/)
const streamName = z.string().regex(/^[a-z]+(-[0-9]+)?$/)
const algorithm = z.enum(['Ed25519', 'ESP256'])
const severity = z.enum(['info', 'warning', 'alarm'])
const count = z.int().min(0)
const curveValue = z.union([z.number(), z.null()])

/** What `GET /api/v1/server` answers. */
export const serverInfo: z.ZodType<ServerInfo> = z.strictObject({
  role: z.enum(['headend', 'meter', 'demo']),
  version: z.string(),
  run: z.string(),
  nowMs: timeMs,
  startedMs: timeMs,
  views: z.array(z.enum(['journey', 'network', 'household', 'fleet'])),
})

/** One stored reading. */
export const readingView: z.ZodType<ReadingView> = z.strictObject({
  device: id,
  stream: streamName,
  seq,
  timeMs,
  storedMs: timeMs,
  row: z.int().min(1),
  registers: z.array(
    z.strictObject({
      obis: z.string().regex(/^\d+-\d+:\d+\.\d+\.\d+\*\d+$/),
      value: decimal,
      unit: z.string(),
    }),
  ),
  flags: z.array(z.string()),
  proof: z.enum(['signed', 'sealed', 'pending']),
  path: hex.exactOptional(),
  quarantined: z.literal(true).exactOptional(),
})

/** One enrolled device. */
export const device: z.ZodType<Device> = z.strictObject({
  id,
  name: z.string(),
  state: z.enum(['active', 'quarantined', 'revoked']),
  algorithm,
  publicKey: hex,
  enrolledMs: timeMs,
  lastSeenMs: timeMs.exactOptional(),
  meterId: z.string().exactOptional(),
  latest: readingView.exactOptional(),
  streams: z.array(
    z.strictObject({
      stream: streamName,
      contiguousSeq: seq,
      newestSeq: seq,
      newestMs: timeMs.exactOptional(),
      intervalMs: z.int().min(1).exactOptional(),
      head: z.int().min(0).exactOptional(),
      meterId: z.string().exactOptional(),
      protocol: z.string().exactOptional(),
      medium: z
        .enum([
          'electricity',
          'heat-cost',
          'cooling',
          'heat',
          'gas',
          'cold-water',
          'hot-water',
          'other',
        ])
        .exactOptional(),
      registers: z.array(z.string()).exactOptional(),
    }),
  ),
  health: z
    .strictObject({
      atMs: timeMs,
      firmware: hex.exactOptional(),
      clock: z.enum(['unset', 'synced', 'holdover', 'suspect']),
      uptimeMs: z.int().min(0).exactOptional(),
      spoolRecords: z.int().min(0).exactOptional(),
      spoolBytes: z.int().min(0).exactOptional(),
      spoolBytesMax: z.int().min(0).exactOptional(),
    })
    .exactOptional(),
  completeness: z.strictObject({ received: z.int().min(0), due: z.int().min(0) }).exactOptional(),
  alarms: z.int().min(0),
})

/** A page of devices. */
export const devicesAnswer: z.ZodType<DevicesAnswer> = z.strictObject({
  devices: z.array(device),
  total: z.int().min(0),
  counts: z
    .strictObject({
      all: count,
      active: count,
      quarantined: count,
      revoked: count,
      alarms: count,
      silent: count,
    })
    .exactOptional(),
  next: id.exactOptional(),
})

/** A curve. */
export const seriesAnswer: z.ZodType<SeriesAnswer> = z.strictObject({
  device: id,
  register: z.string(),
  unit: z.string(),
  stream: streamName,
  bucketMs: z.int().min(1),
  timesMs: z.array(timeMs).max(SERIES_POINTS_MAX * 2),
  values: z.array(curveValue),
  low: z.array(curveValue).exactOptional(),
  high: z.array(curveValue).exactOptional(),
})

/** An energy counter at given times. */
export const countersAnswer: z.ZodType<CountersAnswer> = z.strictObject({
  device: id,
  register: z.string(),
  unit: z.string(),
  edgesMs: z.array(timeMs).max(COUNTER_EDGES_MAX),
  values: z.array(z.union([decimal, z.null()])),
})

/** What proves one record. */
export const evidenceAnswer: z.ZodType<EvidenceAnswer> = z.strictObject({
  device: id,
  algorithm,
  publicKey: hex,
  recipientId: hex,
  stream: streamName,
  seq,
  claimed: readingView,
  records: z.array(
    z.strictObject({ row: z.int().min(1), stream: streamName, seq, kind: z.string(), bytes: hex }),
  ),
})

/** One event. */
export const eventView: z.ZodType<EventView> = z.strictObject({
  id: z.string(),
  atMs: timeMs,
  severity,
  code: z.string(),
  values: z.record(z.string(), z.union([z.string(), z.number()])),
  device: id.exactOptional(),
  reason: z.string().exactOptional(),
})

/** A page of events. */
export const eventsAnswer: z.ZodType<EventsAnswer> = z.strictObject({
  events: z.array(eventView),
  next: z.string().exactOptional(),
})

/** Codes of refusals. */
export const ERROR_CODES = [
  /** A parameter is missing or not what it should be; the message names it. */
  'bad_request',
  /** A password is too short, too long or too plain; the message begins with which. */
  'bad_password',
  /** A path policy that does not parse; the message says what was expected where. */
  'bad_policy',
  /** A body that is not JSON. */
  'not_json',
  /** A body that is too large. */
  'too_large',
  /** Nobody is logged in, or the token is not one. */
  'not_logged_in',
  /** The name or the password is wrong; which of them is not said. */
  'wrong_credentials',
  /** Logged in, but not allowed to do this. */
  'not_allowed',
  /** A change asked for by a page of another origin. */
  'foreign_origin',
  /** Too many log-ins were tried; Retry-After says when to go on. */
  'too_many_attempts',
  /** Things are not as the question supposes: a state has changed, a confirmation no longer holds. */
  'conflict',
  /** A limit of docs/limits.md is reached. */
  'too_many',
  /** Too much is being done at once; ask again. */
  'busy',
  /** There is no such device, stream, record or address. */
  'not_found',
  /** The address exists, but is not asked this way. */
  'method_not_allowed',
  /** The request names a host that this server is not. */
  'wrong_host',
  /** A fault of the server; it is in its log. */
  'internal',
] as const

/** Every refusal. */
export const apiError: z.ZodType<ApiError> = z.strictObject({
  error: z.strictObject({ code: z.enum(ERROR_CODES), message: z.string() }),
})

/** This very document: any object. */
export const openApi: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown())

/** What `GET /api/v1/health` answers: for a supervisor or a load balancer. */
export interface HealthAnswer {
  readonly status: 'ok' | 'busy' | 'failing'
  /** How full the receiving queue is, 0 to 1. */
  readonly fill: number
  /** When something was stored last; absent before the first. */
  readonly lastCommitMs?: number
}

/** See {@link HealthAnswer}. */
export const healthAnswer: z.ZodType<HealthAnswer> = z.strictObject({
  status: z.enum(['ok', 'busy', 'failing']),
  fill: z.number().min(0).max(1),
  lastCommitMs: timeMs.exactOptional(),
})
