import { toHex } from '@s3mp/envelope'
import type { TraceEvent } from '@s3mp/firmware'
import { decimal, explainTelegram } from '@s3mp/meter'
import { pathId } from './network-view.ts'
import type { Journey, JourneyAttempt, JourneyLayer } from '@s3mp/web/api'

/** Readings that are followed at once; one that is never acknowledged gives way to newer ones. */
export const JOURNEYS_MAX = 64

/** UDP and IPv4 between the meter and its first border router. */
const UNDERLAY_BYTES = 28

/** A UDP header. */
const UDP_BYTES = 8

/** The stream that carries every telegram (number 3 of the first head). */
const LIVE_STREAM = 3

type Telegram = Extract<TraceEvent, { type: 'telegram' }>

/** What the follower of journeys needs. */
export interface JourneysOptions {
  readonly device: string
  /** Bytes that the SCION header, addresses and path take in front of a payload now. */
  readonly scionBytes: () => number
  readonly onJourney: (journey: Journey) => void
  readonly onAcknowledged: (path: string, atMs: number) => void
}

/** Follows every reading from its telegram to the acknowledgement, by what each room tells. */
export class Journeys {
  readonly #options: JourneysOptions
  readonly #byId = new Map<number, Journey>()
  readonly #idOf = new Map<string, number>()
  readonly #attempts = new Map<number, JourneyAttempt[]>()
  #telegram: Telegram | undefined
  #latest: Journey | undefined

  constructor(options: JourneysOptions) {
    this.#options = options
  }

  /** The newest one that has arrived. */
  get latest(): Journey | undefined {
    return this.#latest
  }

  /** Takes what the meter and its uplink tell. */
  trace(event: TraceEvent): void {
    if (event.type === 'telegram') this.#telegram = event
    if (event.type === 'stored') this.#sealed(event)
    if (event.type === 'sent') {
      const attempts = this.#attempts.get(event.id) ?? []
      attempts.push({ path: toHex(event.path), atMs: event.atMs })
      this.#attempts.set(event.id, attempts)
      this.#change(event.id, { attempts: [...attempts] })
    }
    if (event.type === 'acknowledged') this.#acknowledged(event)
  }

  /** Takes what the head-end tells: that record is row `row` now. */
  stored(stream: number, seq: number, row: number, atMs: number, path?: Uint8Array): void {
    const id = this.#idOf.get(`${stream}/${seq}`)
    if (id === undefined) return
    this.#change(id, {
      storedMs: atMs,
      row,
      ...(path !== undefined && { path: pathId(toHex(path)) }),
    })
  }

  #sealed(event: Extract<TraceEvent, { type: 'stored' }>): void {
    this.#attempts.set(event.id, [])
    this.#forgetOld()
    const telegram = this.#telegram
    if (telegram === undefined || event.stream !== LIVE_STREAM || event.record.kind !== 'fast')
      return
    this.#idOf.set(`${event.stream}/${event.seq}`, event.id)
    this.#byId.set(event.id, {
      device: this.#options.device,
      stream: 'live',
      seq: event.seq,
      telegram: {
        protocol: telegram.reading.protocol,
        bytes: toHex(telegram.bytes),
        fields: explainTelegram(telegram.reading.protocol, telegram.bytes),
        arrivedMs: telegram.atMs,
      },
      registers: telegram.reading.registers.map((register) => ({
        obis: register.obis,
        value: decimal(register),
        unit: register.unit,
      })),
      flags: telegram.reading.flags,
      sealedMs: event.atMs,
      sealedBytes: event.datagram.length,
      layers: this.#layers(event),
      attempts: [],
    })
  }

  #layers(event: Extract<TraceEvent, { type: 'stored' }>): readonly JourneyLayer[] {
    const signature = event.object.length - event.payload.length
    const layers: JourneyLayer[] = [
      { layer: 'payload', bytes: event.payload.length },
      { layer: 'signature', bytes: signature },
      { layer: 'encryption', bytes: event.datagram.length - event.object.length },
      { layer: 'udp', bytes: UDP_BYTES },
      { layer: 'scion', bytes: this.#options.scionBytes() },
      { layer: 'underlay', bytes: UNDERLAY_BYTES },
    ]
    return layers.filter((layer) => layer.bytes > 0)
  }

  #acknowledged(event: Extract<TraceEvent, { type: 'acknowledged' }>): void {
    const path = this.#attempts.get(event.id)?.at(-1)?.path
    if (path !== undefined) this.#options.onAcknowledged(path, event.atMs)
    this.#attempts.delete(event.id)
    this.#change(event.id, { ackedMs: event.atMs })
    const journey = this.#byId.get(event.id)
    this.#byId.delete(event.id)
    if (journey === undefined) return
    this.#idOf.delete(`${event.stream}/${event.seq}`)
    this.#latest = journey
    this.#options.onJourney(journey)
  }

  #change(id: number, change: Partial<Journey>): void {
    const journey = this.#byId.get(id)
    if (journey !== undefined) this.#byId.set(id, { ...journey, ...change })
  }

  /** What is not acknowledged for long (a head-end that is off) is not followed any more. */
  #forgetOld(): void {
    for (const map of [this.#byId, this.#attempts, this.#idOf]) {
      const [oldest] = map.keys()
      if (map.size > JOURNEYS_MAX && oldest !== undefined)
        (map as Map<unknown, unknown>).delete(oldest)
    }
  }
}
