import { ScionError } from '../errors.ts'
import { allocate, checkUint, putU16 } from '../writer.ts'
import { u16At } from '../reader.ts'
import { addWords, foldSum, pseudoHeaderSum } from './checksum.ts'
import { ADDRESS_HEADER_OFFSET } from './header.ts'
import type { Packet, PacketFields } from './packet.ts'
import { checksumInPlace, planPacket, verifyChecksum } from './packet.ts'
import { PACKET_BYTES_MAX, PROTOCOL } from './protocol.ts'

/**
 * A UDP datagram inside SCION; the header is that of RFC 768:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------------------------------+-------------------------------+
 *   0 |          source port          |       destination port        |
 *     +-------------------------------+-------------------------------+
 *   4 |            length             |           checksum            |
 *     +-------------------------------+-------------------------------+
 */
export interface UdpDatagram {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly payload: Uint8Array
}

/** Length of the UDP header. */
export const UDP_HEADER_BYTES = 8

/**
 * Reads the UDP datagram of a packet and verifies its checksum, which SCION (unlike UDP over IPv4)
 * does not allow to be left out. The payload aliases the packet.
 */
export function decodeUdp(packet: Packet): UdpDatagram {
  const { bytes, upperOffset } = packet
  if (packet.protocol !== PROTOCOL.udp) {
    throw new ScionError('ERR_SCION_UNSUPPORTED', `protocol: UDP (17), found ${packet.protocol}`)
  }
  const found = bytes.length - upperOffset
  if (found < UDP_HEADER_BYTES) {
    throw new ScionError('ERR_SCION_TRUNCATED', `udp: 8 bytes, found ${found}`)
  }
  const length = u16At(bytes, upperOffset + 4)
  if (length !== found) {
    throw new ScionError('ERR_SCION_MALFORMED', `udp.length: says ${length} bytes, found ${found}`)
  }
  verifyChecksum(packet)
  return {
    sourcePort: u16At(bytes, upperOffset),
    destinationPort: u16At(bytes, upperOffset + 2),
    payload: bytes.subarray(upperOffset + UDP_HEADER_BYTES),
  }
}

/** Makes a packet with a UDP datagram, lengths and checksum filled in. */
export function encodeUdpPacket(fields: PacketFields, datagram: UdpDatagram): Uint8Array {
  const length = UDP_HEADER_BYTES + datagram.payload.length
  const { packet, upperOffset, pathOffset } = planPacket(fields, PROTOCOL.udp, length)
  checkUint(datagram.sourcePort, 0xffff, 'udp.sourcePort')
  checkUint(datagram.destinationPort, 0xffff, 'udp.destinationPort')
  putU16(packet, upperOffset, datagram.sourcePort)
  putU16(packet, upperOffset + 2, datagram.destinationPort)
  putU16(packet, upperOffset + 4, length)
  putU16(packet, upperOffset + 6, 0)
  packet.set(datagram.payload, upperOffset + UDP_HEADER_BYTES)
  const checksum = checksumInPlace(packet, pathOffset, PROTOCOL.udp, upperOffset)
  putU16(packet, upperOffset + 6, checksum === 0 ? 0xffff : checksum)
  return packet
}

/**
 * The fast way to send many datagrams over one path to one destination: everything in front of the
 * payload is written and summed once; each packet then costs two copies and a sum over its payload.
 */
export class UdpTemplate {
  readonly #head: Uint8Array
  readonly #upperOffset: number
  readonly #extensionBytes: number
  readonly #sum: number

  /** Throws what {@link encodeUdpPacket} would throw for these fields and ports. */
  constructor(fields: PacketFields, sourcePort: number, destinationPort: number) {
    const { packet, upperOffset, pathOffset } = planPacket(fields, PROTOCOL.udp, UDP_HEADER_BYTES)
    checkUint(sourcePort, 0xffff, 'udp.sourcePort')
    checkUint(destinationPort, 0xffff, 'udp.destinationPort')
    putU16(packet, upperOffset, sourcePort)
    putU16(packet, upperOffset + 2, destinationPort)
    this.#head = packet.slice()
    this.#upperOffset = upperOffset
    this.#extensionBytes = u16At(packet, 6) - UDP_HEADER_BYTES
    this.#sum =
      pseudoHeaderSum(packet, ADDRESS_HEADER_OFFSET, pathOffset, PROTOCOL.udp, 0) +
      sourcePort +
      destinationPort
  }

  /** Bytes that a packet has beyond its payload. */
  get overheadBytes(): number {
    return this.#head.length
  }

  /** Makes the packet for one payload. */
  encode(payload: Uint8Array): Uint8Array {
    const packet = allocate(this.#head.length + payload.length)
    const length = UDP_HEADER_BYTES + payload.length
    if (packet.length > PACKET_BYTES_MAX || length + this.#extensionBytes > 0xffff) {
      throw new ScionError(
        'ERR_SCION_TOO_LARGE',
        `udp.payload: at most ${0xffff - UDP_HEADER_BYTES - this.#extensionBytes} bytes, found ${payload.length}`,
      )
    }
    packet.set(this.#head)
    packet.set(payload, this.#head.length)
    putU16(packet, 6, length + this.#extensionBytes)
    putU16(packet, this.#upperOffset + 4, length)
    // The length counts twice: in the pseudo header and in the UDP header.
    const sum = addWords(this.#sum + 2 * length, payload, 0, payload.length)
    const checksum = ~foldSum(sum) & 0xffff
    putU16(packet, this.#upperOffset + 6, checksum === 0 ? 0xffff : checksum)
    return packet
  }
}
