/** One token bucket: how much it holds, and how fast that comes back. */
export interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

interface Bucket {
  tokens: number
  atMs: number
}

/**
 * How much each source may still do: a token bucket a source, in a table that never grows beyond
 * `sourcesMax`.
 *
 * A flood from ever new (forged) sources only pushes out other silent sources; a bucket that was
 * pushed out comes back full, so that honest ones are never locked out by it. What forged sources
 * cost beyond that is bounded by the checks that follow, not by this table.
 */
export class RateLimiter {
  readonly #allowance: Allowance
  readonly #sourcesMax: number
  // A Map iterates in order of insertion: re-inserting on use makes its first key the oldest.
  readonly #buckets = new Map<string, Bucket>()

  constructor(allowance: Allowance, sourcesMax: number) {
    this.#allowance = allowance
    this.#sourcesMax = sourcesMax
  }

  /** Sources remembered now. */
  get size(): number {
    return this.#buckets.size
  }

  /** Whether `source` has a token left, without taking it. */
  allows(source: string, monotonicMs: number): boolean {
    return this.waitMs(source, monotonicMs) === 0
  }

  /** How long until `source` has a token; 0 where it has one. */
  waitMs(source: string, monotonicMs: number): number {
    const bucket = this.#buckets.get(source)
    const missing = bucket === undefined ? 0 : 1 - this.#refilled(bucket, monotonicMs)
    return missing <= 0 ? 0 : Math.ceil((missing / this.#allowance.perSecond) * 1000)
  }

  /** Takes a token of `source`; false where none is left. */
  take(source: string, monotonicMs: number): boolean {
    const known = this.#buckets.get(source)
    const tokens = known === undefined ? this.#allowance.burst : this.#refilled(known, monotonicMs)
    const allowed = tokens >= 1
    const bucket = known ?? { tokens: 0, atMs: 0 }
    bucket.tokens = allowed ? tokens - 1 : tokens
    bucket.atMs = monotonicMs
    if (known !== undefined) this.#buckets.delete(source)
    else if (this.#buckets.size >= this.#sourcesMax) this.#forgetOldest()
    this.#buckets.set(source, bucket)
    return allowed
  }

  /** Gives a source its whole allowance back. */
  forgive(source: string): void {
    this.#buckets.delete(source)
  }

  #refilled(bucket: Bucket, monotonicMs: number): number {
    const earned = (Math.max(0, monotonicMs - bucket.atMs) / 1000) * this.#allowance.perSecond
    return Math.min(this.#allowance.burst, bucket.tokens + earned)
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next()
    if (oldest.done !== true) this.#buckets.delete(oldest.value)
  }
}
