import type { ScionAddress, ScionEndpoint } from '../addr/endpoint.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { Clock, Random } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import type { PathSource } from '../path/source.ts'
import { orAborted } from '../abort.ts'
import { closedError } from '../socket/receive-queue.ts'
import type { Route } from '../socket/route.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import { TokenBucket } from '../token-bucket.ts'
import { Flights } from './flights.ts'
import type { Cargo, Flight, Overdue } from './flights.ts'
import { publishPathEvent } from './metrics.ts'
import type { ProbePlan } from './plan.ts'
import type { PathPolicy, PathRanking } from './policy.ts'
import { Refresher } from './refresher.ts'
import type { PathEvent, PathReport } from './report.ts'
import { applySocketEvent } from './reports-from-network.ts'
import { ANSWER_WAIT_MS_MIN, DOUBT_MARGIN_MS_MIN } from './scoring.ts'
import { PathSelector } from './selector.ts'

/** Probes under way at a time. */
export const PROBES_AT_ONCE_MAX = 8
/** Paths that one packet is tried on when the system refuses to send. */
export const SEND_TRIES_MAX = 3

/** Packets that are sent a second time of the pilot's own accord in one second. */
export const HEDGES_PER_SECOND_MAX = 100
/** A process that wakes so much too late, in milliseconds, could not have heard answers in time. */
export const STALL_MS_MIN = 5

/** Longest sleep of the loop, in milliseconds: it has nothing to do, but looks at the clock. */
const IDLE_MS_MAX = 60_000
/** Shortest sleep, so that a mistake in the arithmetic of times cannot become a busy loop. */
const IDLE_MS_MIN = 1

/** Why a sleep ends early; made once, for each error costs a look at the stack. */
const STIRRED = new Error('something is due earlier')

/** How to keep the paths to one destination. */
export interface PathPilotOptions {
  /** The socket that packets and probes leave by; the pilot does not close it. */
  readonly socket: ScionSocket
  readonly source: PathSource
  readonly destination: IsdAs
  readonly clock: Clock
  readonly random: Random
  readonly policy?: PathPolicy
  /** Which of the allowed paths are wanted more. */
  readonly ranking?: PathRanking
  readonly plan?: ProbePlan
  /**
   * Probe by echo to this host, so that its own life is tested as well; by traceroute to the last
   * router where it is left out, which asks nothing of the host.
   */
  readonly echoTo?: ScionAddress
}

/** How to send one payload. */
export interface FlightOptions {
  /** Send over so many paths that share no link, as far as there are; 1 where it is left out. */
  readonly copies?: number
  /** An acknowledgement is expected: tell of it by `landed`, or the path is held to be silent. */
  readonly answer?: boolean
  /**
   * Send it over a second path as well while an answer is missing on the first, and once more over
   * another path when its own acknowledgement is missed; true where it is left out. The receiver must
   * know a repetition when it sees one.
   */
  readonly hedge?: boolean
}

/** What a pilot has sent so far. */
export interface PilotCounters {
  /** Payloads that the program gave. */
  readonly flights: number
  /** Payloads that went over a second path because an answer was missing. */
  readonly hedged: number
  /** Acknowledgements that were missed … */
  readonly missed: number
  /** … and came nevertheless. */
  readonly late: number
}

/** Starts to keep paths to a destination. */
export function openPathPilot(options: PathPilotOptions): PathPilot {
  return new PathPilot(options)
}

/**
 * Keeps the paths to one destination fresh, measured and ready, and sends over the best of them: the
 * thin shell around {@link PathSelector} that looks paths up, probes, and waits.
 *
 * Contract:
 * - `send` resolves when the packet was handed on over at least one path; it rejects with
 *   `ERR_SCION_NO_PATH` when none is known, and with what `ScionSocket.send` rejects with.
 * - A path that fails is left without being told to; the caller only repeats what is not acknowledged.
 * - While an answer is missing, packets may arrive twice, over different paths; see
 *   {@link FlightOptions.hedge}.
 * - `close` may be called twice and leaves the socket open.
 */
export class PathPilot {
  readonly destination: IsdAs
  readonly #options: PathPilotOptions
  readonly #selector: PathSelector
  readonly #flights: Flights
  readonly #refresher: Refresher
  readonly #closing = new AbortController()
  readonly #unobserve: () => void
  readonly #hedgeBudget: TokenBucket
  readonly #counters = { flights: 0, hedged: 0, missed: 0, late: 0 }
  #wake = new AbortController()
  /** When flights are looked at next, monotonic milliseconds. */
  #watchMs = Infinity
  #watching: AbortController | undefined
  #probes = 0

  constructor(options: PathPilotOptions) {
    const { clock, policy, ranking, plan, socket } = options
    this.destination = options.destination
    this.#options = options
    this.#selector = new PathSelector({
      clock,
      ...(policy === undefined ? {} : { policy }),
      ...(ranking === undefined ? {} : { ranking }),
      ...(plan === undefined ? {} : { plan }),
    })
    this.#selector.observe((event) => {
      publishPathEvent(this.destination, event)
    })
    this.#flights = new Flights(clock)
    this.#hedgeBudget = new TokenBucket(HEDGES_PER_SECOND_MAX, 1000, clock.monotonicMs())
    const offer = (paths: readonly Path[]): void => {
      this.#selector.offer(paths)
      this.#stir()
    }
    this.#refresher = new Refresher({ ...options, offer })
    this.#unobserve = socket.observe((event) => {
      const refresh = applySocketEvent(this.#selector, this.destination, event)
      if (refresh) this.#refresher.hurry()
      this.#stir()
    })
    void this.#run()
  }

  /** Resolves when a path can be used; rejects when closed or aborted. */
  async ready(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    if (this.#selector.pick() !== undefined) return
    const ends = signal === undefined ? [] : [signal]
    let stop: () => void = () => undefined
    const found = new Promise<void>((resolve) => {
      stop = this.#selector.observe((event) => {
        if (event.type === 'switched' && event.to !== undefined) resolve()
      })
    })
    try {
      await orAborted(found, [...ends, this.#closing.signal])
    } finally {
      stop()
    }
  }

  /** Sends a payload over the best path, or over several that share no link. */
  async send(to: ScionEndpoint, payload: Uint8Array, options: FlightOptions = {}): Promise<Flight> {
    if (this.#closing.signal.aborted) throw closedError()
    for (let tried = 1; ; tried += 1) {
      const paths = this.#pathsFor(options)
      const [first] = paths
      if (first === undefined) {
        this.#refresher.hurry()
        this.#stir()
        throw new ScionError('ERR_SCION_NO_PATH', 'path: one that can be used, found none')
      }
      const sentMs = this.#options.clock.monotonicMs()
      try {
        if (paths.length === 1) {
          await this.#options.socket.send(to, payload, first)
          return this.#launched(paths, sentMs, { to, payload }, options)
        }
        const sent = await this.#sendCopies(to, payload, paths)
        return this.#launched(sent, sentMs, { to, payload }, options)
      } catch (error) {
        if (tried >= SEND_TRIES_MAX || !isPathTrouble(error)) throw error
      }
    }
  }

  #pathsFor({ copies = 1, hedge = true }: FlightOptions): readonly Path[] {
    if (copies > 1) return this.#selector.pickDisjoint(copies)
    const path = this.#selector.pick()
    if (path === undefined) return []
    if (!hedge) return [path]
    const paths = this.#selector.pickGuarded()
    if (paths.length > 1) {
      if (!this.#hedgeBudget.take(this.#options.clock.monotonicMs())) return [path]
      this.#counters.hedged += 1
    }
    return paths
  }

  /** Sends over all of the paths; gives those that took it, or rejects with what the first said. */
  async #sendCopies(
    to: ScionEndpoint,
    payload: Uint8Array,
    paths: readonly Path[],
  ): Promise<readonly Path[]> {
    const outcomes = await Promise.allSettled(
      paths.map((path) => this.#options.socket.send(to, payload, path)),
    )
    const sent = paths.filter((_, index) => outcomes[index]?.status === 'fulfilled')
    const failed = outcomes.find((one) => one.status === 'rejected')
    if (sent.length === 0) throw failed?.reason
    return sent
  }

  /**
   * An acknowledgement came that proves, end to end, that a flight arrived. `via` is the way back of
   * the datagram that brought it: of several copies it tells which one is meant.
   */
  landed(flight: Flight, via?: Route): void {
    const landing = this.#flights.land(flight.id, via, (one) => this.#selector.usualOf(one))
    this.#watchUntil(this.#flights.nextDueMs())
    if (landing?.late === true) this.#counters.late += 1
    if (landing?.path === undefined) {
      this.#selector.hostAnswered(flight.sentMs)
      return
    }
    const { path, sentMs, tookMs } = landing
    if (landing.givenUp) this.#selector.notLost(path)
    for (const other of landing.lostOn) this.#selector.lost(other)
    const isNews = this.#selector.answered(path, sentMs, tookMs, 'flight')
    const isWanted = landing.surprising && this.#selector.surprised(path)
    if (isNews || isWanted || landing.lostOn.length > 0) this.#stir()
  }

  /** What was sent so far. */
  counters(): PilotCounters {
    return { ...this.#counters }
  }

  /** Largest payload that fits all paths that may have to carry it, in bytes; 0 without a path. */
  maxPayload(to: ScionEndpoint): number {
    const sizes = this.#selector.usable().map((path) => {
      const shrunk = path.mtu - this.#selector.mtuOf(path)
      return this.#options.socket.maxPayload(to, path) - shrunk
    })
    return sizes.length === 0 ? 0 : Math.max(0, Math.min(...sizes))
  }

  /** The path that the next packet would take. */
  current(): Path | undefined {
    return this.#selector.pick()
  }

  /** All paths with the reasons for and against each. */
  report(): readonly PathReport[] {
    return this.#selector.report()
  }

  /** Puts another policy in force at once; what was measured of the paths stays. */
  setPolicy(policy: PathPolicy, ranking?: PathRanking): void {
    this.#selector.setPolicy(policy, ranking)
    // Of very many paths those are known that the policy before allowed.
    this.#refresher.hurry()
    this.#stir()
  }

  /** Hears of path changes. */
  observe(listener: (event: PathEvent) => void): () => void {
    return this.#selector.observe(listener)
  }

  /** Looks paths up again soon. */
  refresh(): void {
    this.#refresher.hurry()
    this.#stir()
  }

  /** Stops probing and looking up. */
  close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#unobserve()
      this.#watchUntil(Infinity)
      this.#closing.abort(closedError())
      this.#stir()
    }
    return Promise.resolve()
  }

  #launched(
    paths: readonly Path[],
    sentMs: number,
    cargo: Cargo,
    { answer = false, hedge = true }: FlightOptions,
  ): Flight {
    this.#counters.flights += 1
    const usual = answer ? this.#selector.slowest(paths) : undefined
    const flight = this.#flights.launch(paths, sentMs, usual, hedge ? cargo : undefined)
    if (answer && this.#flights.newestDueMs < this.#watchMs) {
      this.#watchUntil(this.#flights.newestDueMs)
    }
    return flight
  }

  /**
   * Sees to it that flights are looked at then and not before, for each time that a process wakes
   * costs more than all that is done here: what has landed is not waited for any more.
   */
  #watchUntil(dueMs: number): void {
    if (dueMs === this.#watchMs || this.#closing.signal.aborted) return
    this.#watching?.abort(STIRRED)
    this.#watching = undefined
    this.#watchMs = dueMs
    if (dueMs === Infinity) return
    const { clock } = this.#options
    const watching = new AbortController()
    this.#watching = watching
    clock.sleep(Math.max(IDLE_MS_MIN, dueMs - clock.monotonicMs()), watching.signal).then(
      () => {
        this.#watch(dueMs)
      },
      () => undefined,
    )
  }

  #watch(dueMs: number): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#watchMs = Infinity
    if (nowMs - dueMs >= STALL_MS_MIN) this.#excuseStall(nowMs - dueMs)
    const overdue = this.#flights.overdue()
    for (const one of overdue) this.#miss(one)
    const isPast = (sentMs: number): boolean => this.#selector.isHostPast(sentMs)
    const lost = this.#flights.lost(isPast)
    for (const path of lost) this.#selector.lost(path)
    if (overdue.length + lost.length > 0) this.#stir()
    this.#watchUntil(this.#flights.nextDueMs())
  }

  /** An acknowledgement is missed: its paths are in doubt, and the payload goes over another one. */
  #miss({ id, paths, sentMs, cargo }: Overdue): void {
    this.#counters.missed += 1
    for (const path of paths) this.#selector.silent(path, sentMs, 'flight')
    const other = cargo === undefined ? undefined : this.#selector.pickBeside(paths)
    if (cargo === undefined || other === undefined) return
    if (!this.#hedgeBudget.take(this.#options.clock.monotonicMs())) return
    this.#counters.hedged += 1
    this.#flights.sentAgain(id, other)
    // Where it cannot be sent, the program's own repetition is left.
    this.#options.socket.send(cargo.to, cargo.payload, other).catch(() => undefined)
  }

  /** Lets the loop look at the clock again: something earlier may have become due. */
  #stir(): void {
    this.#wake.abort(STIRRED)
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      this.#refresher.tick(this.#selector.pick(), this.#closing.signal)
      const free = PROBES_AT_ONCE_MAX - this.#probes
      for (const path of this.#selector.dueProbes(free)) void this.#probe(path)
      const probeMs = this.#probes < PROBES_AT_ONCE_MAX ? this.#selector.nextProbeMs() : Infinity
      const dueMs = Math.min(probeMs, this.#refresher.dueMs)
      const waitMs = Math.min(IDLE_MS_MAX, Math.max(IDLE_MS_MIN, dueMs - clock.monotonicMs()))
      await clock.sleep(waitMs, this.#wake.signal).catch(() => undefined)
    }
  }

  /**
   * Timers fire before sockets are read: after a stall of this process the answers of the meantime
   * have arrived but have not been heard. Nothing is missed until they had their chance.
   */
  #excuseStall(lateMs: number): void {
    const graceMs = Math.min(ANSWER_WAIT_MS_MIN, Math.max(DOUBT_MARGIN_MS_MIN, lateMs))
    this.#flights.excuse(this.#options.clock.monotonicMs() + graceMs)
  }

  async #probe(path: Path): Promise<void> {
    const { clock } = this.#options
    const sentMs = clock.monotonicMs()
    this.#probes += 1
    try {
      const roundTripMs = await this.#ask(path, this.#selector.waitMs(path))
      this.#selector.answered(path, sentMs, roundTripMs, 'probe')
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      if (error.code === 'ERR_SCION_TIMEOUT') this.#selector.silent(path, sentMs, 'probe')
      // What else there is to learn, the socket's events have told.
    } finally {
      this.#probes -= 1
      this.#selector.probed(path)
      this.#stir()
    }
  }

  async #ask(path: Path, timeoutMs: number): Promise<number> {
    const { socket, echoTo } = this.#options
    const { signal } = this.#closing
    if (echoTo !== undefined) return socket.echo(echoTo, path, { timeoutMs, signal })
    const last = path.interfaces.at(-1)
    const answer = await socket.traceroute(path, { timeoutMs, signal })
    if (answer.isdAs !== last?.isdAs || answer.interfaceId !== last.id) {
      throw new ScionError('ERR_SCION_MALFORMED', 'traceroute: the last interface of the path')
    }
    return answer.roundTripMs
  }
}

/** Whether another path may do better. */
function isPathTrouble(error: unknown): boolean {
  return (
    error instanceof ScionError &&
    (error.code === 'ERR_SCION_IO' || error.code === 'ERR_SCION_PATH_EXPIRED')
  )
}
