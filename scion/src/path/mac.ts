import { pbkdf2Sync } from 'node:crypto'
import { AES_KEY_BYTES, AesMac } from '../crypto/cmac.ts'
import { byteAt } from '../reader.ts'
import { putU16, putU32 } from '../writer.ts'
import type { HopField, InfoField } from './fields.ts'
import { HOP_MAC_BYTES } from './fields.ts'

const FORWARDING_KEY_SALT = 'Derive OF Key'
const FORWARDING_KEY_ROUNDS = 1000

/** The fields that a hop field MAC covers, besides SegID and timestamp. */
export type MacFields = Pick<HopField, 'expTime' | 'consIngress' | 'consEgress'>

/**
 * The key under which the routers of an AS make hop field MACs, derived from the AS's master key
 * (16 bytes) as the reference implementation does it.
 */
export function forwardingKey(masterKey: Uint8Array): Uint8Array {
  return pbkdf2Sync(masterKey, FORWARDING_KEY_SALT, FORWARDING_KEY_ROUNDS, AES_KEY_BYTES, 'sha256')
}

/**
 * Makes and checks the hop field MACs of one AS. Only its routers and its control service hold the
 * key; a host carries MACs without knowing how they come about.
 */
export class HopMac {
  readonly #mac: AesMac
  readonly #input = new Uint8Array(16)

  constructor(key: Uint8Array) {
    this.#mac = new AesMac(key)
  }

  /**
   * The six bytes of a hop field under the SegID (beta) at this hop:
   *
   *      0                   1                   2                   3
   *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
   *     +-------------------------------+-------------------------------+
   *   0 |               0               |             SegID             |
   *     +-------------------------------+-------------------------------+
   *   4 |                           Timestamp                           |
   *     +---------------+---------------+-------------------------------+
   *   8 |       0       |    ExpTime    |          ConsIngress          |
   *     +---------------+---------------+-------------------------------+
   *  12 |          ConsEgress           |               0               |
   *     +-------------------------------+-------------------------------+
   */
  compute(segmentId: number, timestamp: number, hop: MacFields): Uint8Array {
    const input = this.#input
    putU16(input, 2, segmentId)
    putU32(input, 4, timestamp)
    input[9] = hop.expTime
    putU16(input, 10, hop.consIngress)
    putU16(input, 12, hop.consEgress)
    return this.#mac.cmac(input).slice(0, HOP_MAC_BYTES)
  }

  /** Whether a hop field was made by this AS for this segment. */
  verify(info: InfoField, hop: HopField): boolean {
    if (hop.mac.length !== HOP_MAC_BYTES) return false
    const mac = this.compute(info.segmentId, info.timestamp, hop)
    let difference = 0
    for (let at = 0; at < HOP_MAC_BYTES; at++) difference |= byteAt(mac, at) ^ byteAt(hop.mac, at)
    return difference === 0
  }
}

/** The SegID at the next AS in construction direction. */
export function nextSegmentId(segmentId: number, mac: Uint8Array): number {
  return segmentId ^ ((byteAt(mac, 0) << 8) | byteAt(mac, 1))
}
