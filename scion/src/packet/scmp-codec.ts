import { isdAsOf } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import { Reader } from '../reader.ts'
import { Writer, checkUint, putU16 } from '../writer.ts'
import type { Packet, PacketFields } from './packet.ts'
import { checksumInPlace, planPacket, verifyChecksum } from './packet.ts'
import { PROTOCOL } from './protocol.ts'
import type { ScmpError, ScmpInformation, ScmpMessage } from './scmp.ts'
import { SCMP_FIRST_INFORMATION, SCMP_TYPE, isScmpError, scmpTypeNumber } from './scmp.ts'

/** Largest packet with an SCMP error, all headers included; the quote is cut to fit. */
export const SCMP_ERROR_PACKET_BYTES_MAX = 1232

const SCMP_HEADER_BYTES = 4

/** Reads the SCMP message of a packet and verifies its checksum. */
export function decodeScmp(packet: Packet): ScmpMessage {
  if (packet.protocol !== PROTOCOL.scmp) {
    throw new ScionError('ERR_SCION_UNSUPPORTED', `protocol: SCMP (202), found ${packet.protocol}`)
  }
  const message = decodeScmpMessage(packet.payload)
  verifyChecksum(packet)
  return message
}

/**
 * Reads an SCMP message without looking at its checksum. Quotes and data alias the input.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 |     Type      |     Code      |           Checksum            |
 *     +---------------+---------------+-------------------------------+
 *   4 |   by type: 4, 16 or 24 bytes, then the quote or the data      |
 */
export function decodeScmpMessage(bytes: Uint8Array): ScmpMessage {
  const reader = new Reader(bytes)
  const type = reader.u8('scmp.type')
  const code = reader.u8('scmp.code')
  reader.u16('scmp.checksum') // The caller knows the pseudo header.
  return type < SCMP_FIRST_INFORMATION
    ? readError(reader, type, code)
    : readInformation(reader, type, code)
}

function readError(reader: Reader, type: number, code: number): ScmpError {
  switch (type) {
    case SCMP_TYPE.destinationUnreachable:
      reader.u32('scmp.unused')
      return { type: 'destination-unreachable', code, quote: reader.rest() }
    case SCMP_TYPE.packetTooBig: {
      reader.u16('scmp.reserved')
      const mtu = reader.u16('scmp.mtu')
      return { type: 'packet-too-big', code, mtu, quote: reader.rest() }
    }
    case SCMP_TYPE.parameterProblem: {
      reader.u16('scmp.reserved')
      const pointer = reader.u16('scmp.pointer')
      return { type: 'parameter-problem', code, pointer, quote: reader.rest() }
    }
    case SCMP_TYPE.externalInterfaceDown: {
      const isdAs = isdAsOf(reader.u64('scmp.isdAs'))
      const interfaceId = readInterface(reader, 'scmp.interfaceId')
      return { type: 'external-interface-down', code, isdAs, interfaceId, quote: reader.rest() }
    }
    case SCMP_TYPE.internalConnectivityDown: {
      const isdAs = isdAsOf(reader.u64('scmp.isdAs'))
      const ingressId = readInterface(reader, 'scmp.ingressId')
      const egressId = readInterface(reader, 'scmp.egressId')
      const quote = reader.rest()
      return { type: 'internal-connectivity-down', code, isdAs, ingressId, egressId, quote }
    }
    default: {
      const word = reader.u32('scmp.word')
      return { type: 'unknown-error', typeNumber: type, code, word, quote: reader.rest() }
    }
  }
}

function readInformation(reader: Reader, type: number, code: number): ScmpInformation {
  switch (type) {
    case SCMP_TYPE.echoRequest:
    case SCMP_TYPE.echoReply: {
      const identifier = reader.u16('scmp.identifier')
      const sequence = reader.u16('scmp.sequence')
      const name = type === SCMP_TYPE.echoRequest ? 'echo-request' : 'echo-reply'
      return { type: name, code, identifier, sequence, data: reader.rest() }
    }
    case SCMP_TYPE.tracerouteRequest:
    case SCMP_TYPE.tracerouteReply: {
      const identifier = reader.u16('scmp.identifier')
      const sequence = reader.u16('scmp.sequence')
      const isdAs = isdAsOf(reader.u64('scmp.isdAs'))
      const interfaceId = readInterface(reader, 'scmp.interfaceId')
      const name = type === SCMP_TYPE.tracerouteRequest ? 'traceroute-request' : 'traceroute-reply'
      return { type: name, code, identifier, sequence, isdAs, interfaceId, data: reader.rest() }
    }
    default:
      return { type: 'unknown-information', typeNumber: type, code, data: reader.rest() }
  }
}

/** Interface numbers have 64 bits here but 16 in hop fields; what no double holds is nonsense. */
function readInterface(reader: Reader, field: string): number {
  const id = reader.u64(field)
  if (id > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ScionError('ERR_SCION_MALFORMED', `${field}: an interface, found ${id.toString()}`)
  }
  return Number(id)
}

/** Writes an SCMP message with its checksum field zero. */
export function encodeScmpMessage(message: ScmpMessage): Uint8Array {
  const tail = isScmpError(message) ? message.quote : message.data
  const writer = new Writer(SCMP_HEADER_BYTES + fixedBytes(message) + tail.length)
  const type = scmpTypeNumber(message)
  if (type < SCMP_FIRST_INFORMATION !== isScmpError(message)) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `scmp.typeNumber: of ${message.type}, found ${type}`,
    )
  }
  writer.u8(type, 'scmp.type')
  writer.u8(message.code, 'scmp.code')
  writer.u16(0, 'scmp.checksum')
  writeFixed(writer, message)
  writer.bytes(tail, 'scmp.tail')
  return writer.finish()
}

function fixedBytes(message: ScmpMessage): number {
  switch (message.type) {
    case 'external-interface-down':
      return 16
    case 'internal-connectivity-down':
      return 24
    case 'traceroute-request':
    case 'traceroute-reply':
      return 20
    case 'unknown-information':
      return 0
    case 'destination-unreachable':
    case 'packet-too-big':
    case 'parameter-problem':
    case 'unknown-error':
    case 'echo-request':
    case 'echo-reply':
      return 4
  }
}

function writeFixed(writer: Writer, message: ScmpMessage): void {
  switch (message.type) {
    case 'destination-unreachable':
      writer.u32(0, 'scmp.unused')
      break
    case 'packet-too-big':
      writer.u16(0, 'scmp.reserved')
      writer.u16(message.mtu, 'scmp.mtu')
      break
    case 'parameter-problem':
      writer.u16(0, 'scmp.reserved')
      writer.u16(message.pointer, 'scmp.pointer')
      break
    case 'external-interface-down':
      writer.u64(message.isdAs, 'scmp.isdAs')
      writeInterface(writer, message.interfaceId, 'scmp.interfaceId')
      break
    case 'internal-connectivity-down':
      writer.u64(message.isdAs, 'scmp.isdAs')
      writeInterface(writer, message.ingressId, 'scmp.ingressId')
      writeInterface(writer, message.egressId, 'scmp.egressId')
      break
    case 'unknown-error':
      writer.u32(message.word, 'scmp.word')
      break
    case 'unknown-information':
      break
    case 'echo-request':
    case 'echo-reply':
      writer.u16(message.identifier, 'scmp.identifier')
      writer.u16(message.sequence, 'scmp.sequence')
      break
    case 'traceroute-request':
    case 'traceroute-reply':
      writer.u16(message.identifier, 'scmp.identifier')
      writer.u16(message.sequence, 'scmp.sequence')
      writer.u64(message.isdAs, 'scmp.isdAs')
      writeInterface(writer, message.interfaceId, 'scmp.interfaceId')
      break
  }
}

function writeInterface(writer: Writer, id: number, field: string): void {
  checkUint(id, Number.MAX_SAFE_INTEGER, field)
  writer.u64(BigInt(id), field)
}

/**
 * Makes a packet with an SCMP message, lengths and checksum filled in. The quote of an error is cut
 * so that the packet stays within {@link SCMP_ERROR_PACKET_BYTES_MAX}.
 */
export function encodeScmpPacket(fields: PacketFields, message: ScmpMessage): Uint8Array {
  let upper = encodeScmpMessage(message)
  let plan = planPacket(fields, PROTOCOL.scmp, upper.length)
  const excess = plan.packet.length - SCMP_ERROR_PACKET_BYTES_MAX
  if (isScmpError(message) && excess > 0) {
    upper = upper.subarray(0, upper.length - Math.min(excess, message.quote.length))
    plan = planPacket(fields, PROTOCOL.scmp, upper.length)
  }
  const { packet, upperOffset, pathOffset } = plan
  packet.set(upper, upperOffset)
  const checksum = checksumInPlace(packet, pathOffset, PROTOCOL.scmp, upperOffset)
  putU16(packet, upperOffset + 2, checksum)
  return packet
}
