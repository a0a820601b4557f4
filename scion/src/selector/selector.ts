import type { IsdAs } from '../addr/isd-as.ts'
import type { Clock } from '../clock.ts'
import { Observers } from '../observers.ts'
import type { Path } from '../path/path.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Candidate } from './choice.ts'
import { apartFrom, choose, ranked } from './choice.ts'
import { describeAll } from './describe.ts'
import { disjointSet } from './disjoint.ts'
import { Dwell } from './dwell.ts'
import type { Entry } from './entry.ts'
import { adopt, isExpired, linkAtInterface } from './entry.ts'
import type { Usual } from './flights.ts'
import { HostWatch } from './host-watch.ts'
import { crossingKey, pathKey, routerKey } from './keys.ts'
import { LinkMemory } from './links.ts'
import { PathSet } from './path-set.ts'
import type { ProbePlan } from './plan.ts'
import { DEFAULT_PLAN } from './plan.ts'
import type { PathPolicy, PathRanking } from './policy.ts'
import { anyPath } from './policy.ts'
import type { FailureCause, PathEvent, PathReport } from './report.ts'
import type { Standing } from './schedule.ts'
import { Schedule, wakeNext, wakeSuspects } from './schedule.ts'
import type { PathStats } from './scoring.ts'
import {
  ANSWER_WAIT_MS_MAX,
  answerWaitMs,
  SILENCES_MAX,
  silencesOf,
  stillSilent,
  UNMEASURED,
  withAnswer,
  withFailure,
  withLoss,
  withoutLoss,
  withoutMeasure,
  withQuestion,
  withSilence,
} from './scoring.ts'
import type { Moment, PathFailure } from './standing.ts'
import { candidatesOf, failureOf } from './standing.ts'
import { culpritOf } from './suspicion.ts'
import { groundsOf, wordsFor } from './words.ts'

/** Hints that are followed up by a probe in one minute; further ones are ignored. */
export const HINTS_PER_MINUTE_MAX = 12
/**
 * Packets without an acknowledgement on one path that make it fail although probes are answered, if
 * the host acknowledges what goes over other paths.
 */
export const FLIGHT_SILENCES_MAX = 6
/** Longest time between two reviews of the choice while nothing unusual happens, in milliseconds. */
export const REVIEW_MS_MAX = 50
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
  readonly #schedule: Schedule
  readonly #hintBudget: TokenBucket
  readonly #dwell = new Dwell()
  #active: string | undefined
  readonly #host = new HostWatch()
  /** Something happened since the last review that the choice may hang on. */
  #isStale = true
  #reviewMs = -Infinity
  /** At the last review no path had failed or was in doubt. */
  #isCalm = false

  constructor(options: PathSelectorOptions) {
    this.#clock = options.clock
    this.#paths = new PathSet(options.policy ?? anyPath, options.ranking)
    this.#plan = options.plan ?? DEFAULT_PLAN
    const nowMs = options.clock.monotonicMs()
    this.#schedule = new Schedule(this.#plan, options.clock)
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
    this.#dwell.reset()
    this.#decide()
  }

  /** The path to use now; undefined where none is known that is allowed and not expired. */
  pick(): Path | undefined {
    return this.#reviewed()?.path
  }

  /**
   * The paths for one packet that has to arrive: the one to use now, and while an answer over that is
   * missing the best of the others as well, until it is clear whether the path has failed.
   */
  pickGuarded(): readonly Path[] {
    const entry = this.#reviewed()
    if (entry === undefined) return []
    if (entry.stats.silence === undefined) return [entry.path]
    const other = this.pickBeside([entry.path])
    return other === undefined ? [entry.path] : [entry.path, other]
  }

  /**
   * A path that works for a packet that did not arrive over `paths`, with as few links of theirs as
   * can be; undefined where there is none, or where it seems to be the host that does not answer.
   */
  pickBeside(paths: readonly Path[]): Path | undefined {
    if (this.#host.isSilent(this.#clock.monotonicMs())) return undefined
    const tried = paths.map(({ fingerprint }) => fingerprint)
    const best = apartFrom(tried, ranked(this.#candidates(), this.#active))
    return this.#paths.get(best?.fingerprint)?.path
  }

  /** Up to `count` paths that share no link, the one in use first. */
  pickDisjoint(count: number): readonly Path[] {
    this.#decide()
    const order = ranked(this.#candidates(), this.#active)
    return disjointSet(order, count).flatMap((one) => this.#paths.get(one.fingerprint)?.path ?? [])
  }

  /**
   * Something that went over a path was answered. Leave the sample out where it is ambiguous. Those of
   * acknowledgements contain what the host does, and so serve only where no router ever answered a
   * probe. False where all is as usual, so that nothing follows from it.
   */
  answered(
    path: Path,
    sentMs: number,
    roundTripMs: number | undefined,
    evidence: Evidence,
  ): boolean {
    if (evidence === 'flight') this.#host.acknowledged(sentMs, this.#clock.monotonicMs())
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return false
    const before = entry.stats
    const isMeasure = evidence === 'probe' || !entry.answers.probe
    entry.stats = withAnswer(
      evidence === 'probe' && !entry.answers.probe ? withoutMeasure(before) : before,
      sentMs,
      isMeasure ? roundTripMs : undefined,
    )
    entry.flightSilences = evidence === 'flight' ? 0 : entry.flightSilences
    if (evidence === 'flight' && entry.answers.flight && this.#isUsual(entry, before)) {
      if (sentMs - entry.toldMs >= REVIEW_MS_MAX) this.#tellLinks(entry, sentMs)
      return false
    }
    if (entry.renewal === path) adopt(entry, path)
    entry.answers = { ...entry.answers, [evidence]: true }
    const fallen = this.#paths.all().filter((one) => this.#failureOf(one) !== undefined)
    entry.urgent = false
    this.#tellLinks(entry, sentMs)
    for (const one of fallen) {
      if (this.#failureOf(one) !== undefined) continue
      one.probesSinceFailure = 0
      const { fingerprint } = one
      this.#observers.tell({ type: 'recovered', atMs: this.#clock.nowMs(), fingerprint })
    }
    this.#decide()
    return true
  }

  /** A packet was acknowledged that had been missed: it was not lost. */
  notLost(path: Path): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry !== undefined) entry.stats = withoutLoss(entry.stats)
  }

  /** Something was acknowledged, it is not clear over which path. */
  hostAnswered(sentMs: number): void {
    this.#host.acknowledged(sentMs, this.#clock.monotonicMs())
  }

  /** An acknowledgement took another time than usual. A look will tell; false after one just now. */
  surprised(path: Path): boolean {
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined || entry.urgent) return false
    entry.urgent = this.#clock.monotonicMs() - entry.probedMs >= this.#plan.activeMs
    return entry.urgent
  }

  #isUsual(entry: Entry, before: PathStats): boolean {
    return this.#isCalm && before.silence === undefined && entry.renewal === undefined
  }

  #tellLinks(entry: Entry, sentMs: number): void {
    entry.toldMs = sentMs
    this.#links.proven(entry.keys, sentMs)
  }

  /** A probe or packet that went over a path at `sentMs` (monotonic) stayed without an answer. */
  silent(path: Path, sentMs: number, evidence: Evidence): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return
    this.#isCalm = false
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
    const nowMs = this.#clock.monotonicMs()
    this.#host.missed(nowMs)
    // All paths answer and nothing is acknowledged on any: that is the host, not the paths.
    if (this.#host.isSilent(nowMs)) return
    entry.stats = withQuestion(entry.stats, sentMs)
    if (entry.fingerprint === this.#active) wakeNext(this.#standings(), this.#active)
  }

  /** Whether the host would have acknowledged by now what was sent at `sentMs`. */
  isHostPast(sentMs: number): boolean {
    return this.#host.isPast(sentMs, this.#clock.monotonicMs())
  }

  /** A packet of the program did not arrive over a path, or its acknowledgement did not. */
  lost(path: Path): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry === undefined) return
    entry.stats = withLoss(entry.stats)
    entry.flightSilences += 1
    // Probes may pass where larger or other packets do not.
    if (entry.flightSilences >= FLIGHT_SILENCES_MAX && this.#failureOf(entry) === undefined) {
      entry.flightSilences = 0
      this.#fail(entry, pathKey(entry.fingerprint), 'silent')
    }
    this.#decide()
  }

  #unanswered(entry: Entry, sentMs: number): void {
    // Some ASes answer no traceroute: where packets are acknowledged, that is no failure.
    if (entry.answers.flight && !entry.answers.probe) return
    entry.stats = withSilence(entry.stats, sentMs)
    // The next best is asked at the same time, so that it is proven when it is needed.
    if (entry.fingerprint === this.#active) wakeNext(this.#standings(), this.#active)
    if (silencesOf(entry.stats) < SILENCES_MAX) return
    this.#fail(entry, pathKey(entry.fingerprint), 'silent')
    wakeSuspects(this.#standings())
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
    entry.mtu = Math.min(entry.mtu, Math.max(REPORTED_MTU_MIN, mtu))
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

  /** How long to wait for an answer to a look at a path, in milliseconds. */
  waitMs(path: Path): number {
    return answerWaitMs(this.#statsOf(path))
  }

  /** What a path usually takes; the longest wait where it was never measured. */
  usualOf(path: Path): Usual {
    const { roundTripMs = ANSWER_WAIT_MS_MAX, deviationMs } = this.#statsOf(path)
    return { roundTripMs, deviationMs }
  }

  /** The same for the slowest of several. */
  slowest(paths: readonly Path[]): Usual {
    const all = paths.map((path) => this.usualOf(path))
    return all.reduce((a, b) => (b.roundTripMs > a.roundTripMs ? b : a))
  }

  #statsOf(path: Path): PathStats {
    return this.#paths.get(path.fingerprint)?.stats ?? UNMEASURED
  }

  /** Paths to look at now, at most `count`, within the budget; each counts as looked at. */
  dueProbes(count: number): readonly Path[] {
    const due = this.#schedule.due(this.#standings(), this.#active, count)
    return due.map((entry) => entry.renewal ?? entry.path)
  }

  /** A probe that {@link dueProbes} asked for has come to its end, whatever that was. */
  probed(path: Path): void {
    const entry = this.#paths.get(path.fingerprint)
    if (entry !== undefined) entry.pending = Math.max(0, entry.pending - 1)
  }

  /** Monotonic time of the next look, or Infinity. */
  nextProbeMs(): number {
    return this.#schedule.nextMs(this.#standings(), this.#active)
  }

  /** All paths with the reasons, the one in use first, then by cost. */
  report(): readonly PathReport[] {
    this.#decide()
    return describeAll(this.#paths, this.#links, this.#active, this.#moment())
  }

  /** The entry in use, the choice reviewed where that is due. */
  #reviewed(): Entry | undefined {
    const entry = this.#paths.get(this.#active)
    const isDue = this.#isStale || this.#clock.monotonicMs() >= this.#reviewMs
    if (!isDue && entry !== undefined && !isExpired(entry, this.#clock.nowMs())) return entry
    this.#decide()
    return this.#paths.get(this.#active)
  }

  #decide(): void {
    const nowMs = this.#clock.monotonicMs()
    this.#paths.adoptRipe(this.#clock.nowMs())
    const candidates = this.#candidates()
    this.#isStale = false
    this.#reviewMs = nowMs + REVIEW_MS_MAX
    this.#isCalm = candidates.every((one) => one.failure === undefined && !one.doubtful)
    const choice = choose(candidates, this.#active, this.#dwell.reasonNeeded(nowMs))
    if (choice.fingerprint === this.#active) return
    const from = this.#active
    const to = choice.fingerprint
    const left = candidates.find((one) => one.fingerprint === from)
    const entry = this.#paths.get(from)
    const next = candidates.find((one) => one.fingerprint === to)
    const words =
      left === undefined || entry === undefined
        ? 'first choice'
        : wordsFor(choice.cause, groundsOf(entry, left, this.#failureOf(entry), nowMs), next)
    this.#active = to
    // What is tried in need is no place to stay.
    if (from !== undefined && next?.proven === true) this.#dwell.moved(nowMs)
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
    this.#isStale = true
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

  #candidates(): Candidate[] {
    return candidatesOf(this.#paths.all(), this.#links, this.#moment())
  }

  #standings(): readonly Standing[] {
    return this.#candidates().flatMap((candidate) => {
      const entry = this.#paths.get(candidate.fingerprint)
      return entry === undefined
        ? []
        : [{ entry, candidate, failedBy: this.#failureOf(entry)?.key }]
    })
  }

  #failureOf(entry: Entry): PathFailure | undefined {
    return failureOf(entry, this.#links, this.#clock.monotonicMs())
  }

  #moment(): Moment {
    return { nowMs: this.#clock.nowMs(), monotonicMs: this.#clock.monotonicMs() }
  }
}
