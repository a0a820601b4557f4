import { ScionError } from '../errors.ts'
import { byteAt, u16At, u32At } from '../reader.ts'
import { checkUint, putU16, putU32 } from '../writer.ts'

/**
 * The head of one path segment, 8 bytes:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 | reserved  P C |   reserved    |            SegID              |
 *     +---------------+---------------+-------------------------------+
 *   4 |                          Timestamp                            |
 *     +---------------------------------------------------------------+
 */
export interface InfoField {
  /** C: the packet travels in the direction in which the segment was constructed. */
  readonly consDir: boolean
  /** P: the segment is joined to the other one by a peering link. */
  readonly peering: boolean
  /** The value that chains the hop field MACs; routers update it on the way. */
  readonly segmentId: number
  /** Unix time in seconds at which the segment was created. */
  readonly timestamp: number
}

/**
 * The passage through one AS, 12 bytes:
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 | reserved  I E |    ExpTime    |          ConsIngress          |
 *     +---------------+---------------+-------------------------------+
 *   4 |          ConsEgress           |                               |
 *     +-------------------------------+              MAC              |
 *   8 |                                                               |
 *     +---------------------------------------------------------------+
 */
export interface HopField {
  /** I: the router of the interface towards the beginning of the segment shall look inside. */
  readonly ingressAlert: boolean
  /** E: likewise for the interface towards the end of the segment. */
  readonly egressAlert: boolean
  /** Lifetime beyond the segment's timestamp, in units of 337.5 s, less one. */
  readonly expTime: number
  /** Interface entered when travelling in construction direction; 0 at the segment's first AS. */
  readonly consIngress: number
  /** Interface left when travelling in construction direction; 0 at the segment's last AS. */
  readonly consEgress: number
  /** Six bytes, made by the AS of this hop and checked by its routers. */
  readonly mac: Uint8Array
}

/** Length of an encoded info field. */
export const INFO_FIELD_BYTES = 8
/** Length of an encoded hop field. */
export const HOP_FIELD_BYTES = 12
/** Length of a hop field MAC. */
export const HOP_MAC_BYTES = 6

/** Flags of an info field. */
export const INFO_FLAG = { consDir: 0b01, peering: 0b10 } as const
/** Flags of a hop field. */
export const HOP_FLAG = { egressAlert: 0b01, ingressAlert: 0b10 } as const

/** Reads the info field at `at`, where the caller knows that 8 bytes are. */
export function readInfoField(bytes: Uint8Array, at: number): InfoField {
  const flags = byteAt(bytes, at)
  return {
    consDir: (flags & INFO_FLAG.consDir) !== 0,
    peering: (flags & INFO_FLAG.peering) !== 0,
    segmentId: u16At(bytes, at + 2),
    timestamp: u32At(bytes, at + 4),
  }
}

/** Writes an info field at `at`, where the caller knows that 8 bytes are. */
export function writeInfoField(bytes: Uint8Array, at: number, info: InfoField): void {
  checkUint(info.segmentId, 0xffff, 'info.segmentId')
  checkUint(info.timestamp, 0xffff_ffff, 'info.timestamp')
  bytes[at] = (info.consDir ? INFO_FLAG.consDir : 0) | (info.peering ? INFO_FLAG.peering : 0)
  bytes[at + 1] = 0
  putU16(bytes, at + 2, info.segmentId)
  putU32(bytes, at + 4, info.timestamp)
}

/** Reads the hop field at `at`, where the caller knows that 12 bytes are; the MAC aliases. */
export function readHopField(bytes: Uint8Array, at: number): HopField {
  const flags = byteAt(bytes, at)
  return {
    ingressAlert: (flags & HOP_FLAG.ingressAlert) !== 0,
    egressAlert: (flags & HOP_FLAG.egressAlert) !== 0,
    expTime: byteAt(bytes, at + 1),
    consIngress: u16At(bytes, at + 2),
    consEgress: u16At(bytes, at + 4),
    mac: bytes.subarray(at + 6, at + HOP_FIELD_BYTES),
  }
}

/** Writes a hop field at `at`, where the caller knows that 12 bytes are. */
export function writeHopField(bytes: Uint8Array, at: number, hop: HopField): void {
  checkUint(hop.expTime, 0xff, 'hop.expTime')
  checkUint(hop.consIngress, 0xffff, 'hop.consIngress')
  checkUint(hop.consEgress, 0xffff, 'hop.consEgress')
  if (hop.mac.length !== HOP_MAC_BYTES) {
    throw new ScionError('ERR_SCION_MALFORMED', `hop.mac: 6 bytes, found ${hop.mac.length}`)
  }
  bytes[at] =
    (hop.egressAlert ? HOP_FLAG.egressAlert : 0) | (hop.ingressAlert ? HOP_FLAG.ingressAlert : 0)
  bytes[at + 1] = hop.expTime
  putU16(bytes, at + 2, hop.consIngress)
  putU16(bytes, at + 4, hop.consEgress)
  bytes.set(hop.mac, at + 6)
}
