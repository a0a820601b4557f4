/** Lets through so many per period, saved up to one period's worth. */
export class TokenBucket {
  readonly #size: number
  readonly #periodMs: number
  #tokens: number
  #atMs: number

  /** Starts full; `nowMs` is monotonic. */
  constructor(size: number, periodMs: number, nowMs: number) {
    this.#size = size
    this.#periodMs = periodMs
    this.#tokens = size
    this.#atMs = nowMs
  }

  /** Takes one if there is one. */
  take(nowMs: number): boolean {
    this.#fill(nowMs)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Milliseconds until there is one. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs)
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) * this.#periodMs) / this.#size
  }

  #fill(nowMs: number): void {
    const gained = ((nowMs - this.#atMs) * this.#size) / this.#periodMs
    this.#tokens = Math.min(this.#size, this.#tokens + Math.max(0, gained))
    this.#atMs = nowMs
  }
}
