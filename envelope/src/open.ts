import { encodeAck, type Ack } from './ack.ts'
import { CHACHA20_POLY1305, NONCE_BYTES } from './aead.ts'
import { equalBytes, toHex } from './bytes.ts'
import { nonceOf } from './cose.ts'
import {
  downKeys,
  firstStep,
  KID_BYTES,
  nextStep,
  upKeys,
  type EpochClaims,
  type TrafficKeys,
} from './epoch.ts'
import { EnvelopeError } from './errors.ts'
import { isRecordKind, kindRule, type Direction, type Kind, type RecordKind } from './kinds.ts'
import { EPOCH_STEPS_MAX, KID_INDEX_MAX } from './limits.ts'
import { decodeRecord, recordHash, type DeviceRecord } from './record.ts'
import type { PublicKey, VerifySignature } from './signature.ts'
import { verifyObject } from './sign1.ts'
import type { RandomBytes } from './signer.ts'
import {
  decodeContent,
  decodePartialIv,
  decodeTraffic,
  encodeContent,
  encodeTraffic,
  trafficEncStructure,
} from './traffic.ts'

/** What a recipient knows of an epoch it has accepted. */
export interface EpochFacts {
  readonly claims: EpochClaims
  readonly device: PublicKey
  readonly recipientId: Uint8Array
  /** SHA-256 of the epoch datagram: the epoch's name in stores and replay guards. */
  readonly transcript: Uint8Array
}

/**
 * The recipient's side of an epoch; made by {@link acceptEpoch} or {@link restoreEpoch}. It can open
 * every step, so it lives as long as the prekey allows it to be made again.
 */
export class ReceiverEpoch {
  readonly claims: EpochClaims
  readonly device: PublicKey
  readonly recipientId: Uint8Array
  readonly transcript: Uint8Array
  /** The kids of all steps of the way up, in order: an index of these finds the epoch. */
  readonly kids: readonly Uint8Array[]
  readonly #down: TrafficKeys
  readonly #upAad: Uint8Array
  readonly #downAad: Uint8Array
  readonly #first: Uint8Array
  #current: { readonly step: number; readonly keys: TrafficKeys }

  constructor(root: Uint8Array, facts: EpochFacts) {
    this.claims = facts.claims
    this.device = facts.device
    this.recipientId = facts.recipientId
    this.transcript = facts.transcript
    this.#down = downKeys(root)
    this.#first = firstStep(root)
    root.fill(0)
    this.#upAad = trafficEncStructure('up', facts.transcript)
    this.#downAad = trafficEncStructure('down', facts.transcript)
    this.#current = { step: 0, keys: upKeys(this.#first) }
    this.kids = this.#allKids()
  }

  /** UEID of the device. */
  get ueid(): Uint8Array {
    return this.claims.ueid
  }

  /** The kid of the way down; indexed too, so that a datagram sent back is known for what it is. */
  get downKid(): Uint8Array {
    return this.#down.kid
  }

  /** Opens a ciphertext of the way up; throws `unknown-kid` or `not-authentic`. */
  openUp(kid: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const { key, commonIv } = this.#keysOf(kid)
    return CHACHA20_POLY1305.open(key, nonceOf(commonIv, iv), ciphertext, this.#upAad)
  }

  /**
   * Seals a payload for the device. The IV is random, so that any number of workers, and a worker
   * after a restart, can do it without agreeing on a counter.
   */
  sealDown(kind: Kind, object: Uint8Array, random: RandomBytes): Uint8Array {
    if (kindRule(kind).travels !== 'down') {
      throw new EnvelopeError('wrong-direction', `seal: ${kind} is not sent to a device`)
    }
    const { kid, key } = this.#down
    const iv = random(NONCE_BYTES)
    const plaintext = encodeContent({ kind, object })
    const ciphertext = CHACHA20_POLY1305.seal(key, iv, plaintext, this.#downAad)
    return encodeTraffic({ direction: 'down', kid, iv, ciphertext })
  }

  #keysOf(kid: Uint8Array): TrafficKeys {
    if (equalBytes(kid, this.#current.keys.kid)) return this.#current.keys
    const step = this.kids.findIndex((candidate) => equalBytes(candidate, kid))
    if (step < 0) throw new EnvelopeError('unknown-kid', 'open: not a kid of this epoch')
    let secret = this.#first
    for (let taken = 0; taken < step; taken++) secret = nextStep(secret)
    this.#current = { step, keys: upKeys(secret) }
    return this.#current.keys
  }

  #allKids(): readonly Uint8Array[] {
    const kids: Uint8Array[] = []
    for (let step = 0, secret = this.#first; step < EPOCH_STEPS_MAX; step++) {
      kids.push(upKeys(secret).kid)
      secret = nextStep(secret)
    }
    return kids
  }
}

/** An object that has been decrypted; who signed it has not been checked yet. */
export interface UnsealedObject {
  readonly kind: RecordKind
  readonly epoch: ReceiverEpoch
  readonly partialIv: number
  /** The evidence to store: the Sign1 as received if `signed`, else the payload. */
  readonly object: Uint8Array
  readonly signed: boolean
}

/** An object whose tag, signature (if its kind has one) and fields are all in order. */
export interface OpenedObject extends UnsealedObject {
  /** UEID of the device. */
  readonly ueid: Uint8Array
  /** The payload as received: what the chain hashes. */
  readonly payload: Uint8Array
  /** {@link recordHash} of the payload. */
  readonly hash: Uint8Array
  readonly record: DeviceRecord
}

/** Finds the epoch that a kid belongs to: in memory, or restored from the store. */
export type LookupByKid = (kid: Uint8Array) => ReceiverEpoch | undefined

/**
 * Decrypts a datagram of the way up: the cheap step, after which its kind is known. Says nothing
 * about repetition: ask a {@link ReplayGuard} with `epoch.transcript` and `partialIv`, then the store.
 */
export function unsealDatagram(datagram: Uint8Array, lookupByKid: LookupByKid): UnsealedObject {
  const { direction, kid, iv, ciphertext } = decodeTraffic(datagram)
  const epoch = lookupByKid(kid)
  if (epoch === undefined) throw new EnvelopeError('unknown-kid', 'open: no epoch has this kid')
  checkDirection(direction, kid, epoch)
  const partialIv = decodePartialIv(iv)
  const { kind, object } = decodeContent(epoch.openUp(kid, iv, ciphertext), 'up')
  if (!isRecordKind(kind)) throw new EnvelopeError('unknown-kind', `open: ${kind} is no record`)
  return { kind, epoch, partialIv, object, signed: kindRule(kind).signed }
}

/** Verifies and reads what {@link unsealDatagram} gave: the step that costs a signature. */
export function verifyUnsealed(unsealed: UnsealedObject, verify: VerifySignature): OpenedObject {
  const { kind, object, signed, epoch } = unsealed
  const { ueid, recipientId, device } = epoch
  const context = { kind, ueid, recipientId }
  const payload = signed ? verifyObject(object, device, context, verify) : object
  const record = decodeRecord(kind, payload)
  return { ...unsealed, ueid, payload, hash: recordHash(payload), record }
}

/** Both steps at once. */
export function openDatagram(
  datagram: Uint8Array,
  lookupByKid: LookupByKid,
  verify: VerifySignature,
): OpenedObject {
  return verifyUnsealed(unsealDatagram(datagram, lookupByKid), verify)
}

function checkDirection(direction: Direction, kid: Uint8Array, epoch: ReceiverEpoch): void {
  if (direction !== 'up' || equalBytes(kid, epoch.downKid)) {
    throw new EnvelopeError('wrong-direction', 'open: this datagram goes down')
  }
}

/** Seals an ack; only for what has been committed. */
export function sealAck(epoch: ReceiverEpoch, ack: Ack, random: RandomBytes): Uint8Array {
  return epoch.sealDown('ack', encodeAck(ack), random)
}

/** Epochs by kid, in memory, at most `max` kids; the least recently used epoch goes first. */
export class EpochIndex {
  readonly #epochs = new Map<string, ReceiverEpoch>()
  readonly #byKid = new Map<string, string>()
  readonly #max: number

  constructor(max = KID_INDEX_MAX) {
    this.#max = max
  }

  /** Adds an epoch under all its kids. */
  add(epoch: ReceiverEpoch): void {
    const name = toHex(epoch.transcript)
    this.#epochs.set(name, epoch)
    for (const kid of kidsOf(epoch)) this.#byKid.set(kid, name)
    while (this.#byKid.size > this.#max) {
      const [oldest] = this.#epochs.values()
      if (oldest === undefined || oldest === epoch) break
      this.delete(oldest)
    }
  }

  /** Forgets an epoch, for instance when its device is revoked. */
  delete(epoch: ReceiverEpoch): void {
    this.#epochs.delete(toHex(epoch.transcript))
    for (const kid of kidsOf(epoch)) this.#byKid.delete(kid)
  }

  /** A {@link LookupByKid}. */
  readonly lookup: LookupByKid = (kid) => {
    if (kid.length !== KID_BYTES) return undefined
    const name = this.#byKid.get(toHex(kid))
    if (name === undefined) return undefined
    const epoch = this.#epochs.get(name)
    if (epoch !== undefined) {
      this.#epochs.delete(name)
      this.#epochs.set(name, epoch)
    }
    return epoch
  }
}

function kidsOf(epoch: ReceiverEpoch): string[] {
  return [...epoch.kids, epoch.downKid].map(toHex)
}
