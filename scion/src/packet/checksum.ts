import { byteAt } from '../reader.ts'
import { SIMD_BYTES_MAX, openSimdSum } from './simd-sum.ts'

const simd = openSimdSum()
const memory = simd?.memory ?? new Uint8Array(0)
/** What can be summed by vectors; nothing where there are none. */
const bytesMax = simd === undefined ? -1 : SIMD_BYTES_MAX
const sumInMemory = simd?.sum ?? (() => 0)
/** Below this length the copy costs more than it saves. */
const SHORT_BYTES = 48

/**
 * Adds bytes to a one's complement sum of 16-bit words (RFC 1071), `start` … `end`; an odd last
 * byte counts as the upper half of a word. The sum is not folded: fold it with {@link foldSum}.
 */
export function addWords(sum: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < SHORT_BYTES || bytes.length > bytesMax) return sum + sumBytes(bytes, start, end)
  memory.set(bytes)
  return sum + inNetworkOrder(sumInMemory(start, end, 0, 0))
}

/**
 * The folded sum of two parts of a packet, `start` … `end` and `upperStart` … its end: address header
 * and 308 bytes of upper layer take some 27 ns, of which copying them to where they can be summed by
 * vectors takes 11 (`bench/scion.ts`).
 */
export function sumOfParts(
  packet: Uint8Array,
  start: number,
  end: number,
  upperStart: number,
): number {
  const { length } = packet
  if (length > bytesMax) {
    return foldSum(sumBytes(packet, start, end) + sumBytes(packet, upperStart, length))
  }
  memory.set(packet)
  return inNetworkOrder(sumInMemory(start, end, upperStart, length))
}

/** Even and odd bytes are summed apart. */
function sumBytes(bytes: Uint8Array, start: number, end: number): number {
  let high = 0
  let low = 0
  let at = start
  for (; at + 2 <= end; at += 2) {
    high += byteAt(bytes, at)
    low += byteAt(bytes, at + 1)
  }
  if (at < end) high += byteAt(bytes, at)
  return high * 256 + low
}

/** One's complement sums come out the same in any byte order, but for that of the result (RFC 1071 §2 B). */
function inNetworkOrder(littleEndian: number): number {
  const once = (littleEndian & 0xffff) + (littleEndian >>> 16)
  const folded = (once & 0xffff) + (once >>> 16)
  return ((folded & 0xff) << 8) | (folded >>> 8)
}

/** Folds a sum below 2^48 to 16 bits, carries added back in. */
export function foldSum(sum: number): number {
  const high = sum > 0xffff_ffff ? Math.floor(sum / 0x1_0000_0000) : 0
  const folded = (sum & 0xffff) + ((sum >>> 16) & 0xffff) + high
  const once = (folded & 0xffff) + (folded >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/**
 * The part of an upper-layer checksum that the pseudo header makes: the address header as on the
 * wire, the length of the upper layer as 32 bits, three zero bytes and the protocol.
 */
export function pseudoHeaderSum(
  packet: Uint8Array,
  addressStart: number,
  addressEnd: number,
  protocol: number,
  upperBytes: number,
): number {
  return (
    addWords(0, packet, addressStart, addressEnd) +
    Math.floor(upperBytes / 0x1_0000) +
    (upperBytes & 0xffff) +
    protocol
  )
}

/**
 * The checksum of an upper layer: over the address header (both ISD-AS and both hosts as on the
 * wire), length, protocol, and the bytes with their checksum field as it is. With the field zero the
 * result is what belongs there; with the field filled in, 0 means that it is right.
 */
export function upperLayerChecksum(
  addressHeader: Uint8Array,
  protocol: number,
  upperLayer: Uint8Array,
): number {
  const pseudo = pseudoHeaderSum(
    addressHeader,
    0,
    addressHeader.length,
    protocol,
    upperLayer.length,
  )
  return ~foldSum(addWords(pseudo, upperLayer, 0, upperLayer.length)) & 0xffff
}
