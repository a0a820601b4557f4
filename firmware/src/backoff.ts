/** Shortest wait before anything is tried again, in milliseconds. */
export const RETRY_DELAY_MS_MIN = 200

/** Longest wait between two tries, in milliseconds: after an outage we are back within this. */
export const RETRY_DELAY_MS_MAX = 300_000

/** Bounds of one back-off, in milliseconds. */
export interface BackoffBounds {
  readonly minMs: number
  readonly maxMs: number
}

/** What is used where nothing else is asked for. */
export const DEFAULT_BACKOFF: BackoffBounds = {
  minMs: RETRY_DELAY_MS_MIN,
  maxMs: RETRY_DELAY_MS_MAX,
}

/**
 * Delay before the next try, after `failures` failures in a row.
 *
 * Doubles per failure, capped, with full jitter so that a street of meters coming back from one
 * power cut does not knock on the head-end in step. `random` is in [0, 1).
 */
export function retryDelayMs(
  failures: number,
  random: number,
  bounds: BackoffBounds = DEFAULT_BACKOFF,
): number {
  // 2 ** 30 is far beyond every cap already; the clamp keeps the product finite for any count.
  const ceiling = Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(failures, 30))
  return bounds.minMs + Math.floor(random * (ceiling - bounds.minMs))
}
