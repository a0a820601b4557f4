import { ScionError } from '../errors.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { EPIC_PREFIX_BYTES } from '../path/epic.ts'
import { byteAt, u32At } from '../reader.ts'
import { allocate, putU16, putU32 } from '../writer.ts'
import type { PacketAuthenticator } from './option.ts'
import { decodeSpi } from './option.ts'

/** The parts of a packet that an authenticator covers. */
export interface AuthenticatedParts {
  /** HdrLen as it stands in the packet, in words of 4 bytes. */
  readonly headerWords: number
  /** Protocol of the upper layer, extension headers skipped. */
  readonly protocol: number
  /** Version, traffic class and flow id: the first four bytes. */
  readonly firstWord: number
  readonly pathType: number
  /** DT, DL, ST and SL. */
  readonly hostTypes: number
  /** Destination and source ISD-AS, 16 bytes. */
  readonly isdAses: Uint8Array
  readonly destinationHost: Uint8Array
  readonly sourceHost: Uint8Array
  readonly path: Uint8Array
  /** The upper layer, its checksum filled in. */
  readonly payload: Uint8Array
}

/**
 * The reference masks the traffic class with 0x3f, where the specification means to leave out the
 * two congestion bits at the other end. Both agree for 0, which is what we send.
 */
const TRAFFIC_CLASS_MASK = 0xf3ff_ffff

/**
 * What the authenticator of a packet is computed over (SCION packet authenticator option, as the
 * reference implementation reads it):
 *
 * ```
 *   HdrLen 8 | protocol 8 | upper length 16 | algorithm 8 | 0 8 | timestamp 48
 *   first header word, masked | PathType 8 | DT DL ST SL 8 | 0 16
 *   addresses: only those that the key does not already stand for
 *   path, with everything zeroed that routers change
 *   upper layer
 * ```
 */
export function authenticatorInput(
  parts: AuthenticatedParts,
  option: Pick<PacketAuthenticator, 'spi' | 'algorithm' | 'timestampNs'>,
): Uint8Array {
  const addresses = coveredAddresses(parts, option.spi)
  const addressBytes = addresses.reduce((sum, one) => sum + one.length, 0)
  const input = allocate(20 + addressBytes + parts.path.length + parts.payload.length)
  input[0] = parts.headerWords
  input[1] = parts.protocol
  putU16(input, 2, parts.payload.length)
  input[4] = option.algorithm
  putU16(input, 6, Number(option.timestampNs >> 32n))
  putU32(input, 8, Number(option.timestampNs & 0xffff_ffffn))
  putU32(input, 12, (parts.firstWord & TRAFFIC_CLASS_MASK) >>> 0)
  input[16] = parts.pathType
  input[17] = parts.hostTypes
  let at = 20
  for (const address of addresses) {
    input.set(address, at)
    at += address.length
  }
  input.set(parts.path, at)
  zeroMutable(input.subarray(at, at + parts.path.length), parts.pathType)
  input.set(parts.payload, at + parts.path.length)
  return input
}

/** Host-host keys stand for both hosts and ASes; AS-host keys leave one host to be covered. */
function coveredAddresses(parts: AuthenticatedParts, spi: number): readonly Uint8Array[] {
  const key = decodeSpi(spi)
  if (key === undefined) return [parts.isdAses, parts.destinationHost, parts.sourceHost]
  if (key.kind === 'host-host') return []
  return [key.derivedBy === 'receiver' ? parts.destinationHost : parts.sourceHost]
}

/** Zeroes what routers change under way, in a copy of the path. */
function zeroMutable(path: Uint8Array, type: number): void {
  switch (type) {
    case PATH_TYPE.empty:
      return
    case PATH_TYPE.scion:
      zeroStandard(path)
      return
    case PATH_TYPE.epic:
      zeroStandard(path.subarray(EPIC_PREFIX_BYTES))
      return
    case PATH_TYPE.oneHop:
      zeroOneHop(path)
      return
    default:
      throw new ScionError('ERR_SCION_UNSUPPORTED', `spao.pathType: 0 … 3, found ${type}`)
  }
}

const META_BYTES = 4
const INFO_BYTES = 8
const HOP_BYTES = 12

/** CurrINF and CurrHF, each segment id, each hop's flags. */
function zeroStandard(path: Uint8Array): void {
  const meta = path.length < META_BYTES ? 0 : u32At(path, 0)
  const lengths = [(meta >>> 12) & 63, (meta >>> 6) & 63, meta & 63]
  const infos = lengths.filter((length) => length > 0).length
  const hops = lengths.reduce((sum, length) => sum + length, 0)
  const wanted = META_BYTES + INFO_BYTES * infos + HOP_BYTES * hops
  if (path.length !== wanted) {
    throw new ScionError('ERR_SCION_MALFORMED', `path: ${wanted} bytes, found ${path.length}`)
  }
  path[0] = 0
  for (let info = 0; info < infos; info++) {
    path.fill(0, META_BYTES + INFO_BYTES * info + 2, META_BYTES + INFO_BYTES * info + 4)
  }
  const firstHop = META_BYTES + INFO_BYTES * infos
  for (let hop = 0; hop < hops; hop++) path[firstHop + HOP_BYTES * hop] = 0
}

/** Segment id, flags of the first hop, and the whole second hop, which the far router writes. */
function zeroOneHop(path: Uint8Array): void {
  const wanted = INFO_BYTES + 2 * HOP_BYTES
  if (path.length !== wanted) {
    throw new ScionError('ERR_SCION_MALFORMED', `path: ${wanted} bytes, found ${path.length}`)
  }
  path.fill(0, 2, 4)
  path[INFO_BYTES] = 0
  path.fill(0, INFO_BYTES + HOP_BYTES)
}

/** The parts of a packet in wire form, header checks already made. */
export function partsOfPacket(
  packet: Uint8Array,
  protocol: number,
  payload: Uint8Array,
  pathOffset: number,
): AuthenticatedParts {
  const headerWords = byteAt(packet, 5)
  const hostTypes = byteAt(packet, 9)
  const sourceOffset = 28 + 4 * (1 + ((hostTypes >> 4) & 3))
  return {
    headerWords,
    protocol,
    firstWord: u32At(packet, 0),
    pathType: byteAt(packet, 8),
    hostTypes,
    isdAses: packet.subarray(12, 28),
    destinationHost: packet.subarray(28, sourceOffset),
    sourceHost: packet.subarray(sourceOffset, pathOffset),
    path: packet.subarray(pathOffset, 4 * headerWords),
    payload,
  }
}
