import { byteAt } from '../reader.ts'

/**
 * Adds bytes to a one's complement sum of 16-bit words (RFC 1071), `start` … `end`; an odd last
 * byte counts as the upper half of a word. The sum is not folded: fold it with {@link foldSum}.
 *
 * Even and odd bytes are summed apart, four words a turn: 60 ns for 340 bytes, where word by word
 * took 80 and a `DataView` 107.
 */
export function addWords(sum: number, bytes: Uint8Array, start: number, end: number): number {
  let high = 0
  let low = 0
  let at = start
  for (; at + 8 <= end; at += 8) {
    high +=
      byteAt(bytes, at) + byteAt(bytes, at + 2) + byteAt(bytes, at + 4) + byteAt(bytes, at + 6)
    low +=
      byteAt(bytes, at + 1) + byteAt(bytes, at + 3) + byteAt(bytes, at + 5) + byteAt(bytes, at + 7)
  }
  for (; at + 2 <= end; at += 2) {
    high += byteAt(bytes, at)
    low += byteAt(bytes, at + 1)
  }
  if (at < end) high += byteAt(bytes, at)
  return sum + high * 256 + low
}

/** Folds a sum to 16 bits, carries added back in. */
export function foldSum(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000)
  return folded
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
