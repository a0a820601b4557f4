import { checksumInPlace } from '../../src/packet/packet.ts'
import { PROTOCOL } from '../../src/packet/protocol.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { decodeQuote } from '../../src/packet/quote.ts'
import { decodeScmp } from '../../src/packet/scmp-codec.ts'
import { decodeUdp } from '../../src/packet/udp.ts'
import { PacketView } from '../../src/packet/view.ts'
import { decodeEpicPath } from '../../src/path/epic.ts'
import { pathExpiryMs } from '../../src/path/expiry.ts'
import { replyPath } from '../../src/path/reverse.ts'
import { decodeStandardPath } from '../../src/path/standard.ts'
import { authenticatorOf } from '../../src/spao/authenticate.ts'
import { decodeBindingResponse, isStun } from '../../src/stun/message.ts'
import { wholePackets } from './golden-packets.ts'
import { valueOrRefusal } from './refusal.ts'
import { bytes } from './vectors.ts'

/** Values that sit at the edges of fields. */
const EDGES = [
  0,
  1,
  0x7f,
  0x80,
  0xfe,
  0xff,
  PROTOCOL.udp,
  PROTOCOL.scmp,
  PROTOCOL.hopByHop,
] as const
const BYTES_MAX = 2000

const seeds = wholePackets.map((golden) => bytes(golden.bytes))

/**
 * A packet that is nearly one: a golden packet with bytes changed, cut out or put in, whose lengths
 * and checksum are mostly made to fit again, so that what is behind the first check is reached too.
 *
 * @param random in [0, 1); the same numbers give the same packet
 */
export function shapedPacket(random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit)
  const seed = seeds[below(seeds.length)] ?? new Uint8Array(0)
  let packet: Uint8Array = seed.slice(0, BYTES_MAX)
  if (random() < 0.2) packet = packet.subarray(0, below(packet.length + 1))
  if (random() < 0.2) {
    const at = below(packet.length + 1)
    const more = Uint8Array.from({ length: 4 * below(8) }, () => below(256))
    packet = Uint8Array.from([...packet.subarray(0, at), ...more, ...packet.subarray(at)])
  }
  for (let changes = below(5); changes > 0 && packet.length > 0; changes--) {
    const near = random() < 0.5 ? Math.min(48, packet.length) : packet.length
    packet[below(near)] = random() < 0.5 ? below(256) : (EDGES[below(EDGES.length)] ?? 0)
  }
  if (random() < 0.7) mend(packet)
  return packet
}

/** Makes PayloadLen fit, and the checksum of the upper layer where there is one. */
function mend(packet: Uint8Array): void {
  if (packet.length < 12) return
  const payloadBytes = packet.length - 4 * (packet[5] ?? 0)
  if (payloadBytes < 0 || payloadBytes > 0xffff) return
  packet.set([payloadBytes >> 8, payloadBytes & 0xff], 6)
  const view = valueOrRefusal(() => new PacketView(packet))
  if (view === undefined) return
  const { upperOffset, protocol, pathOffset } = view
  const field = upperOffset + (protocol === PROTOCOL.udp ? 6 : 2)
  if (field + 2 > packet.length) return
  if (protocol === PROTOCOL.udp) {
    const upperBytes = packet.length - upperOffset
    packet.set([upperBytes >> 8, upperBytes & 0xff], upperOffset + 4)
  }
  packet.fill(0, field, field + 2)
  const sum = checksumInPlace(packet, pathOffset, protocol, upperOffset)
  packet.set([sum >> 8, sum & 0xff], field)
}

/** How far a packet got. */
export type Depth = 'refused' | 'header' | 'upper'

/** Does with a packet all that a host may do with it; anything but a `ScionError` escapes. */
export function digest(packet: Uint8Array): Depth {
  if (isStun(packet)) valueOrRefusal(() => decodeBindingResponse(packet))
  valueOrRefusal(() => decodeQuote(packet))
  const decoded = valueOrRefusal(() => decodePacket(packet))
  if (decoded === undefined) return 'refused'
  valueOrRefusal(() => replyPath(decoded.path))
  valueOrRefusal(() => pathExpiryMs(decoded.path))
  valueOrRefusal(() => decodeStandardPath(decoded.path.bytes))
  valueOrRefusal(() => decodeEpicPath(decoded.path.bytes))
  valueOrRefusal(() => authenticatorOf(decoded))
  const datagram = valueOrRefusal(() => decodeUdp(decoded))
  const message = valueOrRefusal(() => decodeScmp(decoded))
  if (message !== undefined && 'quote' in message) valueOrRefusal(() => decodeQuote(message.quote))
  return datagram === undefined && message === undefined ? 'header' : 'upper'
}
