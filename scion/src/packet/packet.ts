import { ScionError } from '../errors.ts'
import { allocate, checkUint } from '../writer.ts'
import { foldSum, sumOfParts } from './checksum.ts'
import type { ExtensionOption } from './extensions.ts'
import { encodeExtension } from './extensions.ts'
import type { PacketHeader } from './header.ts'
import { ADDRESS_HEADER_OFFSET, prepareHeader, writeHeader } from './header.ts'
import { PROTOCOL } from './protocol.ts'
import { PacketView } from './view.ts'

/** What is sent besides the upper layer: header fields and options. */
export interface PacketFields extends PacketHeader {
  /** Options for every router on the way; the header is left out where there are none. */
  readonly hopByHop?: readonly ExtensionOption[] | undefined
  /** Options for the destination host. */
  readonly endToEnd?: readonly ExtensionOption[] | undefined
  /** Last 16 bits of the common header; senders leave them 0. */
  readonly reserved?: number | undefined
}

/** A packet taken apart. Everything aliases the bytes that it was decoded from. */
export interface Packet extends PacketFields {
  readonly hopByHop: readonly ExtensionOption[] | undefined
  readonly endToEnd: readonly ExtensionOption[] | undefined
  readonly reserved: number
  /** Protocol of the upper layer, extension headers skipped: one of {@link PROTOCOL}. */
  readonly protocol: number
  /** The upper layer, checksum and all. */
  readonly payload: Uint8Array
  /** The packet as received. */
  readonly bytes: Uint8Array
  /** Where the address header ends and the path begins in `bytes`. */
  readonly pathOffset: number
  /** Where the upper layer begins in `bytes`, extension headers skipped. */
  readonly upperOffset: number
}

/**
 * Takes a SCION packet apart: the whole content of one underlay datagram.
 *
 * Throws `ScionError` unless every byte is accounted for: HdrLen, PayloadLen and the extension
 * headers must fit exactly. Neither the inside of the path nor the upper layer is looked at; see
 * {@link decodeStandardPath}, {@link decodeUdp} and {@link decodeScmp}. Who needs few of the fields
 * is better served by a {@link PacketView}, which refuses the same packets.
 */
export function decodePacket(bytes: Uint8Array): Packet {
  const view = new PacketView(bytes)
  return {
    trafficClass: view.trafficClass,
    flowId: view.flowId,
    destination: view.destination,
    source: view.source,
    path: view.path,
    hopByHop: view.hopByHop,
    endToEnd: view.endToEnd,
    reserved: view.reserved,
    protocol: view.protocol,
    payload: view.payload,
    bytes,
    pathOffset: view.pathOffset,
    upperOffset: view.upperOffset,
  }
}

/** Puts a packet together around an upper layer that is complete, checksum included. */
export function encodePacket(
  fields: PacketFields,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const plan = planPacket(fields, protocol, payload.length)
  plan.packet.set(payload, plan.upperOffset)
  return plan.packet
}

/** A packet that is complete but for its upper layer. */
export interface PlannedPacket {
  /** The whole packet; everything before `upperOffset` is written. */
  readonly packet: Uint8Array
  readonly upperOffset: number
  readonly pathOffset: number
}

/** Writes everything in front of an upper layer of known length, and makes room for that. */
export function planPacket(
  fields: PacketFields,
  protocol: number,
  upperBytes: number,
): PlannedPacket {
  const prepared = prepareHeader(fields)
  const endToEnd = fields.endToEnd && encodeExtension(protocol, fields.endToEnd)
  const afterHopByHop = endToEnd === undefined ? protocol : PROTOCOL.endToEnd
  const hopByHop = fields.hopByHop && encodeExtension(afterHopByHop, fields.hopByHop)
  const nextHeader = hopByHop === undefined ? afterHopByHop : PROTOCOL.hopByHop
  const extensionBytes = (hopByHop?.length ?? 0) + (endToEnd?.length ?? 0)
  checkUint(extensionBytes + upperBytes, 0xffff, 'header.payloadLen')
  const packet = allocate(prepared.length + extensionBytes + upperBytes)
  writeHeader(packet, prepared, nextHeader, extensionBytes + upperBytes, fields.reserved)
  let upperOffset = prepared.length
  for (const extension of [hopByHop, endToEnd]) {
    if (extension === undefined) continue
    packet.set(extension, upperOffset)
    upperOffset += extension.length
  }
  return { packet, upperOffset, pathOffset: prepared.length - fields.path.bytes.length }
}

/**
 * The checksum over pseudo header and upper layer of a packet in place: 0 when the checksum field is
 * right, and what belongs into the field while that is zero.
 */
export function checksumInPlace(
  packet: Uint8Array,
  pathStart: number,
  protocol: number,
  upperOffset: number,
): number {
  const upperBytes = packet.length - upperOffset
  const parts = sumOfParts(packet, ADDRESS_HEADER_OFFSET, pathStart, upperOffset)
  const lengths = (upperBytes >>> 16) + (upperBytes & 0xffff)
  return ~foldSum(parts + lengths + protocol) & 0xffff
}

/** Throws `ERR_SCION_CHECKSUM` unless the checksum of the upper layer of a packet is right. */
export function verifyChecksum(packet: Packet): void {
  const { bytes, pathOffset, protocol, upperOffset } = packet
  if (checksumInPlace(bytes, pathOffset, protocol, upperOffset) !== 0) {
    throw new ScionError(
      'ERR_SCION_CHECKSUM',
      `checksum: over addresses and ${bytes.length - upperOffset} bytes of protocol ${protocol}`,
    )
  }
}
