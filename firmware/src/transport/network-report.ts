import { formatInterface, type PathReport } from '@s3mp/scion'

import type { NetworkPathReport, NetworkReport, PathChange } from '../channel/network.ts'
import type { PathMove } from './path-changes.ts'
import type { PathRuling } from './policy.ts'

/** The last moment that a date can tell: what never runs out is good until then. */
const TIME_MAX = 8_640_000_000_000_000

/** What a report of the network is made of. */
export interface NetworkParts {
  readonly source: string
  readonly destination: string
  /** Name of the policy in force. */
  readonly policy: string
  readonly reports: readonly PathReport[]
  /** By fingerprint. */
  readonly rulings: ReadonlyMap<string, PathRuling & { readonly preference?: number }>
  readonly moves: readonly PathMove[]
  /** The bytes that name a path elsewhere. */
  readonly nameOf: (fingerprint: string | undefined) => Uint8Array
}

/** The network as people are shown it: paths with reasons and rulings, and the last changes. */
export function networkReport(parts: NetworkParts): NetworkReport {
  const { source, destination, policy, reports, moves, nameOf } = parts
  const wanted = [...reports].sort((one, two) => PLACE[one.state] - PLACE[two.state])
  return {
    source,
    destination,
    policy,
    paths: wanted.map((report) => pathReport(report, parts)),
    changes: moves.map(({ atMs, from, to, cause, gapMs }): PathChange => {
      const gap = gapMs !== undefined && { gapMs }
      return { atMs, from: nameOf(from), to: nameOf(to), cause, ...gap }
    }),
  }
}

/** What is left out first where there are too many. */
const PLACE = { active: 0, alive: 1, probing: 2, down: 3, refused: 4, expired: 5 } as const

function pathReport(report: PathReport, { rulings, nameOf }: NetworkParts): NetworkPathReport {
  const { path, state, reason, roundTripMs, jitterMs, loss, mtu, expiryMs, brokenLink } = report
  const stretches = path.metadata?.latenciesMs ?? []
  return {
    fingerprint: nameOf(report.fingerprint),
    interfaces: path.interfaces.map(formatInterface),
    // A stretch is by turns a link and the way through an AS.
    delaysMs: stretches.filter((_, index) => index % 2 === 0),
    state,
    reason,
    ...(roundTripMs !== undefined && { roundTripMs }),
    ...(jitterMs !== undefined && { jitterMs }),
    ...(loss !== undefined && { lossPercent: loss * 100 }),
    mtu,
    expiresMs: Math.min(expiryMs, TIME_MAX),
    ruling: rulings.get(report.fingerprint) ?? { allowed: state !== 'refused', by: 'none' },
    ...(brokenLink !== undefined && { brokenLink }),
  }
}
