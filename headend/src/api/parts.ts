import { toHex } from '@s3mp/envelope'
import type { LiveFeed, Page } from '@s3mp/web'
import type { Device, DeviceState, ServerInfo } from '@s3mp/web/api'
import type { Access } from '../access/access.ts'
import type { Confirmations } from '../access/confirm.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Deed } from '../store/registry.ts'
import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow } from '../store/types.ts'
import { idOf, notFound, type Question } from './requests.ts'
import type { Parameter } from './routes.ts'
import type { HealthAnswer } from './schemas.ts'
import { streamNumber } from './streams.ts'
import type { Views } from './views.ts'

/** Highest number of a device's meter; the wire has streams up to 65,535, sixteen a meter. */
export const HEAD_NUMBER_MAX = 4095
/** The last moment that JavaScript has a date for. */
export const TIME_MS_MAX = 8_640_000_000_000_000

/** What the API is made of. */
export interface ApiOptions {
  readonly store: SqliteStore
  readonly access: Access
  readonly confirmations: Confirmations
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
  /** Takes a device on. */
  readonly enroll: (
    card: string,
    about: { readonly name: string; readonly serial?: string | undefined; readonly deed: Deed },
  ) => Device
  /** Quarantines, releases or revokes a device. */
  readonly setState: (ueid: Uint8Array, state: DeviceState, deed: Deed) => Device
}

/** The device of an address. @throws HeadendError */
export function deviceOf(store: SqliteStore, id: string | undefined): DeviceRow {
  return need(store.registry.device(idOf('device', id ?? '')), 'device')
}

/** A device's stream by its name. */
export function streamOf(
  store: SqliteStore,
  device: DeviceRow,
  name: string,
): StreamRow | undefined {
  const number = streamNumber(name)
  return number === undefined ? undefined : store.queries.stream(device.row, number)
}

/** The meter that a question is about. */
export function headOf(question: Question): number {
  return question.integer('head', 0, HEAD_NUMBER_MAX, 0)
}

/** A device's id as text. */
export function idText({ ueid }: DeviceRow): string {
  return toHex(ueid)
}

/** What must be there. @throws HeadendError `ERR_HEADEND_NOT_FOUND`. */
export function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw notFound(`${what}: expected one that is stored, found none`)
  return value
}

const text = { type: 'string' }
const time = { type: 'integer', minimum: 0 }

/** Parameters that several addresses share. */
export const PARAMETERS = {
  device: path('device', 'The device’s UEID, lower-case hex', {
    type: 'string',
    pattern: '^[0-9a-f]{66}$',
  }),
  stream: query(
    'stream',
    'quarter, minute, live, or another stream’s name; without it the one that suits',
    text,
  ),
  head: query('head', 'Which of the device’s meters', {
    type: 'integer',
    minimum: 0,
    maximum: HEAD_NUMBER_MAX,
    default: 0,
  }),
  register: query('register', 'OBIS code in full: 1-0:16.7.0*255', text, true),
  fromMs: query('fromMs', 'Begin, inclusive', time, true),
  toMs: query('toMs', 'End, exclusive', time, true),
} as const

/** A parameter that is part of the address. */
export function path(
  name: string,
  description: string,
  schema: Parameter['schema'] = text,
): Parameter {
  return { name, in: 'path', required: true, description, schema }
}

/** A parameter behind the question mark. */
export function query(
  name: string,
  description: string,
  schema: Parameter['schema'] = text,
  required = false,
): Parameter {
  return { name, in: 'query', required, description, schema }
}

/** The parameter that bounds an answer. */
export function limit(max: number): Parameter {
  return query('limit', 'How many at most', {
    type: 'integer',
    minimum: 1,
    maximum: max,
    default: max,
  })
}
