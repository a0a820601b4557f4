import type { Clock } from '../clock.ts'

/** Sleepers one virtual clock holds; more means that a test leaks them. */
export const VIRTUAL_SLEEPERS_MAX = 100_000

/** Wake-ups `runUntil` makes before it concludes that the promise will never settle. */
export const VIRTUAL_WAKEUPS_MAX = 10_000_000

interface Sleeper {
  readonly dueMs: number
  readonly order: number
  wake(): void
}

/** Lets everything run that is ready: microtasks, ticks, and immediates queued before this one. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/**
 * A clock that moves when it is told to: a day of metering in a moment, the same every time.
 *
 * Sleepers wake one by one, by due time and then in the order in which they fell asleep; between two
 * of them everything that is ready runs, so that a woken sleeper may fall asleep again in time.
 */
export class VirtualClock implements Clock {
  #monotonicMs = 0
  #wallOffsetMs: number
  #order = 0
  /** Sorted, the next to wake last. */
  readonly #sleepers: Sleeper[] = []

  /** `startMs` is the wall clock's first reading; the monotonic clock starts at 0. */
  constructor(startMs = 0) {
    this.#wallOffsetMs = startMs
  }

  nowMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#monotonicMs)
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  /** How many sleep at this moment. */
  get sleeping(): number {
    return this.#sleepers.length
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (Number.isNaN(ms)) throw new RangeError('ms: expected a duration, found NaN')
    signal?.throwIfAborted()
    if (this.#sleepers.length >= VIRTUAL_SLEEPERS_MAX) {
      throw new RangeError(`sleepers: expected at most ${VIRTUAL_SLEEPERS_MAX}`)
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1)
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(signal?.reason)
      }
      const sleeper: Sleeper = {
        dueMs: this.#monotonicMs + Math.max(0, ms),
        order: this.#order++,
        wake: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#insert(sleeper)
    })
  }

  /** Moves time on by `ms`, waking everybody whose time comes on the way. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms
    await settle()
    while (this.#nextDueMs() <= endMs) await this.#wakeNext()
    this.#monotonicMs = endMs
    await settle()
  }

  /**
   * Moves time on from sleeper to sleeper until `promise` settles, and settles like it.
   *
   * Rejects with an Error when nobody sleeps and the promise is still pending, because then no
   * passing of time can settle it, or when it would have to pass `limitMs`.
   */
  async runUntil<T>(promise: Promise<T>, limitMs = Infinity): Promise<T> {
    const endMs = this.#monotonicMs + limitMs
    const state = { settled: false }
    const mark = (): void => {
      state.settled = true
    }
    promise.then(mark, mark)
    await settle()
    for (let wakeups = 0; !state.settled; wakeups++) {
      const dueMs = this.#nextDueMs()
      if (dueMs > endMs || dueMs === Infinity || wakeups >= VIRTUAL_WAKEUPS_MAX) {
        throw new Error(`runUntil: still pending at ${this.#monotonicMs} ms, next due ${dueMs} ms`)
      }
      await this.#wakeNext()
    }
    return promise
  }

  /** Sets the wall clock forward (or back) without passing time: what NTP or a dead RTC does. */
  jump(ms: number): void {
    this.#wallOffsetMs += ms
  }

  #nextDueMs(): number {
    return this.#sleepers.at(-1)?.dueMs ?? Infinity
  }

  async #wakeNext(): Promise<void> {
    const sleeper = this.#sleepers.pop()
    if (!sleeper) return
    this.#monotonicMs = Math.max(this.#monotonicMs, sleeper.dueMs)
    sleeper.wake()
    await settle()
  }

  #insert(sleeper: Sleeper): void {
    let low = 0
    let high = this.#sleepers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#sleepers[middle]
      if (other && other.dueMs > sleeper.dueMs) low = middle + 1
      else high = middle
    }
    this.#sleepers.splice(low, 0, sleeper)
  }
}
