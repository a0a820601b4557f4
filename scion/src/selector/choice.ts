import { sharedLinks } from './disjoint.ts'
import type { ReasonNeeded } from './dwell.ts'
import type { FailureCause, PathReason } from './report.ts'

/** A path that is proven better must cost less than the one in use by this share … */
export const SWITCH_GAIN_MIN = 0.2
/** … and by this much, in milliseconds, before traffic moves by choice. */
export const SWITCH_GAIN_MS_MIN = 5
/** A path that loses this share is left without waiting for the dwell time. */
export const TOLERATED_LOSS_MAX = 0.1

/** What the choice goes by: one path, judged. */
export interface Candidate {
  readonly fingerprint: string
  readonly links: readonly string[]
  /** Milliseconds, see `pathCost`. */
  readonly cost: number
  readonly loss: number
  /** Enough recent answers in a row. */
  readonly proven: boolean
  /** An answer is missing; whether the path has failed is being found out. */
  readonly doubtful: boolean
  readonly failure?: { readonly cause: FailureCause; readonly sinceMs: number }
  readonly expired: boolean
  readonly refused: boolean
  /** Its place in the policy's order, 0 the most wanted; absent where the policy orders nothing. */
  readonly preference?: number
  /** How many of its links are under suspicion since another path fell silent. */
  readonly suspects: number
}

/** Which path to use, and why the one before is left (or this one is taken, if there was none). */
export interface Choice {
  readonly fingerprint?: string
  readonly cause: PathReason
}

/**
 * Chooses the path to use.
 *
 * The one in use is kept while it works, unless another one is proven that the policy's order puts
 * before it, or that costs clearly less among equals. `needed` says whether that is reason enough so
 * soon after the last move; a path that loses too much is left earlier, for one that loses half of it.
 *
 * One that failed is left at once: for the best that works, proven ones first, then by the policy's
 * order, and among the unproven those with the fewest suspected links. If all have failed, the one
 * whose failure is the longest ago is tried: doing nothing would be certain to fail.
 */
export function choose(
  candidates: readonly Candidate[],
  active: string | undefined,
  needed: ReasonNeeded,
): Choice {
  const current = candidates.find((one) => one.fingerprint === active)
  if (current !== undefined && isUsable(current)) return improve(candidates, current, needed)
  const cause = causeOf(current)
  const usable = candidates.filter(isUsable)
  const best = usable.sort(byTrust)[0]
  if (best !== undefined) return { fingerprint: best.fingerprint, cause }
  const lastResort = candidates
    .filter((one) => !one.expired && !one.refused)
    .sort((a, b) => (a.failure?.sinceMs ?? 0) - (b.failure?.sinceMs ?? 0))[0]
  return lastResort === undefined ? { cause } : { fingerprint: lastResort.fingerprint, cause }
}

/** The candidates in the order in which copies go over them: the one in use, then by trust. */
export function ranked(
  candidates: readonly Candidate[],
  active: string | undefined,
): readonly Candidate[] {
  const rest = candidates.filter((one) => isUsable(one) && one.fingerprint !== active)
  const current = candidates.filter((one) => one.fingerprint === active)
  return [...current, ...rest.sort(byTrust)]
}

/**
 * Of candidates that come best first, the usable one for a packet that did not arrive over the paths
 * `tried`: with as few links of theirs as can be.
 */
export function apartFrom(
  tried: readonly string[],
  candidates: readonly Candidate[],
): Candidate | undefined {
  const isTried = (one: Candidate): boolean => tried.includes(one.fingerprint)
  const links = candidates.filter(isTried).flatMap((one) => one.links)
  const shared = (one: Candidate): number => sharedLinks(one.links, links)
  return candidates
    .filter((one) => isUsable(one) && !isTried(one))
    .sort((a, b) => shared(a) - shared(b))[0]
}

/** Whether `loss` is what makes `a` cost more than `b`. */
export function isLossier(a: Candidate, b: Candidate): boolean {
  return a.loss > b.loss + TOLERATED_LOSS_MAX / 2
}

function improve(
  candidates: readonly Candidate[],
  current: Candidate,
  needed: ReasonNeeded,
): Choice {
  const kept = { fingerprint: current.fingerprint, cause: 'kept' } as const
  // Whether it has failed is about to be known; until then packets go over another path as well.
  if (current.doubtful) return kept
  const isLosing = current.loss >= TOLERATED_LOSS_MAX
  if (needed === 'failure' || (needed === 'loss' && !isLosing)) return kept
  const proven = candidates.filter((one) => isUsable(one) && one.proven && one.suspects === 0)
  const preferred = proven
    .filter((one) => placeOf(one) < placeOf(current) && one.loss < TOLERATED_LOSS_MAX / 2)
    .sort((a, b) => placeOf(a) - placeOf(b) || a.cost - b.cost)[0]
  if (preferred !== undefined) return { fingerprint: preferred.fingerprint, cause: 'outranked' }
  // The policy's order counts among paths that work; one that loses too much gives way to any.
  const better = proven
    .filter((one) => isLosing || placeOf(one) === placeOf(current))
    .sort((a, b) => a.cost - b.cost)[0]
  if (better === undefined || better.fingerprint === current.fingerprint) return kept
  if (needed === 'loss' && better.loss > current.loss / 2) return kept
  const gain = current.cost - better.cost
  if (gain < SWITCH_GAIN_MS_MIN || gain < current.cost * SWITCH_GAIN_MIN) return kept
  return {
    fingerprint: better.fingerprint,
    cause: isLossier(current, better) ? 'lossy' : 'slower',
  }
}

/** The place in the policy's order; all are equal where there is none. */
export function placeOf(one: Candidate): number {
  return one.preference ?? 0
}

/** Whether packets can be sent over it: it works, is allowed and valid. */
export function isUsable(one: Candidate): boolean {
  return one.failure === undefined && !one.expired && !one.refused
}

function byTrust(a: Candidate, b: Candidate): number {
  return (
    Number(a.suspects > 0) - Number(b.suspects > 0) ||
    Number(b.proven) - Number(a.proven) ||
    placeOf(a) - placeOf(b) ||
    a.suspects - b.suspects ||
    a.cost - b.cost
  )
}

function causeOf(left: Candidate | undefined): PathReason {
  if (left === undefined) return 'best'
  if (left.refused) return 'refused'
  if (left.expired) return 'expired'
  return left.failure?.cause ?? 'best'
}
