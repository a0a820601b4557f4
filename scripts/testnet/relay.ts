import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { LinkAddresses } from './addresses.ts'

/** What a link does to the packets that cross it, in each direction. */
export interface Impairment {
  readonly delayMs: number
  /** Added to the delay, uniform in [0, jitterMs]; packets may overtake each other by it. */
  readonly jitterMs: number
  /** Share of packets lost, 0..1. */
  readonly loss: number
  /** Share of packets sent twice, 0..1. */
  readonly duplicate: number
  /** Share of packets held back by another `delayMs + 5` ms, 0..1. */
  readonly reorder: number
  /** Bits a second, 0 for no limit; packets queue up to `QUEUE_MS_MAX` and are then dropped. */
  readonly bandwidth: number
  /** Nothing crosses while this holds, and nobody is told. */
  readonly cut: boolean
  /**
   * Nothing crosses but the routers' own liveness probes (BFD): they believe that the link is well,
   * and never tell anybody. A full table in a router or a filter in between fails like this.
   */
  readonly deaf: boolean
}

/** A link that does nothing to its packets. */
export const PERFECT: Impairment = {
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  bandwidth: 0,
  cut: false,
  deaf: false,
}

/** How long a packet may wait for a slow link before it is dropped. */
const QUEUE_MS_MAX = 500
/** Offset of the common header's next header, and the value of BFD in it. */
const NEXT_HEADER = 4
const BFD = 203
const RECEIVE_BUFFER_BYTES = 1 << 20

/** Counts of one relay, both directions together. */
export interface RelayCounts {
  readonly forwarded: number
  readonly dropped: number
  readonly bytes: number
}

/**
 * A relay in the middle of a link: two UDP sockets, each of them the neighbour that one border
 * router was configured with. `tc netem` does the same, but not every kernel has it.
 */
export class Relay {
  readonly #addresses: LinkAddresses
  readonly #random: () => number
  readonly #sockets: Socket[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  /** When each direction's slow link is free again, monotonic milliseconds. */
  readonly #freeAt = [0, 0]
  #impairment: Impairment = PERFECT
  #forwarded = 0
  #dropped = 0
  #bytes = 0

  constructor(addresses: LinkAddresses, random: () => number) {
    this.#addresses = addresses
    this.#random = random
  }

  /** Opens both sockets. */
  async open(): Promise<void> {
    const { a, b, towardsA, towardsB } = this.#addresses
    const family = a.host.includes(':') ? 'udp6' : 'udp4'
    for (const [index, own] of [towardsA, towardsB].entries()) {
      const socket = createSocket({ type: family, recvBufferSize: RECEIVE_BUFFER_BYTES })
      socket.bind(own.port, own.host)
      await once(socket, 'listening')
      socket.on('error', () => undefined)
      socket.on('message', (packet) => {
        this.#cross(packet, index, index === 0 ? b : a)
      })
      this.#sockets.push(socket)
    }
  }

  /** What the link does from now on; packets already under way are not called back. */
  impair(change: Partial<Impairment>): void {
    this.#impairment = { ...this.#impairment, ...change }
  }

  /** What has crossed so far. */
  get counts(): RelayCounts {
    return { forwarded: this.#forwarded, dropped: this.#dropped, bytes: this.#bytes }
  }

  /** Ends the relay; packets under way are gone. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(
      this.#sockets.map(async (socket) => {
        const closed = once(socket, 'close')
        socket.close()
        await closed
      }),
    )
    this.#sockets.length = 0
  }

  #cross(packet: Uint8Array, direction: number, to: { host: string; port: number }): void {
    const { cut, deaf, loss, duplicate } = this.#impairment
    if (cut || (deaf && packet[NEXT_HEADER] !== BFD) || this.#random() < loss) {
      this.#dropped++
      return
    }
    const copies = this.#random() < duplicate ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const waitMs = this.#waitMs(packet.length, direction)
      if (waitMs === undefined) this.#dropped++
      else if (waitMs === 0) this.#send(packet, direction, to)
      else
        this.#later(waitMs, () => {
          this.#send(packet, direction, to)
        })
    }
  }

  #waitMs(bytes: number, direction: number): number | undefined {
    const { delayMs, jitterMs, reorder, bandwidth } = this.#impairment
    let waitMs = delayMs + this.#random() * jitterMs
    if (this.#random() < reorder) waitMs += delayMs + 5
    if (bandwidth > 0) {
      const nowMs = performance.now()
      const startMs = Math.max(nowMs, this.#freeAt[direction] ?? 0)
      if (startMs - nowMs > QUEUE_MS_MAX) return undefined
      const endMs = startMs + (bytes * 8000) / bandwidth
      this.#freeAt[direction] = endMs
      waitMs += endMs - nowMs
    }
    return waitMs
  }

  #later(waitMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, waitMs)
    this.#timers.add(timer)
  }

  /** Leaves by the socket that the receiver knows as its neighbour. */
  #send(packet: Uint8Array, direction: number, to: { host: string; port: number }): void {
    this.#forwarded++
    this.#bytes += packet.length
    this.#sockets[1 - direction]?.send(packet, to.port, to.host, () => undefined)
  }
}
