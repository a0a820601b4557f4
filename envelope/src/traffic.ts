import { AEAD_ALGORITHMS, NONCE_BYTES, TAG_BYTES } from './aead.ts'
import { concatBytes, equalBytes } from './bytes.ts'
import { decodeCborPrefix, encodeCbor } from './cbor.ts'
import { scanCbor } from './cbor-scan.ts'
import {
  algorithmOf,
  decodeEncrypt0,
  encodeEncrypt0,
  encStructure,
  HEADER,
  protectedAlgorithm,
  type Encrypt0,
} from './cose.ts'
import { KID_BYTES, trafficAad } from './epoch.ts'
import { EnvelopeError } from './errors.ts'
import { asBytes, asUint, badField } from './field.ts'
import { SUITES, suiteOfAlgorithm } from './hpke.ts'
import { KIND_CODE_MAX, kindOfCode, kindRule, type Direction, type Kind } from './kinds.ts'
import { DATAGRAM_BYTES_MAX, EPOCH_OBJECTS_MAX } from './limits.ts'

/*
 * A datagram inside an epoch:
 *
 *   Encrypt0 [ << {1: 24} >>, { 4: kid, 6: partial IV }, ciphertext ]     up: a counter
 *   Encrypt0 [ << {1: 24} >>, { 4: kid, 5: IV }, ciphertext ]             down: twelve random bytes
 *
 *   plaintext = kind (one byte) || object || zero bytes
 *
 * The zero bytes on the way up make every datagram a multiple of 64 bytes long: its length must not
 * tell how much power is drawn.
 *
 * The two unprotected headers are outside the tag, so they have exactly one form each: the partial IV
 * without leading zero bytes (one zero byte for 0), both headers and no others.
 */
const PROTECTED = protectedAlgorithm(AEAD_ALGORITHMS.ChaCha20Poly1305)
const PARTIAL_IV_BYTES_MAX = 3

/** A datagram inside an epoch, taken apart; nothing about it has been verified. */
export interface Traffic {
  readonly direction: Direction
  readonly kid: Uint8Array
  /** Partial IV (up) or IV (down), as received. */
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
}

/** What the plaintext of a datagram holds. */
export interface Content {
  readonly kind: Kind
  /** A Sign1 if the kind is a signed one, else the payload. */
  readonly object: Uint8Array
}

/** What a datagram is, as far as it says so itself. */
export type DatagramType = 'epoch' | 'traffic' | 'prekey'

/** Tells apart what may arrive, without any key; throws what the gate says, or `unknown-suite`. */
export function classify(datagram: Uint8Array): DatagramType {
  checkSize(datagram)
  if (datagram[0] === 0x84) return 'prekey'
  const algorithm = algorithmOf(decodeEncrypt0(datagram).protectedHeaders)
  if (algorithm === AEAD_ALGORITHMS.ChaCha20Poly1305) return 'traffic'
  suiteOfAlgorithm(algorithm)
  return 'epoch'
}

// [ << {1: 24} >>, { 4: kid(8) …: what every datagram inside an epoch begins with.
const KID_PREFIX = Uint8Array.of(0x83, 0x44, ...PROTECTED, 0xa2, HEADER.kid, 0x40 + KID_BYTES)

/**
 * The kid of a datagram inside an epoch, looked up at its fixed place: a first filter for floods that
 * costs no decoding. Undefined if the bytes do not begin like one; nothing else has been checked.
 */
export function trafficKid(datagram: Uint8Array): Uint8Array | undefined {
  const kid = datagram.subarray(KID_PREFIX.length, KID_PREFIX.length + KID_BYTES)
  const begins = KID_PREFIX.every((byte, index) => byte === datagram[index])
  return begins && kid.length === KID_BYTES ? kid : undefined
}

// [ << {1: suite} >>, { 4: prekey id(8) …: what every datagram that opens an epoch begins with.
const EPOCH_PREFIXES = Object.values(SUITES).map(({ coseAlgorithm }) => {
  const bucket = protectedAlgorithm(coseAlgorithm)
  return Uint8Array.of(0x83, 0x40 + bucket.length, ...bucket, 0xa2, HEADER.kid, 0x40 + KID_BYTES)
})

/** Whether the bytes begin like a datagram that opens an epoch; nothing else has been checked. */
export function looksLikeEpoch(datagram: Uint8Array): boolean {
  return EPOCH_PREFIXES.some((prefix) => prefix.every((byte, index) => byte === datagram[index]))
}

/** Refuses a datagram longer than {@link DATAGRAM_BYTES_MAX} before anything looks into it. */
export function checkSize(datagram: Uint8Array): void {
  if (datagram.length > DATAGRAM_BYTES_MAX) {
    throw new EnvelopeError('too-large', `datagram: ${datagram.length} bytes`)
  }
}

/** The additional data of every datagram of one direction of an epoch; the same each time. */
export function trafficEncStructure(direction: Direction, transcript: Uint8Array): Uint8Array {
  return encStructure(PROTECTED, trafficAad(direction, transcript))
}

/** Puts a datagram together. */
export function encodeTraffic({ direction, kid, iv, ciphertext }: Traffic): Uint8Array {
  const label = direction === 'up' ? HEADER.partialIv : HEADER.iv
  const headers = new Map([
    [HEADER.kid, kid],
    [label, iv],
  ])
  const datagram = encodeEncrypt0(PROTECTED, headers, ciphertext)
  checkSize(datagram)
  return datagram
}

/** Takes a datagram apart; its direction shows in the header it carries. */
export function decodeTraffic(datagram: Uint8Array): Traffic {
  checkSize(datagram)
  const encrypt0 = decodeEncrypt0(datagram)
  if (!equalBytes(encrypt0.protectedBytes, PROTECTED)) {
    const algorithm = algorithmOf(encrypt0.protectedHeaders)
    throw new EnvelopeError('unknown-suite', `encrypt0.alg: expected 24, found ${algorithm}`)
  }
  return readHeaders(encrypt0)
}

function readHeaders({ unprotectedHeaders, ciphertext }: Encrypt0): Traffic {
  const direction = unprotectedHeaders.has(HEADER.partialIv) ? 'up' : 'down'
  const label = direction === 'up' ? HEADER.partialIv : HEADER.iv
  const iv = unprotectedHeaders.get(label) ?? null
  if (unprotectedHeaders.size !== 2 || !(iv instanceof Uint8Array)) {
    throw new EnvelopeError('forbidden', 'encrypt0: expected kid and one IV, and nothing else')
  }
  const kid = asBytes(unprotectedHeaders.get(HEADER.kid) ?? null, 'encrypt0.kid', KID_BYTES)
  if (direction === 'down') asBytes(iv, 'encrypt0.iv', NONCE_BYTES)
  if (ciphertext.length <= TAG_BYTES) {
    throw new EnvelopeError('truncated', 'encrypt0.ciphertext: shorter than a tag and a byte')
  }
  return { direction, kid, iv, ciphertext }
}

/** A counter as partial IV: big-endian, no leading zero byte, one byte at least. */
export function encodePartialIv(counter: number): Uint8Array {
  if (counter < 0x100) return Uint8Array.of(counter)
  if (counter < 0x1_0000) return Uint8Array.of(counter >> 8, counter)
  return Uint8Array.of(counter >> 16, counter >> 8, counter)
}

/** The counter in a partial IV; refuses a second spelling of the same number. */
export function decodePartialIv(iv: Uint8Array): number {
  if (iv.length === 0 || iv.length > PARTIAL_IV_BYTES_MAX) {
    throw badField('encrypt0.partialIv', `1 to ${PARTIAL_IV_BYTES_MAX} bytes`, iv)
  }
  if (iv.length > 1 && iv[0] === 0) {
    throw new EnvelopeError('not-canonical', 'encrypt0.partialIv: leading zero byte')
  }
  const counter = iv.reduce((value, byte) => value * 256 + byte, 0)
  return asUint(counter, 'encrypt0.partialIv', EPOCH_OBJECTS_MAX - 1)
}

/** The plaintext of a datagram, with `padding` zero bytes behind the object. */
export function encodeContent({ kind, object }: Content, padding = 0): Uint8Array {
  return concatBytes(encodeCbor(kindRule(kind).code), object, new Uint8Array(padding))
}

/** Reads a plaintext; a kind that does not travel this way is refused (`wrong-direction`). */
export function decodeContent(plaintext: Uint8Array, direction: Direction): Content {
  const { value, end: start } = decodeCborPrefix(plaintext)
  const kind = kindOfCode(asUint(value, 'content.kind', KIND_CODE_MAX))
  if (kindRule(kind).travels !== direction) {
    throw new EnvelopeError('wrong-direction', `content.kind: ${kind} does not travel ${direction}`)
  }
  const rest = plaintext.subarray(start)
  const end = scanCbor(rest, { sequence: true })
  if (rest.subarray(end).some((byte) => byte !== 0)) {
    throw new EnvelopeError('extended', 'content: something follows the object')
  }
  return { kind, object: rest.slice(0, end) }
}

/** Zero bytes that make a datagram up of this object as long as the next multiple of `block`. */
export function paddingFor(objectBytes: number, ivBytes: number, block: number): number {
  const kindBytes = 1
  const head = KID_PREFIX.length + KID_BYTES + 2 + ivBytes
  const bare = kindBytes + objectBytes + TAG_BYTES
  const whole = head + bytesHead(bare) + bare
  const target = Math.ceil(whole / block) * block - head
  return Math.max(0, target - bytesHead(target) - bare)
}

/** Bytes of the head of a byte string (RFC 8949 §3). */
function bytesHead(length: number): number {
  return length < 24 ? 1 : length < 0x100 ? 2 : 3
}
