import { ScionError } from '../errors.ts'
import { Reader } from '../reader.ts'
import { Writer } from '../writer.ts'

/**
 * An EPIC-HP path: per-packet fields, then an ordinary SCION path that stays opaque here.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------------------------------------------------------+
 *   0 |                   Packet timestamp (PktID)                    |
 *     +---------------------------------------------------------------+
 *   4 |                    Packet counter (PktID)                     |
 *     +---------------------------------------------------------------+
 *   8 |           Penultimate hop validation field (PHVF)             |
 *     +---------------------------------------------------------------+
 *  12 |               Last hop validation field (LHVF)                |
 *     +---------------------------------------------------------------+
 *  16 |                          SCION path …                         |
 */
export interface EpicPath {
  /** Units of 21 µs since the timestamp of the first info field. */
  readonly packetTimestamp: number
  readonly packetCounter: number
  /** Four bytes. */
  readonly phvf: Uint8Array
  /** Four bytes. */
  readonly lhvf: Uint8Array
  /** A path of type SCION. */
  readonly scionPath: Uint8Array
}

/** Bytes in front of the SCION path inside an EPIC path. */
export const EPIC_PREFIX_BYTES = 16

/** Takes an EPIC path apart; the parts alias the input. */
export function decodeEpicPath(bytes: Uint8Array): EpicPath {
  const reader = new Reader(bytes)
  return {
    packetTimestamp: reader.u32('epic.packetTimestamp'),
    packetCounter: reader.u32('epic.packetCounter'),
    phvf: reader.bytes(4, 'epic.phvf'),
    lhvf: reader.bytes(4, 'epic.lhvf'),
    scionPath: reader.rest(),
  }
}

/** Puts an EPIC path together. */
export function encodeEpicPath(path: EpicPath): Uint8Array {
  for (const field of ['phvf', 'lhvf'] as const) {
    if (path[field].length !== 4) {
      throw new ScionError(
        'ERR_SCION_MALFORMED',
        `epic.${field}: 4 bytes, found ${path[field].length}`,
      )
    }
  }
  if (path.scionPath.length === 0) {
    throw new ScionError('ERR_SCION_MALFORMED', 'epic.scionPath: a SCION path, found none')
  }
  const writer = new Writer(EPIC_PREFIX_BYTES + path.scionPath.length)
  writer.u32(path.packetTimestamp, 'epic.packetTimestamp')
  writer.u32(path.packetCounter, 'epic.packetCounter')
  writer.bytes(path.phvf, 'epic.phvf')
  writer.bytes(path.lhvf, 'epic.lhvf')
  writer.bytes(path.scionPath, 'epic.scionPath')
  return writer.finish()
}
