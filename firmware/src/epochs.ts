import {
  CLOCK_SKEW_MS_MAX,
  EnvelopeError,
  KINDS,
  openEpoch,
  toHex,
  verifyPlatform,
  verifyPrekey,
  type DeviceEpoch,
  type Kind,
  type OpenedAck,
  type Prekey,
  type PublicKey,
  type RandomBytes,
  type Signer,
} from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

import type { ClockState } from './clock-state.ts'
import { FirmwareError, reasonOf } from './errors.ts'
import type { Log } from './log.ts'
import type { SpoolBox } from './spool/box.ts'

/** Shortest time between two epochs that a prekey from the network may cause, in milliseconds. */
export const EPOCH_RENEW_MS_MIN = 60_000

/** HPKE suites that this device uses: X25519 and the hybrid with ML-KEM-768. */
const SUITES = [1, 2] as const

/** The head-end as the meter knows it since enrolment. */
export interface HeadendTrust {
  /** The pinned key: nothing else is believed. */
  readonly key: PublicKey
  /** Signed prekeys, from the card and from refreshing. */
  readonly prekeys: readonly Uint8Array[]
  /** Keeps a newer prekey for the next start. */
  readonly save?: (prekey: Uint8Array) => void
}

/** An object sealed in an epoch. */
export interface Sealed {
  readonly epoch: number
  readonly datagram: Uint8Array
}

/** What the keeper of epochs needs. */
export interface EpochsOptions {
  readonly signer: Signer
  readonly trust: HeadendTrust
  readonly box: SpoolBox
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly firmwareHash: Uint8Array
  readonly clockState: () => ClockState
  /** The head-end's own signature says that our clock is wrong. */
  readonly onClockDoubt: () => void
  readonly log: Log
}

/**
 * Opens epochs towards the head-end and keeps the keys of the newest two in memory: the one that is
 * sealed under, and the one before until an ack has come under the new one.
 */
export class Epochs {
  readonly #options: EpochsOptions
  readonly #boot: number
  #prekey: Prekey
  #used: Prekey | undefined
  #current: DeviceEpoch | undefined
  #datagram: Uint8Array | undefined
  #before: DeviceEpoch | undefined
  #openedMs = -Infinity
  #openedAs: ClockState | undefined
  #isConfirmed = false
  #mustRenew = false

  /** @throws FirmwareError `identity` when no prekey on the card can be used. */
  constructor(options: EpochsOptions) {
    this.#options = options
    this.#boot = options.box.spool.nextBoot()
    this.#prekey = this.#newestOf(options.trust.prekeys)
  }

  /** How often this meter was started. */
  get boot(): number {
    return this.#boot
  }

  /** The UEID of the head-end: what signatures are addressed to. */
  get recipientId(): Uint8Array {
    return this.#prekey.recipientId
  }

  /** Number of the epoch that is sealed under; undefined before the first. */
  get number(): number | undefined {
    return this.#current?.number
  }

  /** Whether the head-end has answered under the newest epoch. */
  get isConfirmed(): boolean {
    return this.#isConfirmed
  }

  /** The object that opens an epoch; undefined when nobody needs it any more. */
  datagramOf(number: number): Uint8Array | undefined {
    if (number === this.#current?.number) return this.#datagram
    return this.#options.box.spool.epochDatagram(number)
  }

  /** The epoch to seal under; opened, and its object stored, when there is none or it has ended. */
  async current(): Promise<DeviceEpoch> {
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#current !== undefined && !this.#mustRenew && !this.#current.ended(nowMs)) {
      return this.#current
    }
    return this.#open()
  }

  /** Seals at once in the epoch that is open; undefined when there is none to seal in now. */
  sealNow(kind: string, object: Uint8Array): Sealed | undefined {
    const current = this.#current
    const nowMs = this.#options.clock.monotonicMs()
    if (current === undefined || current.ended(nowMs) || !isKind(kind)) return undefined
    return { epoch: current.number, datagram: current.seal(kind, object, nowMs) }
  }

  /**
   * Opens an acknowledgement under one of the two newest epochs.
   *
   * @throws EnvelopeError when it is authentic under neither.
   */
  openAck(datagram: Uint8Array): OpenedAck {
    const current = this.#current
    if (current === undefined) throw new EnvelopeError('unknown-kid', 'ack: no epoch is open')
    try {
      const opened = current.openAck(datagram)
      if (!this.#isConfirmed) {
        this.#isConfirmed = true
        this.#before?.close()
        this.#before = undefined
      }
      return opened
    } catch (error) {
      const isForOther = error instanceof EnvelopeError && error.code === 'unknown-kid'
      if (!isForOther || this.#before === undefined) throw error
      return this.#before.openAck(datagram)
    }
  }

  /**
   * Takes a prekey that came over the network. A valid one that is newer is kept, and any valid one
   * in the place of one that is not valid yet; if the head-end has not answered under the current
   * epoch, a new one is opened to it.
   *
   * @throws EnvelopeError when it is not the head-end's, not valid now, or a step back.
   */
  takePrekey(object: Uint8Array): void {
    const { log } = this.#options
    const previous = this.#prekey
    const prekey = this.#verified(object)
    if (prekey.notBeforeMs > previous.notBeforeMs || this.#isPremature(previous)) {
      this.#prekey = prekey
      this.#save(prekey)
      log.info('prekey.renewed', { id: prekey.id, notAfterMs: prekey.notAfterMs })
    }
    const isOther = this.#used !== undefined && toHex(this.#used.id) !== toHex(this.#prekey.id)
    // The claims of an epoch carry how far our clock is believed: that may have changed since.
    const isOutdated = isOther || this.#openedAs !== this.#options.clockState()
    if (isOutdated && !this.#isConfirmed && this.#isRenewalDue()) this.#mustRenew = true
  }

  /** What cannot be kept, on a full disk for one, is asked for again after the next start. */
  #save({ object, id }: Prekey): void {
    const { trust, log } = this.#options
    try {
      trust.save?.(object)
    } catch (error) {
      log.error('prekey.not-kept', { id, reason: reasonOf(error) })
    }
  }

  /** A head-end whose clock was ahead gave it to us; it refuses it now that its clock is right. */
  #isPremature({ notBeforeMs }: Prekey): boolean {
    const { nowMs } = this.#validAt()
    return nowMs !== undefined && nowMs < notBeforeMs - CLOCK_SKEW_MS_MAX
  }

  /** A prekey that may be used, or that shows that our clock cannot be right. */
  #verified(object: Uint8Array): Prekey {
    const { trust, onClockDoubt } = this.#options
    const policy = { suites: SUITES, previous: this.#prekey }
    try {
      return verifyPrekey(object, trust.key, { ...policy, ...this.#validAt() }, verifyPlatform)
    } catch (error) {
      const isPast = error instanceof EnvelopeError && error.code === 'expired-prekey'
      if (!isPast || this.#isConfirmed) throw error
      const prekey = verifyPrekey(object, trust.key, policy, verifyPlatform)
      // An old one may be a replay. The one that we use, or a newer, is what the head-end thinks
      // is valid now: then it is our clock that is wrong, and an epoch that admits it is taken.
      if (prekey.notBeforeMs < this.#prekey.notBeforeMs) throw error
      onClockDoubt()
      return prekey
    }
  }

  #isRenewalDue(): boolean {
    return this.#options.clock.monotonicMs() - this.#openedMs >= EPOCH_RENEW_MS_MIN
  }

  /**
   * Nothing is answered any more. Perhaps the road is dead; perhaps the head-end was restored from a
   * copy that lacks this epoch, or lost the key to it. So its object is offered again.
   */
  doubtConfirmation(): void {
    this.#isConfirmed = false
  }

  /** Lets keys go that time has passed by; call it now and then when nothing is sealed. */
  tick(): void {
    this.#current?.ratchet(this.#options.clock.monotonicMs())
  }

  /** Overwrites every key. */
  close(): void {
    this.#current?.close()
    this.#before?.close()
    this.#current = undefined
    this.#before = undefined
  }

  async #open(): Promise<DeviceEpoch> {
    const { signer, box, clock, randomBytes, firmwareHash, clockState, log } = this.#options
    const number = box.spool.nextEpoch()
    const monotonicMs = clock.monotonicMs()
    const clockNow = clockState()
    const { datagram, epoch } = await openEpoch({
      signer,
      prekey: this.#prekey,
      number,
      bootCounter: this.#boot,
      firmwareHash,
      nowMs: clock.nowMs(),
      clock: clockNow,
      monotonicMs,
      random: randomBytes,
    })
    box.spool.keepEpoch(number, datagram)
    // An unconfirmed epoch has no acks to wait for; the confirmed one before it still may.
    if (this.#isConfirmed || this.#before === undefined) {
      this.#before?.close()
      this.#before = this.#current
    } else this.#current?.close()
    this.#current = epoch
    this.#datagram = datagram
    this.#used = this.#prekey
    this.#openedMs = monotonicMs
    this.#openedAs = clockNow
    this.#isConfirmed = false
    this.#mustRenew = false
    log.info('epoch.opened', { number, suite: this.#prekey.suite })
    return epoch
  }

  #validAt(): { readonly nowMs?: number } {
    const { clock, clockState } = this.#options
    const isBelieved = clockState() === 'synced' || clockState() === 'holdover'
    return isBelieved ? { nowMs: clock.nowMs() } : {}
  }

  /** The prekey that began last, of those that are valid; expired ones only when there is no other. */
  #newestOf(objects: readonly Uint8Array[]): Prekey {
    const { trust, log } = this.#options
    let reason = 'the card has none'
    const valid = (at: { readonly nowMs?: number }): readonly Prekey[] =>
      objects.flatMap((object) => {
        try {
          return [verifyPrekey(object, trust.key, { suites: SUITES, ...at }, verifyPlatform)]
        } catch (error) {
          reason = reasonOf(error)
          return []
        }
      })
    const newest = (prekeys: readonly Prekey[]): Prekey | undefined =>
      [...prekeys].sort((a, b) => b.notBeforeMs - a.notBeforeMs)[0]
    const good = newest(valid(this.#validAt()))
    if (good !== undefined) return good
    const expired = newest(valid({}))
    if (expired !== undefined) {
      // It may still be within the head-end's grace; if not, the answer is the current prekey.
      log.warn('prekey.expired', { id: expired.id, notAfterMs: expired.notAfterMs })
      return expired
    }
    throw new FirmwareError(
      'identity',
      `the head-end's card: expected a prekey under its key, found none (${reason}); ` +
        'get a new card from the head-end and run: s3mp enroll --card FILE',
    )
  }
}

/** Whether a text that was stored names a kind. */
function isKind(name: string): name is Kind {
  return Object.hasOwn(KINDS, name)
}
