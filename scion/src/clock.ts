/**
 * Time as this package needs it. Everything that waits or stamps takes a clock, so that a whole
 * network with its hosts runs under virtual time.
 */
export interface Clock {
  /** Wall-clock time, milliseconds since 1970: for expiries, never for intervals. */
  nowMs(): number
  /** Milliseconds since an arbitrary start, never backwards: for intervals, never for stamps. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** A source of randomness: each call gives a number in [0, 1). */
export type Random = () => number
