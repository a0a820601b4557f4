import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from './bytes.ts'
import { encodeCbor } from './cbor.ts'
import { EnvelopeError } from './errors.ts'

/** Signature algorithms of this protocol by their COSE names (RFC 9864). */
export const SIGNATURE_ALGORITHMS = { Ed25519: -19, ESP256: -9 } as const

/** Ed25519, or ECDSA on P-256 with SHA-256 where a secure element signs. */
export type SignatureAlgorithm = keyof typeof SIGNATURE_ALGORITHMS

/** A public key as it is passed around: Ed25519 32 bytes; P-256 65 bytes, uncompressed (SEC 1). */
export interface PublicKey {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
}

/** Whether `signature` is good; never throws for bad input. */
export type VerifySignature = (
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean

/** Bytes of a signature: both algorithms have 64 (ECDSA as r‖s, RFC 9053 §2.1). */
export const SIGNATURE_BYTES = 64
/** Bytes of a UEID: its type and SHA-256. */
export const UEID_BYTES = 33

/** The algorithm with this COSE number; throws `unknown-suite`. */
export function signatureAlgorithm(number: number): SignatureAlgorithm {
  if (number === SIGNATURE_ALGORITHMS.Ed25519) return 'Ed25519'
  if (number === SIGNATURE_ALGORITHMS.ESP256) return 'ESP256'
  throw new EnvelopeError(
    'unknown-suite',
    `sign1.alg: ${number} is not a signature of this protocol`,
  )
}

/**
 * Verifies with the portable implementation; the browser's and the auditor's way. RFC 8032 strictly:
 * no ZIP-215 leniency, and the equation without a cofactor, so that every verifier of this project
 * (and any built on OpenSSL) gives the same answer, even where who signs would have it otherwise.
 */
export function verifyPortable(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  try {
    return key.algorithm === 'Ed25519'
      ? ed25519.verify(signature, message, key.publicKey, { zip215: false }) &&
          isPure(signature.subarray(0, 32)) &&
          isPure(key.publicKey)
      : p256.verify(signature, message, key.publicKey, { lowS: false })
  } catch {
    return false
  }
}

/** The `COSE_Key` of a public key, required members only, deterministic (RFC 9052 §7). */
export function coseKeyOf(key: PublicKey): Uint8Array {
  checkPublicKey(key)
  const { publicKey } = key
  const members: [number, number | Uint8Array][] =
    key.algorithm === 'Ed25519'
      ? [
          [1, 1], // kty: OKP
          [-1, 6], // crv: Ed25519
          [-2, publicKey],
        ]
      : [
          [1, 2], // kty: EC2
          [-1, 1], // crv: P-256
          [-2, publicKey.subarray(1, 33)],
          [-3, publicKey.subarray(33)],
        ]
  return encodeCbor(new Map(members))
}

/** The COSE Key thumbprint with SHA-256 (RFC 9679): what a label or a fingerprint shows. */
export function thumbprintOf(key: PublicKey): Uint8Array {
  return sha256(coseKeyOf(key))
}

/**
 * A key holder's identity: a UEID (RFC 9711 §4.2.1) of type 0x01 whose value is the key's thumbprint.
 */
export function ueidOf(key: PublicKey): Uint8Array {
  return concatBytes(Uint8Array.of(0x01), thumbprintOf(key))
}

/**
 * Refuses a key that nobody makes by chance: one with a part of small order, under which a signature
 * is good or not depending on who checks it (`bad-key`). For keys that come from elsewhere, once.
 */
export function checkForeignKey(key: PublicKey): void {
  checkPublicKey(key)
  if (key.algorithm === 'Ed25519' && !isPure(key.publicKey)) {
    throw new EnvelopeError('bad-key', 'publicKey: has a part of small order')
  }
}

/** Whether a point is in the group of prime order. */
function isPure(bytes: Uint8Array): boolean {
  return ed25519.Point.fromBytes(bytes).isTorsionFree()
}

/** Refuses a key that is not a usable point: wrong length, off the curve, of small order (`bad-key`). */
export function checkPublicKey(key: PublicKey): void {
  const { algorithm, publicKey } = key
  try {
    if (algorithm === 'Ed25519') {
      const point = ed25519.Point.fromBytes(publicKey)
      if (point.isSmallOrder()) throw new RangeError('point of small order')
    } else {
      if (publicKey.length !== 65) throw new RangeError('expected the uncompressed point')
      p256.Point.fromBytes(publicKey).assertValidity()
    }
  } catch (cause) {
    throw new EnvelopeError('bad-key', `publicKey: not an ${algorithm} key`, { cause })
  }
}
