import { acknowledges, classify, EnvelopeError, equalBytes, type StreamAck } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

import { retryDelayMs } from '../backoff.ts'
import type { MeterEnd } from '../channel/channel.ts'
import {
  CHANNEL_SETTLED_MAX,
  type DeadlineClass,
  type PathStatus,
  type ToMeter,
  type TransportHealth,
} from '../channel/message.ts'
import type { Epochs, Sealed } from '../epochs.ts'
import { codeOf, FirmwareError } from '../errors.ts'
import { EventBudget } from '../event-budget.ts'
import type { Log } from '../log.ts'
import type { Journey } from '../path-ledger.ts'
import type { SpoolBox } from '../spool/box.ts'
import { PRIORITIES, PRIORITY, type Priority } from '../spool/priority.ts'
import type { SpoolObject } from '../spool/spool.ts'
import { placeLabel, type Vault } from '../spool/vault.ts'
import { DEADLINE_OF } from '../streams.ts'
import type { OnTrace } from '../trace.ts'
import { leftOn, type Flight } from './flight.ts'
import { RoundTrip } from './round-trip.ts'
import { SendWindow } from './window.ts'

/** Longest wait between two tries of one object, by how soon it is needed, in milliseconds. */
export const RESEND_MS_MAX: Readonly<Record<DeadlineClass, number>> = {
  alarm: 30_000,
  billing: 300_000,
  live: 60_000,
}

/** Share of the window that live objects may take, so that an alarm never waits behind them. */
export const LIVE_SHARE = 0.5

/** Objects of older epochs whose opening object is repeated within this many milliseconds: once. */
export const EPOCH_AGAIN_MS = 1000

/** Objects follow the first sending of their epoch's object after this many milliseconds. */
export const EPOCH_HEAD_START_MS = 60

/** Tries after which an object of an older epoch, unlike others, is sealed again. */
export const RESEAL_ATTEMPTS = 3

/** Tries after which an object no longer counts in the window while others are acknowledged. */
export const STUCK_ATTEMPTS = 6

/** Objects on the way at once, the stuck ones included. */
export const FLIGHTS_MAX = 256

/**
 * Numbers that a stream may skip because the head-end says that it has them. What is beyond is not
 * believed: a number near the end of what can be counted would leave the stream none.
 */
export const FORK_LEAP_MAX = 2 ** 31

/** Prekeys from the network that are looked at in a second: each costs a signature. */
export const PREKEYS_PER_SECOND_MAX = 20

/** Ids of epoch objects begin here; the spool's own never reach it. */
const EPOCH_ID = 2 ** 52

/** What delivery needs. */
export interface DeliveryOptions {
  readonly box: SpoolBox
  readonly epochs: Epochs
  readonly vault: Vault
  readonly channel: MeterEnd
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly onTrace: OnTrace
  /** The head-end's time from an authentic and newest acknowledgement, and how long its way took. */
  readonly onTime: (headEndMs: number, roundTripMs: number) => void
  /**
   * The head-end has stored another history of this stream up to `seq`: a disk that lied, or an old
   * copy that was put back. Nothing we hold up to there can be stored any more.
   */
  readonly onFork: (stream: number, seq: number) => void
  /** An object is stored at the head-end, and these paths are where it was sent. */
  readonly onArrived: (journey: Journey) => void
  /** The uplink told how its paths are doing. */
  readonly onPaths: (paths: readonly PathStatus[], health: TransportHealth | undefined) => void
}

/** What delivery has done, for status and heartbeat. */
export interface DeliveryStats {
  readonly sent: number
  readonly resent: number
  readonly acknowledged: number
  /** What came in and was no acknowledgement of ours. */
  readonly refused: number
  readonly inFlight: number
  readonly window: number
  readonly roundTripMs: number | undefined
  /** Monotonic time of the last authentic acknowledgement. */
  readonly heardMs: number | undefined
}

/**
 * Brings what is in the spool to the head-end: sends, waits for the acknowledgement, sends the same
 * bytes again. An object leaves the spool for nothing but an authentic acknowledgement that it is
 * stored.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #flights = new Map<number, Flight>()
  readonly #roundTrip = new RoundTrip()
  readonly #window = new SendWindow()
  readonly #prekeys = new EventBudget(PREKEYS_PER_SECOND_MAX, 1000)
  readonly #epochSentMs = new Map<number, number>()
  readonly #epochFirstMs = new Map<number, number>()
  readonly #knownEpochs = new Set<number>()
  #epochAttempts = 0
  #epochDueMs = 0
  #paceUntilMs = 0
  #wake: (() => void) | undefined
  #isWoken = false
  #counts = { sent: 0, resent: 0, acknowledged: 0, refused: 0 }
  #heardMs: number | undefined
  #paths: readonly PathStatus[] = []
  #health: TransportHealth | undefined

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** What the uplink last said about its paths. */
  get paths(): readonly PathStatus[] {
    return this.#paths
  }

  /** What the uplink last said about itself, where it did. */
  get health(): TransportHealth | undefined {
    return this.#health
  }

  stats(): DeliveryStats {
    return {
      ...this.#counts,
      inFlight: this.#flights.size,
      window: this.#window.size,
      roundTripMs: this.#roundTrip.smoothedMs,
      heardMs: this.#heardMs,
    }
  }

  /** Something new may be in the spool. */
  wake(): void {
    this.#isWoken = true
    this.#wake?.()
  }

  /** The spool was replaced: ids of before mean nothing now. */
  forget(): void {
    this.#flights.clear()
    this.wake()
  }

  /** Works until `signal` aborts; `progress` is called at every turn of the loop. */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { channel, clock } = this.#options
    channel.onMessage((message) => {
      this.#hear(message)
    })
    channel.onLink((isLinked) => {
      if (isLinked) this.#resume()
    })
    const onAbort = (): void => {
      this.wake()
    }
    signal.addEventListener('abort', onAbort)
    while (!signal.aborted) {
      progress()
      this.#isWoken = false
      const waitMs = this.#turn()
      await this.#sleep(Math.min(waitMs, IDLE_MS_MAX), clock)
    }
    signal.removeEventListener('abort', onAbort)
  }

  async #sleep(ms: number, clock: Clock): Promise<void> {
    if (this.#isWoken) return
    const woken = new AbortController()
    this.#wake = () => {
      woken.abort()
    }
    await clock.sleep(ms, woken.signal).catch(() => undefined)
    this.#wake = undefined
  }

  /** Sends everything that is due; returns how long nothing more will be, in milliseconds. */
  #turn(): number {
    const { channel, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (!channel.isLinked) return IDLE_MS_MAX
    let nextMs = this.#offerEpoch(nowMs)
    for (const flight of this.#flights.values()) {
      if (flight.dueMs > nowMs) continue
      this.#window.overdue(nowMs, this.#roundTrip.overdueMs)
      if (flight.attempt > 0 && this.#isSilent(nowMs)) this.#doubt()
      this.#resend(flight, nowMs)
    }
    const headStartMs = this.#epochHeadStartMs(nowMs)
    if (headStartMs > 0) return Math.min(nextMs, headStartMs)
    const isPaced = nowMs < this.#paceUntilMs
    for (const priority of PRIORITIES) {
      if (isPaced && priority !== PRIORITY.alarm) {
        nextMs = Math.min(nextMs, this.#paceUntilMs - nowMs)
        break
      }
      this.#fill(priority, nowMs)
    }
    for (const flight of this.#flights.values()) nextMs = Math.min(nextMs, flight.dueMs - nowMs)
    return Math.max(0, nextMs)
  }

  /** Sends the newest epoch's object until the head-end has answered under it. */
  #offerEpoch(nowMs: number): number {
    const { epochs, random } = this.#options
    const number = epochs.number
    if (number === undefined || epochs.isConfirmed) {
      this.#epochAttempts = 0
      this.#epochDueMs = 0
      return IDLE_MS_MAX
    }
    const isNew = !this.#epochSentMs.has(number)
    if (isNew) this.#epochAttempts = 0
    if (!isNew && nowMs < this.#epochDueMs) return this.#epochDueMs - nowMs
    this.#sendEpoch(number, this.#epochAttempts, nowMs)
    const bounds = { minMs: this.#roundTrip.overdueMs, maxMs: RESEND_MS_MAX.live }
    const waitMs = retryDelayMs(this.#epochAttempts, random(), bounds)
    this.#epochAttempts += 1
    this.#epochDueMs = nowMs + waitMs
    return waitMs
  }

  /**
   * How long the objects of a new epoch are still held back, in milliseconds: the head-end derives
   * keys while they would already arrive, and refuse them. A dead road changes nothing about it.
   */
  #epochHeadStartMs(nowMs: number): number {
    const { epochs } = this.#options
    if (epochs.number === undefined || epochs.isConfirmed) return 0
    const firstMs = this.#epochFirstMs.get(epochs.number)
    return firstMs === undefined ? 0 : firstMs + EPOCH_HEAD_START_MS - nowMs
  }

  #sendEpoch(number: number, attempt: number, nowMs: number): void {
    const bytes = this.#options.epochs.datagramOf(number)
    if (bytes === undefined) return
    if (this.#epochSentMs.size >= EPOCHS_TRACKED_MAX) {
      this.#epochSentMs.clear()
      this.#epochFirstMs.clear()
    }
    this.#epochSentMs.set(number, nowMs)
    if (!this.#epochFirstMs.has(number)) this.#epochFirstMs.set(number, nowMs)
    this.#post(EPOCH_ID + number, 'alarm', attempt, bytes)
  }

  /** Puts waiting objects of one priority on the way as far as the window allows. */
  #fill(priority: Priority, nowMs: number): void {
    const { box } = this.#options
    const share = priority === PRIORITY.live ? LIVE_SHARE : 1
    // An alarm may always leave, whatever is on the way.
    const extra = priority === PRIORITY.alarm ? ALARM_WINDOW_MAX : 0
    const limit = Math.floor(this.#window.size * share) + extra
    if (this.#flights.size >= FLIGHTS_MAX) return
    // What the head-end answers around, again and again, must not stand in the way of the others.
    const isSilent = this.#isSilent(nowMs)
    const inFlight = [...this.#flights.values()].filter(
      ({ attempt }) => isSilent || attempt < STUCK_ATTEMPTS,
    )
    const own = inFlight.filter(({ object }) => object.priority === priority).length
    let room = Math.min(limit - inFlight.length, limit - own)
    // Nothing of this priority waits that is not on its way.
    const ours = this.#flightsOf(priority)
    if (room <= 0 || box.spool.count(priority) <= ours) return
    for (const object of box.spool.waiting(priority, 0, ours + room)) {
      if (room <= 0) break
      if (this.#flights.has(object.id)) continue
      const { id, stream, seq, lastSeq, epoch } = object
      const flight: Flight = {
        object: { id, stream, seq, lastSeq, priority, epoch },
        attempt: 0,
        paths: new Set(),
        firstMs: nowMs,
        sentMs: nowMs,
        dueMs: 0,
      }
      this.#flights.set(id, flight)
      this.#launch(flight, object.datagram, nowMs)
      room -= 1
    }
  }

  #flightsOf(priority: Priority): number {
    let count = 0
    for (const { object } of this.#flights.values()) if (object.priority === priority) count += 1
    return count
  }

  /** Nothing comes back: the head-end may no longer know what it knew, as after a restored copy. */
  #doubt(): void {
    this.#options.epochs.doubtConfirmation()
    this.#knownEpochs.clear()
  }

  #resend(flight: Flight, nowMs: number): void {
    const object = this.#options.box.spool.object(flight.object.id)
    if (object === undefined) {
      // It gave way for something more important.
      this.#flights.delete(flight.object.id)
      return
    }
    flight.attempt += 1
    this.#counts.resent += 1
    const again = this.#isUnopenable(flight, nowMs) ? this.#sealAgain(object) : undefined
    if (again === undefined) this.#launch(flight, object.datagram, nowMs)
    else {
      this.#flights.set(object.id, { ...flight, object: { ...flight.object, epoch: again.epoch } })
      this.#launch(this.#flights.get(object.id) ?? flight, again.datagram, nowMs)
    }
  }

  /**
   * Whether the head-end answers, but never for this one: it is sealed in an older epoch whose key
   * the head-end no longer has.
   */
  #isUnopenable({ object, attempt }: Flight, nowMs: number): boolean {
    const { epochs } = this.#options
    const isOld = object.epoch !== epochs.number && !this.#knownEpochs.has(object.epoch)
    return isOld && !this.#isSilent(nowMs) && epochs.isConfirmed && attempt >= RESEAL_ATTEMPTS
  }

  /** Seals a waiting object anew, in the epoch of now; the record in it stays what it is. */
  #sealAgain(object: SpoolObject): Sealed | undefined {
    const { box, epochs, vault, log } = this.#options
    const kept = vault.unlock(object.kept, placeLabel(object))
    const sealed = kept && epochs.sealNow(object.kind, kept)
    if (sealed === undefined) {
      log.error('object.unreadable', { stream: object.stream, seq: object.seq })
      return undefined
    }
    box.spool.reseal(object.id, sealed.epoch, sealed.datagram)
    log.info('object.resealed', { stream: object.stream, seq: object.seq, epoch: sealed.epoch })
    return sealed
  }

  #launch(flight: Flight, datagram: Uint8Array, nowMs: number): void {
    const { epochs, random } = this.#options
    const { id, priority, epoch } = flight.object
    if (epoch !== epochs.number && !this.#knownEpochs.has(epoch)) {
      const sentMs = this.#epochSentMs.get(epoch) ?? -Infinity
      if (nowMs - sentMs >= EPOCH_AGAIN_MS) this.#sendEpoch(epoch, flight.attempt, nowMs)
    }
    const deadline = DEADLINE_OF[priority]
    const bounds = { minMs: this.#roundTrip.overdueMs, maxMs: RESEND_MS_MAX[deadline] }
    flight.sentMs = nowMs
    flight.dueMs = nowMs + retryDelayMs(flight.attempt, random(), bounds)
    this.#counts.sent += 1
    this.#post(id, deadline, flight.attempt, datagram)
  }

  #post(id: number, deadline: DeadlineClass, attempt: number, bytes: Uint8Array): void {
    // A refused post is a lost datagram: the retry comes by itself.
    this.#options.channel.post({ type: 'send', id, deadline, attempt, bytes })
  }

  #hear(message: ToMeter): void {
    const { clock, log, onTrace } = this.#options
    switch (message.type) {
      case 'received':
        this.#receive(message.token, message.bytes)
        return
      case 'sent': {
        const flight = this.#flights.get(message.id)
        if (flight === undefined) return
        const { attempt } = flight
        leftOn(flight, message)
        onTrace({ type: 'sent', atMs: clock.nowMs(), id: message.id, attempt, path: message.path })
        return
      }
      case 'unsent':
        log.debug('object.unsent', { id: message.id, reason: message.reason })
        return
      case 'status':
        this.#paths = message.paths
        this.#health = message.health
        this.#options.onPaths(message.paths, message.health)
        onTrace({ type: 'paths', atMs: clock.nowMs(), paths: message.paths })
        return
      case 'network':
        onTrace({ type: 'network', atMs: clock.nowMs(), report: message.report })
        return
    }
  }

  #receive(token: number, bytes: Uint8Array): void {
    const { clock, epochs, log } = this.#options
    try {
      if (classify(bytes) === 'prekey') {
        if (this.#prekeys.admit('prekey', clock.monotonicMs()) === undefined) {
          this.#counts.refused += 1
          return
        }
        epochs.takePrekey(bytes)
        this.wake()
        return
      }
      this.#settle(token, bytes)
    } catch (error) {
      if (error instanceof FirmwareError && error.code === 'spool-full') {
        // Not even deleting has room. What is acknowledged is sent and acknowledged again.
        log.error('ack.not-taken', { reason: error.message })
        return
      }
      if (!(error instanceof EnvelopeError)) throw error
      this.#counts.refused += 1
      log.debug('datagram.refused', { reason: codeOf(error) })
    }
  }

  #settle(token: number, bytes: Uint8Array): void {
    const { channel, clock, epochs, onTime } = this.#options
    const wasConfirmed = epochs.isConfirmed
    const { ack, fresh } = epochs.openAck(bytes)
    const nowMs = clock.monotonicMs()
    const wasSilent = this.#isSilent(nowMs)
    this.#heardMs = nowMs
    const ids = ack.streams.flatMap((stream) => this.#settleStream(stream, nowMs))
    if (ids.length > 0) {
      this.#counts.acknowledged += ids.length
      this.#window.opened(ids.length)
    }
    const opened = wasConfirmed || epochs.number === undefined ? [] : [EPOCH_ID + epochs.number]
    const settled = [...opened, ...ids].slice(0, CHANNEL_SETTLED_MAX)
    channel.post({ type: 'settled', token, ids: settled })
    if (fresh) {
      this.#paceUntilMs = nowMs + ack.paceMs
      onTime(ack.timeMs, this.#roundTrip.smoothedMs ?? 0)
    }
    if (wasSilent) this.#resume()
    this.wake()
  }

  #settleStream(ack: StreamAck, nowMs: number): readonly number[] {
    const { box, clock, log, onTrace, onFork, onArrived } = this.#options
    const { stream, cumulative, headHash8 } = ack
    const mine = box.spool.hashOf(stream, cumulative)
    const isOther = mine !== undefined && !equalBytes(mine.subarray(0, 8), headHash8)
    const { nextSeq } = box.spool.stream(stream)
    if (isOther || cumulative >= nextSeq) {
      if (cumulative - nextSeq < FORK_LEAP_MAX) onFork(stream, cumulative)
      else log.error('history.impossible', { stream, cumulative, nextSeq })
      return []
    }
    const flights = [...this.#flights.values()].filter(({ object }) => object.stream === stream)
    const others = flights
      .filter(({ object }) => object.lastSeq > cumulative && acknowledges(ack, object.lastSeq))
      .map(({ object }) => object.lastSeq)
    const ids = box.spool.acknowledge(stream, cumulative + 1, others)
    for (const id of ids) {
      const flight = this.#flights.get(id)
      if (flight === undefined) continue
      this.#flights.delete(id)
      this.#knownEpochs.add(flight.object.epoch)
      if (flight.attempt === 0) this.#roundTrip.take(nowMs - flight.firstMs)
      const { seq, lastSeq } = flight.object
      onArrived({ stream, seq, lastSeq, paths: flight.paths })
      const afterMs = nowMs - flight.firstMs
      onTrace({ type: 'acknowledged', atMs: clock.nowMs(), id, stream, seq, afterMs })
    }
    if (this.#knownEpochs.size > EPOCHS_TRACKED_MAX) this.#knownEpochs.clear()
    return ids
  }

  /** Nothing authentic came for a while, or ever. */
  #isSilent(nowMs: number): boolean {
    return this.#heardMs === undefined || nowMs - this.#heardMs > SILENCE_MS
  }

  /** There is a road again: what waits for its retry leaves soon, spread over a round trip. */
  #resume(): void {
    const { clock, random } = this.#options
    const nowMs = clock.monotonicMs()
    for (const flight of this.#flights.values()) {
      const soonMs = nowMs + random() * this.#roundTrip.overdueMs
      if (flight.attempt > 0) flight.dueMs = Math.min(flight.dueMs, soonMs)
    }
    this.#epochAttempts = 0
    this.#epochDueMs = Math.min(this.#epochDueMs, nowMs)
    this.wake()
  }
}

/** The loop turns at least this often, so that the watchdog sees it, in milliseconds. */
const IDLE_MS_MAX = 5000

/** Nothing heard for this long: the next answer means that a road is back, in milliseconds. */
const SILENCE_MS = 5000

/** Alarms that may leave beyond the window. */
export const ALARM_WINDOW_MAX = 8

/** Epochs whose opening object is remembered as sent or as known to the head-end. */
export const EPOCHS_TRACKED_MAX = 1024
