import { decodeCbor, encodeCbor, EnvelopeError, type CborValue } from '@s3mp/envelope'

import { FirmwareError } from '../errors.ts'
import { bytesOf, CHANNEL_TEXT_MAX, countOf, flagOf, listOf, refused, textOf } from './fields.ts'
import { networkItems, networkOf, type NetworkReport } from './network.ts'

/** Bytes of one message between the roles: a sealed object and a few numbers around it. */
export const CHANNEL_MESSAGE_BYTES_MAX = 16_384

/** Ids in one `settled` message; more go into the next. */
export const CHANNEL_SETTLED_MAX = 512

/** Paths that one `status` message tells about. */
export const CHANNEL_PATHS_MAX = 24

/** Copies of one object beside the first that one `sent` message tells about. */
export const CHANNEL_COPIES_MAX = 8

/** How soon an object is needed: it decides over order, pace and redundancy. */
export const DEADLINE_CLASSES = ['alarm', 'billing', 'live'] as const

/** One of {@link DEADLINE_CLASSES}. */
export type DeadlineClass = (typeof DEADLINE_CLASSES)[number]

/** From the meter to the uplink. */
export type ToUplink =
  /** Carry these bytes. `attempt` counts from 0; a repeated one had better take another path. */
  | {
      readonly type: 'send'
      readonly id: number
      readonly deadline: DeadlineClass
      readonly attempt: number
      readonly bytes: Uint8Array
    }
  /** The bytes received as `token` acknowledged these: the paths of both are proven. */
  | { readonly type: 'settled'; readonly token: number; readonly ids: readonly number[] }

/** How a path looks from the uplink. */
export interface PathStatus {
  /** Eight bytes that name the path: the head of its fingerprint. */
  readonly fingerprint: Uint8Array
  /** For people: the ASes on the way. */
  readonly name: string
  readonly isActive: boolean
  readonly isAlive: boolean
  /** Smoothed round trip in milliseconds; 0 before the first measurement. */
  readonly roundTripMs: number
  readonly sent: number
  readonly acknowledged: number
  /** Every interface on the way, `1-ff00:0:111#41 …`; cut where it is too long. */
  readonly interfaces?: string
}

/** Whether packets prove their sender: `plain` and `waiting` while there is no key for it. */
export const AUTHENTICATION_STATES = ['off', 'proven', 'plain', 'waiting'] as const

/**
 * Whether a NAT stands between us and the border router: `asking` until something is known, `unknown`
 * where no router answers, `behind` where other ASes see us under another address, else `none`.
 */
export const NAT_STATES = ['off', 'asking', 'none', 'behind', 'unknown'] as const

/** From where other ASes see the uplink. */
export interface NatStatus {
  readonly state: (typeof NAT_STATES)[number]
  /** IP and port as the border router saw them last; empty before its first answer. */
  readonly outside: string
  /** How often that address has become another one since the start. */
  readonly changes: number
}

/** How the transport is doing beside its paths. */
export interface TransportHealth {
  readonly authentication: (typeof AUTHENTICATION_STATES)[number]
  /** Why every known path is forbidden; empty where one may be used. */
  readonly forbidden: string
  /** Left out by uplinks that do not look for a NAT. */
  readonly nat?: NatStatus
}

/** From the uplink to the meter. */
export type ToMeter =
  /** Bytes from the network, authentic or not: the meter decides. `token` names them here. */
  | { readonly type: 'received'; readonly token: number; readonly bytes: Uint8Array }
  /** The object left on this path (empty where the transport has none). */
  | {
      readonly type: 'sent'
      readonly id: number
      readonly path: Uint8Array
      /** The paths of further copies. */
      readonly copies?: readonly Uint8Array[]
    }
  /** The object could not leave; `reason` is a code for the log. */
  | { readonly type: 'unsent'; readonly id: number; readonly reason: string }
  | {
      readonly type: 'status'
      readonly paths: readonly PathStatus[]
      readonly health?: TransportHealth
    }
  /** What people are shown of the network; nothing is decided by it. */
  | { readonly type: 'network'; readonly report: NetworkReport }

/** Any message of the channel. */
export type ChannelMessage = ToUplink | ToMeter

const CODE = {
  send: 1,
  settled: 2,
  received: 3,
  sent: 4,
  unsent: 5,
  status: 6,
  network: 7,
} as const

/** The bytes of a message, without the length before them. */
export function encodeMessage(message: ChannelMessage): Uint8Array {
  return encodeCbor(itemsOf(message))
}

function itemsOf(message: ChannelMessage): CborValue {
  switch (message.type) {
    case 'send': {
      const { id, deadline, attempt, bytes } = message
      return [CODE.send, id, DEADLINE_CLASSES.indexOf(deadline), attempt, bytes]
    }
    case 'settled':
      return [CODE.settled, message.token, [...message.ids]]
    case 'received':
      return [CODE.received, message.token, message.bytes]
    case 'sent':
      return [
        CODE.sent,
        message.id,
        message.path,
        (message.copies ?? []).slice(0, CHANNEL_COPIES_MAX),
      ]
    case 'unsent':
      return [CODE.unsent, message.id, message.reason.slice(0, CHANNEL_TEXT_MAX)]
    case 'status':
      return [
        CODE.status,
        message.paths.slice(0, CHANNEL_PATHS_MAX).map(pathItems),
        ...healthItems(message.health),
      ]
    case 'network':
      return [CODE.network, networkItems(message.report, CHANNEL_MESSAGE_BYTES_MAX)]
  }
}

function healthItems(health: TransportHealth | undefined): CborValue[] {
  if (health === undefined) return []
  const { authentication, forbidden, nat } = health
  const items = [
    AUTHENTICATION_STATES.indexOf(authentication),
    forbidden.slice(0, CHANNEL_TEXT_MAX),
  ]
  if (nat === undefined) return items
  const { state, outside, changes } = nat
  return [...items, NAT_STATES.indexOf(state), outside.slice(0, CHANNEL_TEXT_MAX), changes]
}

function pathItems(path: PathStatus): CborValue {
  return [
    path.fingerprint,
    path.name.slice(0, CHANNEL_TEXT_MAX),
    path.isActive,
    path.isAlive,
    Math.round(path.roundTripMs),
    path.sent,
    path.acknowledged,
    (path.interfaces ?? '').slice(0, CHANNEL_TEXT_MAX),
  ]
}

/**
 * Reads a message. The other role is another process and may be taken over: everything is checked.
 *
 * @throws FirmwareError `malformed` that names the field.
 */
export function decodeMessage(bytes: Uint8Array): ChannelMessage {
  const items = listOf(decoded(bytes), 'message', 8)
  switch (countOf(items[0], 'message.type')) {
    case CODE.send:
      return {
        type: 'send',
        id: countOf(items[1], 'send.id'),
        deadline: deadlineOf(items[2]),
        attempt: countOf(items[3], 'send.attempt'),
        bytes: bytesOf(items[4], 'send.bytes'),
      }
    case CODE.settled: {
      const token = countOf(items[1], 'settled.token')
      const ids = listOf(items[2], 'settled.ids', CHANNEL_SETTLED_MAX)
      return { type: 'settled', token, ids: ids.map((id) => countOf(id, 'settled.id')) }
    }
    case CODE.received:
      return {
        type: 'received',
        token: countOf(items[1], 'received.token'),
        bytes: bytesOf(items[2], 'received.bytes'),
      }
    case CODE.sent:
      return {
        type: 'sent',
        id: countOf(items[1], 'sent.id'),
        path: bytesOf(items[2], 'sent.path'),
        ...copiesOf(items[3]),
      }
    case CODE.unsent:
      return {
        type: 'unsent',
        id: countOf(items[1], 'unsent.id'),
        reason: textOf(items[2], 'unsent.reason'),
      }
    case CODE.status: {
      const paths = listOf(items[1], 'status.paths', CHANNEL_PATHS_MAX)
      return { type: 'status', paths: paths.map(pathOf), ...healthOf(items.slice(2)) }
    }
    case CODE.network:
      return { type: 'network', report: networkOf(items[1]) }
    default:
      throw refused('message.type', 'a code from 1 to 7')
  }
}

function decoded(bytes: Uint8Array): CborValue {
  try {
    return decodeCbor(bytes)
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error
    throw new FirmwareError('malformed', `message: ${error.message}`, { cause: error })
  }
}

function deadlineOf(value: CborValue | undefined): DeadlineClass {
  const deadline = DEADLINE_CLASSES[countOf(value, 'send.deadline')]
  if (deadline !== undefined) return deadline
  throw refused('send.deadline', 'a code from 0 to 2')
}

function pathOf(value: CborValue): PathStatus {
  const items = listOf(value, 'status.path', 8)
  const interfaces = items[7] === undefined ? '' : textOf(items[7], 'status.interfaces')
  return {
    fingerprint: bytesOf(items[0], 'status.fingerprint'),
    name: textOf(items[1], 'status.name'),
    isActive: flagOf(items[2], 'status.isActive'),
    isAlive: flagOf(items[3], 'status.isAlive'),
    roundTripMs: countOf(items[4], 'status.roundTripMs'),
    sent: countOf(items[5], 'status.sent'),
    acknowledged: countOf(items[6], 'status.acknowledged'),
    ...(interfaces === '' ? {} : { interfaces }),
  }
}

function copiesOf(value: CborValue | undefined): { readonly copies?: readonly Uint8Array[] } {
  if (value === undefined) return {}
  const copies = listOf(value, 'sent.copies', CHANNEL_COPIES_MAX)
  return copies.length === 0 ? {} : { copies: copies.map((one) => bytesOf(one, 'sent.copy')) }
}

function healthOf([state, forbidden, ...rest]: readonly CborValue[]): {
  readonly health?: TransportHealth
} {
  if (state === undefined) return {}
  const authentication = AUTHENTICATION_STATES[countOf(state, 'status.authentication')]
  if (authentication === undefined) throw refused('status.authentication', 'a code from 0 to 3')
  const told = { authentication, forbidden: textOf(forbidden, 'status.forbidden') }
  return { health: { ...told, ...natOf(rest) } }
}

function natOf([code, outside, changes]: readonly CborValue[]): { readonly nat?: NatStatus } {
  if (code === undefined) return {}
  const state = NAT_STATES[countOf(code, 'status.nat')]
  if (state === undefined) throw refused('status.nat', 'a code from 0 to 4')
  const told = { outside: textOf(outside, 'status.outside'), changes: countOf(changes, 'status.changes') } // prettier-ignore
  return { nat: { state, ...told } }
}
