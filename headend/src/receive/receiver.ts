import { EnvelopeError, classify, unsealDatagram, type UnsealedObject } from '@s3mp/envelope'
import type { Clock, RandomBytes } from '../clock.ts'
import type { Keyring } from '../keys/keyring.ts'
import type { Log } from '../log.ts'
import { noticedEvent } from '../store/device-events.ts'
import type { Committed, Entry, Outcome } from '../store/records.ts'
import type { SqliteStore } from '../store/store.ts'
import type { DeviceState, EventRow } from '../store/types.ts'
import type { Arrival, TurnedAway } from '../transport/transport.ts'
import { Acks, paceMsFor } from './acks.ts'
import { Admission } from './admission.ts'
import { Epochs, type LiveEpoch, type StaleEpoch } from './epochs.ts'
import { EpochDesk } from './epoch-desk.ts'
import { ObjectQueue } from './queue.ts'
import { newCounts, type Counts, type Refusal } from './refusals.ts'
import { SignatureChecker } from './signatures.ts'

/** Objects in one commit. */
export const BATCH_OBJECTS_MAX = 1000
/** How long a commit waits for company while others came just before; alone it does not wait. */
export const BATCH_MS_MAX = 20
/** How old the knowledge of revocations by other processes may be. */
export const STATES_AGE_MS_MAX = 20
/** How long nothing is tried after the store failed, so that a full disk is not hammered. */
export const STORE_RETRY_MS_MAX = 1000

/** An unsealed object on its way to the store. */
interface Pending extends UnsealedObject {
  readonly live: LiveEpoch
  readonly arrival: Arrival
}

/** What the receiver is made of. */
export interface ReceiverOptions {
  readonly store: SqliteStore
  readonly keyring: Keyring
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Log
  /** Called after each commit, with the entries and what became of them. */
  readonly onCommit?: (entries: readonly Entry[], committed: Committed, nowMs: number) => void
  /** Called for each event that no record brought. */
  readonly onEvent?: (event: EventRow) => void
  /** Called for each datagram that led to nothing. */
  readonly onRefusal?: (reason: Refusal, arrival: Arrival) => void
}

/**
 * The way of a datagram: cheap rejection, open, verify, one durable commit for many, then the acks.
 *
 * Nothing is acknowledged that is not on disk. Everything that waits is bounded; what does not fit
 * is dropped, counted, and sent again by its meter, which still holds it.
 */
export class Receiver {
  readonly counts: Counts = newCounts()
  readonly epochs: Epochs
  readonly #options: ReceiverOptions
  readonly #admission = new Admission()
  readonly #queue = new ObjectQueue<Pending>()
  readonly #acks: Acks
  readonly #desk: EpochDesk
  readonly #signatures = new SignatureChecker()
  readonly #stop = new AbortController()
  #states = new Map<number, DeviceState>()
  #foreignVersion = -1
  #statesAtMs = -Infinity
  #running: Promise<void> | undefined
  #lastCommitMs = -Infinity
  #restoring = 0

  constructor(options: ReceiverOptions) {
    this.#options = options
    const { store, keyring, random } = options
    this.epochs = new Epochs(store.registry, keyring, (stale) => {
      this.#tellStale(stale)
    })
    this.#acks = new Acks({ epochs: this.epochs, queries: store.queries, random })
    this.#desk = new EpochDesk({
      ...options,
      epochs: this.epochs,
      counts: this.counts,
      refuse: (reason, arrival) => {
        this.#refuse(reason, arrival)
      },
      stateOf: (device) => this.#stateOf(device),
      accepted: (live, arrival, isNew) => {
        this.#acks.ask(live.device, arrival, { isNew })
        this.#wake()
      },
    })
  }

  /** How full the queue is, from 0 to 1. */
  get fill(): number {
    return this.#queue.fill
  }

  /** Whether nothing is waiting or being done. */
  get idle(): boolean {
    const nothingWaits = this.#queue.size === 0 && this.#acks.size === 0
    return nothingWaits && this.#running === undefined && this.#desk.idle && this.#restoring === 0
  }

  /** Takes a datagram; never throws, never waits. */
  readonly receive = (arrival: Arrival): void => {
    this.counts.received++
    try {
      this.#judge(arrival)
    } catch (error) {
      this.#failed(error, arrival)
    }
  }

  #judge(arrival: Arrival): void {
    const monotonicMs = this.#options.clock.monotonicMs()
    const verdict = this.#admission.judge(arrival, monotonicMs)
    if (verdict.type === 'refused') this.#refuse(verdict.reason, arrival)
    else if (verdict.type === 'other') this.#takeOther(arrival)
    else if (verdict.type === 'suspect') this.#desk.takeSuspect(arrival)
    else if (!this.epochs.mayKnow(verdict.kid)) this.#refuse('unknown-kid', arrival)
    else if (!this.#admission.allowsKid(verdict.kid, arrival, monotonicMs)) {
      this.#refuse('rate-limited', arrival)
    } else {
      const live = this.epochs.held(verdict.kid)
      if (live !== undefined) this.#unseal(arrival, live)
      else void this.#unsealLater(arrival, verdict.kid)
    }
  }

  /** Counts a datagram that its transport refused, before anything was spent on it. */
  readonly turnedAway = (reason: TurnedAway): void => {
    this.counts.received++
    this.counts.refused[reason]++
  }

  /** Ends: what is being committed is finished and answered, what waits is left to the meters. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#desk.close()
    await this.#running
  }

  #takeOther(arrival: Arrival): void {
    try {
      if (classify(arrival.bytes) === 'epoch') this.#desk.take(arrival)
      else this.#refuse('wrong-direction', arrival)
    } catch (error) {
      this.#refuse(reasonOf(error), arrival)
    }
  }

  async #unsealLater(arrival: Arrival, kid: Uint8Array): Promise<void> {
    this.#restoring++
    try {
      const live = await this.epochs.find(kid)
      if (this.#stop.signal.aborted) return
      if (live === undefined) this.#refuse('unknown-kid', arrival)
      else this.#unseal(arrival, live)
    } catch (error) {
      this.#failed(error, arrival)
    } finally {
      this.#restoring--
    }
  }

  /** A disk that cannot be read, or a fault of this program: one datagram is lost, not the service. */
  #failed(error: unknown, arrival: Arrival): void {
    this.#options.log.error('datagram.failed', { reason: String(error) })
    this.#refuse('store-failed', arrival)
  }

  #unseal(arrival: Arrival, live: LiveEpoch): void {
    let unsealed: UnsealedObject
    try {
      unsealed = unsealDatagram(arrival.bytes, () => live.receiver)
    } catch (error) {
      this.#refuse(reasonOf(error), arrival)
      return
    }
    this.counts.opened++
    const state = this.#stateOf(live.device)
    if (state === 'revoked') {
      this.#refuse(state, arrival)
      return
    }
    live.newestIv = Math.max(live.newestIv ?? -1, unsealed.partialIv)
    const verdict = live.window.check(unsealed.partialIv)
    if (verdict === 'replayed') {
      this.counts.known++
      this.#acks.ask(live.device, arrival)
    } else if (
      !this.#admission.allowsDevice(live.device, verdict, this.#options.clock.monotonicMs())
    ) {
      this.#refuse('rate-limited', arrival)
    } else {
      for (const shed of this.#queue.push({ ...unsealed, live, arrival })) {
        this.#refuse('shed', shed.arrival)
      }
    }
    this.#wake()
  }

  /** The operator hears what the sender is never told: somebody else has this device's key, or had it. */
  #tellStale({ device, number, isReused }: StaleEpoch): void {
    const { store, clock, onEvent } = this.#options
    const code = isReused ? 'epoch.contradicted' : 'epoch.refused'
    const told = store.addEvent(noticedEvent(device, clock.nowMs(), 'alarm', code, { number }))
    if (told !== undefined) onEvent?.(told)
  }

  #wake(): void {
    if (this.#running !== undefined || this.#stop.signal.aborted) return
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#options.log.error('receiver.failed', { reason: String(error) })
      })
      .finally(() => {
        this.#running = undefined
        if (this.#queue.size > 0 || this.#acks.size > 0) this.#wake()
      })
  }

  async #run(): Promise<void> {
    // Everything that the socket already holds comes in before the first look.
    await new Promise((resolve) => setImmediate(resolve))
    while ((this.#queue.size > 0 || this.#acks.size > 0) && !this.#stop.signal.aborted) {
      await this.#linger()
      await this.#commitBatch()
    }
  }

  /** Commits that follow one another closely wait a little, so that they become one. */
  async #linger(): Promise<void> {
    const { clock } = this.#options
    const waitMs = this.#lastCommitMs + BATCH_MS_MAX - clock.monotonicMs()
    if (waitMs <= 0 || this.#queue.size >= BATCH_OBJECTS_MAX) return
    await clock.sleep(waitMs, this.#stop.signal).catch(() => undefined)
  }

  async #commitBatch(): Promise<void> {
    const { store, clock, log } = this.#options
    const pending = this.#queue.take(BATCH_OBJECTS_MAX)
    const checked = await Promise.all(pending.map((one) => this.#check(one)))
    const ready = checked.filter((one) => one !== undefined)
    this.#lastCommitMs = clock.monotonicMs()
    const nowMs = clock.nowMs()
    if (ready.length > 0) {
      const entries = ready.map(({ entry }) => entry)
      try {
        const committed = await store.commit(entries, nowMs)
        this.counts.commits++
        for (const [index, outcome] of committed.outcomes.entries()) {
          this.#settle(ready[index]?.pending, entries[index], outcome)
        }
        this.#tell(entries, committed, nowMs)
      } catch (error) {
        log.error('store.failed', { reason: String(error), objects: entries.length })
        for (const { pending: lost } of ready) this.#refuse('store-failed', lost.arrival)
        await clock.sleep(STORE_RETRY_MS_MAX, this.#stop.signal).catch(() => undefined)
      }
    }
    this.counts.acks += await this.#acks.send(nowMs, paceMsFor(this.#queue.fill))
  }

  /** Who looks on is told after the commit: what goes wrong there is not the store's fault. */
  #tell(entries: readonly Entry[], committed: Committed, nowMs: number): void {
    try {
      this.#options.onCommit?.(entries, committed, nowMs)
    } catch (error) {
      this.#options.log.error('commit.untold', { reason: String(error) })
    }
  }

  /** The step that costs a signature; undefined where the object is refused. */
  async #check(pending: Pending): Promise<{ pending: Pending; entry: Entry } | undefined> {
    try {
      const opened = await this.#signatures.check(pending)
      const state = this.#stateOf(pending.live.device)
      if (opened === undefined) this.#refuse('bad-signature', pending.arrival)
      else if (state === 'revoked') this.#refuse(state, pending.arrival)
      else {
        const { record, hash, object, ueid } = opened
        const device = pending.live.device
        const { path } = pending.arrival
        const quarantined = state === 'quarantined'
        const entry = { device, ueid, record, hash, bytes: object, path, quarantined }
        return { pending, entry }
      }
    } catch (error) {
      if (error instanceof EnvelopeError) this.#refuse(error.code, pending.arrival)
      else this.#failed(error, pending.arrival)
    }
    return undefined
  }

  #settle(pending: Pending | undefined, entry: Entry | undefined, outcome: Outcome): void {
    if (pending === undefined || entry === undefined) return
    if (outcome.type === 'refused') {
      this.#refuse(outcome.reason, pending.arrival)
      return
    }
    if (outcome.type === 'stored') this.counts.stored++
    else if (outcome.type === 'known') this.counts.known++
    else this.counts.conflicts++
    pending.live.window.mark(pending.partialIv)
    const isNew = outcome.type === 'stored'
    this.#acks.ask(entry.device, pending.arrival, { stream: entry.record.stream, isNew })
  }

  /** The device's state: a revocation by another process counts {@link STATES_AGE_MS_MAX} later. */
  #stateOf(device: number): DeviceState {
    // Asking costs about 30 µs, a third of a signature: not for every object.
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#statesAtMs >= STATES_AGE_MS_MAX) {
      this.#statesAtMs = nowMs
      const { foreignVersion } = this.#options.store
      if (foreignVersion !== this.#foreignVersion) this.reloadStates()
      this.#foreignVersion = foreignVersion
    }
    return this.#states.get(device) ?? 'active'
  }

  /** Reads again which devices may not be heard, after this process changed it. */
  reloadStates(): void {
    const rows = this.#options.store.registry.statesOtherThanActive()
    this.#states = new Map(rows.map(({ row, state }) => [row, state]))
  }

  #refuse(reason: Refusal, arrival: Arrival): void {
    this.counts.refused[reason]++
    this.#admission.blame(reason, arrival, this.#options.clock.monotonicMs())
    this.#options.onRefusal?.(reason, arrival)
  }
}

/** The reason in an error of the envelope; anything else is a fault of this program and goes up. */
function reasonOf(error: unknown): Refusal {
  if (error instanceof EnvelopeError) return error.code
  throw error
}
