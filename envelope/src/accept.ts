import { sha256 } from '@noble/hashes/sha2.js'
import { equalBytes } from './bytes.ts'
import { algorithmOf, decodeEncrypt0, HEADER } from './cose.ts'
import {
  decodeEpochClaims,
  epochAad,
  epochInfo,
  epochRoot,
  EXPORT_CONTEXT,
  transcriptOf,
  type EpochClaims,
} from './epoch.ts'
import { EnvelopeError } from './errors.ts'
import { asBytes } from './field.ts'
import { hpkeRecipient, suiteOfAlgorithm, type Suite, type SuiteId } from './hpke.ts'
import { CLOCK_SKEW_MS_MAX, EPOCH_PAST_MAX } from './limits.ts'
import { ReceiverEpoch } from './open.ts'
import { PREKEY_ID_BYTES, prekeySpent, type PrekeyPair } from './prekey.ts'
import { readSignedObject, verifyObject } from './sign1.ts'
import type { PublicKey, VerifySignature } from './signature.ts'
import { checkSize } from './traffic.ts'

/** What the recipient's store knows about the epochs of a device. */
export interface EpochHistory {
  /** The epoch with the highest number so far. */
  readonly newest?: { readonly number: number; readonly bootCounter: number }
  /** The transcript of the epoch accepted under this number. */
  transcriptOf(number: number): Uint8Array | undefined
}

/** An enrolled device, as the recipient's register has it. */
export interface EnrolledDevice {
  readonly key: PublicKey
  readonly history: EpochHistory
}

/** The recipient's own side of accepting. */
export interface AcceptEpochOptions {
  readonly recipientId: Uint8Array
  /** Finds a prekey with its private part; undefined: never made, or deleted after its time. */
  readonly lookupPrekey: (id: Uint8Array) => PrekeyPair | undefined
  /** Finds an enrolled device that has not been revoked. */
  readonly lookupDevice: (ueid: Uint8Array) => EnrolledDevice | undefined
  /** The recipient's clock. */
  readonly nowMs: number
  /** The weakest suite still taken; below it is a downgrade. */
  readonly suiteMin?: SuiteId
  readonly verify: VerifySignature
}

/** How an accepted epoch stands to those before. */
export type EpochStanding =
  /** The device's newest: acks are sealed under it from now on. */
  | 'newest'
  /** The same datagram once more. */
  | 'repeated'
  /** Older than the newest, but never seen: it opens what comes late, and is not for acks. */
  | 'late'

/**
 * Accepts an epoch datagram. Store `datagram` durably before the first ack: with the prekey's private
 * part it is all that {@link restoreEpoch} needs.
 *
 * Throws `unknown-prekey`, `expired-prekey`, `unknown-suite`, `downgrade`, `wrong-recipient`,
 * `unknown-device`, `bad-signature`, `stale-epoch`, `not-authentic`, or what the gate says.
 */
export async function acceptEpoch(
  datagram: Uint8Array,
  options: AcceptEpochOptions,
): Promise<{ readonly epoch: ReceiverEpoch; readonly standing: EpochStanding }> {
  const outer = readOuter(datagram)
  if (outer.suite.id < (options.suiteMin ?? 1)) {
    throw new EnvelopeError('downgrade', `epoch.suite: ${outer.suite.id} is no longer taken`)
  }
  const { epoch, history } = await openOuter(datagram, outer, options)
  checkTime(epoch.claims, options)
  return { epoch, standing: judge(epoch, history) }
}

/** Makes an accepted epoch again, after a restart or from the store; checks no order and no time. */
export async function restoreEpoch(
  datagram: Uint8Array,
  options: Omit<AcceptEpochOptions, 'nowMs' | 'suiteMin' | 'lookupDevice'> & {
    readonly lookupDevice: (ueid: Uint8Array) => PublicKey | undefined
  },
): Promise<ReceiverEpoch> {
  const history = { transcriptOf: () => undefined }
  const lookupDevice = (ueid: Uint8Array): EnrolledDevice | undefined => {
    const key = options.lookupDevice(ueid)
    return key && { key, history }
  }
  const { epoch } = await openOuter(datagram, readOuter(datagram), { ...options, lookupDevice })
  return epoch
}

interface Outer {
  readonly suite: Suite
  readonly prekeyId: Uint8Array
  readonly encapsulation: Uint8Array
  readonly ciphertext: Uint8Array
}

function readOuter(datagram: Uint8Array): Outer {
  checkSize(datagram)
  const { protectedHeaders, unprotectedHeaders, ciphertext } = decodeEncrypt0(datagram)
  const suite = suiteOfAlgorithm(algorithmOf(protectedHeaders))
  if (protectedHeaders.size !== 1 || unprotectedHeaders.size !== 2) {
    throw new EnvelopeError('forbidden', 'epoch: expected alg, kid and ek, and nothing else')
  }
  const prekeyId = asBytes(unprotectedHeaders.get(HEADER.kid) ?? null, 'epoch.kid', PREKEY_ID_BYTES)
  const ek = unprotectedHeaders.get(HEADER.ek) ?? null
  const encapsulation = asBytes(ek, 'epoch.ek', suite.encapsulationBytes)
  return { suite, prekeyId, encapsulation, ciphertext }
}

async function openOuter(
  datagram: Uint8Array,
  outer: Outer,
  options: Omit<AcceptEpochOptions, 'nowMs' | 'suiteMin'>,
): Promise<{ readonly epoch: ReceiverEpoch; readonly history: EpochHistory }> {
  const { suite, prekeyId, encapsulation, ciphertext } = outer
  const { recipientId, verify } = options
  const pair = options.lookupPrekey(prekeyId)
  if (pair === undefined) throw new EnvelopeError('unknown-prekey', 'epoch.kid: no such prekey')
  if (pair.prekey.suite !== suite.id) {
    throw new EnvelopeError('downgrade', `epoch.alg: the prekey is for suite ${pair.prekey.suite}`)
  }
  const info = epochInfo(suite, recipientId)
  const hpke = await hpkeRecipient(suite.id, pair.privateKey, encapsulation, info)
  const object = await hpke.open(ciphertext, epochAad(suite, prekeyId))
  const claims = decodeEpochClaims(readSignedObject(object).payload)
  checkBinding(claims, outer)
  const device = options.lookupDevice(claims.ueid)
  if (device === undefined) throw new EnvelopeError('unknown-device', 'epoch.ueid: not enrolled')
  const { key, history } = device
  verifyObject(object, key, { kind: 'epoch', ueid: claims.ueid, recipientId }, verify)
  const transcript = transcriptOf(datagram)
  const root = epochRoot(await hpke.exportSecret(EXPORT_CONTEXT), transcript)
  const epoch = new ReceiverEpoch(root, { claims, device: key, recipientId, transcript })
  return { epoch, history }
}

/** What the device signed must be this key exchange; else someone passed on another's claims. */
function checkBinding(claims: EpochClaims, outer: Outer): void {
  if (claims.suite !== outer.suite.id) {
    throw new EnvelopeError('downgrade', 'epoch.suite: the device signed another suite')
  }
  const sameKey = equalBytes(claims.prekeyId, outer.prekeyId)
  if (!sameKey || !equalBytes(claims.encapsulationHash, sha256(outer.encapsulation))) {
    throw new EnvelopeError('wrong-recipient', 'epoch: signed for another key exchange')
  }
}

function checkTime(claims: EpochClaims, options: AcceptEpochOptions): void {
  const pair = options.lookupPrekey(claims.prekeyId)
  if (pair === undefined || prekeySpent(pair.prekey, options.nowMs)) {
    throw new EnvelopeError('expired-prekey', 'epoch.kid: the prekey is past its time')
  }
  // A device that does not know the time cannot be held to it; its prekey's own end still binds.
  if (claims.clock === 'unset' || claims.clock === 'suspect') return
  const { notBeforeMs, notAfterMs } = pair.prekey
  if (claims.timeMs < notBeforeMs - CLOCK_SKEW_MS_MAX) {
    throw new EnvelopeError('expired-prekey', 'epoch.timeMs: before the prekey was valid')
  }
  if (claims.timeMs > notAfterMs + CLOCK_SKEW_MS_MAX) {
    throw new EnvelopeError('expired-prekey', 'epoch.timeMs: after the prekey was valid')
  }
}

/** Numbers rise; a late epoch is taken once, and two epochs under one number are a clone's sign. */
function judge(epoch: ReceiverEpoch, history: EpochHistory): EpochStanding {
  const { number, bootCounter } = epoch.claims
  const known = history.transcriptOf(number)
  if (known !== undefined) {
    if (equalBytes(known, epoch.transcript)) return 'repeated'
    throw new EnvelopeError('stale-epoch', `epoch.number: ${number} was used for another epoch`)
  }
  const { newest } = history
  if (newest === undefined) return 'newest'
  const later = number > newest.number
  const bootInOrder = later ? bootCounter >= newest.bootCounter : bootCounter <= newest.bootCounter
  if (!bootInOrder || number <= newest.number - EPOCH_PAST_MAX) {
    throw new EnvelopeError('stale-epoch', `epoch.number: ${number} does not follow`)
  }
  return later ? 'newest' : 'late'
}
