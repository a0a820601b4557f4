/** Longest time to wait for an answer before the first measurement, in milliseconds (RFC 6298 §2.1). */
export const ANSWER_MS_FIRST = 1000

/** Shortest and longest wait for an answer once it has been measured, in milliseconds. */
export const ANSWER_MS_MIN = 200
/** See {@link ANSWER_MS_MIN}. */
export const ANSWER_MS_MAX = 10_000

/** How long acknowledgements take, smoothed (RFC 6298): commits and micro-batches included. */
export class RoundTrip {
  #smoothedMs: number | undefined
  #variationMs = 0

  /** Takes one measurement; of an object that was sent more than once there is none (Karn). */
  take(ms: number): void {
    const smoothed = this.#smoothedMs
    if (smoothed === undefined) {
      this.#smoothedMs = ms
      this.#variationMs = ms / 2
      return
    }
    this.#variationMs += (Math.abs(smoothed - ms) - this.#variationMs) / 4
    this.#smoothedMs = smoothed + (ms - smoothed) / 8
  }

  /** The smoothed time; undefined before the first measurement. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs
  }

  /** When an answer that has not come is overdue, in milliseconds after sending. */
  get overdueMs(): number {
    if (this.#smoothedMs === undefined) return ANSWER_MS_FIRST
    const ms = this.#smoothedMs + 4 * this.#variationMs
    return Math.min(ANSWER_MS_MAX, Math.max(ANSWER_MS_MIN, ms))
  }
}
