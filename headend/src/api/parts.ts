import { toHex } from '@s3mp/envelope'
import type { LiveFeed, Page } from '@s3mp/web'
import type { Device, DeviceState, ServerInfo } from '@s3mp/web/api'
import { sharedParameters, type HealthAnswer } from '@s3mp/web/openapi'
import type { Access } from '../access/access.ts'
import type { Confirmations } from '../access/confirm.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Deed } from '../store/registry.ts'
import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow } from '../store/types.ts'
import { idOf, notFound, type Question } from './requests.ts'
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

/** Parameters that several addresses share. */
export const PARAMETERS = sharedParameters(HEAD_NUMBER_MAX)
