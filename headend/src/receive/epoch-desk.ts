import { EnvelopeError } from '@s3mp/envelope'
import { RateLimiter } from '@s3mp/web/http'
import type { Clock, RandomBytes } from '../clock.ts'
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
/** Datagrams of suspect sources that wait to be opened as epochs; a newcomer takes a random place. */
export const SUSPECTS_WAITING_MAX = 512
/** Such datagrams opened per second, when no others wait: a twentieth of a core. */
export const SUSPECTS_RATE_MAX = 50
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
  readonly random: RandomBytes
  readonly log: Log
  readonly counts: Counts
  readonly refuse: (reason: Refusal, arrival: Arrival) => void
  readonly stateOf: (device: number) => DeviceState
  /** Called when an epoch is on disk: its sender is to be answered. */
  readonly accepted: (live: LiveEpoch, arrival: Arrival, isNew: boolean) => void
}

/**
 * Opens epoch datagrams one after the other, apart from the traffic, so that a heap of them delays
 * only other epochs. Refusals are silent but for one: who used an unknown or ended prekey is told
 * the current one, which is public, signed, and never longer than the question.
 *
 * Whoever forges a meter's address can make its datagrams suspect, but not lock it out: suspects have a
 * queue and a rate of their own, in which each has the same chance.
 */
export class EpochDesk {
  readonly #options: EpochDeskOptions
  readonly #waiting: Arrival[] = []
  readonly #suspects: Arrival[] = []
  readonly #suspectRate = new RateLimiter({ burst: 1, perSecond: SUSPECTS_RATE_MAX }, 1)
  readonly #stop = new AbortController()
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
    this.#work()
  }

  /** Takes one that begins like an epoch, of a source that may not be heard as others are. */
  takeSuspect(arrival: Arrival): void {
    if (this.#closed) return
    if (this.#suspects.length >= SUSPECTS_WAITING_MAX) {
      this.#options.refuse('rate-limited', this.#anySuspect() ?? arrival)
    }
    this.#suspects.push(arrival)
    this.#work()
  }

  #work(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Takes a suspect out, whichever. */
  #anySuspect(): Arrival | undefined {
    const { buffer, byteOffset } = this.#options.random(4)
    const number = new DataView(buffer, byteOffset).getUint32(0)
    const index = number % Math.max(1, this.#suspects.length)
    const last = this.#suspects.pop()
    if (last === undefined || index === this.#suspects.length) return last
    const chosen = this.#suspects[index]
    this.#suspects[index] = last
    return chosen
  }

  /** Ends; epochs that wait are left to their meters. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting.length = 0
    this.#suspects.length = 0
    this.#stop.abort()
    await this.#running
  }

  /** The next to be opened; waits for it while only suspects are there. */
  async #next(): Promise<Arrival | undefined> {
    const { clock } = this.#options
    while (this.#waiting.length === 0 && this.#suspects.length > 0) {
      if (this.#suspectRate.take('all', clock.monotonicMs())) return this.#anySuspect()
      await clock.sleep(1000 / SUSPECTS_RATE_MAX, this.#stop.signal).catch(() => undefined)
    }
    return this.#waiting.shift()
  }

  async #run(): Promise<void> {
    for (let arrival = await this.#next(); arrival; arrival = await this.#next()) {
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
      accepted(live, arrival, standing !== 'repeated')
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
