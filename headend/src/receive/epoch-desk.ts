import { EnvelopeError } from '@s3mp/envelope'
import { RateLimiter } from '@s3mp/web/http'
import type { Clock } from '../clock.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Log } from '../log.ts'
import type { SqliteStore } from '../store/store.ts'
import type { DeviceState } from '../store/types.ts'
import type { Arrival } from '../transport/transport.ts'
import { SOURCES_MAX } from './admission.ts'
import type { Epochs, LiveEpoch } from './epochs.ts'
import type { Counts, Refusal } from './refusals.ts'

/** Epoch datagrams waiting to be opened; each costs a key exchange and a signature. */
export const EPOCHS_WAITING_MAX = 512
/** Prekeys that one source is told at once. */
export const PREKEY_BURST_MAX = 4
/** Prekeys per second that one source is told after that. */
export const PREKEY_RATE_MAX = 0.2

/** What the desk needs. */
export interface EpochDeskOptions {
  readonly epochs: Epochs
  readonly keyring: Keyring
  readonly store: SqliteStore
  readonly clock: Clock
  readonly log: Log
  readonly counts: Counts
  readonly refuse: (reason: Refusal, arrival: Arrival) => void
  readonly stateOf: (device: number) => DeviceState
  /** Called when an epoch is on disk: its sender is to be answered. */
  readonly accepted: (live: LiveEpoch, arrival: Arrival) => void
}

/**
 * Opens epoch datagrams one after the other, apart from the traffic, so that a heap of them delays
 * only other epochs. Refusals are silent but for one: who used an unknown or ended prekey is told
 * the current one, which is public, signed, and never longer than the question.
 */
export class EpochDesk {
  readonly #options: EpochDeskOptions
  readonly #waiting: Arrival[] = []
  readonly #prekeyAnswers = new RateLimiter(
    { burst: PREKEY_BURST_MAX, perSecond: PREKEY_RATE_MAX },
    SOURCES_MAX,
  )
  #running: Promise<void> | undefined
  #closed = false

  constructor(options: EpochDeskOptions) {
    this.#options = options
  }

  /** Whether no epoch waits or is being opened. */
  get idle(): boolean {
    return this.#running === undefined
  }

  /** Takes a datagram that says it is an epoch. */
  take(arrival: Arrival): void {
    if (this.#closed) return
    if (this.#waiting.length >= EPOCHS_WAITING_MAX) {
      this.#options.refuse('shed', arrival)
      return
    }
    this.#waiting.push(arrival)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Ends; epochs that wait are left to their meters. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.length = 0
    await this.#running
  }

  async #run(): Promise<void> {
    for (let arrival = this.#waiting.shift(); arrival; arrival = this.#waiting.shift()) {
      await this.#open(arrival).catch((error: unknown) => {
        this.#options.log.error('epoch.failed', { reason: String(error) })
      })
      // The traffic has its turn between two key exchanges.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #open(arrival: Arrival): Promise<void> {
    const { epochs, clock, counts, refuse, accepted, log } = this.#options
    try {
      const { live, standing, device } = await epochs.accept(arrival.bytes, clock.nowMs())
      const state = this.#options.stateOf(live.device)
      if (state === 'revoked') {
        refuse(state, arrival)
        return
      }
      if (standing !== 'repeated') {
        counts.epochs++
        log.info('epoch.accepted', {
          device: device.ueid,
          number: live.receiver.claims.number,
          standing,
        })
      }
      accepted(live, arrival)
    } catch (error) {
      if (!(error instanceof EnvelopeError)) {
        log.error('epoch.failed', { reason: String(error) })
        refuse('store-failed', arrival)
        return
      }
      refuse(error.code, arrival)
      if (error.code === 'unknown-prekey' || error.code === 'expired-prekey') {
        this.#tellPrekey(arrival)
      }
    }
  }

  #tellPrekey(arrival: Arrival): void {
    const { keyring, clock, counts } = this.#options
    const current = keyring.current(clock.nowMs())
    if (current === undefined || current.prekey.object.length > arrival.bytes.length) return
    if (!this.#prekeyAnswers.take(arrival.source, clock.monotonicMs())) return
    arrival.reply(current.prekey.object)
    counts.prekeys++
  }
}
