import type { Candidate } from './choice.ts'
import type { Entry } from './entry.ts'
import { isExpired } from './entry.ts'
import type { Failure, LinkMemory } from './links.ts'
import { isProven, pathCost } from './scoring.ts'
import { suspectsOf } from './suspicion.ts'

/** A moment on both clocks. */
export interface Moment {
  /** Wall clock, for expiries. */
  readonly nowMs: number
  readonly monotonicMs: number
}

/** What makes a path fail: the key of a link, crossing, router or the path, and the failure. */
export interface PathFailure {
  readonly key: string
  readonly record: Failure
}

/** The failure that an entry suffers from; what is larger than the path explains more. */
export function failureOf(
  entry: Entry,
  links: LinkMemory,
  monotonicMs: number,
): PathFailure | undefined {
  for (const key of entry.keys.toReversed()) {
    const record = links.failureOf(key, monotonicMs)
    if (record !== undefined) return { key, record }
  }
  return undefined
}

/** All entries as the choice sees them. */
export function candidatesOf(
  entries: readonly Entry[],
  links: LinkMemory,
  { nowMs, monotonicMs }: Moment,
): Candidate[] {
  const suspected = new Set(entries.flatMap((entry) => suspectsOf(entry, links)))
  return entries.map((entry) => {
    const failure = failureOf(entry, links, monotonicMs)?.record
    const keys = entry.links.map((link) => link.key)
    return {
      fingerprint: entry.fingerprint,
      links: keys,
      cost: pathCost(entry.path, entry.stats),
      loss: entry.stats.loss,
      proven: isProven(entry.stats, monotonicMs),
      doubtful: entry.stats.silence !== undefined,
      ...(failure === undefined ? {} : { failure }),
      expired: isExpired(entry, nowMs),
      refused: entry.refusal !== undefined,
      ...(entry.preference === undefined ? {} : { preference: entry.preference }),
      suspects: keys.filter((key) => suspected.has(key)).length,
    }
  })
}
