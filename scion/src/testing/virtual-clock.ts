import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'

/** Steps that one {@link VirtualClock.advance} may take before it is called a runaway. */
export const VIRTUAL_STEPS_MAX = 10_000_000

interface Timer {
  readonly atMs: number
  readonly order: number
  readonly fire: () => void
}

/**
 * A clock that moves only when told to, for tests that last minutes in milliseconds.
 *
 * Timers fire in order of their time, equal times in order of their making, and after each one
 * everything that it set off has run before the next fires: the same seed gives the same run.
 */
export class VirtualClock implements Clock {
  #nowMs: number
  readonly #startMs: number
  readonly #timers: Timer[] = []
  #made = 0

  /** Starts at `startMs` (milliseconds since 1970). */
  constructor(startMs = 1_767_268_800_000) {
    this.#startMs = startMs
    this.#nowMs = startMs
  }

  /** Whole milliseconds, as the system's clock gives them. */
  nowMs(): number {
    return Math.floor(this.#nowMs)
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(reasonOf(signal))
        return
      }
      const abort = (): void => {
        this.#remove(timer)
        if (signal !== undefined) reject(reasonOf(signal))
      }
      const fire = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#made++, fire }
      signal?.addEventListener('abort', abort, { once: true })
      this.#insert(timer)
    })
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length
  }

  /** Lets `ms` pass, firing all that falls due, and leaves the clock exactly `ms` later. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    await nextTurn()
    for (let steps = 0; ; steps += 1) {
      if (steps > VIRTUAL_STEPS_MAX) throw new Error(`virtual time: ${steps} steps, a runaway`)
      const timer = this.#timers.at(-1)
      if (timer === undefined || timer.atMs > untilMs) break
      this.#timers.pop()
      this.#nowMs = Math.max(this.#nowMs, timer.atMs)
      timer.fire()
      await nextTurn()
    }
    this.#nowMs = untilMs
  }

  /**
   * Lets time pass until `promise` settles, at most `withinMs`; gives its value.
   *
   * Throws where the time runs out first: the promise waits for something that never comes.
   */
  async run<T>(promise: Promise<T>, withinMs = 3_600_000): Promise<T> {
    const outcome = { settled: false }
    const settle = (): void => {
      outcome.settled = true
    }
    promise.then(settle, settle)
    const untilMs = this.#nowMs + withinMs
    await nextTurn()
    while (!outcome.settled) {
      const timer = this.#timers.at(-1)
      if (timer === undefined || timer.atMs > untilMs) {
        throw new Error(`virtual time: not settled within ${withinMs} ms`)
      }
      await this.advance(timer.atMs - this.#nowMs)
    }
    return promise
  }

  /** Keeps the list sorted with the next timer last, by binary search: most timers are near. */
  #insert(timer: Timer): void {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#timers[middle]
      if (other !== undefined && isLater(other, timer)) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer)
    if (index >= 0) this.#timers.splice(index, 1)
  }
}

function isLater(a: Timer, b: Timer): boolean {
  return a.atMs === b.atMs ? a.order > b.order : a.atMs > b.atMs
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted')
}
