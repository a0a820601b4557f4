import type { Clock } from '@s3mp/hal'

import type { UplinkEnd } from './channel/channel.ts'
import type { ToUplink, TransportHealth } from './channel/message.ts'
import { codeOf, reasonOf } from './errors.ts'
import { silentLog, type Log } from './log.ts'
import type { Departure, Transport } from './transport/transport.ts'

/** Departures remembered until they are settled; the oldest is forgotten. */
export const UPLINK_DEPARTURES_MAX = 1024

/** Arrivals remembered until the meter says what they settled; the oldest is forgotten. */
export const UPLINK_ARRIVALS_MAX = 64

/** Bytes of a datagram that is handed on: no object of the protocol is longer. */
export const UPLINK_ARRIVAL_BYTES_MAX = 8192

/** Sends under way in the transport; more are refused, the meter tries again. */
export const UPLINK_SENDING_MAX = 128

/** How often the meter is told how the paths are doing, in milliseconds. */
export const UPLINK_STATUS_MS = 2000

/** What an uplink is made of. */
export interface UplinkOptions {
  readonly channel: UplinkEnd
  readonly transport: Transport
  readonly clock: Clock
  readonly log?: Log
}

/** How a running uplink is doing. */
export interface UplinkStatus {
  readonly sent: number
  readonly failed: number
  readonly received: number
  readonly isMeterThere: boolean
}

/** The role that touches the network: opaque bytes in both directions, no key, no plaintext. */
export interface Uplink {
  /** Works until `signal` aborts, then closes channel and transport. */
  run(signal: AbortSignal, progress?: () => void): Promise<void>
  status(): UplinkStatus
}

/** Puts an uplink together. */
export function createUplink(options: UplinkOptions): Uplink {
  return new UplinkApp(options)
}

class UplinkApp implements Uplink {
  readonly #options: UplinkOptions
  readonly #log: Log
  readonly #departures = new Map<number, Departure>()
  readonly #ways = new Map<number, unknown>()
  #token = 0
  #sending = 0
  #counts = { sent: 0, failed: 0, received: 0 }
  #health: TransportHealth = { authentication: 'off', forbidden: '' }

  constructor(options: UplinkOptions) {
    this.#options = options
    this.#log = options.log ?? silentLog
  }

  async run(signal: AbortSignal, progress: () => void = () => undefined): Promise<void> {
    const { channel, transport, clock } = this.#options
    channel.onMessage((message) => {
      this.#hear(message)
    })
    channel.onLink((isLinked) => {
      this.#log.info(isLinked ? 'meter.linked' : 'meter.gone')
    })
    transport.onReceive(({ bytes, way }) => {
      this.#counts.received += 1
      // Whoever forges the head-end's address must not break the channel with it.
      if (bytes.length > UPLINK_ARRIVAL_BYTES_MAX) {
        this.#log.debug('datagram.too-long', { bytes: bytes.length })
        return
      }
      this.#token += 1
      remember(this.#ways, this.#token, way, UPLINK_ARRIVALS_MAX)
      channel.post({ type: 'received', token: this.#token, bytes })
    })
    while (!signal.aborted) {
      progress()
      this.#tellStatus()
      await clock.sleep(UPLINK_STATUS_MS, signal).catch(() => undefined)
    }
    await channel.close()
    await transport.close()
  }

  status(): UplinkStatus {
    return { ...this.#counts, isMeterThere: this.#options.channel.isLinked }
  }

  #tellStatus(): void {
    const { channel, transport } = this.#options
    const paths = transport.paths()
    const health = transport.health?.()
    const report = transport.network?.()
    if (report !== undefined) channel.post({ type: 'network', report })
    if (health === undefined) {
      if (paths.length > 0) channel.post({ type: 'status', paths })
      return
    }
    channel.post({ type: 'status', paths, health })
    const { authentication, forbidden } = health
    if (forbidden !== this.#health.forbidden) {
      if (forbidden === '') this.#log.info('paths.allowed')
      else this.#log.error('paths.forbidden', { reason: forbidden })
    }
    if (authentication !== this.#health.authentication) {
      this.#log.info('authentication.changed', { state: authentication })
    }
    this.#health = health
  }

  #hear(message: ToUplink): void {
    if (message.type === 'send') void this.#send(message)
    else this.#settle(message.token, message.ids)
  }

  async #send(message: Extract<ToUplink, { type: 'send' }>): Promise<void> {
    const { channel, transport } = this.#options
    const { id, bytes, deadline, attempt } = message
    if (this.#sending >= UPLINK_SENDING_MAX) {
      channel.post({ type: 'unsent', id, reason: 'busy' })
      return
    }
    this.#sending += 1
    try {
      const departure = await transport.send(bytes, { deadline, attempt })
      this.#counts.sent += 1
      remember(this.#departures, id, departure, UPLINK_DEPARTURES_MAX)
      const { path, copies } = departure
      channel.post({ type: 'sent', id, path, ...(copies === undefined ? {} : { copies }) })
    } catch (error) {
      this.#counts.failed += 1
      this.#log.warn('send.failed', { code: codeOf(error), reason: reasonOf(error) })
      channel.post({ type: 'unsent', id, reason: codeOf(error) })
    } finally {
      this.#sending -= 1
    }
  }

  /** What these bytes acknowledged tells the transport which paths work, in both directions. */
  #settle(token: number, ids: readonly number[]): void {
    const way = this.#ways.get(token)
    if (!this.#ways.delete(token)) return
    for (const id of ids) {
      const departure = this.#departures.get(id)
      if (departure === undefined) continue
      this.#departures.delete(id)
      this.#options.transport.landed(departure, way)
    }
  }
}

/** Puts into a bounded map; the oldest entry makes room. */
function remember<Value>(map: Map<number, Value>, key: number, value: Value, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
