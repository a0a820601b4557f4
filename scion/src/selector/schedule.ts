import type { Clock } from '../clock.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Candidate } from './choice.ts'
import { ranked } from './choice.ts'
import { disjointSet } from './disjoint.ts'
import type { Entry } from './entry.ts'
import type { ProbePlan, ProbeState } from './plan.ts'
import { nextProbeMs, STANDBY_MAX } from './plan.ts'
import { silencesOf } from './scoring.ts'

/** A look at a path: when (monotonic), and how it ranks among those that are due. */
export interface Look {
  readonly entry: Entry
  readonly atMs: number
  readonly rank: number
}

/** An entry, how the choice sees it, and the key of what it failed by. */
export interface Standing {
  readonly entry: Entry
  readonly candidate: Candidate
  readonly failedBy: string | undefined
}

/** Which looks come first when the budget is short. */
const RANK = { active: 0, standby: 1, failed: 2, idle: 3, unusable: 4 } as const

/** Says when which path is to be looked at, within the budget of the plan. */
export class Schedule {
  readonly #plan: ProbePlan
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #budget: TokenBucket

  constructor(plan: ProbePlan, clock: Pick<Clock, 'monotonicMs'>) {
    this.#plan = plan
    this.#clock = clock
    this.#budget = new TokenBucket(plan.perMinute, 60_000, clock.monotonicMs())
  }

  /** The entries to look at now, at most `count`; each counts as looked at. */
  due(standings: readonly Standing[], active: string | undefined, count: number): readonly Entry[] {
    const nowMs = this.#clock.monotonicMs()
    const due = scheduleLooks(standings, active, this.#plan)
      .filter(({ atMs }) => atMs <= nowMs)
      .sort((a, b) => a.rank - b.rank || a.atMs - b.atMs)
    const looked: Entry[] = []
    for (const { entry } of due.slice(0, Math.max(0, count))) {
      if (!this.#budget.take(nowMs)) break
      entry.probedMs = nowMs
      entry.urgent = false
      entry.pending += 1
      entry.probesSinceFailure += 1
      looked.push(entry)
    }
    return looked
  }

  /** Monotonic time of the next look, or Infinity. */
  nextMs(standings: readonly Standing[], active: string | undefined): number {
    const looks = scheduleLooks(standings, active, this.#plan)
    const soonest = Math.min(Infinity, ...looks.map(({ atMs }) => atMs))
    const nowMs = this.#clock.monotonicMs()
    return Math.max(soonest, nowMs + this.#budget.waitMs(nowMs))
  }
}

/** Asks for a look at the best path beside the one in use. */
export function wakeNext(standings: readonly Standing[], active: string | undefined): void {
  const candidates = standings.map(({ candidate }) => candidate)
  const [, next] = ranked(candidates, active)
  const found = standings.find(({ candidate }) => candidate === next)
  if (found?.entry.pending === 0) found.entry.urgent = true
}

/** Asks for a look at all paths over doubtful links: the answers tell which link it is. */
export function wakeSuspects(standings: readonly Standing[]): void {
  for (const { entry, candidate } of standings) {
    const isDoubtful = candidate.suspects > 0 && candidate.failure === undefined
    if (isDoubtful && entry.pending === 0) entry.urgent = true
  }
}

/** When to look next at which path; paths that fell together are looked at by turns. */
export function scheduleLooks(
  standings: readonly Standing[],
  active: string | undefined,
  plan: ProbePlan,
): readonly Look[] {
  const order = ranked(
    standings.map(({ candidate }) => candidate),
    active,
  )
  const standby = new Set(disjointSet(order, STANDBY_MAX + 1).map((one) => one.fingerprint))
  for (const one of order) if (standby.size <= STANDBY_MAX) standby.add(one.fingerprint)
  const fallen = new Map<string, Entry[]>()
  const looks: Look[] = []
  for (const { entry, candidate, failedBy } of standings) {
    if (entry.links.length === 0) continue // Inside one AS there is no router to ask.
    const role = roleOf(candidate, active, standby)
    if (role !== 'failed' || failedBy === undefined) {
      looks.push(lookAt([entry], role, candidate.proven, plan))
    } else fallen.set(failedBy, [...(fallen.get(failedBy) ?? []), entry])
  }
  for (const group of fallen.values()) looks.push(lookAt(group, 'failed', false, plan))
  return looks
}

/** The next look at a group: at the one not seen for longest, which may be the one that works. */
function lookAt(
  group: readonly Entry[],
  role: ProbeState['role'],
  proven: boolean,
  plan: ProbePlan,
): Look {
  const [entry] = group.toSorted((a, b) => a.probedMs - b.probedMs)
  if (entry === undefined) throw new Error('schedule: a group of no paths')
  const state: ProbeState = {
    role,
    probedMs: Math.max(...group.map((one) => one.probedMs)),
    provenMs: entry.stats.provenMs ?? -Infinity,
    proven: proven && entry.renewal === undefined,
    silences: silencesOf(entry.stats),
    surprising: entry.stats.shift !== undefined,
    probesSinceFailure: group.reduce((sum, one) => sum + one.probesSinceFailure, 0),
    urgent: group.some((one) => one.urgent),
    pending: group.some((one) => one.pending > 0),
  }
  return { entry, atMs: nextProbeMs(state, plan), rank: RANK[role] }
}

function roleOf(
  candidate: Candidate,
  active: string | undefined,
  standby: ReadonlySet<string>,
): ProbeState['role'] {
  if (candidate.refused || candidate.expired) return 'unusable'
  if (candidate.failure !== undefined) return 'failed'
  if (candidate.fingerprint === active) return 'active'
  return standby.has(candidate.fingerprint) ? 'standby' : 'idle'
}
