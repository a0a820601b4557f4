import type { IsdAs } from '../addr/isd-as.ts'
import type { Clock } from '../clock.ts'
import { Observers } from '../observers.ts'
import type { Path } from '../path/path.ts'
import { TokenBucket } from '../socket/token-bucket.ts'
import type { Candidate } from './choice.ts'
import { choose, ranked } from './choice.ts'
import { disjointSet } from './disjoint.ts'
import type { Entry } from './entry.ts'
import { adopt, isExpired, linkAtInterface, newEntry, renew, RENEWAL_LEAD_MS } from './entry.ts'
import { crossingKey, pathKey, routerKey } from './keys.ts'
import { LinkMemory } from './links.ts'
import type { ProbePlan, ProbeState } from './plan.ts'
import { DEFAULT_PLAN, nextProbeMs, STANDBY_MAX } from './plan.ts'
import type { PathPolicy } from './policy.ts'
import { anyPath } from './policy.ts'
import type { FailureCause, PathEvent, PathReport, PathState } from './report.ts'
import {
  answerWaitMs,
  isProven,
  pathCost,
  SILENCES_MAX,
  silencesOf,
  stillSilent,
  UNMEASURED,
  withAnswer,
  withFailure,
  withLoss,
  withSilence,
} from './scoring.ts'
import { culpritOf, suspectsOf } from './suspicion.ts'
import type { Grounds } from './words.ts'
import { reasonOf, wordsFor } from './words.ts'

/** Paths that are kept for one destination; those beyond it are not looked at. */
export const PATHS_MAX = 64
/** Hints that are followed up by a probe in one minute; further ones are ignored. */
export const HINTS_PER_MINUTE_MAX = 12
/** Packets without an acknowledgement, over all paths, after which the far host itself is suspected. */
export const REMOTE_SILENCES_MAX = 8
/** Packets without an acknowledgement on one path that make it fail although probes are answered. */
export const FLIGHT_SILENCES_MAX = 6
/** A router that reports a smaller MTU than this, in bytes, is not believed. */
export const REPORTED_MTU_MIN = 1_232

/** How a selector works. */
export interface PathSelectorOptions {
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>
  readonly policy?: PathPolicy
  readonly plan?: ProbePlan
}

/** What an answer or a silence is about: a probe, or a packet of the program with its acknowledgement. */
export type Evidence = 'probe' | 'flight'

/**
 * Chooses among the paths to one destination, by what is measured and what is reported.
 *
 * All input comes by calls, all decisions by {@link pick}; nothing here waits or sends. Whoever owns
 * it sends the probes that {@link dueProbes} asks for and tells what became of them; `PathPilot` is
 * that owner.
 */
export class PathSelector {
  readonly #clock: Pick<Clock, 'nowMs' | 'monotonicMs'>
  readonly #policy: PathPolicy
  readonly #plan: ProbePlan
  readonly #entries = new Map<string, Entry>()
  readonly #links = new LinkMemory()
  readonly #observers = new Observers<PathEvent>()
  readonly #probeBudget: TokenBucket
  readonly #hintBudget: TokenBucket
  #active: string | undefined
  #switchedMs = -Infinity
  /** Unacknowledged packets in a row, whatever path they took. */
  #remoteSilences = 0

  constructor(options: PathSelectorOptions) {
    this.#clock = options.clock
    this.#policy = options.policy ?? anyPath
    this.#plan = options.plan ?? DEFAULT_PLAN
    const nowMs = options.clock.monotonicMs()
    this.#probeBudget = new TokenBucket(this.#plan.perMinute, 60_000, nowMs)
    this.#hintBudget = new TokenBucket(HINTS_PER_MINUTE_MAX, 60_000, nowMs)
  }

  /** Paths known. */
  get size(): number {
    return this.#entries.size
  }

  /** Hears of changes. */
  observe(listener: (event: PathEvent) => void): () => void {
    return this.#observers.add(listener)
  }

  /** Takes what a lookup brought. Paths that it does not name any more are kept until they expire. */
  offer(paths: readonly Path[]): void {
    const nowMs = this.#clock.nowMs()
    const added: string[] = []
    for (const entry of this.#entries.values()) entry.listed = false
    for (const path of paths) {
      const known = this.#entries.get(path.fingerprint)
      if (known !== undefined) renew(known, path, nowMs)
      else if (path.expiryMs > nowMs) {
        if (!this.#makeRoom()) break
        this.#entries.set(path.fingerprint, newEntry(path, this.#policy(path)))
        added.push(path.fingerprint)
      }
    }
    const dropped = this.#dropExpired(nowMs)
    const atMs = nowMs
    this.#observers.tell({ type: 'offered', atMs, known: this.#entries.size, added, dropped })
    this.#decide()
  }

  /** The path to use now; undefined where none is known that is allowed and not expired. */
  pick(): Path | undefined {
    this.#decide()
    return this.#entryOf(this.#active)?.path
  }

  /** Up to `count` paths that share no link, the one in use first. */
  pickDisjoint(count: number): readonly Path[] {
    this.#decide()
    const order = ranked(this.#candidates(), this.#active)
    return disjointSet(order, count).flatMap((one) => this.#entryOf(one.fingerprint)?.path ?? [])
  }

  /** Something that went over a path was answered. Leave the sample out where it is ambiguous. */
  answered(path: Path, sentMs: number, roundTripMs: number | undefined, evidence: Evidence): void {
    if (evidence === 'flight') this.#remoteSilences = 0
    const entry = this.#entryOf(path.fingerprint)
    if (entry === undefined) return
    if (entry.renewal === path) adopt(entry, path)
    if (evidence === 'flight') entry.flightSilences = 0
    entry.answers = { ...entry.answers, [evidence]: true }
    const wasFailed = this.#failureOf(entry) !== undefined
    entry.stats = withAnswer(entry.stats, sentMs, roundTripMs)
    entry.urgent = false
    this.#links.proven(entry.keys, sentMs)
    if (wasFailed && this.#failureOf(entry) === undefined) {
      entry.probesSinceFailure = 0
      const { fingerprint } = entry
      this.#observers.tell({ type: 'recovered', atMs: this.#clock.nowMs(), fingerprint })
    }
    this.#decide()
  }

  /** Something was acknowledged, it is not clear over which path. */
  hostAnswered(): void {
    this.#remoteSilences = 0
  }

  /** A probe or packet that went over a path at `sentMs` (monotonic) stayed without an answer. */
  silent(path: Path, sentMs: number, evidence: Evidence): void {
    const entry = this.#entryOf(path.fingerprint)
    if (entry === undefined) return
    if (path === entry.renewal) {
      entry.renewal = undefined // The next lookup brings another one.
      return
    }
    const failure = this.#failureOf(entry)
    if (failure !== undefined) {
      if (evidence === 'probe') {
        entry.stats = stillSilent(entry.stats, sentMs)
        this.#links.stillFailed(failure.key, this.#clock.monotonicMs())
        this.#blameCulprit(entry)
      }
      return
    }
    if (evidence === 'flight') this.#unacknowledged(entry, sentMs)
    else this.#unanswered(entry, sentMs)
    this.#decide()
  }

  /** An unacknowledged packet is a reason to look, not yet a verdict: the host may be at fault. */
  #unacknowledged(entry: Entry, sentMs: number): void {
    this.#remoteSilences += 1
    entry.flightSilences += 1
    entry.urgent = true
    // All paths answer and nothing is acknowledged on any: that is the host, not the paths.
    if (this.#remoteSilences > REMOTE_SILENCES_MAX) return
    entry.stats = silencesOf(entry.stats) === 0 ? withSilence(entry.stats, sentMs) : withLoss(entry.stats) // prettier-ignore
    if (entry.fingerprint === this.#active) this.#wakeStandby()
    // Probes may pass where larger or other packets do not.
    if (entry.flightSilences < FLIGHT_SILENCES_MAX) return
    entry.flightSilences = 0
    this.#fail(entry, pathKey(entry.fingerprint), 'silent')
  }

  #unanswered(entry: Entry, sentMs: number): void {
    // Some ASes answer no traceroute: where packets are acknowledged, that is no failure.
    if (entry.answers.flight && !entry.answers.probe) return
    entry.stats = withSilence(entry.stats, sentMs)
    // The next best is asked at the same time, so that it is proven when it is needed.
    if (entry.fingerprint === this.#active) this.#wakeStandby()
    if (silencesOf(entry.stats) < SILENCES_MAX) return
    this.#fail(entry, pathKey(entry.fingerprint), 'silent')
    this.#wakeSuspects()
  }

  /**
   * A router reported an interface down, quoting a packet that went over `path`. False where the
   * interface is not on the path, so that the report says nothing.
   */
  interfaceDown(path: Path, isdAs: IsdAs, id: number): boolean {
    const entry = this.#entryOf(path.fingerprint)
    const link = entry === undefined ? undefined : linkAtInterface(entry, isdAs, id)
    if (entry === undefined || link === undefined) return false
    this.#fail(entry, link.key, 'revoked')
    this.#decide()
    return true
  }

  /** Likewise for the way through an AS. */
  crossingDown(path: Path, isdAs: IsdAs, ingressId: number, egressId: number): boolean {
    const entry = this.#entryOf(path.fingerprint)
    const key = crossingKey(isdAs, ingressId, egressId)
    if (entry?.keys.includes(key) !== true) return false
    this.#fail(entry, key, 'revoked')
    this.#decide()
    return true
  }

  /** A router on the path found the path itself wrong: expired, a bad MAC, an unknown interface. */
  faulty(path: Path): void {
    const entry = this.#entryOf(path.fingerprint)
    if (entry === undefined) return
    if (entry.renewal !== undefined) adopt(entry, entry.renewal)
    else this.#fail(entry, pathKey(entry.fingerprint), 'faulty')
    this.#decide()
  }

  /** The system refused to hand a packet to the first router of a path. */
  unreachable(path: Path): void {
    const entry = this.#entryOf(path.fingerprint)
    if (entry === undefined) return
    this.#fail(entry, routerKey(path), 'unreachable')
    this.#decide()
  }

  /** A router reported that packets of more than `mtu` bytes do not pass. */
  tooBig(path: Path, mtu: number): void {
    const entry = this.#entryOf(path.fingerprint)
    if (entry === undefined) return
    entry.mtu = Math.max(REPORTED_MTU_MIN, Math.min(entry.mtu, mtu))
  }

  /** Somebody who cannot prove it says that a path is broken: it gets probed, nothing else. */
  hint(fingerprint: string): void {
    const entry = this.#entryOf(fingerprint)
    if (entry === undefined || !this.#hintBudget.take(this.#clock.monotonicMs())) return
    entry.urgent = true
    this.#observers.tell({ type: 'hint', atMs: this.#clock.nowMs(), fingerprint })
  }

  /** Somebody who cannot prove it says that an interface is down; see {@link hint}. */
  hintInterface(isdAs: IsdAs, id: number): void {
    const entry = this.#entryOf(this.#active)
    if (entry !== undefined && linkAtInterface(entry, isdAs, id) !== undefined) {
      this.hint(entry.fingerprint)
    }
  }

  /** Paths that are allowed and not expired, failed ones too: where packets may have to go. */
  usable(): readonly Path[] {
    const nowMs = this.#clock.nowMs()
    return [...this.#entries.values()]
      .filter((entry) => entry.refusal === undefined && !isExpired(entry, nowMs))
      .map((entry) => entry.path)
  }

  /** Largest packet on a path, after what routers reported. */
  mtuOf(path: Path): number {
    return this.#entryOf(path.fingerprint)?.mtu ?? path.mtu
  }

  /** How long to wait for an answer over a path, in milliseconds. */
  waitMs(path: Path): number {
    const entry = this.#entryOf(path.fingerprint)
    return answerWaitMs(entry?.stats ?? UNMEASURED)
  }

  /** Paths to look at now, at most `count`, within the budget; each counts as looked at. */
  dueProbes(count: number): readonly Path[] {
    const nowMs = this.#clock.monotonicMs()
    const due = this.#schedule()
      .filter(({ atMs }) => atMs <= nowMs)
      .sort((a, b) => a.rank - b.rank || a.atMs - b.atMs)
    const paths: Path[] = []
    for (const { entry } of due.slice(0, Math.max(0, count))) {
      if (!this.#probeBudget.take(nowMs)) break
      entry.probedMs = nowMs
      entry.urgent = false
      entry.pending += 1
      entry.probesSinceFailure += 1
      paths.push(entry.renewal ?? entry.path)
    }
    return paths
  }

  /** A probe that {@link dueProbes} asked for has come to its end, whatever that was. */
  probed(path: Path): void {
    const entry = this.#entryOf(path.fingerprint)
    if (entry !== undefined) entry.pending = Math.max(0, entry.pending - 1)
  }

  /** Monotonic time of the next look, or Infinity. */
  nextProbeMs(): number {
    const soonest = Math.min(Infinity, ...this.#schedule().map(({ atMs }) => atMs))
    const nowMs = this.#clock.monotonicMs()
    return Math.max(soonest, nowMs + this.#probeBudget.waitMs(nowMs))
  }

  /** All paths with the reasons, the one in use first, then by cost. */
  report(): readonly PathReport[] {
    this.#decide()
    const candidates = this.#candidates()
    const active = candidates.find((one) => one.fingerprint === this.#active)
    return candidates
      .sort((a, b) => Number(b === active) - Number(a === active) || a.cost - b.cost)
      .flatMap((candidate) => {
        const entry = this.#entryOf(candidate.fingerprint)
        return entry === undefined ? [] : [this.#describe(entry, candidate, active, candidates)]
      })
  }

  #describe(
    entry: Entry,
    candidate: Candidate,
    active: Candidate | undefined,
    all: readonly Candidate[],
  ): PathReport {
    const { stats, path, fingerprint } = entry
    const grounds = this.#groundsOf(entry, candidate)
    const { failure, nowMs } = grounds
    const reason = reasonOf(grounds, active, all)
    const downUntilMs = failure && this.#clock.nowMs() + failure.record.untilMs - nowMs
    return {
      fingerprint,
      path,
      state: stateOf(candidate, active),
      reason,
      words: wordsFor(reason, grounds, active),
      cost: candidate.cost,
      ...(stats.roundTripMs === undefined
        ? {}
        : { roundTripMs: stats.roundTripMs, jitterMs: stats.jitterMs }),
      ...(stats.outcomes === 0 ? {} : { loss: stats.loss }),
      mtu: entry.mtu,
      expiryMs: path.expiryMs,
      ...(downUntilMs === undefined ? {} : { downUntilMs }),
    }
  }

  #groundsOf(entry: Entry, candidate: Candidate): Grounds {
    const { stats, refusal } = entry
    const failure = this.#failureOf(entry)
    return { candidate, stats, refusal, failure, nowMs: this.#clock.monotonicMs() }
  }

  /** Renewed paths take over unproven when the old ones are about to end. */
  #adoptRipe(): void {
    const untilMs = this.#clock.nowMs() + RENEWAL_LEAD_MS
    for (const entry of this.#entries.values()) {
      if (entry.renewal !== undefined && entry.path.expiryMs <= untilMs) adopt(entry, entry.renewal)
    }
  }

  #decide(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#adoptRipe()
    const candidates = this.#candidates()
    const choice = choose(candidates, this.#active, nowMs - this.#switchedMs)
    if (choice.fingerprint === this.#active) return
    const from = this.#active
    const to = choice.fingerprint
    const left = candidates.find((one) => one.fingerprint === from)
    const entry = this.#entryOf(from)
    const next = candidates.find((one) => one.fingerprint === to)
    const words =
      left === undefined || entry === undefined
        ? 'first choice'
        : wordsFor(choice.cause, this.#groundsOf(entry, left), next)
    this.#active = to
    this.#switchedMs = nowMs
    this.#observers.tell({
      type: 'switched',
      atMs: this.#clock.nowMs(),
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      cause: choice.cause,
      words,
    })
  }

  #fail(entry: Entry, key: string, cause: FailureCause): void {
    const nowMs = this.#clock.monotonicMs()
    const sound = [...this.#entries.values()].filter((one) => this.#failureOf(one) === undefined)
    const { untilMs } = this.#links.failed(key, cause, nowMs)
    const atMs = this.#clock.nowMs()
    for (const one of sound) {
      if (one !== entry && !one.keys.includes(key)) continue
      one.stats = withFailure(one.stats)
      one.probesSinceFailure = 0
      // The first look comes after a while: a cut is rarely mended within a second.
      one.probedMs = nowMs
      const { fingerprint } = one
      const until = Math.round(atMs + untilMs - nowMs)
      this.#observers.tell({ type: 'failed', atMs, fingerprint, cause, untilMs: until })
    }
  }

  /** Where it is clear by now which link made a path fall silent, all paths over it fall. */
  #blameCulprit(entry: Entry): void {
    const culprit = culpritOf(entry, this.#links)
    if (culprit === undefined) return
    if (this.#links.failureOf(culprit, this.#clock.monotonicMs()) !== undefined) return
    this.#fail(entry, culprit, 'silent')
    this.#decide()
  }

  /** Asks for a look at the best path beside the one in use. */
  #wakeStandby(): void {
    const [, next] = ranked(this.#candidates(), this.#active)
    const entry = this.#entryOf(next?.fingerprint)
    if (entry?.pending === 0) entry.urgent = true
  }

  /** Asks for a look at all paths over doubtful links: the answers tell which link it is. */
  #wakeSuspects(): void {
    for (const candidate of this.#candidates()) {
      const entry = this.#entryOf(candidate.fingerprint)
      if (candidate.suspects > 0 && candidate.failure === undefined && entry?.pending === 0) {
        entry.urgent = true
      }
    }
  }

  #candidates(): Candidate[] {
    const nowMs = this.#clock.monotonicMs()
    const wallMs = this.#clock.nowMs()
    const entries = [...this.#entries.values()]
    const suspected = new Set(entries.flatMap((entry) => suspectsOf(entry, this.#links)))
    return entries.map((entry) => {
      const failure = this.#failureOf(entry)?.record
      const links = entry.links.map((link) => link.key)
      return {
        fingerprint: entry.fingerprint,
        links,
        cost: pathCost(entry.path, entry.stats),
        loss: entry.stats.loss,
        proven: isProven(entry.stats, nowMs),
        ...(failure === undefined ? {} : { failure }),
        expired: isExpired(entry, wallMs),
        refused: entry.refusal !== undefined,
        suspects: links.filter((key) => suspected.has(key)).length,
      }
    })
  }

  #schedule(): readonly Look[] {
    const candidates = this.#candidates()
    const order = ranked(candidates, this.#active)
    const standby = new Set(disjointSet(order, STANDBY_MAX + 1).map((one) => one.fingerprint))
    for (const one of order) if (standby.size <= STANDBY_MAX) standby.add(one.fingerprint)
    const fallen = new Map<string, Entry[]>()
    const looks: Look[] = []
    for (const candidate of candidates) {
      const entry = this.#entryOf(candidate.fingerprint)
      // Inside one AS there is no router to ask.
      if (entry === undefined || entry.links.length === 0) continue
      const role = roleOf(candidate, this.#active, standby)
      const key = role === 'failed' ? this.#failureOf(entry)?.key : undefined
      if (key === undefined) looks.push(this.#look([entry], role, candidate.proven))
      else fallen.set(key, [...(fallen.get(key) ?? []), entry])
    }
    for (const group of fallen.values()) looks.push(this.#look(group, 'failed', false))
    return looks
  }

  /**
   * When to look next at paths that fell together, and at which of them: by turns, since one of them
   * may have failed elsewhere as well.
   */
  #look(group: readonly Entry[], role: ProbeState['role'], proven: boolean): Look {
    const [first] = group.toSorted((a, b) => a.probedMs - b.probedMs)
    if (first === undefined) throw new Error('selector: a group of no paths')
    const state: ProbeState = {
      role,
      probedMs: Math.max(...group.map((entry) => entry.probedMs)),
      provenMs: first.stats.provenMs ?? -Infinity,
      proven: proven && first.renewal === undefined,
      silences: silencesOf(first.stats),
      probesSinceFailure: group.reduce((sum, entry) => sum + entry.probesSinceFailure, 0),
      urgent: group.some((entry) => entry.urgent),
      pending: group.some((entry) => entry.pending > 0),
    }
    return { entry: first, atMs: nextProbeMs(state, this.#plan), rank: PROBE_RANK[role] }
  }

  #failureOf(entry: Entry): Grounds['failure'] {
    const nowMs = this.#clock.monotonicMs()
    // What is larger than the path explains more.
    for (const key of entry.keys.toReversed()) {
      const record = this.#links.failureOf(key, nowMs)
      if (record !== undefined) return { key, record }
    }
    return undefined
  }

  /** Room for one more path: those that lookups do not bring any more go first. */
  #makeRoom(): boolean {
    if (this.#entries.size < PATHS_MAX) return true
    for (const entry of this.#entries.values()) {
      if (entry.listed || entry.fingerprint === this.#active) continue
      this.#entries.delete(entry.fingerprint)
      return true
    }
    return false
  }

  #dropExpired(nowMs: number): readonly string[] {
    const dropped: string[] = []
    for (const entry of this.#entries.values()) {
      if (entry.path.expiryMs > nowMs) continue
      if (entry.renewal !== undefined) adopt(entry, entry.renewal)
      else {
        this.#entries.delete(entry.fingerprint)
        dropped.push(entry.fingerprint)
      }
    }
    return dropped
  }

  #entryOf(fingerprint: string | undefined): Entry | undefined {
    return fingerprint === undefined ? undefined : this.#entries.get(fingerprint)
  }
}

/** A look at a path: when, and how it ranks among those that are due. */
interface Look {
  readonly entry: Entry
  readonly atMs: number
  readonly rank: number
}

/** Which looks come first when the budget is short. */
const PROBE_RANK = { active: 0, standby: 1, failed: 2, idle: 3, unusable: 4 } as const

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

function stateOf(candidate: Candidate, active: Candidate | undefined): PathState {
  if (candidate.refused) return 'refused'
  if (candidate.expired) return 'expired'
  if (candidate === active) return 'active'
  if (candidate.failure !== undefined) return 'down'
  return candidate.proven ? 'alive' : 'probing'
}
