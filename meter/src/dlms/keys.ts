import type { KeyObject } from 'node:crypto'
import { createDecipheriv, createHash, createPublicKey, diffieHellman, verify } from 'node:crypto'
import { MeterError } from '../errors.ts'
import { join } from './encode.ts'

/**
 * The keys of a meter. Symmetric ones have 16 bytes in suites 0 and 1, 32 in suite 2; asymmetric
 * ones lie on P-256 in suite 1, on P-384 in suite 2.
 */
export interface DlmsKeys {
  readonly encryptionKey?: Uint8Array | undefined
  readonly authenticationKey?: Uint8Array | undefined
  /** The key under which the meter may send others, wrapped (RFC 3394). */
  readonly masterKey?: Uint8Array | undefined
  /** The meter's public key for signatures. */
  readonly signatureKey?: KeyObject | undefined
  /** Our private key to agree on keys with, and the meter's public one for the static scheme. */
  readonly agreementKey?: KeyObject | undefined
  readonly meterAgreementKey?: KeyObject | undefined
}

/** Where the key of a general-ciphering APDU comes from (IEC 62056-5-3 §5.7.2.5). */
export type KeyInfo =
  /** One that both sides have: 0 for unicast, 1 for broadcast. */
  | { readonly kind: 'known'; readonly id: number }
  /** It comes along, wrapped under the master key. */
  | { readonly kind: 'wrapped'; readonly data: Uint8Array }
  /** An ephemeral key of the meter with a static one of ours. */
  | { readonly kind: 'one-pass'; readonly data: Uint8Array }
  /** Static keys of both. */
  | { readonly kind: 'static' }

/** Names in a general-ciphering APDU that go into an agreed key. */
export interface Parties {
  /** With its length in front, as it stands on the wire. */
  readonly transaction: Uint8Array
  readonly originator: Uint8Array
  readonly recipient: Uint8Array
}

const WRAP_IV = new Uint8Array(8).fill(0xa6)
/** AES-GCM-128 and AES-GCM-256 in the numbers of the DLMS UA. */
const ALGORITHM = Uint8Array.of(0x60, 0x85, 0x74, 0x05, 0x08, 0x03)
const POINT_UNCOMPRESSED = 0x04

/** SubjectPublicKeyInfo in front of an uncompressed point. */
const CURVES = {
  1: {
    bytes: 64,
    prefix: '3059301306072a8648ce3d020106082a8648ce3d030107034200',
    hash: 'sha256',
    keyBytes: 16,
  },
  2: {
    bytes: 96,
    prefix: '3076301006072a8648ce3d020106052b81040022036200',
    hash: 'sha384',
    keyBytes: 32,
  },
} as const

/**
 * The encryption key of a general-ciphering APDU; undefined where a key that it takes is not given.
 *
 * @throws {@link MeterError} `unsupported` for schemes that the suite does not have, `malformed` for
 *   key material that is none.
 */
export function keyFrom(
  info: KeyInfo,
  suite: number,
  parties: Parties,
  keys: DlmsKeys,
): Uint8Array | undefined {
  switch (info.kind) {
    case 'known':
      return keys.encryptionKey
    case 'wrapped':
      return keys.masterKey === undefined ? undefined : unwrap(info.data, keys.masterKey)
    case 'one-pass': {
      const { bytes } = curveOf(suite)
      if (keys.agreementKey === undefined) return undefined
      if (info.data.length < bytes) throw broken(`${bytes} bytes of a point`, info.data)
      const secret = agree(keys.agreementKey, pointKey(info.data.subarray(0, bytes), suite))
      return derive(secret, suite, parties.originator, parties.recipient)
    }
    case 'static': {
      const { agreementKey, meterAgreementKey } = keys
      if (agreementKey === undefined || meterAgreementKey === undefined) return undefined
      const secret = agree(agreementKey, meterAgreementKey)
      const { originator, transaction, recipient } = parties
      return derive(secret, suite, originator, transaction, recipient)
    }
  }
}

/** Whether a signature of the meter holds: r and s behind each other, hash by their length. */
export function signatureHolds(text: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  const hash = signature.length === CURVES[2].bytes ? 'sha384' : 'sha256'
  try {
    return verify(hash, text, { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    // A key that is not for signatures at all cannot have made one.
    return false
  }
}

/** A point of the suite's curve, its coordinates behind each other, as a key. */
export function pointKey(point: Uint8Array, suite: number): KeyObject {
  const { prefix } = curveOf(suite)
  const head = Uint8Array.from(prefix.match(/../g) ?? [], (pair) => parseInt(pair, 16))
  const der = join(head, [POINT_UNCOMPRESSED], point)
  try {
    return createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
  } catch (cause) {
    throw new MeterError('malformed', 'key: expected a point of the curve, found none', { cause })
  }
}

function curveOf(suite: number): (typeof CURVES)[1 | 2] {
  if (suite === 1 || suite === 2) return CURVES[suite]
  throw new MeterError('unsupported', `key: expected suite 1 or 2 to agree on one, found ${suite}`)
}

function agree(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  try {
    return new Uint8Array(diffieHellman({ privateKey, publicKey }))
  } catch (cause) {
    throw new MeterError('malformed', 'key: expected keys of one curve, found others', { cause })
  }
}

/** The concatenation KDF of NIST SP 800-56A: one round gives more than any suite needs. */
function derive(secret: Uint8Array, suite: number, ...info: readonly Uint8Array[]): Uint8Array {
  const { hash, keyBytes } = curveOf(suite)
  const algorithm = join(ALGORITHM, [suite - 1])
  const text = join([0, 0, 0, 1], secret, algorithm, ...info)
  return new Uint8Array(createHash(hash).update(text).digest()).subarray(0, keyBytes)
}

function unwrap(data: Uint8Array, masterKey: Uint8Array): Uint8Array {
  const name = masterKey.length === 32 ? 'id-aes256-wrap' : 'id-aes128-wrap'
  try {
    const cipher = createDecipheriv(name, masterKey, WRAP_IV)
    return join(cipher.update(data), cipher.final())
  } catch (cause) {
    throw new MeterError('range', 'key: expected one under this master key, found another', {
      cause,
    })
  }
}

function broken(expected: string, found: Uint8Array): MeterError {
  return new MeterError('malformed', `key: expected ${expected}, found ${found.length} bytes`)
}
