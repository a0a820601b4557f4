import { hash } from 'node:crypto'
import { ScionError } from '../errors.ts'
import { decodeHeader, pathOffset } from '../packet/header.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { hopOffset, infoOffset, pathMeta } from '../path/standard.ts'
import { byteAt } from '../reader.ts'
import { putU16 } from '../writer.ts'
import type { Route } from './route.ts'

/** Packets that are remembered for the sake of the errors that may quote them. */
export const SENT_PACKETS_MAX = 1_024
/** How long they are remembered, in milliseconds: errors come within a round trip. */
export const SENT_PACKET_AGE_MS_MAX = 10_000

/** Upper-layer bytes that a quote must return: the UDP header, or the head of an SCMP question. */
const UPPER_BYTES = 8

interface Sent {
  readonly route: Route
  readonly sentMs: number
}

/**
 * What was sent lately, so that an SCMP error can be told from a forgery: its quote must be of one of
 * these packets, in everything that routers leave alone. Who was not on the path cannot know the
 * hop field MACs, the flow number and the checksum. Each packet vouches for one error.
 */
export class SentPackets {
  readonly #sent = new Map<string, Sent>()

  /** Packets remembered; never more than {@link SENT_PACKETS_MAX}. */
  get size(): number {
    return this.#sent.size
  }

  /** Remembers a packet that goes out on a route. */
  add(packet: Uint8Array, route: Route, nowMs: number): void {
    this.#sent.set(quoteKey(packet), { route, sentMs: nowMs })
    if (this.#sent.size <= SENT_PACKETS_MAX) return
    for (const oldest of this.#sent.keys()) {
      this.#sent.delete(oldest)
      break
    }
  }

  /** The route of the packet that is quoted, once; undefined where no such packet was sent. */
  take(quote: Uint8Array, nowMs: number): Route | undefined {
    const key = tryQuoteKey(quote)
    const sent = key === undefined ? undefined : this.#sent.get(key)
    if (key === undefined || sent === undefined) return undefined
    this.#sent.delete(key)
    return nowMs - sent.sentMs <= SENT_PACKET_AGE_MS_MAX ? sent.route : undefined
  }
}

function tryQuoteKey(quote: Uint8Array): string | undefined {
  try {
    return quoteKey(quote)
  } catch (error) {
    if (error instanceof ScionError) return undefined
    throw error
  }
}

/** A hash over a packet's header and the head of its upper layer, what routers change left out. */
function quoteKey(packet: Uint8Array): string {
  const header = decodeHeader(packet)
  const end = header.headerBytes + UPPER_BYTES
  if (packet.length < end) throw new ScionError('ERR_SCION_TRUNCATED', 'quote: header and 8 bytes')
  const kept = packet.slice(0, end)
  // Traffic class: routers mark congestion in it.
  kept[0] = byteAt(kept, 0) & 0xf0
  kept[1] = byteAt(kept, 1) & 0x0f
  if (header.path.type === PATH_TYPE.scion) {
    const start = pathOffset(packet)
    const meta = pathMeta(header.path.bytes)
    kept[start] = 0
    for (let index = 0; index < meta.infoCount; index++) {
      putU16(kept, start + infoOffset(index) + 2, 0)
    }
    for (let index = 0; index < meta.hopCount; index++) kept[start + hopOffset(meta, index)] = 0
  }
  return hash('sha256', kept, 'base64')
}
