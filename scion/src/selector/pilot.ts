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
import { Flights } from './flights.ts'
import type { Flight } from './flights.ts'
import { publishPathEvent } from './metrics.ts'
import type { ProbePlan } from './plan.ts'
import type { PathPolicy, PathRanking } from './policy.ts'
import { Refresher } from './refresher.ts'
import type { PathEvent, PathReport } from './report.ts'
import { applySocketEvent } from './reports-from-network.ts'
import { PathSelector } from './selector.ts'

/** Probes under way at a time. */
export const PROBES_AT_ONCE_MAX = 8
/** Paths that one packet is tried on when the system refuses to send. */
export const SEND_TRIES_MAX = 3

/** Longest sleep of the loop, in milliseconds: it has nothing to do, but looks at the clock. */
const IDLE_MS_MAX = 60_000
/** Shortest sleep, so that a mistake in the arithmetic of times cannot become a busy loop. */
const IDLE_MS_MIN = 1

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
  #wake = new AbortController()
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
    const copies = options.copies ?? 1
    for (let tried = 1; ; tried += 1) {
      const paths = copies > 1 ? this.#selector.pickDisjoint(copies) : this.#best()
      if (paths.length === 0) {
        this.#refresher.hurry()
        this.#stir()
        throw new ScionError('ERR_SCION_NO_PATH', 'path: one that can be used, found none')
      }
      const sentMs = this.#options.clock.monotonicMs()
      const outcomes = await Promise.allSettled(
        paths.map((path) => this.#options.socket.send(to, payload, path)),
      )
      const sent = paths.filter((_, index) => outcomes[index]?.status === 'fulfilled')
      if (sent.length > 0) return this.#launched(sent, sentMs, options.answer ?? false)
      const failed = outcomes.find((one) => one.status === 'rejected')
      if (tried >= SEND_TRIES_MAX || !isPathTrouble(failed?.reason)) throw failed?.reason
    }
  }

  /**
   * An acknowledgement came that proves, end to end, that a flight arrived. `via` is the way back of
   * the datagram that brought it: of several copies it tells which one is meant.
   */
  landed(flight: Flight, via?: Route): void {
    const path = this.#flights.land(flight.id, via, (one) => this.#selector.waitMs(one))
    if (path !== undefined) this.#selector.answered(path, flight.sentMs, undefined, 'flight')
    else this.#selector.hostAnswered()
    this.#stir()
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
      this.#closing.abort(closedError())
      this.#stir()
    }
    return Promise.resolve()
  }

  #best(): readonly Path[] {
    const path = this.#selector.pick()
    return path === undefined ? [] : [path]
  }

  #launched(paths: readonly Path[], sentMs: number, answer: boolean): Flight {
    const waitMs = Math.max(...paths.map((path) => this.#selector.waitMs(path)))
    const flight = this.#flights.launch(paths, sentMs, answer ? waitMs : undefined)
    this.#stir()
    return flight
  }

  /** Lets the loop look at the clock again: something earlier may have become due. */
  #stir(): void {
    this.#wake.abort()
  }

  async #run(): Promise<void> {
    const { clock } = this.#options
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController()
      this.#refresher.tick(this.#selector.pick(), this.#closing.signal)
      for (const { path, sentMs } of this.#flights.overdue()) {
        this.#selector.silent(path, sentMs, 'flight')
      }
      const free = PROBES_AT_ONCE_MAX - this.#probes
      for (const path of this.#selector.dueProbes(free)) void this.#probe(path)
      const probeMs = this.#probes < PROBES_AT_ONCE_MAX ? this.#selector.nextProbeMs() : Infinity
      const dueMs = Math.min(probeMs, this.#flights.nextDueMs(), this.#refresher.dueMs)
      const waitMs = Math.min(IDLE_MS_MAX, Math.max(IDLE_MS_MIN, dueMs - clock.monotonicMs()))
      await clock.sleep(waitMs, this.#wake.signal).catch(() => undefined)
    }
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
