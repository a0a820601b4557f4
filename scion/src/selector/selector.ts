import type { IsdAs } from '../addr/isd-as.ts'
import type { Clock } from '../clock.ts'
import { Observers } from '../observers.ts'
import type { Path } from '../path/path.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Candidate } from './choice.ts'
import { choose, ranked } from './choice.ts'
import { disjointSet } from './disjoint.ts'
import type { Entry } from './entry.ts'
import { adopt, linkAtInterface } from './entry.ts'
import { crossingKey, pathKey, routerKey } from './keys.ts'
import { LinkMemory } from './links.ts'
import { PathSet } from './path-set.ts'
import type { ProbePlan } from './plan.ts'
import { DEFAULT_PLAN } from './plan.ts'
import type { PathPolicy, PathRanking } from './policy.ts'
import { anyPath } from './policy.ts'
import type { FailureCause, PathEvent, PathReport, PathState } from './report.ts'
import type { Look } from './schedule.ts'
import { scheduleLooks } from './schedule.ts'
import {
  answerWaitMs,
  SILENCES_MAX,
  silencesOf,
  stillSilent,
  UNMEASURED,
  withAnswer,
  withFailure,
  withLoss,
  withSilence,
} from './scoring.ts'
import type { Moment, PathFailure } from './standing.ts'
import { candidatesOf, failureOf } from './standing.ts'
import { culpritOf } from './suspicion.ts'
import type { Grounds } from './words.ts'
import { reasonOf, wordsFor } from './words.ts'

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
  /** Which of the allowed paths are wanted more; measurements alone decide where it is left out. */
  readonly ranking?: PathRanking
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
  readonly #plan: ProbePlan
  readonly #paths: PathSet
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
    this.#paths = new PathSet(options.policy ?? anyPath, options.ranking)
    this.#plan = options.plan ?? DEFAULT_PLAN
    const nowMs = options.clock.monotonicMs()
    this.#probeBudget = new TokenBucket(this.#plan.perMinute, 60_000, nowMs)
    this.#hintBudget = new TokenBucket(HINTS_PER_MINUTE_MAX, 60_000, nowMs)
  }

  /** Paths known. */
  get size(): number {
    return this.#paths.size
  }

  /** Hears of changes. */
  observe(listener: (event: PathEvent) => void): () => void {
    return this.#observers.add(listener)
  }

  /** Takes what a lookup brought. Paths that it does not name any more are kept until they expire. */
  offer(paths: readonly Path[]): void {
    const atMs = this.#clock.nowMs()
    const { added, dropped } = this.#paths.offer(paths, atMs, this.#active)
    this.#observers.tell({ type: 'offered', atMs, known: this.#paths.size, added, dropped })
    this.#decide()
  }

  /** Puts another policy in force at once; measurements and failures are remembered. */
  setPolicy(policy: PathPolicy, ranking?: PathRanking): void {
    this.#paths.setPolicy(policy, ranking)
    this.#switchedMs = -Infinity
    this.#decide()
  }

  /** The path to use now; undefined where none is known that is allowed and not expired. */
  pick(): Path | undefined {
    this.#decide()
    return this.#paths.get(this.#active)?.path
  }

  /** Up to `count` paths that share no link, the one in use first. */
  pickDisjoint(count: number): readonly Path[] {
    this.#decide()
    const order = ranked(this.#candidates(), this.#active)
    return disjointSet(order, count).flatMap((one) => this.#paths.get(one.fingerprint)?.path ?? [])
  }

  /** Something that went over a path was answered. Leave the sample out where it is ambiguous. */
  answered(path: Path, sentMs: number, roundTripMs: number | undefined, evidence: Evidence): void {
    if (evidence === 'flight') this.#remoteSilences = 0
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return
    if (entry.renewal === path) adopt(entry, path)
    if (evidence === 'flight') entry.flightSilences = 0
    entry.answers = { ...entry.answers, [evidence]: true }
    const fallen = this.#paths.all().filter((one) => this.#failureOf(one) !== undefined)
    entry.stats = withAnswer(entry.stats, sentMs, roundTripMs)
    entry.urgent = false
    this.#links.proven(entry.keys, sentMs)
    for (const one of fallen) {
      if (this.#failureOf(one) !== undefined) continue
      one.probesSinceFailure = 0
      const { fingerprint } = one
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
    const entry = this.#paths.get(path.fingerprint)
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
    const entry = this.#paths.get(path.fingerprint)
    const link = entry === undefined ? undefined : linkAtInterface(entry, isdAs, id)
    if (entry === undefined || link === undefined) return false
    this.#fail(entry, link.key, 'revoked')
    this.#decide()
    return true
  }

  /** Likewise for the way through an AS. */
  crossingDown(path: Path, isdAs: IsdAs, ingressId: number, egressId: number): boolean {
    const entry = this.#paths.get(path.fingerprint)
    const key = crossingKey(isdAs, ingressId, egressId)
    if (entry?.keys.includes(key) !== true) return false
    this.#fail(entry, key, 'revoked')
    this.#decide()
    return true
  }

  /** A router on the path found the path itself wrong: expired, a bad MAC, an unknown interface. */
  faulty(path: Path): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return
    if (entry.renewal !== undefined) adopt(entry, entry.renewal)
    else this.#fail(entry, pathKey(entry.fingerprint), 'faulty')
    this.#decide()
  }

  /** The system refused to hand a packet to the first router of a path. */
  unreachable(path: Path): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return
    this.#fail(entry, routerKey(path), 'unreachable')
    this.#decide()
  }

  /** A router reported that packets of more than `mtu` bytes do not pass. */
  tooBig(path: Path, mtu: number): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return
    entry.mtu = Math.max(REPORTED_MTU_MIN, Math.min(entry.mtu, mtu))
  }

  /** Somebody who cannot prove it says that a path is broken: it gets probed, nothing else. */
  hint(fingerprint: string): void {
    const entry = this.#paths.get(fingerprint)
    if (entry === undefined || !this.#hintBudget.take(this.#clock.monotonicMs())) return
    entry.urgent = true
    this.#observers.tell({ type: 'hint', atMs: this.#clock.nowMs(), fingerprint })
  }

  /** Somebody who cannot prove it says that an interface is down; see {@link hint}. */
  hintInterface(isdAs: IsdAs, id: number): void {
    const entry = this.#paths.get(this.#active)
    if (entry !== undefined && linkAtInterface(entry, isdAs, id) !== undefined) {
      this.hint(entry.fingerprint)
    }
  }

  /** Paths that are allowed and not expired, failed ones too: where packets may have to go. */
  usable(): readonly Path[] {
    return this.#paths.usable(this.#clock.nowMs())
  }

  /** Largest packet on a path, after what routers reported. */
  mtuOf(path: Path): number {
    return this.#paths.get(path.fingerprint)?.mtu ?? path.mtu
  }

  /** How long to wait for an answer over a path, in milliseconds. */
  waitMs(path: Path): number {
    const entry = this.#paths.get(path.fingerprint)
    return answerWaitMs(entry?.stats ?? UNMEASURED)
  }

  /** Paths to look at now, at most `count`, within the budget; each counts as looked at. */
  dueProbes(count: number): readonly Path[] {
    const nowMs = this.#clock.monotonicMs()
    const due = this.#looks()
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
    const entry = this.#paths.get(path.fingerprint)
    if (entry !== undefined) entry.pending = Math.max(0, entry.pending - 1)
  }

  /** Monotonic time of the next look, or Infinity. */
  nextProbeMs(): number {
    const soonest = Math.min(Infinity, ...this.#looks().map(({ atMs }) => atMs))
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
        const entry = this.#paths.get(candidate.fingerprint)
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
      ...(entry.preference === undefined ? {} : { preference: entry.preference }),
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

  #decide(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#paths.adoptRipe(this.#clock.nowMs())
    const candidates = this.#candidates()
    const choice = choose(candidates, this.#active, nowMs - this.#switchedMs)
    if (choice.fingerprint === this.#active) return
    const from = this.#active
    const to = choice.fingerprint
    const left = candidates.find((one) => one.fingerprint === from)
    const entry = this.#paths.get(from)
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
    const sound = this.#paths.all().filter((one) => this.#failureOf(one) === undefined)
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
    const entry = this.#paths.get(next?.fingerprint)
    if (entry?.pending === 0) entry.urgent = true
  }

  /** Asks for a look at all paths over doubtful links: the answers tell which link it is. */
  #wakeSuspects(): void {
    for (const candidate of this.#candidates()) {
      const entry = this.#paths.get(candidate.fingerprint)
      if (candidate.suspects > 0 && candidate.failure === undefined && entry?.pending === 0) {
        entry.urgent = true
      }
    }
  }

  #candidates(): Candidate[] {
    return candidatesOf(this.#paths.all(), this.#links, this.#moment())
  }

  #looks(): readonly Look[] {
    const standings = this.#candidates().flatMap((candidate) => {
      const entry = this.#paths.get(candidate.fingerprint)
      return entry === undefined
        ? []
        : [{ entry, candidate, failedBy: this.#failureOf(entry)?.key }]
    })
    return scheduleLooks(standings, this.#active, this.#plan)
  }

  #failureOf(entry: Entry): PathFailure | undefined {
    return failureOf(entry, this.#links, this.#clock.monotonicMs())
  }

  #moment(): Moment {
    return { nowMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() }
  }
}

function stateOf(candidate: Candidate, active: Candidate | undefined): PathState {
  if (candidate.refused) return 'refused'
  if (candidate.expired) return 'expired'
  if (candidate === active) return 'active'
  if (candidate.failure !== undefined) return 'down'
  return candidate.proven ? 'alive' : 'probing'
}
