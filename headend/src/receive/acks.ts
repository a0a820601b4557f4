import {
  ACK_BITMAP_BYTES_MAX,
  ACK_PACE_MS_MAX,
  ACK_STREAMS_MAX,
  ackBitmap,
  sealAck,
  type StreamAck,
} from '@s3mp/envelope'
import type { RandomBytes } from '../clock.ts'
import type { Queries } from '../store/queries.ts'
import type { StreamRow } from '../store/streams.ts'
import type { Arrival } from '../transport/transport.ts'
import type { Epochs } from './epochs.ts'

/** Ways over which one answer to one device is sent: enough for every path in use at once. */
export const ANSWER_WAYS_MAX = 4
/** Devices that wait for an answer; beyond it answers are dropped, meters ask again. */
export const ANSWERS_MAX = 8192
/** Devices whose ways are known for having brought something new; the longest silent is forgotten. */
export const DEVICES_ANSWERED_MAX = 65_536
/** Longest pause that a full queue asks meters for. */
export const PACE_MS_MAX = 60_000
/** How full the queue is when meters are first asked to wait. */
const PACE_FROM_FILL = 0.5

interface Answer {
  /** By name of the way; who brought something new, or once did, goes before who repeats. */
  readonly ways: Map<string, { readonly arrival: Arrival; readonly isKnown: boolean }>
  /** Streams to name; undefined: all. */
  streams: Set<number> | undefined
}

/** What the acks are made with. */
export interface AckOptions {
  readonly epochs: Epochs
  readonly queries: Queries
  readonly random: RandomBytes
}

/**
 * Collects who is to be answered, and answers each device once, over every way it asked.
 *
 * Whoever has seen a datagram can send it again from anywhere; such ways do not take the place of
 * those over which the device brought something new.
 */
export class Acks {
  readonly #options: AckOptions
  readonly #known = new Map<number, Set<string>>()
  #waiting = new Map<number, Answer>()

  constructor(options: AckOptions) {
    this.#options = options
  }

  /** Devices waiting for an answer. */
  get size(): number {
    return this.#waiting.size
  }

  /**
   * Notes that a device is to be answered about a stream, or about all where none is named. `isNew` says
   * that the arrival brought what was not there before: nobody but the device can have made it.
   */
  ask(
    device: number,
    arrival: Arrival,
    { stream, isNew = false }: { readonly stream?: number; readonly isNew?: boolean } = {},
  ): void {
    if (isNew) this.#learn(device, arrival.way)
    const known = this.#waiting.get(device)
    if (known === undefined && this.#waiting.size >= ANSWERS_MAX) return
    const answer: Answer = known ?? { ways: new Map(), streams: new Set<number>() }
    this.#addWay(answer, device, arrival)
    if (stream === undefined) answer.streams = undefined
    else answer.streams?.add(stream)
    if (known === undefined) this.#waiting.set(device, answer)
  }

  #addWay({ ways }: Answer, device: number, arrival: Arrival): void {
    const isKnown = this.#known.get(device)?.has(arrival.way) === true
    if (ways.size >= ANSWER_WAYS_MAX && !ways.has(arrival.way)) {
      const stranger = isKnown && [...ways].find(([, other]) => !other.isKnown)?.[0]
      if (typeof stranger !== 'string') return
      ways.delete(stranger)
    }
    ways.set(arrival.way, { arrival, isKnown })
  }

  #learn(device: number, way: string): void {
    const ways = this.#known.get(device) ?? new Set<string>()
    this.#known.delete(device)
    this.#known.set(device, ways)
    ways.delete(way)
    ways.add(way)
    forgetOldest(ways, ANSWER_WAYS_MAX)
    forgetOldest(this.#known, DEVICES_ANSWERED_MAX)
  }

  /** Answers everyone who waits; only call it after what they asked about has been committed. */
  async send(nowMs: number, paceMs: number): Promise<number> {
    const waiting = this.#waiting
    this.#waiting = new Map()
    let sent = 0
    for (const [device, answer] of waiting) {
      // Always the newest epoch: a device that lost its keys in a reboot reads nothing older.
      const live = await this.#options.epochs.newest(device)
      if (live === undefined) continue
      for (const streams of this.#streamAcks(device, answer.streams)) {
        const ack = { timeMs: nowMs, paceMs, echo: live.newestIv, streams }
        const bytes = sealAck(live.receiver, ack, this.#options.random)
        for (const { arrival } of answer.ways.values()) arrival.reply(bytes)
        sent++
      }
    }
    return sent
  }

  /** The state of the streams, in as many acks as it takes; one empty one where there are none. */
  #streamAcks(device: number, numbers: Set<number> | undefined): readonly StreamAck[][] {
    const { queries } = this.#options
    const streams =
      numbers === undefined
        ? queries.streams(device)
        : [...numbers]
            .sort((left, right) => left - right)
            .map((number) => queries.stream(device, number))
            .filter((stream) => stream !== undefined)
    const acks = streams.map((stream) => this.#streamAck(stream))
    const parts: StreamAck[][] = []
    for (let first = 0; first < acks.length || first === 0; first += ACK_STREAMS_MAX) {
      parts.push(acks.slice(first, first + ACK_STREAMS_MAX))
    }
    return parts
  }

  #streamAck(stream: StreamRow): StreamAck {
    const beyond = this.#options.queries.storedBeyond(stream, ACK_BITMAP_BYTES_MAX * 8)
    return {
      stream: stream.number,
      cumulative: stream.contiguous,
      bitmap: ackBitmap(stream.contiguous, beyond),
      headHash8: stream.contiguousHash.slice(0, 8),
    }
  }
}

function forgetOldest<Key>(
  held: { readonly size: number; keys(): Iterator<Key>; delete(key: Key): boolean },
  max: number,
): void {
  if (held.size <= max) return
  const oldest = held.keys().next()
  if (oldest.done !== true) held.delete(oldest.value)
}

/** How long meters are asked to wait with what is not urgent, by how full the queue is. */
export function paceMsFor(fill: number): number {
  const excess = Math.max(0, fill - PACE_FROM_FILL) / (1 - PACE_FROM_FILL)
  return Math.min(ACK_PACE_MS_MAX, Math.round(excess * PACE_MS_MAX))
}
