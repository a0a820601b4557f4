import {
  createPrivateKey,
  createPublicKey,
  sign as signNative,
  verify as verifyNative,
  type KeyObject,
} from 'node:crypto'
import { p256 } from '@noble/curves/nist.js'
import { concatBytes, fromHex, toHex } from './bytes.ts'
import { EnvelopeError } from './errors.ts'
import { KEY_FILE_CHARS_MAX } from './limits.ts'
import {
  checkForeignKey,
  checkPublicKey,
  SIGNATURE_BYTES,
  thumbprintOf,
  ueidOf,
  type PublicKey,
  type SignatureAlgorithm,
  type VerifySignature,
} from './signature.ts'
import type { RandomBytes, Signer } from './signer.ts'

const DER_PREFIX = {
  // RFC 8410 §4: SubjectPublicKeyInfo of Ed25519.
  Ed25519: fromHex('302a300506032b6570032100'),
  // RFC 5480 §2: SubjectPublicKeyInfo of a P-256 point.
  ESP256: fromHex('3059301306072a8648ce3d020106082a8648ce3d030107034200'),
} as const satisfies Record<SignatureAlgorithm, Uint8Array>

// RFC 8410 §7: PrivateKeyInfo of an Ed25519 seed.
const ED25519_PKCS8 = fromHex('302e020100300506032b657004220420')
// RFC 5915 §3 in PKCS #8: a P-256 scalar, and behind it the point.
const P256_PKCS8 = fromHex(
  '308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420',
)
const P256_POINT = fromHex('a144034200')

/** A signer whose private key is in this process; the software profile. */
export class SoftwareSigner implements Signer {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
  readonly ueid: Uint8Array
  readonly #privateKey: KeyObject

  private constructor(privateKey: KeyObject) {
    const { algorithm, publicKey } = publicKeyOf(createPublicKey(privateKey))
    this.algorithm = algorithm
    this.publicKey = publicKey
    this.ueid = ueidOf({ algorithm, publicKey })
    this.#privateKey = privateKey
  }

  /** A new key from 48 random bytes; on a device it is made once and never leaves it. */
  static generate(algorithm: SignatureAlgorithm, random: RandomBytes): SoftwareSigner {
    if (algorithm === 'Ed25519') return new SoftwareSigner(importEd25519(random(32)))
    return new SoftwareSigner(importP256(p256.utils.randomSecretKey(random(48))))
  }

  /** Reads a PKCS #8 key in PEM; throws `bad-key`. */
  static fromPem(pem: string): SoftwareSigner {
    return new SoftwareSigner(readPem(pem, createPrivateKey))
  }

  /** The private key as PKCS #8 in PEM: for a file that only its owner can read. */
  toPem(): string {
    return this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }

  sign(message: Uint8Array): Promise<Uint8Array> {
    const digest = this.algorithm === 'Ed25519' ? null : 'sha256'
    const key = { key: this.#privateKey, dsaEncoding: 'ieee-p1363' } as const
    return Promise.resolve(Uint8Array.from(signNative(digest, message, key)))
  }
}

/** Verifies with the platform's library: about ten times as fast as {@link verifyPortable}. */
export const verifyPlatform: VerifySignature = (key, message, signature) => {
  if (signature.length !== SIGNATURE_BYTES) return false
  try {
    const digest = key.algorithm === 'Ed25519' ? null : 'sha256'
    const keyObject = importPublicKey(key)
    return verifyNative(digest, message, { key: keyObject, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false
  }
}

/** A public key as SubjectPublicKeyInfo in PEM. */
export function publicKeyToPem(key: PublicKey): string {
  checkPublicKey(key)
  return importPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
}

/** Reads a SubjectPublicKeyInfo in PEM; throws `bad-key`. */
export function publicKeyFromPem(pem: string): PublicKey {
  return publicKeyOf(readPem(pem, createPublicKey))
}

/** What a device shows of itself at enrolment; nothing in it is secret. */
export interface PublicKeyFile extends PublicKey {
  readonly ueid: Uint8Array
}

const PUBLIC_KEY_FORMAT = 's3mp-public-key/1'

/** The public key as JSON for enrolment, with the fingerprint that people compare. */
export function encodePublicKeyFile(key: PublicKey): string {
  const content = {
    format: PUBLIC_KEY_FORMAT,
    algorithm: key.algorithm,
    publicKey: toHex(key.publicKey),
    ueid: toHex(ueidOf(key)),
    fingerprint: fingerprintOf(key),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** Reads {@link encodePublicKeyFile}'s JSON, or a PEM; throws `bad-key` if its parts disagree. */
export function decodePublicKeyFile(text: string): PublicKeyFile {
  checkFileSize(text)
  if (text.includes('-----BEGIN')) {
    const key = publicKeyFromPem(text)
    return { ...key, ueid: ueidOf(key) }
  }
  const content = parseJsonObject(text, 'publicKeyFile')
  const { format, algorithm, publicKey, ueid, fingerprint } = content
  if (format !== PUBLIC_KEY_FORMAT) throw badKey(`format: expected ${PUBLIC_KEY_FORMAT}`)
  if (algorithm !== 'Ed25519' && algorithm !== 'ESP256') throw badKey('algorithm: not known')
  if (typeof publicKey !== 'string') throw badKey('publicKey: expected hex')
  const key = { algorithm, publicKey: fromHex(publicKey, 'publicKeyFile.publicKey') } as const
  checkForeignKey(key)
  if (ueid !== toHex(ueidOf(key))) throw badKey('ueid: does not belong to the public key')
  if (fingerprint !== fingerprintOf(key)) throw badKey('fingerprint: does not belong to the key')
  return { ...key, ueid: ueidOf(key) }
}

/** The key's thumbprint in groups of four hex digits, to be compared by people. */
export function fingerprintOf(key: PublicKey): string {
  return toHex(thumbprintOf(key)).replace(/(.{4})(?=.)/g, '$1 ')
}

/** Reads a JSON object from a key file; throws `bad-key`. */
export function parseJsonObject(text: string, name: string): Readonly<Record<string, unknown>> {
  checkFileSize(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new EnvelopeError('bad-key', `${name}: not JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badKey(`${name}: expected a JSON object`)
  }
  return value as Readonly<Record<string, unknown>>
}

function importEd25519(seed: Uint8Array): KeyObject {
  return importDer(concatBytes(ED25519_PKCS8, seed))
}

function importP256(scalar: Uint8Array): KeyObject {
  const point = p256.getPublicKey(scalar, false)
  return importDer(concatBytes(P256_PKCS8, scalar, P256_POINT, point))
}

function importDer(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
}

// Importing a key costs as much as half a verification; the object that holds the key keeps the result.
const imported = new WeakMap<PublicKey, KeyObject>()

function importPublicKey(key: PublicKey): KeyObject {
  const known = imported.get(key)
  if (known !== undefined) return known
  const der = concatBytes(DER_PREFIX[key.algorithm], key.publicKey)
  const keyObject = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
  imported.set(key, keyObject)
  return keyObject
}

function readPem(pem: string, read: (pem: string) => KeyObject): KeyObject {
  checkFileSize(pem)
  try {
    return read(pem)
  } catch (cause) {
    throw new EnvelopeError('bad-key', 'pem: not a key', { cause })
  }
}

function publicKeyOf(key: KeyObject): PublicKey {
  const curve = key.asymmetricKeyDetails?.namedCurve
  const algorithm = key.asymmetricKeyType === 'ed25519' ? 'Ed25519' : 'ESP256'
  if (algorithm === 'ESP256' && (key.asymmetricKeyType !== 'ec' || curve !== 'prime256v1')) {
    throw badKey(`pem: expected Ed25519 or P-256, found ${key.asymmetricKeyType ?? 'no key'}`)
  }
  const der = key.export({ type: 'spki', format: 'der' })
  const publicKey = Uint8Array.from(der.subarray(DER_PREFIX[algorithm].length))
  checkForeignKey({ algorithm, publicKey })
  return { algorithm, publicKey }
}

function checkFileSize(text: string): void {
  if (text.length > KEY_FILE_CHARS_MAX) {
    throw new EnvelopeError('too-large', `key file: at most ${KEY_FILE_CHARS_MAX} characters`)
  }
}

function badKey(message: string): EnvelopeError {
  return new EnvelopeError('bad-key', message)
}
