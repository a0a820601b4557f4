import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, fromHex, toHex, utf8 } from './bytes.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { EnvelopeError } from './errors.ts'
import { badField, FieldReader } from './field.ts'
import { generateHpkeKeyPair, suiteOf, type SuiteId } from './hpke.ts'
import { parseJsonObject } from './keys.ts'
import { PROTOCOL_ID } from './kinds.ts'
import {
  CLOCK_SKEW_MS_MAX,
  COUNTER_MAX,
  PREKEY_GRACE_MS,
  PREKEY_VALIDITY_MS_MAX,
} from './limits.ts'
import { checkRange, TIME_MS_MAX } from './payload/header.ts'
import { signObject, verifyObject } from './sign1.ts'
import { ueidOf, type PublicKey, type VerifySignature } from './signature.ts'
import type { RandomBytes, Signer } from './signer.ts'

/** A recipient's public key for opening epochs, signed by the recipient. */
export interface Prekey {
  readonly suite: SuiteId
  /** Eight bytes of the hash of suite and public key. */
  readonly id: Uint8Array
  readonly publicKey: Uint8Array
  /** UEID of the recipient's signing key. */
  readonly recipientId: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Never goes down: a recipient says with a higher number that it means what looks like a step back. */
  readonly policyVersion: number
  /** The Sign1 that says all this; what is handed to devices. */
  readonly object: Uint8Array
}

/** A prekey and its private part; only the recipient has it, until it deletes it. */
export interface PrekeyPair {
  readonly prekey: Prekey
  readonly privateKey: Uint8Array
}

/** Bytes of a prekey id. */
export const PREKEY_ID_BYTES = 8
const PREKEY_FILE_FORMAT = 's3mp-prekey/1'
const EVERYONE = new Uint8Array(0)

/** What a recipient decides when it makes a prekey. */
export interface PrekeyOptions {
  readonly signer: Signer
  readonly suite: SuiteId
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly policyVersion: number
  readonly random: RandomBytes
}

/** Makes and signs a prekey. */
export async function createPrekey(options: PrekeyOptions): Promise<PrekeyPair> {
  const { signer, suite, notBeforeMs, notAfterMs, policyVersion, random } = options
  const { publicKey, privateKey } = await generateHpkeKeyPair(suite, random)
  const id = prekeyIdOf(suite, publicKey)
  const claims = { suite, id, publicKey, notBeforeMs, notAfterMs, policyVersion }
  const payload = encodeCbor([suite, id, publicKey, notBeforeMs, notAfterMs, policyVersion])
  checkClaims(claims)
  const object = await signObject(signer, payload, { kind: 'prekey', recipientId: EVERYONE })
  return { prekey: { ...claims, recipientId: signer.ueid, object }, privateKey }
}

/** What a device asks of a prekey beyond its signature. */
export interface PrekeyPolicy {
  /** The suites the device will use at all. */
  readonly suites: readonly SuiteId[]
  /** The prekey it holds for this recipient: a weaker or older policy than this is a downgrade. */
  readonly previous?: Prekey
  /** The time, if the device's clock is set; without it the validity cannot be checked. */
  readonly nowMs?: number
}

/**
 * Verifies a prekey against the recipient's pinned public key. Throws `bad-signature`,
 * `unknown-suite`, `downgrade`, `expired-prekey`, or what the gate says.
 */
export function verifyPrekey(
  object: Uint8Array,
  recipient: PublicKey,
  policy: PrekeyPolicy,
  verify: VerifySignature,
): Prekey {
  const recipientId = ueidOf(recipient)
  const context = { kind: 'prekey', ueid: recipientId, recipientId: EVERYONE } as const
  const payload = verifyObject(object, recipient, context, verify)
  const prekey = { ...readClaims(payload), recipientId, object: Uint8Array.from(object) }
  checkPolicy(prekey, policy)
  return prekey
}

/** The prekey to hand out now: the one whose validity began last. */
export function currentPrekey(pairs: readonly PrekeyPair[], nowMs: number): PrekeyPair | undefined {
  return pairs
    .filter(({ prekey }) => prekey.notBeforeMs <= nowMs && nowMs <= prekey.notAfterMs)
    .sort((left, right) => right.prekey.notBeforeMs - left.prekey.notBeforeMs)[0]
}

/** Whether the private part has to be deleted: its validity and the grace are over. */
export function prekeySpent(prekey: Prekey, nowMs: number): boolean {
  return nowMs > prekey.notAfterMs + PREKEY_GRACE_MS
}

/** The pair as JSON for the recipient's key store; secret. */
export function encodePrekeyFile(pair: PrekeyPair): string {
  const content = {
    format: PREKEY_FILE_FORMAT,
    object: toHex(pair.prekey.object),
    privateKey: toHex(pair.privateKey),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** Reads {@link encodePrekeyFile}'s JSON of the recipient's own; verifies its own signature too. */
export function decodePrekeyFile(
  text: string,
  recipient: PublicKey,
  verify: VerifySignature,
): PrekeyPair {
  const { format, object, privateKey } = parseJsonObject(text, 'prekeyFile')
  if (format !== PREKEY_FILE_FORMAT || typeof object !== 'string') {
    throw new EnvelopeError('bad-key', `prekeyFile.format: expected ${PREKEY_FILE_FORMAT}`)
  }
  if (typeof privateKey !== 'string') {
    throw new EnvelopeError('bad-key', 'prekeyFile.privateKey: expected hex')
  }
  const bytes = fromHex(object, 'prekeyFile.object')
  const prekey = verifyPrekey(bytes, recipient, { suites: [1, 2] }, verify)
  const secret = fromHex(privateKey, 'prekeyFile.privateKey')
  if (secret.length !== suiteOf(prekey.suite).privateKeyBytes) {
    throw new EnvelopeError('bad-key', 'prekeyFile.privateKey: wrong length')
  }
  return { prekey, privateKey: secret }
}

type PrekeyClaims = Omit<Prekey, 'recipientId' | 'object'>

function readClaims(payload: Uint8Array): PrekeyClaims {
  const reader = new FieldReader(decodeCbor(payload), 'prekey', 6)
  const suite = suiteOf(reader.uint('suite', 255))
  const claims = {
    suite: suite.id,
    id: reader.bytes('id', PREKEY_ID_BYTES),
    publicKey: reader.bytes('publicKey', suite.publicKeyBytes),
    notBeforeMs: reader.uint('notBeforeMs', TIME_MS_MAX),
    notAfterMs: reader.uint('notAfterMs', TIME_MS_MAX),
    policyVersion: reader.uint('policyVersion', COUNTER_MAX),
  }
  checkClaims(claims)
  return claims
}

function checkClaims(claims: PrekeyClaims): void {
  const { notBeforeMs, notAfterMs } = claims
  checkRange('prekey.notBeforeMs', notBeforeMs, 0, TIME_MS_MAX)
  checkRange('prekey.notAfterMs', notAfterMs, notBeforeMs, notBeforeMs + PREKEY_VALIDITY_MS_MAX)
  checkRange('prekey.policyVersion', claims.policyVersion, 0, COUNTER_MAX)
  if (!equalBytes(claims.id, prekeyIdOf(claims.suite, claims.publicKey))) {
    throw badField('prekey.id', "the public key's hash", claims.id)
  }
}

function checkPolicy(prekey: Prekey, { suites, previous, nowMs }: PrekeyPolicy): void {
  if (!suites.includes(prekey.suite)) {
    throw new EnvelopeError('unknown-suite', `prekey.suite: ${prekey.suite} is not to be used here`)
  }
  if (previous !== undefined) {
    const older = prekey.policyVersion < previous.policyVersion
    const weaker = prekey.suite < previous.suite && prekey.policyVersion === previous.policyVersion
    if (older || weaker) {
      throw new EnvelopeError('downgrade', 'prekey: weaker or older than the one held')
    }
  }
  // Two good clocks differ a little: one made just now must not seem to come from the future.
  const isEarly = nowMs !== undefined && nowMs < prekey.notBeforeMs - CLOCK_SKEW_MS_MAX
  if (isEarly || (nowMs !== undefined && nowMs > prekey.notAfterMs)) {
    throw new EnvelopeError('expired-prekey', 'prekey: not valid at this time')
  }
}

function prekeyIdOf(suite: SuiteId, publicKey: Uint8Array): Uint8Array {
  const prefix = utf8(`${PROTOCOL_ID} prekey`)
  return sha256(concatBytes(prefix, Uint8Array.of(suite), publicKey)).slice(0, PREKEY_ID_BYTES)
}
