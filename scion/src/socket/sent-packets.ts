import { sameBytes } from '../bytes.ts'
import { ScionError } from '../errors.ts'
import { decodeHeader, pathOffset } from '../packet/header.ts'
import { PROTOCOL } from '../packet/protocol.ts'
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

/**
 * Room for the head of one packet: a path of three segments and two dozen hops, and IPv6 hosts; or with
 * an authenticator, and fewer hops.
 */
const HEAD_BYTES_MAX = 384

interface Sent {
  route: Route | undefined
  sentMs: number
  bytes: number
  /** The head of a packet that needs more room. */
  long: Uint8Array | undefined
}

/**
 * What was sent lately, so that an SCMP error can be told from a forgery: its quote must be of one of
 * these packets, in everything that routers leave alone. Who was not on the path cannot know the
 * hop field MACs, the flow number and the checksum. Each packet vouches for one error.
 *
 * Heads are kept as they are and compared when an error comes: errors are few, packets are many. They
 * lie in memory of their own that is used round and round, for a thousand packets held back would be a
 * burden for the garbage collector.
 */
export class SentPackets {
  readonly #sent: Sent[] = []
  /** The last four of the bytes that a quote must return: length and checksum, most of the time. */
  readonly #marks = new Uint32Array(SENT_PACKETS_MAX)
  #heads: Uint8Array | undefined
  #next = 0

  /** Packets remembered; never more than {@link SENT_PACKETS_MAX}. */
  get size(): number {
    return this.#sent.filter(({ route }) => route !== undefined).length
  }

  /** Remembers a packet that goes out on a route. */
  add(packet: Uint8Array, route: Route, nowMs: number): void {
    const slot = this.#next
    this.#next = (slot + 1) % SENT_PACKETS_MAX
    const sent = (this.#sent[slot] ??= { route, sentMs: 0, bytes: 0, long: undefined })
    sent.route = route
    sent.sentMs = nowMs
    sent.bytes = Math.min(packet.length, headEnd(packet))
    sent.long = undefined
    this.#marks[slot] = markOf(packet)
    const head = packet.subarray(0, sent.bytes)
    if (sent.bytes > HEAD_BYTES_MAX) sent.long = head.slice()
    else {
      this.#heads ??= new Uint8Array(SENT_PACKETS_MAX * HEAD_BYTES_MAX)
      this.#heads.set(head, slot * HEAD_BYTES_MAX)
    }
  }

  /** The route of the packet that is quoted, once; undefined where no such packet was sent. */
  take(quote: Uint8Array, nowMs: number): Route | undefined {
    const quoted = unchanging(quote)
    if (quoted === undefined) return undefined
    const mark = markOf(quote)
    for (
      let slot = this.#marks.indexOf(mark);
      slot >= 0;
      slot = this.#marks.indexOf(mark, slot + 1)
    ) {
      const sent = this.#sent[slot]
      if (sent?.route === undefined || nowMs - sent.sentMs > SENT_PACKET_AGE_MS_MAX) continue
      const original = unchanging(this.#headAt(slot, sent))
      if (original === undefined || !sameBytes(quoted, original)) continue
      const { route } = sent
      sent.route = undefined
      return route
    }
    return undefined
  }

  #headAt(slot: number, { bytes, long }: Sent): Uint8Array {
    const start = slot * HEAD_BYTES_MAX
    return long ?? this.#heads?.subarray(start, start + bytes) ?? new Uint8Array(0)
  }
}

/**
 * Where the part of a packet ends that a quote must return: the header, extension headers with their
 * authenticator, and the head of the upper layer with its checksum. Behind the end of a packet that is
 * too short for them.
 */
function headEnd(packet: Uint8Array): number {
  let next = byteAt(packet, 4)
  let at = 4 * byteAt(packet, 5)
  while ((next === PROTOCOL.hopByHop || next === PROTOCOL.endToEnd) && at + 1 < packet.length) {
    next = byteAt(packet, at)
    at += 4 * (byteAt(packet, at + 1) + 1)
  }
  return at + UPPER_BYTES
}

/** The last four bytes of a head. */
function markOf(packet: Uint8Array): number {
  return u32At(packet, headEnd(packet) - 4)
}

/** Header and head of the upper layer, what routers change made zero; undefined for what is none. */
function unchanging(packet: Uint8Array): Uint8Array | undefined {
  try {
    const header = decodeHeader(packet)
    const end = headEnd(packet)
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
