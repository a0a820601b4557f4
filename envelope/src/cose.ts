import { decodeCbor, encodeCbor, type CborValue } from './cbor.ts'
import { EnvelopeError } from './errors.ts'
import { asArray, badField } from './field.ts'

/** Header labels (RFC 9052 §3.1; `ek` of draft-ietf-cose-hpke). */
export const HEADER = { alg: 1, crit: 2, kid: 4, iv: 5, partialIv: 6, ek: -4 } as const

/** The header parameters of one bucket. */
export type Headers = ReadonlyMap<number | string, CborValue>

/** A `COSE_Sign1` taken apart; nothing about it has been verified. */
export interface Sign1 {
  /** The protected bucket as received: what the signature covers. */
  readonly protectedBytes: Uint8Array
  readonly protectedHeaders: Headers
  readonly unprotectedHeaders: Headers
  /** Null if the payload is detached. */
  readonly payload: Uint8Array | null
  readonly signature: Uint8Array
}

/** A `COSE_Encrypt0` taken apart; nothing about it has been verified. */
export interface Encrypt0 {
  readonly protectedBytes: Uint8Array
  readonly protectedHeaders: Headers
  readonly unprotectedHeaders: Headers
  /** Ciphertext and tag. */
  readonly ciphertext: Uint8Array
}

/** Whether the tags of RFC 9052 may stand in front; on this protocol's wire there are none. */
export interface CoseRules {
  readonly tagged?: boolean
}

const SIGN1_TAG = 18
const ENCRYPT0_TAG = 16
const EMPTY = new Uint8Array(0)

/** `[protected, unprotected, payload, signature]` (RFC 9052 §4.2). */
export function encodeSign1(
  protectedBytes: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return encodeCbor([protectedBytes, new Map(), payload, signature])
}

/** Takes a Sign1 apart; checks form only. */
export function decodeSign1(bytes: Uint8Array, rules: CoseRules = {}): Sign1 {
  const items = decodeMessage(bytes, 'sign1', 4, rules.tagged === true ? [SIGN1_TAG] : [])
  const [, , payload, signature] = items
  if (payload !== null && !(payload instanceof Uint8Array)) {
    throw badField('sign1.payload', 'bytes or null', payload ?? null)
  }
  if (!(signature instanceof Uint8Array)) {
    throw badField('sign1.signature', 'bytes', signature ?? null)
  }
  return { ...decodeHeaders(items, 'sign1'), payload, signature }
}

/** `[protected, unprotected, ciphertext]` (RFC 9052 §5.2). */
export function encodeEncrypt0(
  protectedBytes: Uint8Array,
  unprotectedHeaders: Headers,
  ciphertext: Uint8Array,
): Uint8Array {
  return encodeCbor([protectedBytes, unprotectedHeaders, ciphertext])
}

/** Takes an Encrypt0 apart; checks form only. */
export function decodeEncrypt0(bytes: Uint8Array, rules: CoseRules = {}): Encrypt0 {
  const items = decodeMessage(bytes, 'encrypt0', 3, rules.tagged === true ? [ENCRYPT0_TAG] : [])
  const [, , ciphertext] = items
  if (!(ciphertext instanceof Uint8Array)) {
    throw badField('encrypt0.ciphertext', 'bytes', ciphertext ?? null)
  }
  return { ...decodeHeaders(items, 'encrypt0'), ciphertext }
}

/** What a Sign1's signature covers: the Sig_structure of RFC 9052 §4.4. */
export function sigStructure(
  protectedBytes: Uint8Array,
  externalAad: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  return encodeCbor(['Signature1', bucket(protectedBytes), externalAad, payload])
}

/** What an Encrypt0's tag covers beside the plaintext: the Enc_structure of RFC 9052 §5.3. */
export function encStructure(protectedBytes: Uint8Array, externalAad: Uint8Array): Uint8Array {
  return encodeCbor(['Encrypt0', bucket(protectedBytes), externalAad])
}

/** A protected bucket with one algorithm in it. */
export function protectedAlgorithm(algorithm: number): Uint8Array {
  return encodeCbor(new Map([[HEADER.alg, algorithm]]))
}

/** The algorithm of the protected bucket; throws `unknown-suite` if it is no number or not there. */
export function algorithmOf(headers: Headers): number {
  const algorithm = headers.get(HEADER.alg)
  if (typeof algorithm !== 'number') {
    throw new EnvelopeError('unknown-suite', 'cose.alg: expected a number in the protected bucket')
  }
  return algorithm
}

/**
 * The nonce of a partial IV: padded on the left, then xored with the context IV (RFC 9052 §3.1).
 */
export function nonceOf(contextIv: Uint8Array, partialIv: Uint8Array): Uint8Array {
  if (partialIv.length > contextIv.length) {
    throw badField('cose.partialIv', `at most ${contextIv.length} bytes`, partialIv)
  }
  const nonce = Uint8Array.from(contextIv)
  const shift = contextIv.length - partialIv.length
  partialIv.forEach((byte, index) => {
    nonce[shift + index] = (nonce[shift + index] ?? 0) ^ byte
  })
  return nonce
}

// An empty map in the protected bucket is covered as the empty byte string (RFC 9052 §4.4).
function bucket(protectedBytes: Uint8Array): Uint8Array {
  return protectedBytes.length === 1 && protectedBytes[0] === 0xa0 ? EMPTY : protectedBytes
}

function decodeMessage(
  bytes: Uint8Array,
  name: string,
  length: number,
  tags: readonly number[],
): readonly CborValue[] {
  const items = asArray(decodeCbor(bytes, { tags }), name)
  if (items.length !== length) throw badField(name, `an array of ${length}`, items)
  return items
}

function decodeHeaders(
  items: readonly CborValue[],
  name: string,
): Pick<Sign1, 'protectedBytes' | 'protectedHeaders' | 'unprotectedHeaders'> {
  const [protectedBytes, unprotectedHeaders] = items
  if (!(protectedBytes instanceof Uint8Array)) {
    throw badField(`${name}.protected`, 'bytes', protectedBytes ?? null)
  }
  if (!(unprotectedHeaders instanceof Map)) {
    throw badField(`${name}.unprotected`, 'a map', unprotectedHeaders ?? null)
  }
  const protectedHeaders =
    protectedBytes.length === 0 ? new Map<number, CborValue>() : decodeCbor(protectedBytes)
  if (!(protectedHeaders instanceof Map)) {
    throw badField(`${name}.protected`, 'a map in bytes', protectedHeaders)
  }
  const headers = { protectedBytes, protectedHeaders, unprotectedHeaders } as const
  checkBuckets(headers, name)
  return headers
}

function checkBuckets(
  headers: { readonly protectedHeaders: Headers; readonly unprotectedHeaders: Headers },
  name: string,
): void {
  for (const label of headers.protectedHeaders.keys()) {
    if (headers.unprotectedHeaders.has(label)) {
      throw new EnvelopeError('malformed', `${name}: label ${label} stands in both buckets`)
    }
  }
  // Nothing this protocol knows needs `crit`; what must not be overlooked is refused (RFC 9052 §3.1).
  if (headers.protectedHeaders.has(HEADER.crit) || headers.unprotectedHeaders.has(HEADER.crit)) {
    throw new EnvelopeError('unknown-suite', `${name}.crit: critical headers are not supported`)
  }
}
