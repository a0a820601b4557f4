import { sameBytes } from '../bytes.ts'
import { ScionError } from '../errors.ts'
import { decodeHeader, pathOffset } from '../packet/header.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { hopOffset, infoOffset, pathMeta } from '../path/standard.ts'
import { byteAt, u32At } from '../reader.ts'
import { putU16 } from '../writer.ts'
import type { Route } from './route.ts'

/** Packets that are remembered for the sake of the errors that may quote them. */
export const SENT_PACKETS_MAX = 1_024
/** How long they are remembered, in milliseconds: errors come within a round trip. */
export const SENT_PACKET_AGE_MS_MAX = 10_000

/** Upper-layer bytes that a quote must return: the UDP header, or the head of an SCMP question. */
const UPPER_BYTES = 8

interface Sent {
  readonly packet: Uint8Array
  readonly route: Route
  readonly sentMs: number
}

/**
 * What was sent lately, so that an SCMP error can be told from a forgery: its quote must be of one of
 * these packets, in everything that routers leave alone. Who was not on the path cannot know the
 * hop field MACs, the flow number and the checksum. Each packet vouches for one error.
 *
 * Packets are kept as they are and compared when an error comes: errors are few, packets are many.
 */
export class SentPackets {
  readonly #ring: (Sent | undefined)[] = Array.from({ length: SENT_PACKETS_MAX })
  /** The last four of the bytes that a quote must return: length and checksum, most of the time. */
  readonly #marks = new Uint32Array(SENT_PACKETS_MAX)
  #next = 0

  /** Packets remembered; never more than {@link SENT_PACKETS_MAX}. */
  get size(): number {
    return this.#ring.reduce((count, sent) => count + Number(sent !== undefined), 0)
  }

  /** Remembers a packet that goes out on a route; nobody changes its bytes any more. */
  add(packet: Uint8Array, route: Route, nowMs: number): void {
    const slot = this.#next
    this.#ring[slot] = { packet, route, sentMs: nowMs }
    this.#marks[slot] = markOf(packet)
    this.#next = (slot + 1) % SENT_PACKETS_MAX
  }

  /** The route of the packet that is quoted, once; undefined where no such packet was sent. */
  take(quote: Uint8Array, nowMs: number): Route | undefined {
    if (quote.length < 12) return undefined
    const mark = markOf(quote)
    let quoted: Uint8Array | undefined
    for (
      let slot = this.#marks.indexOf(mark);
      slot >= 0;
      slot = this.#marks.indexOf(mark, slot + 1)
    ) {
      const sent = this.#ring[slot]
      if (sent === undefined || nowMs - sent.sentMs > SENT_PACKET_AGE_MS_MAX) continue
      quoted ??= unchanging(quote)
      if (quoted === undefined) return undefined
      const original = unchanging(sent.packet)
      if (original === undefined || !sameBytes(quoted, original)) continue
      this.#ring[slot] = undefined
      return sent.route
    }
    return undefined
  }
}

/** The second half of the first eight bytes behind the header. */
function markOf(packet: Uint8Array): number {
  return u32At(packet, 4 * byteAt(packet, 5) + 4)
}

/** Header and head of the upper layer, what routers change made zero; undefined for what is none. */
function unchanging(packet: Uint8Array): Uint8Array | undefined {
  try {
    const header = decodeHeader(packet)
    const end = header.headerBytes + UPPER_BYTES
    if (packet.length < end) return undefined
    const kept = packet.slice(0, end)
    // Traffic class: routers mark congestion in it.
    kept[0] = byteAt(kept, 0) & 0xf0
    kept[1] = byteAt(kept, 1) & 0x0f
    if (header.path.type === PATH_TYPE.scion) blankPath(kept, header.path.bytes)
    return kept
  } catch (error) {
    if (error instanceof ScionError) return undefined
    throw error
  }
}

function blankPath(kept: Uint8Array, path: Uint8Array): void {
  const start = pathOffset(kept)
  const meta = pathMeta(path)
  kept[start] = 0
  for (let index = 0; index < meta.infoCount; index++) {
    putU16(kept, start + infoOffset(index) + 2, 0)
  }
  for (let index = 0; index < meta.hopCount; index++) kept[start + hopOffset(meta, index)] = 0
}
