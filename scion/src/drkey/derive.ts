import { pbkdf2Sync } from 'node:crypto'
import type { HostAddress } from '../addr/host.ts'
import { packHost } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { AES_KEY_BYTES, AesMac } from '../crypto/cmac.ts'
import { ScionError } from '../errors.ts'
import { allocate, checkUint, putU16, putU32, putU64 } from '../writer.ts'

/** First byte of what a key is derived from. */
const KEY_TYPE = { asAs: 0, asHost: 1, hostAs: 2, hostHost: 3 } as const

/** Protocol numbers with a secret value of their own; all others share the generic one. */
export const DRKEY_PROTOCOL = { generic: 0, scmp: 1 } as const

const PBKDF2_ITERATIONS = 1000
const SALT = new TextEncoder().encode('Derive DRKey Key')

/** A time in which one set of keys holds, in Unix seconds. */
export interface DrkeyEpoch {
  readonly beginSeconds: number
  readonly endSeconds: number
}

/**
 * The secret value of an AS for a protocol and an epoch (DRKey specification, "Secret value"). Only
 * the control service of an AS knows its master secret; here for test networks and golden vectors.
 */
export function secretValue(
  masterSecret: Uint8Array,
  protocol: number,
  epoch: DrkeyEpoch,
): Uint8Array {
  checkUint(protocol, 0xffff, 'drkey.protocol')
  const input = allocate(8 + masterSecret.length + 10)
  putU64(input, 0, BigInt(masterSecret.length))
  input.set(masterSecret, 8)
  const at = 8 + masterSecret.length
  putU16(input, at, protocol)
  putU32(input, at + 2, epoch.beginSeconds)
  putU32(input, at + 6, epoch.endSeconds)
  return new Uint8Array(pbkdf2Sync(input, SALT, PBKDF2_ITERATIONS, AES_KEY_BYTES, 'sha256'))
}

/** The level-1 key that an AS shares with the AS `destination`. */
export function level1Key(secret: Uint8Array, destination: IsdAs): Uint8Array {
  const input = allocate(9)
  input[0] = KEY_TYPE.asAs
  putU64(input, 1, destination)
  return new AesMac(secret).cbcMac(input)
}

/**
 * The key between the deriving AS and a host of the other AS.
 *
 * @param level1 of the protocol itself, or the generic one if `niche` names a protocol without
 */
export function asHostKey(level1: Uint8Array, host: HostAddress, niche?: number): Uint8Array {
  return new AesMac(level1).cbcMac(level2Input(KEY_TYPE.asHost, host, niche))
}

/** The key between a host of the deriving AS and the other AS; parameters as of {@link asHostKey}. */
export function hostAsKey(level1: Uint8Array, host: HostAddress, niche?: number): Uint8Array {
  return new AesMac(level1).cbcMac(level2Input(KEY_TYPE.hostAs, host, niche))
}

function level2Input(type: number, host: HostAddress, niche: number | undefined): Uint8Array {
  const field = packHost(host)
  if (niche === undefined) return Uint8Array.of(type, field.typeLength, ...field.bytes)
  if (niche === DRKEY_PROTOCOL.generic) {
    throw new ScionError('ERR_SCION_UNSUPPORTED', 'drkey.protocol: 1 … 65535, found 0')
  }
  checkUint(niche, 0xffff, 'drkey.protocol')
  return Uint8Array.of(type, niche >> 8, niche & 0xff, field.typeLength, ...field.bytes)
}

/**
 * Derives the keys that a host of the deriving AS shares with hosts of another AS, one AES call
 * each: the fast side, which a server wants to be on. Holds the host-AS key.
 */
export class HostKeyDeriver {
  readonly #mac: AesMac

  constructor(hostAs: Uint8Array) {
    this.#mac = new AesMac(hostAs)
  }

  /** The host-host key for the far host, 16 bytes. */
  keyFor(host: HostAddress): Uint8Array {
    const field = packHost(host)
    return this.#mac.cbcMac(Uint8Array.of(KEY_TYPE.hostHost, field.typeLength, ...field.bytes))
  }
}
