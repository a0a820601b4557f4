import type { Reading } from '@s3mp/meter'

import { detailOf, isFull, joined, NO_DETAIL, type Detail } from './detail.ts'
import { PIN_LOOK_TELEGRAMS } from './unlock.ts'

/** Attempts in a row that did not help, after which no more are made: a meter locks itself. */
export const PIN_REPEATS_MAX = 2

/** Least time from one typing to the next, in milliseconds: over the 120 s after which a meter forgets. */
export const PIN_REPEAT_MS_MIN = 150_000

/**
 * Decides when a PIN that is known to be right is typed again: after a power cut the meter kept back
 * what it showed before. It never types on suspicion: only where more was shown in this life of the
 * meter or when the PIN was proven, and never more than PIN_REPEATS_MAX times in vain.
 */
export class PinKeeper {
  #best: Detail
  #recent: Detail[] = []
  #vain = 0
  #typedMs: number | undefined

  /** `known` is what the meter shows with the PIN typed, as the owner's own typing has proven it. */
  constructor(known: Detail) {
    this.#best = known
  }

  /** Why nothing is typed any more: the last attempts were in vain. */
  get isGivenUp(): boolean {
    return this.#vain >= PIN_REPEATS_MAX
  }

  /** Takes a reading; true when the PIN should be typed now. */
  look(reading: Reading, monotonicMs: number): boolean {
    const detail = detailOf(reading)
    this.#recent.push(detail)
    if (this.#recent.length > PIN_LOOK_TELEGRAMS) this.#recent.shift()
    const shown = this.#recent.reduce(joined, NO_DETAIL)
    if (isFull(shown)) this.#best = joined(this.#best, shown)
    const isLess =
      (this.#best.hasPower && !shown.hasPower) || (this.#best.hasDecimals && !shown.hasDecimals)
    if (!isLess) {
      this.#vain = 0
      return false
    }
    if (this.#recent.length < PIN_LOOK_TELEGRAMS || this.isGivenUp) return false
    const sinceMs = monotonicMs - (this.#typedMs ?? -Infinity)
    return sinceMs >= PIN_REPEAT_MS_MIN
  }

  /** The PIN was typed; whether it helped shows in the readings that follow. */
  typed(monotonicMs: number): void {
    this.#typedMs = monotonicMs
    this.#vain += 1
    this.#recent = []
  }
}
