import type { ScionAddress, ScionEndpoint } from '../addr/endpoint.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { prepareHeader } from '../packet/header.ts'
import type { PacketHeader } from '../packet/header.ts'
import { encodeUdpPacket, UDP_HEADER_BYTES, UdpTemplate } from '../packet/udp.ts'
import type { LocalAs } from '../path/source.ts'
import type { Route } from './route.ts'
import { ReturnRoute, SAFE_PACKET_BYTES, underlayOf } from './route.ts'

/** What is kept of a route for the next packet to the same endpoint. */
export interface Departure {
  readonly to: ScionEndpoint
  /** Largest payload of a plain datagram, in bytes. */
  readonly payloadMax: number
  /** The first router, or the host itself; made at the first packet. */
  target: UnderlayAddress | undefined
  /** Headers and sums, made at the second packet: many routes carry one only. */
  template: UdpTemplate | undefined
  isUsed: boolean
}

/** Prepares packets, and keeps for each route what does not change from one to the next. */
export class Departures {
  readonly #localAs: LocalAs
  readonly #flowId: number
  readonly #sourceFor: (to: ScionAddress) => ScionEndpoint
  #kept = new WeakMap<Route, Departure>()

  /** `sourceFor` says under which address packets to a destination leave. */
  constructor(localAs: LocalAs, flowId: number, sourceFor: (to: ScionAddress) => ScionEndpoint) {
    this.#localAs = localAs
    this.#flowId = flowId
    this.#sourceFor = sourceFor
  }

  /** What is known of sending to an endpoint on a route. */
  at(to: ScionEndpoint, route: Route): Departure {
    // A way back lives as long as an answer takes: kept weakly, thousands of them burden the heap.
    const isReturn = route instanceof ReturnRoute
    const kept = isReturn ? route.departure : this.#kept.get(route)
    if (kept?.to === to) return kept
    const overhead = prepareHeader(this.fields(to, route)).length + UDP_HEADER_BYTES
    const largest = (route.mtu ?? SAFE_PACKET_BYTES) - overhead
    const payloadMax = Math.max(0, Math.min(largest, 0xffff - UDP_HEADER_BYTES))
    const made = { to, payloadMax, target: undefined, template: undefined, isUsed: false }
    if (isReturn) route.departure = made
    else this.#kept.set(route, made)
    return made
  }

  /** A packet around a payload. */
  encode(departure: Departure, payload: Uint8Array, route: Route): Uint8Array {
    if (departure.template !== undefined) return departure.template.encode(payload)
    const { to } = departure
    const fields = this.fields(to, route)
    const sourcePort = this.#sourceFor(to).port
    if (!departure.isUsed) {
      departure.isUsed = true
      return encodeUdpPacket(fields, { sourcePort, destinationPort: to.port, payload })
    }
    departure.template = new UdpTemplate(fields, sourcePort, to.port)
    return departure.template.encode(payload)
  }

  /** Where packets go on the local network; throws what {@link underlayOf} throws. */
  target(departure: Departure, route: Route): UnderlayAddress {
    return (departure.target ??= underlayOf(departure.to, route, this.#localAs))
  }

  /** Header fields of packets to an address on a route. */
  fields(to: ScionAddress, route: Route): PacketHeader {
    return {
      trafficClass: 0,
      flowId: this.#flowId,
      destination: to,
      source: this.#sourceFor(to),
      path: route.dataplane,
    }
  }

  /** Forgets everything: the own address is another one. */
  clear(): void {
    this.#kept = new WeakMap()
  }
}
