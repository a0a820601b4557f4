import { byteAt } from '../reader.ts'
import { PACKET_BYTES_MAX } from './protocol.ts'

/** Packets are copied here, where they can be read by words of 32 bits. */
const scratch = new Uint8Array(PACKET_BYTES_MAX + (-PACKET_BYTES_MAX & 3))
const scratchWords = new Uint32Array(scratch.buffer)
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
/** Below this length the copy costs more than it saves. */
const SHORT_BYTES = 64

/**
 * Adds bytes to a one's complement sum of 16-bit words (RFC 1071), `start` … `end`; an odd last
 * byte counts as the upper half of a word. The sum is not folded: fold it with {@link foldSum}.
 */
export function addWords(sum: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start < SHORT_BYTES || start % 4 !== 0 || bytes.length > scratch.length) {
    return sum + sumBytes(bytes, start, end)
  }
  const wordsEnd = end - ((end - start) % 4)
  scratch.set(bytes)
  return sum + inNetworkOrder(sumWords(start / 4, wordsEnd / 4)) + sumBytes(bytes, wordsEnd, end)
}

/**
 * The folded sum of two parts of a packet, `start` … `end` and `upperStart` … its end, which begin at
 * multiples of four bytes, as all parts of a SCION header do. Both from one copy: address header and
 * 308 bytes of upper layer take some 45 ns, of which copying takes 13.
 */
export function sumOfParts(
  packet: Uint8Array,
  start: number,
  end: number,
  upperStart: number,
): number {
  const { length } = packet
  if (length > scratch.length || ((start | end | upperStart) & 3) !== 0) {
    return foldSum(sumBytes(packet, start, end) + sumBytes(packet, upperStart, length))
  }
  scratch.set(packet)
  const wordsEnd = (length + 3) >>> 2
  // What is missing of the last word counts as zero.
  if ((length & 3) !== 0) scratch.fill(0, length, 4 * wordsEnd)
  return inNetworkOrder(sumWords(start >>> 2, end >>> 2) + sumWords(upperStart >>> 2, wordsEnd))
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

/**
 * The sum of words of 32 bits, which folds to that of words of 16 (RFC 1071 §2 C). Four sums side by
 * side keep a processor busier than one, and none of them can grow beyond what a double holds exactly.
 */
function sumWords(start: number, end: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let at = start
  for (; at + 8 <= end; at += 8) {
    a += (scratchWords[at] ?? 0) + (scratchWords[at + 4] ?? 0)
    b += (scratchWords[at + 1] ?? 0) + (scratchWords[at + 5] ?? 0)
    c += (scratchWords[at + 2] ?? 0) + (scratchWords[at + 6] ?? 0)
    d += (scratchWords[at + 3] ?? 0) + (scratchWords[at + 7] ?? 0)
  }
  for (; at < end; at++) a += scratchWords[at] ?? 0
  return a + b + c + d
}

/** One's complement sums come out the same in any byte order, but for that of the result (RFC 1071 §2 B). */
function inNetworkOrder(sum: number): number {
  const native = foldSum(sum)
  return IS_LITTLE_ENDIAN ? ((native & 0xff) << 8) | (native >>> 8) : native
}

/** Folds a sum below 2^48 to 16 bits, carries added back in. */
export function foldSum(sum: number): number {
  const low = sum >>> 0
  const folded = (low & 0xffff) + (low >>> 16) + Math.floor(sum / 0x1_0000_0000)
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
