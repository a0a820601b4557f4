/** Time between two moves by choice at first, in milliseconds; failures do not wait. */
export const SWITCH_DWELL_MS_MIN = 5_000
/** … and at most, when paths have taken turns at being the better one. */
export const SWITCH_DWELL_MS_MAX = 300_000
/** A path that was kept for so many dwell times was worth the move. */
const CALM_DWELLS = 4

/**
 * What it takes to leave a path that works: another one that is clearly better, or that loses clearly
 * less, or nothing but a failure.
 */
export type ReasonNeeded = 'gain' | 'loss' | 'failure'

/**
 * How long traffic stays where it is before it may move by choice again: twice as long after each
 * move that came soon after the one before, so that paths which take turns at being better, or a link
 * that works by fits and starts, cannot make traffic follow. The first choice does not count.
 */
export class Dwell {
  #movedMs = -Infinity
  #dwellMs = SWITCH_DWELL_MS_MIN

  /** What it takes to move traffic by choice at `nowMs` (monotonic). */
  reasonNeeded(nowMs: number): ReasonNeeded {
    if (nowMs - this.#movedMs >= this.#dwellMs) return 'gain'
    return this.#dwellMs > SWITCH_DWELL_MS_MIN ? 'failure' : 'loss'
  }

  /** Traffic moved, by choice or because it had to. */
  moved(nowMs: number): void {
    const isSoon = nowMs - this.#movedMs < CALM_DWELLS * this.#dwellMs
    this.#dwellMs = isSoon ? Math.min(SWITCH_DWELL_MS_MAX, 2 * this.#dwellMs) : SWITCH_DWELL_MS_MIN
    this.#movedMs = nowMs
  }

  /** The reasons for the last move are none any more. */
  reset(): void {
    this.#movedMs = -Infinity
    this.#dwellMs = SWITCH_DWELL_MS_MIN
  }
}
