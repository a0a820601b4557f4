import { encodeCbor } from './cbor.ts'
import {
  algorithmOf,
  decodeSign1,
  encodeSign1,
  protectedAlgorithm,
  sigStructure,
  type Sign1,
} from './cose.ts'
import { EnvelopeError } from './errors.ts'
import { badField } from './field.ts'
import { kindRule, PROTOCOL_ID, type Kind } from './kinds.ts'
import {
  SIGNATURE_ALGORITHMS,
  SIGNATURE_BYTES,
  signatureAlgorithm,
  type PublicKey,
  type SignatureAlgorithm,
  type VerifySignature,
} from './signature.ts'
import type { Signer } from './signer.ts'

/** What a signature is bound to beside its payload. */
export interface SignatureContext {
  readonly kind: Kind
  /** Who signs: UEID of the device, or of the recipient for a prekey. */
  readonly ueid: Uint8Array
  /** Whom it is for: the recipient's UEID; empty for a prekey, which is for everyone. */
  readonly recipientId: Uint8Array
}

/** This protocol's Sign1: one algorithm in the protected bucket, nothing unprotected. */
export interface SignedObject {
  readonly algorithm: SignatureAlgorithm
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

const PROTECTED = {
  Ed25519: protectedAlgorithm(SIGNATURE_ALGORITHMS.Ed25519),
  ESP256: protectedAlgorithm(SIGNATURE_ALGORITHMS.ESP256),
} as const satisfies Record<SignatureAlgorithm, Uint8Array>

/** Signs a payload as an object of `context.kind`; the result stands for itself for years. */
export async function signObject(
  signer: Signer,
  payload: Uint8Array,
  context: Omit<SignatureContext, 'ueid'>,
): Promise<Uint8Array> {
  const protectedBytes = PROTECTED[signer.algorithm]
  const aad = signatureAad({ ...context, ueid: signer.ueid })
  const signature = await signer.sign(sigStructure(protectedBytes, aad, payload))
  if (signature.length !== SIGNATURE_BYTES) {
    throw badField('signer.sign', `${SIGNATURE_BYTES} bytes`, signature)
  }
  return encodeSign1(protectedBytes, payload, signature)
}

/** Reads a Sign1 of this protocol without verifying it; strict, so that its bytes have one form. */
export function readSignedObject(bytes: Uint8Array): SignedObject {
  const sign1 = decodeSign1(bytes)
  const algorithm = signatureAlgorithm(algorithmOf(sign1.protectedHeaders))
  checkProfile(sign1)
  const { payload, signature } = sign1
  if (payload === null) throw badField('sign1.payload', 'bytes', payload)
  if (signature.length !== SIGNATURE_BYTES) {
    throw badField('sign1.signature', `${SIGNATURE_BYTES} bytes`, signature)
  }
  return { algorithm, payload, signature }
}

/** Verifies a Sign1 over the received bytes and returns its payload; throws `bad-signature`. */
export function verifyObject(
  bytes: Uint8Array,
  key: PublicKey,
  context: SignatureContext,
  verify: VerifySignature,
): Uint8Array {
  const signed = readSignedObject(bytes)
  const { algorithm, payload, signature } = signed
  if (algorithm !== key.algorithm) {
    throw new EnvelopeError('wrong-key', `sign1.alg: key is ${key.algorithm}, found ${algorithm}`)
  }
  if (!verify(key, signedMessage(signed, context), signature)) {
    throw new EnvelopeError('bad-signature', `${context.kind}: signature does not fit`)
  }
  return payload
}

/** The bytes that the signature is over. */
export function signedMessage(signed: SignedObject, context: SignatureContext): Uint8Array {
  return sigStructure(PROTECTED[signed.algorithm], signatureAad(context), signed.payload)
}

function signatureAad({ kind, ueid, recipientId }: SignatureContext): Uint8Array {
  return encodeCbor([PROTOCOL_ID, kindRule(kind).code, ueid, recipientId])
}

function checkProfile(sign1: Sign1): void {
  if (sign1.protectedHeaders.size !== 1 || sign1.unprotectedHeaders.size !== 0) {
    throw new EnvelopeError('forbidden', 'sign1: expected alg protected and nothing else')
  }
}
