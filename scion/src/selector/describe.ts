import type { Candidate } from './choice.ts'
import type { Entry } from './entry.ts'
import type { LinkMemory } from './links.ts'
import type { PathSet } from './path-set.ts'
import type { PathReport, PathState } from './report.ts'
import type { Moment } from './standing.ts'
import { candidatesOf, failureOf } from './standing.ts'
import { groundsOf, reasonOf, wordsFor } from './words.ts'

/** All paths with the reasons, the one in use first, then by cost. */
export function describeAll(
  paths: PathSet,
  links: LinkMemory,
  activeFingerprint: string | undefined,
  moment: Moment,
): readonly PathReport[] {
  const candidates = candidatesOf(paths.all(), links, moment)
  const active = candidates.find((one) => one.fingerprint === activeFingerprint)
  const describe = (entry: Entry, candidate: Candidate): PathReport => {
    const { stats, path, fingerprint, preference } = entry
    const failure = failureOf(entry, links, moment.monotonicMs)
    const grounds = groundsOf(entry, candidate, failure, moment.monotonicMs)
    const reason = reasonOf(grounds, active, candidates)
    const broken = entry.links.findIndex(({ key }) => key === failure?.key)
    const downUntilMs = failure && moment.nowMs + failure.record.untilMs - moment.monotonicMs
    return {
      fingerprint,
      path,
      state: stateOf(candidate, active),
      reason,
      words: wordsFor(reason, grounds, active),
      cost: candidate.cost,
      ...(preference === undefined ? {} : { preference }),
      ...(stats.roundTripMs === undefined
        ? {}
        : { roundTripMs: stats.roundTripMs, jitterMs: stats.jitterMs }),
      ...(stats.outcomes === 0 ? {} : { loss: stats.loss }),
      mtu: entry.mtu,
      expiryMs: path.expiryMs,
      ...(downUntilMs === undefined ? {} : { downUntilMs }),
      ...(broken < 0 ? {} : { brokenLink: broken }),
    }
  }
  return candidates
    .toSorted((a, b) => Number(b === active) - Number(a === active) || a.cost - b.cost)
    .flatMap((candidate) => {
      const entry = paths.get(candidate.fingerprint)
      return entry === undefined ? [] : [describe(entry, candidate)]
    })
}

function stateOf(candidate: Candidate, active: Candidate | undefined): PathState {
  if (candidate.refused) return 'refused'
  if (candidate.expired) return 'expired'
  if (candidate === active) return 'active'
  if (candidate.failure !== undefined) return 'down'
  return candidate.proven ? 'alive' : 'probing'
}
