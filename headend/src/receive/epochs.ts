import {
  acceptEpoch,
  EnvelopeError,
  ReplayWindow,
  restoreEpoch,
  toHex,
  verifyPlatform,
  type EnrolledDevice,
  type EpochStanding,
  type ReceiverEpoch,
} from '@s3mp/envelope'
import { RateLimiter } from '@s3mp/web/http'
import type { Keyring } from '../keys/keyring.ts'
import type { Registry } from '../store/registry.ts'
import type { DeviceRow, EpochRow } from '../store/types.ts'
import { KidFilter, SOURCES_MAX } from './admission.ts'

/** Epochs whose keys are held in memory; the least recently used is derived again when needed. */
export const EPOCHS_LIVE_MAX = 20_000
/** Epochs being derived again at once; further datagrams of such epochs are dropped and come again. */
export const RESTORES_MAX = 64

/** New epochs of one device taken at once: a device that cannot stop restarting. */
export const DEVICE_EPOCHS_BURST_MAX = 60
/** The same an hour after that: each is kept until its prekey is deleted. */
export const DEVICE_EPOCHS_PER_HOUR_MAX = 60
/** How often it is told that a device's epochs do not fit together. */
export const STALE_TOLD_PER_HOUR_MAX = 1

const HOUR_S = 3600

/** An epoch that its device has signed, and that cannot be: a copy of the device, or lost numbers. */
export interface StaleEpoch {
  /** The store's number of the device. */
  readonly device: number
  readonly number: number
  /** Another epoch has the number; otherwise it does not follow those before. */
  readonly isReused: boolean
}

/** An epoch in use. */
export interface LiveEpoch {
  readonly receiver: ReceiverEpoch
  /** The store's number of the device. */
  readonly device: number
  readonly window: ReplayWindow
  /** Highest partial IV received; what an ack echoes. */
  newestIv: number | null
}

/** What accepting an epoch came to. */
export interface AcceptedEpoch {
  readonly live: LiveEpoch
  readonly standing: EpochStanding
  readonly device: DeviceRow
}

/**
 * The epochs of all devices: held in memory while in use, derived again from the stored epoch object
 * and the prekey otherwise. A restart of the head-end loses none.
 */
export class Epochs {
  readonly #registry: Registry
  readonly #keyring: Keyring
  readonly #byName = new Map<string, LiveEpoch>()
  readonly #byKid = new Map<string, LiveEpoch>()
  readonly #restoring = new Map<string, Promise<LiveEpoch | undefined>>()
  readonly #onStale: (stale: StaleEpoch) => void
  readonly #fresh = new RateLimiter(
    { burst: DEVICE_EPOCHS_BURST_MAX, perSecond: DEVICE_EPOCHS_PER_HOUR_MAX / HOUR_S },
    SOURCES_MAX,
  )
  readonly #stale = new RateLimiter(
    { burst: STALE_TOLD_PER_HOUR_MAX, perSecond: STALE_TOLD_PER_HOUR_MAX / HOUR_S },
    SOURCES_MAX,
  )
  #filter: KidFilter

  /** `onStale` hears of epochs that cannot be, not too often. */
  constructor(
    registry: Registry,
    keyring: Keyring,
    onStale: (stale: StaleEpoch) => void = () => undefined,
  ) {
    this.#registry = registry
    this.#keyring = keyring
    this.#onStale = onStale
    this.#filter = this.#loadFilter()
  }

  /** Epochs held in memory. */
  get size(): number {
    return this.#byName.size
  }

  /** False: surely no epoch has this kid. Costs no look-up in the store. */
  mayKnow(kid: Uint8Array): boolean {
    return this.#filter.has(kid)
  }

  /** The epoch of a kid if it is in memory. */
  held(kid: Uint8Array): LiveEpoch | undefined {
    const live = this.#byKid.get(toHex(kid))
    if (live !== undefined) this.#touch(live)
    return live
  }

  /** The epoch of a kid, derived again from the store where needed. */
  async find(kid: Uint8Array): Promise<LiveEpoch | undefined> {
    const held = this.held(kid)
    if (held !== undefined) return held
    const row = this.#registry.epochOfKid(kid)
    return row === undefined ? undefined : this.#restore(row)
  }

  /** The epoch under which a device is answered. */
  newest(device: number): Promise<LiveEpoch | undefined> {
    const row = this.#registry.newestEpoch(device)
    return row === undefined ? Promise.resolve(undefined) : this.#restore(row)
  }

  /**
   * Accepts an epoch datagram; it is on disk when this resolves.
   *
   * @throws EnvelopeError with the reason of the refusal.
   */
  async accept(datagram: Uint8Array, nowMs: number): Promise<AcceptedEpoch> {
    const { epoch, standing } = await this.#judge(datagram, nowMs)
    const device = this.#registry.device(epoch.ueid)
    if (device === undefined) throw new EnvelopeError('unknown-device', 'epoch.ueid: not enrolled')
    if (standing !== 'repeated' && !this.#fresh.take(String(device.row), nowMs)) {
      throw new EnvelopeError('too-many', 'epoch: the device opens more than it may')
    }
    const { number, bootCounter, prekeyId } = epoch.claims
    const row = { device: device.row, number, bootCounter, prekey: prekeyId }
    const outcome = this.#registry.addEpoch(
      { ...row, storedMs: nowMs, bytes: datagram },
      epoch.kids,
    )
    // The store decides, in case another worker was faster.
    if (outcome === 'conflict' || outcome === 'stale') {
      throw new EnvelopeError('stale-epoch', `epoch.number: ${number} was used or is too old`)
    }
    if (outcome !== 'known') this.#learnKids(epoch)
    return { live: this.#hold(epoch, device.row), standing, device }
  }

  /** Accepts an epoch; tells of one that is its device's, and cannot be. */
  async #judge(datagram: Uint8Array, nowMs: number): ReturnType<typeof acceptEpoch> {
    let stale: StaleEpoch | undefined
    try {
      return await acceptEpoch(datagram, {
        recipientId: this.#keyring.ueid,
        lookupPrekey: this.#keyring.lookup,
        lookupDevice: (ueid) =>
          this.#enrolled(ueid, (claimed) => {
            stale = claimed
          }),
        nowMs,
        verify: verifyPlatform,
      })
    } catch (error) {
      // Said only of what is signed: order is looked at last.
      const isStale = error instanceof EnvelopeError && error.code === 'stale-epoch'
      if (isStale && stale !== undefined && this.#stale.take(String(stale.device), nowMs)) {
        this.#onStale(stale)
      }
      throw error
    }
  }

  /** Forgets every epoch to a prekey whose private part is gone. */
  forgetPrekey(id: Uint8Array): void {
    this.#registry.forgetEpochsOf(id)
    for (const live of [...this.#byName.values()]) {
      if (toHex(live.receiver.claims.prekeyId) === toHex(id)) this.#drop(live)
    }
    this.#filter = this.#loadFilter()
  }

  #enrolled(ueid: Uint8Array, onAsked: (claimed: StaleEpoch) => void): EnrolledDevice | undefined {
    const device = this.#registry.device(ueid)
    if (device === undefined || device.state === 'revoked') return undefined
    const newest = this.#registry.newestEpoch(device.row)
    return {
      key: { algorithm: device.algorithm, publicKey: device.publicKey },
      history: {
        ...(newest && { newest: { number: newest.number, bootCounter: newest.bootCounter } }),
        transcriptOf: (number) => {
          const known = this.#registry.epoch(device.row, number)?.transcript
          onAsked({ device: device.row, number, isReused: known !== undefined })
          return known
        },
      },
    }
  }

  #restore(row: EpochRow): Promise<LiveEpoch | undefined> {
    const name = toHex(row.transcript)
    const held = this.#byName.get(name)
    if (held !== undefined) return Promise.resolve(held)
    const running = this.#restoring.get(name)
    if (running !== undefined) return running
    if (this.#restoring.size >= RESTORES_MAX) return Promise.resolve(undefined)
    const restored = this.#derive(row).finally(() => {
      this.#restoring.delete(name)
    })
    this.#restoring.set(name, restored)
    return restored
  }

  async #derive(row: EpochRow): Promise<LiveEpoch | undefined> {
    const device = this.#registry.deviceOfRow(row.device)
    if (device === undefined || device.state === 'revoked') return undefined
    try {
      const epoch = await restoreEpoch(row.bytes, {
        recipientId: this.#keyring.ueid,
        lookupPrekey: this.#keyring.lookup,
        lookupDevice: (ueid) => {
          const { algorithm, publicKey } = device
          return toHex(device.ueid) === toHex(ueid) ? { algorithm, publicKey } : undefined
        },
        verify: verifyPlatform,
      })
      return this.#hold(epoch, device.row)
    } catch (error) {
      // Its prekey is gone: nothing opens it any more, which is what the deletion was for.
      if (error instanceof EnvelopeError) return undefined
      throw error
    }
  }

  #hold(receiver: ReceiverEpoch, device: number): LiveEpoch {
    const name = toHex(receiver.transcript)
    const known = this.#byName.get(name)
    if (known !== undefined) {
      this.#touch(known)
      return known
    }
    const live: LiveEpoch = { receiver, device, window: new ReplayWindow(), newestIv: null }
    this.#byName.set(name, live)
    for (const kid of receiver.kids) this.#byKid.set(toHex(kid), live)
    if (this.#byName.size > EPOCHS_LIVE_MAX) {
      const [oldest] = this.#byName.values()
      if (oldest !== undefined) this.#drop(oldest)
    }
    return live
  }

  #drop(live: LiveEpoch): void {
    this.#byName.delete(toHex(live.receiver.transcript))
    for (const kid of live.receiver.kids) this.#byKid.delete(toHex(kid))
  }

  #touch(live: LiveEpoch): void {
    const name = toHex(live.receiver.transcript)
    if (!this.#byName.delete(name)) return
    this.#byName.set(name, live)
  }

  #learnKids(epoch: ReceiverEpoch): void {
    if (this.#filter.full) this.#filter = this.#loadFilter()
    for (const kid of epoch.kids) this.#filter.add(kid)
  }

  #loadFilter(): KidFilter {
    const filter = new KidFilter(this.#registry.kidCount() * 2)
    for (const kid of this.#registry.kids()) filter.add(kid)
    return filter
  }
}
