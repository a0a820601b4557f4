import type { ScionEndpoint } from '../addr/endpoint.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { PacketView } from '../packet/view.ts'
import type { LocalAs } from '../path/source.ts'
import { ReturnRoute, routeBack } from './route.ts'

/** Senders whose address and way back are kept, so that they need not be made for each packet. */
export const SENDERS_KEPT_MAX = 256

/** Who sent a packet, and how to answer. */
export interface Sender {
  readonly from: ScionEndpoint
  readonly reply: ReturnRoute
}

interface Kept extends Sender {
  /** The packet that it was found out from. */
  readonly packet: Uint8Array
  readonly headerBytes: number
  readonly via: UnderlayAddress
}

/** Addresses and path begin here; traffic class, flow and lengths differ from packet to packet. */
const HEAD_OFFSET = 8

/**
 * Finds out who sent a packet and how to answer. A packet with the very bytes of an earlier one in
 * front, from the same router, is from the same sender over the same path: nothing is believed that
 * the packet does not say itself.
 */
export class Senders {
  readonly #localAs: LocalAs
  readonly #kept: (Kept | undefined)[] = Array.from({ length: SENDERS_KEPT_MAX })

  constructor(localAs: LocalAs) {
    this.#localAs = localAs
  }

  /** The sender of a UDP packet; throws what `routeBack` throws. */
  of(packet: PacketView, port: number, via: UnderlayAddress): Sender {
    const slot = (packet.flowId ^ port) % SENDERS_KEPT_MAX
    const kept = this.#kept[slot]
    if (kept?.from.port === port && isSame(kept, packet, via)) return kept
    const reply = new ReturnRoute(routeBack(packet, via, this.#localAs))
    const from = { isdAs: packet.source.isdAs, host: packet.source.host, port }
    const { bytes, headerBytes } = packet
    this.#kept[slot] = { from, reply, packet: bytes, headerBytes, via }
    return { from, reply }
  }

  /** Forgets everything: the own address is another one. */
  clear(): void {
    this.#kept.fill(undefined)
  }
}

function isSame(kept: Kept, { bytes, headerBytes }: PacketView, via: UnderlayAddress): boolean {
  if (kept.via.port !== via.port || kept.via.host !== via.host) return false
  if (kept.headerBytes !== headerBytes) return false
  for (let index = HEAD_OFFSET; index < headerBytes; index++) {
    if (kept.packet[index] !== bytes[index]) return false
  }
  return true
}
