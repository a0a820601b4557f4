import { sha256 } from '@noble/hashes/sha2.js'
import { decodeAck, type Ack } from './ack.ts'
import { CHACHA20_POLY1305 } from './aead.ts'
import { equalBytes, toHex } from './bytes.ts'
import { encodeEncrypt0, HEADER, nonceOf, protectedAlgorithm } from './cose.ts'
import {
  downKeys,
  encodeEpochClaims,
  epochAad,
  epochInfo,
  epochRoot,
  EXPORT_CONTEXT,
  firstStep,
  nextStep,
  transcriptOf,
  upKeys,
  type TrafficKeys,
} from './epoch.ts'
import { EnvelopeError } from './errors.ts'
import { hpkeSender, suiteOf } from './hpke.ts'
import { kindRule, type Kind } from './kinds.ts'
import {
  ACK_REPLAY_WINDOW,
  EPOCH_OBJECTS_MAX,
  EPOCH_STEP_MS,
  EPOCH_STEPS_MAX,
  PADDING_BLOCK,
} from './limits.ts'
import type { ClockState } from './payload/status.ts'
import type { Prekey } from './prekey.ts'
import { encodeRecord, type DeviceRecord } from './record.ts'
import { signObject } from './sign1.ts'
import type { RandomBytes, Signer } from './signer.ts'
import {
  decodeContent,
  decodeTraffic,
  encodeContent,
  encodePartialIv,
  encodeTraffic,
  paddingFor,
  trafficEncStructure,
  type Content,
} from './traffic.ts'

/** What a device says when it opens an epoch. */
export interface OpenEpochOptions {
  readonly signer: Signer
  /** The recipient's prekey, verified with {@link verifyPrekey}. */
  readonly prekey: Prekey
  /** Higher than every epoch number before; the device reserves it on flash first. */
  readonly number: number
  readonly bootCounter: number
  /** SHA-256 of the running program. */
  readonly firmwareHash: Uint8Array
  /** Wall clock for the claims, and how far it can be trusted. */
  readonly nowMs: number
  readonly clock: ClockState
  /** Monotonic clock: the ratchet must not follow a stepped wall clock. */
  readonly monotonicMs: number
  readonly random: RandomBytes
  /** Datagrams are padded to a multiple of this; {@link PADDING_BLOCK} by default, 1 for no padding. */
  readonly paddingBlock?: number
  /** Objects before a new epoch is due, if fewer than {@link EPOCH_OBJECTS_MAX}. */
  readonly objectsMax?: number
}

/**
 * Opens an epoch without a round trip. The datagram goes ahead of (or beside) the first sealed
 * object, again and again until an ack confirms the epoch; its bytes stay the same.
 */
export async function openEpoch(
  options: OpenEpochOptions,
): Promise<{ readonly datagram: Uint8Array; readonly epoch: DeviceEpoch }> {
  const { signer, prekey, number, bootCounter, firmwareHash, nowMs, clock, random } = options
  const suite = suiteOf(prekey.suite)
  const info = epochInfo(suite, prekey.recipientId)
  const sender = await hpkeSender(suite.id, prekey.publicKey, info, random)
  const claims = encodeEpochClaims({
    suite: suite.id,
    number,
    ueid: signer.ueid,
    prekeyId: prekey.id,
    encapsulationHash: sha256(sender.encapsulation),
    bootCounter,
    firmwareHash,
    timeMs: nowMs,
    clock,
  })
  const { recipientId } = prekey
  const object = await signObject(signer, claims, { kind: 'epoch', recipientId })
  const ciphertext = await sender.seal(object, epochAad(suite, prekey.id))
  const headers = new Map([
    [HEADER.kid, prekey.id],
    [HEADER.ek, sender.encapsulation],
  ])
  const datagram = encodeEncrypt0(protectedAlgorithm(suite.coseAlgorithm), headers, ciphertext)
  const transcript = transcriptOf(datagram)
  const exported = await sender.exportSecret(EXPORT_CONTEXT)
  const root = epochRoot(exported, transcript)
  exported.fill(0)
  const epoch = new DeviceEpoch(root, {
    number,
    transcript,
    recipientId,
    openedMs: options.monotonicMs,
    paddingBlock: options.paddingBlock ?? PADDING_BLOCK,
    objectsMax: Math.min(options.objectsMax ?? EPOCH_OBJECTS_MAX, EPOCH_OBJECTS_MAX),
  })
  return { datagram, epoch }
}

/** Signs a record for one recipient: the object that is sealed, stored and exported. */
export function signRecord(
  signer: Signer,
  record: DeviceRecord,
  recipientId: Uint8Array,
): Promise<Uint8Array> {
  return signObject(signer, encodeRecord(record), { kind: record.kind, recipientId })
}

/** What a device knows of an epoch it has opened. */
export interface DeviceEpochFacts {
  readonly number: number
  /** SHA-256 of the epoch datagram. */
  readonly transcript: Uint8Array
  readonly recipientId: Uint8Array
  /** Monotonic time of opening. */
  readonly openedMs: number
  readonly paddingBlock: number
  readonly objectsMax: number
}

/** An ack that has been opened. */
export interface OpenedAck {
  readonly ack: Ack
  /**
   * Whether it answers something newer than the acks before. Only then are its time and pace worth
   * anything; what it says is stored is true either way.
   */
  readonly fresh: boolean
}

/**
 * The device's side of an epoch. Its keys are in memory only and are overwritten when they are no
 * longer needed; a new start of the device means a new epoch.
 */
export class DeviceEpoch {
  readonly number: number
  readonly transcript: Uint8Array
  readonly recipientId: Uint8Array
  readonly #facts: DeviceEpochFacts
  readonly #upAad: Uint8Array
  readonly #downAad: Uint8Array
  readonly #down: TrafficKeys
  readonly #seenAcks = new Set<string>()
  #stepSecret: Uint8Array
  #up: TrafficKeys
  #step = 0
  #sealed = 0
  #newestEcho = -1
  #newestAckMs = -1
  #closed = false

  /** For {@link openEpoch}; `root` is overwritten. */
  constructor(root: Uint8Array, facts: DeviceEpochFacts) {
    this.number = facts.number
    this.transcript = facts.transcript
    this.recipientId = facts.recipientId
    this.#facts = facts
    this.#upAad = trafficEncStructure('up', facts.transcript)
    this.#downAad = trafficEncStructure('down', facts.transcript)
    this.#down = downKeys(root)
    this.#stepSecret = firstStep(root)
    root.fill(0)
    this.#up = upKeys(this.#stepSecret)
  }

  /** Objects sealed so far: the partial IV of the next one. */
  get sealed(): number {
    return this.#sealed
  }

  /** Whether it is time for a new epoch: closed, a day old, or full. */
  ended(monotonicMs: number): boolean {
    // The step taken counts, not only the time: past the last one the keys are gone for good.
    const step = Math.max(this.#step, this.#stepAt(monotonicMs))
    return this.#closed || this.#sealed >= this.#facts.objectsMax || step >= EPOCH_STEPS_MAX
  }

  /**
   * Seals an object (the Sign1 of a signed kind, else the payload) into a datagram. Every call takes
   * a nonce of its own; to send again, send the same bytes. Throws `epoch-ended`.
   */
  seal(kind: Kind, object: Uint8Array, monotonicMs: number): Uint8Array {
    if (kindRule(kind).travels !== 'up') {
      throw new EnvelopeError('wrong-direction', `seal: ${kind} is not sent by a device`)
    }
    this.ratchet(monotonicMs)
    if (this.ended(monotonicMs)) throw new EnvelopeError('epoch-ended', 'seal: open a new epoch')
    const iv = encodePartialIv(this.#sealed)
    this.#sealed += 1
    const { kid, key, commonIv } = this.#up
    const padding = paddingFor(object.length, iv.length, this.#facts.paddingBlock)
    const plaintext = encodeContent({ kind, object }, padding)
    const nonce = nonceOf(commonIv, iv)
    const ciphertext = CHACHA20_POLY1305.seal(key, nonce, plaintext, this.#upAad)
    return encodeTraffic({ direction: 'up', kid, iv, ciphertext })
  }

  /** Takes the steps that time asks for and overwrites the keys left behind; also without traffic. */
  ratchet(monotonicMs: number): void {
    const due = Math.min(this.#stepAt(monotonicMs), EPOCH_STEPS_MAX)
    while (this.#step < due && !this.#closed) {
      const next = nextStep(this.#stepSecret)
      this.#wipeUp()
      this.#stepSecret = next
      this.#up = upKeys(next)
      this.#step += 1
    }
    if (due >= EPOCH_STEPS_MAX) this.#wipeUp()
  }

  /** Opens what came down. Throws `unknown-kid`, `wrong-direction`, `replay`, `not-authentic`, … */
  openDown(datagram: Uint8Array): Content {
    const { direction, kid, iv, ciphertext } = decodeTraffic(datagram)
    if (direction !== 'down') {
      throw new EnvelopeError('wrong-direction', 'open: this datagram goes up')
    }
    if (this.#closed || !equalBytes(kid, this.#down.kid)) {
      throw new EnvelopeError('unknown-kid', 'open: not a kid of this epoch')
    }
    const seen = toHex(iv)
    if (this.#seenAcks.has(seen)) throw new EnvelopeError('replay', 'open: received before')
    const nonce = iv
    const plaintext = CHACHA20_POLY1305.open(this.#down.key, nonce, ciphertext, this.#downAad)
    const content = decodeContent(plaintext, 'down')
    this.#rememberAck(seen)
    return content
  }

  /** Opens an ack. An ack that arrives late is still true, but not `fresh`. */
  openAck(datagram: Uint8Array): OpenedAck {
    const { kind, object } = this.openDown(datagram)
    if (kind !== 'ack') throw new EnvelopeError('unknown-kind', `openAck: found ${kind}`)
    const ack = decodeAck(object)
    const echo = ack.echo ?? -1
    const fresh =
      echo < this.#sealed &&
      (echo > this.#newestEcho || (echo === this.#newestEcho && ack.timeMs > this.#newestAckMs))
    if (fresh) {
      this.#newestEcho = echo
      this.#newestAckMs = ack.timeMs
    }
    return { ack, fresh }
  }

  /** Overwrites every key; nothing can be sealed or opened afterwards. */
  close(): void {
    this.#closed = true
    this.#wipeUp()
    this.#down.key.fill(0)
    this.#down.commonIv.fill(0)
  }

  #stepAt(monotonicMs: number): number {
    return Math.max(0, Math.floor((monotonicMs - this.#facts.openedMs) / EPOCH_STEP_MS))
  }

  #wipeUp(): void {
    this.#stepSecret.fill(0)
    this.#up.key.fill(0)
    this.#up.commonIv.fill(0)
  }

  #rememberAck(iv: string): void {
    this.#seenAcks.add(iv)
    if (this.#seenAcks.size > ACK_REPLAY_WINDOW) {
      const [oldest] = this.#seenAcks
      if (oldest !== undefined) this.#seenAcks.delete(oldest)
    }
  }
}
