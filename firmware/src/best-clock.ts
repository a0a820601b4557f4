import type { Clock } from '@s3mp/hal'

import { CLOCK_FLOOR_MS, CLOCK_OFFSET_MS_MAX, CLOCK_ROUND_TRIP_MS_MAX } from './clock-state.ts'
import type { DurableMap } from './durable-map.ts'
import { FirmwareError } from './errors.ts'

/** How often the time is written down while the head-end vouches for it, in milliseconds. */
export const CLOCK_KEPT_MS = 60_000

/** A clock that begins this far before the time written down was never set, in milliseconds. */
export const CLOCK_BACK_MS_MAX = 60_000

/** From here on a guess is none: 2100-01-01, in milliseconds since 1970. */
export const CLOCK_CEILING_MS = Date.UTC(2100, 0, 1)

/** Guesses nearer than this to what is thought already change nothing, in milliseconds. */
export const CLOCK_GUESS_MS_MIN = 2000

/** How a guess is written down. */
const NAME = 'newest'

/** What telling the time takes. */
export interface BestClockOptions {
  /** The system's clock. */
  readonly clock: Clock
  /** Keeps the newest time for which the head-end vouched. */
  readonly map: DurableMap
  /** What a battery-backed clock says, where there is one: milliseconds since 1970. */
  readonly rtcMs?: () => number | undefined
}

/**
 * The system's clock, and while that was never set the best guess there is: never 1970.
 *
 * A guess begins with the newest time that is known to have been — written down while the head-end
 * vouched for it, or that of a battery-backed clock — and goes on with the monotonic clock. Better
 * witnesses move it: a meter's clock forward only, the head-end's word both ways. Whoever asks is told
 * by {@link isSet}, and marks what it makes.
 */
export class BestClock implements Clock {
  readonly #clock: Clock
  readonly #map: DurableMap
  /** Before this the system's clock cannot be right. */
  #floorMs: number
  #guess: { readonly timeMs: number; readonly monotonicMs: number }
  #keptMs = -Infinity

  constructor({ clock, map, rtcMs }: BestClockOptions) {
    this.#clock = clock
    this.#map = map
    const kept = Number(map.get(NAME))
    this.#floorMs = isPossible(kept) ? Math.max(CLOCK_FLOOR_MS, kept) : CLOCK_FLOOR_MS
    const rtc = rtcMs?.()
    const begun = isPossible(rtc) ? Math.max(this.#floorMs, rtc) : this.#floorMs
    const timeMs = this.isSet ? clock.nowMs() : begun
    this.#guess = { timeMs, monotonicMs: clock.monotonicMs() }
  }

  /** Whether the system's clock shows a time that can be. */
  get isSet(): boolean {
    return this.#clock.nowMs() >= this.#floorMs - CLOCK_BACK_MS_MAX
  }

  /** What the system's clock shows, whatever that is. */
  get systemMs(): number {
    return this.#clock.nowMs()
  }

  nowMs(): number {
    if (this.isSet) return this.#clock.nowMs()
    const { timeMs, monotonicMs } = this.#guess
    return Math.round(timeMs + this.#clock.monotonicMs() - monotonicMs)
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(ms, signal)
  }

  /** A clock for which nobody vouches, a meter's or a battery-backed one, shows this. */
  learn(timeMs: number): void {
    if (this.isSet || !isPossible(timeMs)) return
    if (timeMs > this.nowMs() + CLOCK_GUESS_MS_MIN) this.#move(timeMs)
  }

  /** The head-end said what time it is, in an authenticated acknowledgement that came just now. */
  hear(headEndMs: number, roundTripMs: number): void {
    const timeMs = headEndMs + roundTripMs / 2
    if (this.isSet || roundTripMs > CLOCK_ROUND_TRIP_MS_MAX || !isPossible(timeMs)) return
    const slackMs = CLOCK_OFFSET_MS_MAX + roundTripMs / 2
    // What was written down was wrong once; now head-end and system agree on something earlier.
    if (Math.abs(timeMs - this.#clock.nowMs()) <= slackMs) this.#floorMs = CLOCK_FLOOR_MS
    else if (Math.abs(timeMs - this.nowMs()) > slackMs) this.#move(timeMs)
  }

  /** The head-end agrees with the system's clock: what it shows is written down now and then. */
  vouch(): void {
    const monotonicMs = this.#clock.monotonicMs()
    if (!this.isSet || monotonicMs - this.#keptMs < CLOCK_KEPT_MS) return
    this.#keptMs = monotonicMs
    try {
      this.#map.set(NAME, String(Math.floor(this.#clock.nowMs())), false)
    } catch (error) {
      // The next start guesses an earlier time; nothing else hangs on it.
      if (!(error instanceof FirmwareError)) throw error
    }
  }

  /** Gives the file up. */
  close(): void {
    this.#map.close()
  }

  #move(timeMs: number): void {
    this.#guess = { timeMs, monotonicMs: this.#clock.monotonicMs() }
  }
}

function isPossible(timeMs: number | undefined): timeMs is number {
  return timeMs !== undefined && timeMs >= CLOCK_FLOOR_MS && timeMs < CLOCK_CEILING_MS
}
