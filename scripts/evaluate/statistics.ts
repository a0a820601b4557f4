import type { Stamp } from './variants.ts'

/** The `share` quantile (0..1) of samples, by the nearest rank; NaN of none. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const rank = Math.ceil(share * sorted.length) - 1
  return sorted[Math.max(0, Math.min(sorted.length - 1, rank))] ?? NaN
}

/**
 * The longest time in milliseconds without an arrival within `fromMs`..`toMs`: between two arrivals
 * of which the later one lies in it, or from the last arrival to its end.
 */
export function longestGapMs(arrivals: readonly Stamp[], fromMs: number, toMs: number): number {
  const times = arrivals.map(([, atMs]) => atMs).sort((a, b) => a - b)
  let longestMs = 0
  let lastMs = fromMs
  for (const atMs of times) {
    if (atMs > toMs) break
    if (atMs > fromMs) longestMs = Math.max(longestMs, atMs - lastMs)
    lastMs = atMs
  }
  return Math.max(longestMs, toMs - lastMs)
}

/** The readings of `sent` that never arrived. */
export function lostOf(sent: readonly Stamp[], arrivals: readonly Stamp[]): readonly Stamp[] {
  const seen = new Set(arrivals.map(([sequence]) => sequence))
  return sent.filter(([sequence]) => !seen.has(sequence))
}

/** When each reading was sent, with the milliseconds to its acknowledgement, in order of sending. */
export function roundTrips(
  sent: readonly Stamp[],
  acked: readonly Stamp[],
): readonly (readonly [sentMs: number, roundTripMs: number])[] {
  const ackedMs = new Map(acked)
  return [...sent]
    .sort(([, a], [, b]) => a - b)
    .flatMap(([sequence, sentMs]) => {
      const backMs = ackedMs.get(sequence)
      return backMs === undefined ? [] : [[sentMs, backMs - sentMs] as const]
    })
}

/** How many readings in a row must be fast before the traffic counts as moved. */
const MOVED_RUN = 10

/** Milliseconds from `fromMs` to the first of ten readings in a row that were acknowledged fast. */
export function movedAfterMs(
  trips: readonly (readonly [sentMs: number, roundTripMs: number])[],
  fromMs: number,
  fastMs: number,
): number | undefined {
  const after = trips.filter(([sentMs]) => sentMs >= fromMs)
  for (let start = 0; start + MOVED_RUN <= after.length; start++) {
    const run = after.slice(start, start + MOVED_RUN)
    if (run.every(([, ms]) => ms < fastMs)) return (run[0]?.[0] ?? fromMs) - fromMs
  }
  return undefined
}
