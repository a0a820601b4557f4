import type { ScionAddress } from '../addr/endpoint.ts'
import type { HostField } from '../addr/host.ts'
import { hostLength, packHost, unpackHost } from '../addr/host.ts'
import { isdAsOf } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { byteAt, u16At, u32At, u64At } from '../reader.ts'
import { checkUint, putU16, putU32, putU64 } from '../writer.ts'

/**
 * Common header, address header and path of a SCION packet (SCION header specification):
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-------+---------------+---------------------------------------+
 *   0 |Version| TrafficClass  |                FlowID                 |
 *     +-------+-------+-------+-------+-------------------------------+
 *   4 |    NextHdr    |    HdrLen     |          PayloadLen           |
 *     +---------------+---+---+---+---+-------------------------------+
 *   8 |   PathType    |DT |DL |ST |SL |              RSV              |
 *     +---------------+---+---+---+---+-------------------------------+
 *  12 |            DstISD             |                               |
 *     +-------------------------------+             DstAS             |
 *  16 |                                                               |
 *     +-------------------------------+-------------------------------+
 *  20 |            SrcISD             |                               |
 *     +-------------------------------+             SrcAS             |
 *  24 |                                                               |
 *     +---------------------------------------------------------------+
 *  28 |        DstHost, 4 … 16 bytes; SrcHost, 4 … 16 bytes; path      |
 */
export interface PacketHeader {
  /** Differentiated services and congestion bits, as in IP. 0 … 255. */
  readonly trafficClass: number
  /** Names a flow between two hosts; not 0, which routers refuse. 20 bits. */
  readonly flowId: number
  readonly destination: ScionAddress
  readonly source: ScionAddress
  readonly path: DataplanePath
}

/** A header as found in a packet. */
export interface DecodedHeader extends PacketHeader {
  /** Protocol of what follows: one of {@link PROTOCOL}. */
  readonly nextHeader: number
  /** Bytes from the start of the packet to the payload. */
  readonly headerBytes: number
  /** Bytes that follow the header, extension headers included. */
  readonly payloadBytes: number
  /** The last 16 bits of the common header, which senders leave 0 and receivers ignore. */
  readonly reserved: number
}

/** Length of the common header. */
export const COMMON_HEADER_BYTES = 12
/** Longest header, from the width of HdrLen. */
export const HEADER_BYTES_MAX = 255 * 4
/** Offset of the address header, which the upper-layer checksum covers. */
export const ADDRESS_HEADER_OFFSET = 12
const HOSTS_OFFSET = 28
const VERSION = 0

/** Where the path begins in a packet whose first 12 bytes are there. */
export function pathOffset(packet: Uint8Array): number {
  const types = byteAt(packet, 9)
  return HOSTS_OFFSET + hostLength(types >> 4) + hostLength(types & 0xf)
}

/**
 * Checks that a packet begins with a whole header of a version spoken here, and returns where its
 * path begins. What the header says of the payload is not looked at: quotes are cut.
 */
export function checkHeader(packet: Uint8Array): number {
  if (packet.length < COMMON_HEADER_BYTES) {
    throw new ScionError(
      'ERR_SCION_TRUNCATED',
      `header.common: ${COMMON_HEADER_BYTES} bytes, found ${packet.length}`,
    )
  }
  const version = byteAt(packet, 0) >>> 4
  if (version !== VERSION) {
    throw new ScionError('ERR_SCION_UNSUPPORTED', `header.version: 0, found ${version}`)
  }
  const headerBytes = 4 * byteAt(packet, 5)
  const pathStart = pathOffset(packet)
  if (headerBytes < pathStart) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `header.hdrLen: at least ${pathStart} bytes for the addresses, found ${headerBytes}`,
    )
  }
  if (headerBytes > packet.length) {
    throw new ScionError(
      'ERR_SCION_TRUNCATED',
      `header.hdrLen: says ${headerBytes} bytes, found ${packet.length}`,
    )
  }
  return pathStart
}

/** Reads the header of a packet; hosts and path alias `packet`. */
export function decodeHeader(packet: Uint8Array): DecodedHeader {
  const pathStart = checkHeader(packet)
  const headerBytes = 4 * byteAt(packet, 5)
  const first = u32At(packet, 0)
  return {
    trafficClass: (first >>> 20) & 0xff,
    flowId: first & 0xf_ffff,
    destination: destinationIn(packet),
    source: sourceIn(packet, pathStart),
    path: { type: byteAt(packet, 8), bytes: packet.subarray(pathStart, headerBytes) },
    nextHeader: byteAt(packet, 4),
    headerBytes,
    payloadBytes: u16At(packet, 6),
    reserved: u16At(packet, 10),
  }
}

/** The destination in a packet whose header was checked. */
export function destinationIn(packet: Uint8Array): ScionAddress {
  const type = byteAt(packet, 9) >> 4
  const end = HOSTS_OFFSET + hostLength(type)
  return {
    isdAs: isdAsOf(u64At(packet, 12)),
    host: unpackHost(type, packet.subarray(HOSTS_OFFSET, end)),
  }
}

/** The source in a packet whose header was checked and whose path begins at `pathStart`. */
export function sourceIn(packet: Uint8Array, pathStart: number): ScionAddress {
  const type = byteAt(packet, 9) & 0xf
  return {
    isdAs: isdAsOf(u64At(packet, 20)),
    host: unpackHost(type, packet.subarray(pathStart - hostLength(type), pathStart)),
  }
}

/** An address as packets carry it, so that many of them can be held against it cheaply. */
export interface PackedAddress {
  /** The four type and length bits. */
  readonly typeLength: number
  /** ISD-AS and host in words of 32 bits: hosts are multiples of four bytes long. */
  readonly words: Uint32Array
}

/** Packs an address for {@link isDestination}. */
export function packAddress({ isdAs, host }: ScionAddress): PackedAddress {
  const field = packHost(host)
  const bytes = new Uint8Array(8 + field.bytes.length)
  putU64(bytes, 0, isdAs)
  bytes.set(field.bytes, 8)
  const words = Uint32Array.from({ length: bytes.length / 4 }, (_, index) =>
    u32At(bytes, 4 * index),
  )
  return { typeLength: field.typeLength, words }
}

/** Whether a packet whose header was checked is for `address`. */
export function isDestination(packet: Uint8Array, address: PackedAddress): boolean {
  const { typeLength, words } = address
  if (byteAt(packet, 9) >> 4 !== typeLength) return false
  if (u32At(packet, ADDRESS_HEADER_OFFSET) !== words[0]) return false
  if (u32At(packet, ADDRESS_HEADER_OFFSET + 4) !== words[1]) return false
  for (let index = 2; index < words.length; index++) {
    if (u32At(packet, HOSTS_OFFSET - 8 + 4 * index) !== words[index]) return false
  }
  return true
}

/** A header that was checked and measured, ready to be written. */
export interface PreparedHeader {
  readonly header: PacketHeader
  readonly destination: HostField
  readonly source: HostField
  /** Bytes that it takes. */
  readonly length: number
}

/** Checks a header and says how long it will be; throws `ERR_SCION_TOO_LARGE` above 1020 bytes. */
export function prepareHeader(header: PacketHeader): PreparedHeader {
  checkUint(header.trafficClass, 0xff, 'header.trafficClass')
  checkUint(header.flowId, 0xf_ffff, 'header.flowId')
  checkUint(header.path.type, 0xff, 'header.pathType')
  const destination = packHost(header.destination.host)
  const source = packHost(header.source.host)
  const length =
    HOSTS_OFFSET + destination.bytes.length + source.bytes.length + header.path.bytes.length
  if (length % 4 !== 0) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `header.path: a multiple of 4 bytes, found ${header.path.bytes.length}`,
    )
  }
  if (length > HEADER_BYTES_MAX) {
    throw new ScionError(
      'ERR_SCION_TOO_LARGE',
      `header.hdrLen: at most ${HEADER_BYTES_MAX} bytes, found ${length}`,
    )
  }
  return { header, destination, source, length }
}

/** Writes a prepared header to the front of `packet`, which is long enough. */
export function writeHeader(
  packet: Uint8Array,
  prepared: PreparedHeader,
  nextHeader: number,
  payloadBytes: number,
  reserved = 0,
): void {
  const { header, destination, source, length } = prepared
  checkUint(nextHeader, 0xff, 'header.nextHdr')
  checkUint(payloadBytes, 0xffff, 'header.payloadLen')
  checkUint(reserved, 0xffff, 'header.reserved')
  putU32(packet, 0, (VERSION << 28) | (header.trafficClass << 20) | header.flowId)
  packet[4] = nextHeader
  packet[5] = length / 4
  putU16(packet, 6, payloadBytes)
  packet[8] = header.path.type
  packet[9] = (destination.typeLength << 4) | source.typeLength
  putU16(packet, 10, reserved)
  putU64(packet, 12, header.destination.isdAs)
  putU64(packet, 20, header.source.isdAs)
  packet.set(destination.bytes, HOSTS_OFFSET)
  packet.set(source.bytes, HOSTS_OFFSET + destination.bytes.length)
  packet.set(header.path.bytes, length - header.path.bytes.length)
}
