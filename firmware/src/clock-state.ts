/**
 * How far the wall clock can be believed, from two witnesses: the monotonic clock, which shows
 * steps, and the time in authenticated acknowledgements, which shows offsets.
 */

/** Before this a wall clock was never set: 2026-01-01, in milliseconds since 1970. */
export const CLOCK_FLOOR_MS = Date.UTC(2026, 0, 1)

/** A jump of wall against monotonic time beyond this is a step, in milliseconds. */
export const CLOCK_STEP_MS_MAX = 2000

/** How far the head-end's time may be away beyond half the round trip, in milliseconds. */
export const CLOCK_OFFSET_MS_MAX = 2000

/** An agreement with the head-end is worth this long, in milliseconds. */
export const CLOCK_AGREED_MS_MAX = 3_600_000

/** Half of a longer round trip than this would say nothing about the offset, in milliseconds. */
export const CLOCK_ROUND_TRIP_MS_MAX = 30_000

/** Crystals drift by at most this share of the time that has passed (100 ppm). */
export const CLOCK_DRIFT = 100e-6

/** What is said of a clock that nobody has confirmed: a day, in milliseconds. */
export const CLOCK_UNCERTAINTY_MS_MAX = 86_400_000

/**
 * - `unset`: the clock was never set.
 * - `synced`: the head-end agreed within the last hour.
 * - `holdover`: nobody contradicts, nobody confirmed lately.
 * - `suspect`: it was stepped, or the head-end disagrees.
 */
export type ClockState = 'unset' | 'synced' | 'holdover' | 'suspect'

/** A step of the wall clock that was noticed. */
export interface ClockStep {
  /** New minus old, in milliseconds. */
  readonly byMs: number
}

/** Watches one wall clock. */
export class ClockWatch {
  #offsetMs: number | undefined
  #agreedMonotonicMs: number | undefined
  #agreedWithinMs = 0
  #suspect = false

  /** Looks at both clocks; call it with every telegram. Returns the step when there was one. */
  look(wallMs: number, monotonicMs: number): ClockStep | undefined {
    const offsetMs = wallMs - monotonicMs
    const before = this.#offsetMs
    this.#offsetMs = offsetMs
    if (before === undefined) return undefined
    const byMs = Math.round(offsetMs - before)
    if (Math.abs(byMs) <= CLOCK_STEP_MS_MAX) return undefined
    this.#suspect = true
    return { byMs }
  }

  /** Somebody who must know says that the clock is wrong; only an agreement takes that back. */
  doubt(): void {
    this.#suspect = true
    this.#agreedMonotonicMs = undefined
  }

  /** Takes the time of an authenticated acknowledgement that arrived just now. */
  hear(headEndMs: number, roundTripMs: number, wallMs: number, monotonicMs: number): void {
    if (roundTripMs > CLOCK_ROUND_TRIP_MS_MAX) return
    const offsetMs = Math.abs(headEndMs + roundTripMs / 2 - wallMs)
    this.#suspect = offsetMs > CLOCK_OFFSET_MS_MAX + roundTripMs / 2
    this.#agreedMonotonicMs = this.#suspect ? undefined : monotonicMs
    this.#agreedWithinMs = offsetMs + roundTripMs / 2
  }

  /** The state at this moment. */
  state(wallMs: number, monotonicMs: number): ClockState {
    if (wallMs < CLOCK_FLOOR_MS) return 'unset'
    if (this.#suspect) return 'suspect'
    const agreed = this.#agreedMonotonicMs
    return agreed !== undefined && monotonicMs - agreed <= CLOCK_AGREED_MS_MAX
      ? 'synced'
      : 'holdover'
  }

  /** How far the clock may be off, in milliseconds: the last agreement and the drift since. */
  uncertaintyMs(monotonicMs: number): number {
    const agreed = this.#agreedMonotonicMs
    if (agreed === undefined) return CLOCK_UNCERTAINTY_MS_MAX
    const driftMs = (monotonicMs - agreed) * CLOCK_DRIFT
    return Math.min(CLOCK_UNCERTAINTY_MS_MAX, Math.ceil(this.#agreedWithinMs + driftMs))
  }
}
