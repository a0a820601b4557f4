import type { ScionEndpoint } from '../addr/endpoint.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import type { Path } from '../path/path.ts'
import { hopOffset, pathMeta } from '../path/standard.ts'
import type { Route } from '../socket/route.ts'
import { ANSWER_WAIT_MS_MIN, overdueAfterMs, surpriseMs } from './scoring.ts'

/** Packets whose acknowledgement may still come; the oldest are forgotten, not blamed. */
export const FLIGHTS_MAX = 1_024
/** Bytes of payload that are kept to be sent again; what does not fit is left to the program. */
export const CARGO_BYTES_MAX = 1_048_576
/** What a host may take at most for its acknowledgement on top of the way, in milliseconds. */
export const HOST_DELAY_MS_MAX = 5_000

/** What a host is given at first, before its acknowledgements have been timed, in milliseconds. */
const HOST_DELAY_MS = 1_000

/** Acknowledgements after which their own deviation is enough to go by. */
const TIMINGS_MIN = 16

/** One sending of a payload. Sending the same payload again is another flight. */
export interface Flight {
  readonly id: number
  /** Fingerprints of the paths that it went over. */
  readonly paths: readonly string[]
  /** Monotonic milliseconds. */
  readonly sentMs: number
}

/** What was sent, kept so that it can be sent again over another path. */
export interface Cargo {
  readonly to: ScionEndpoint
  readonly payload: Uint8Array
}

/** What a path usually takes there and back, and how much that varies; in milliseconds. */
export interface Usual {
  readonly roundTripMs: number
  readonly deviationMs: number
}

/** A flight whose acknowledgement is missed. */
export interface Overdue {
  readonly id: number
  readonly paths: readonly Path[]
  readonly sentMs: number
  readonly cargo: Cargo | undefined
}

/** How a flight ended. */
export interface Landing {
  /** The path that carried it, where that is clear. */
  readonly path: Path | undefined
  readonly sentMs: number
  /** Its acknowledgement had been missed already … */
  readonly late: boolean
  /** … and itself been given up. */
  readonly givenUp: boolean
  /** Paths that it went over first and in vain, or nearly so. */
  readonly lostOn: readonly Path[]
  /** From sending to acknowledgement, in milliseconds; undefined after copies to other paths. */
  readonly tookMs: number | undefined
  /** The acknowledgement took clearly more or less than it usually does. */
  readonly surprising: boolean
}

interface Aloft {
  readonly paths: readonly Path[]
  readonly sentMs: number
  readonly cargo: Cargo | undefined
  /** The path over which it was sent once more. */
  readonly again?: Path
  /** When it is missed; afterwards when it is given up. */
  dueMs: number
}

/**
 * Sent packets whose acknowledgement is awaited. How long the host takes for one beyond the way there
 * and back is learned, so that a slow store is not held to be a broken path.
 */
export class Flights {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #aloft = new Map<number, Aloft>()
  /** Those that were missed; they may still be acknowledged late. */
  readonly #missed = new Map<number, Aloft>()
  #made = 0
  #newestDueMs = Infinity
  #cargoBytes = 0
  #hostDelayMs = HOST_DELAY_MS
  #hostDeviationMs = 0
  /** Acknowledgements timed so far, up to {@link TIMINGS_MIN}. */
  #timed = 0

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** Flights that wait or were missed; never more than {@link FLIGHTS_MAX}. */
  get size(): number {
    return this.#aloft.size + this.#missed.size
  }

  /** Notes a sending; `usual` is what its slowest path takes, undefined where nothing is awaited. */
  launch(paths: readonly Path[], sentMs: number, usual?: Usual, cargo?: Cargo): Flight {
    const id = (this.#made += 1)
    if (usual !== undefined) {
      const hostMs = Math.min(HOST_DELAY_MS_MAX, this.#hostDelayMs)
      // Many acknowledgements say more of both, way and host, than the few looks at the path.
      const isKnown = this.#timed >= TIMINGS_MIN
      const deviationMs = isKnown
        ? this.#hostDeviationMs
        : Math.max(usual.deviationMs, this.#hostDeviationMs)
      const waitMs = overdueAfterMs(usual.roundTripMs + hostMs, deviationMs)
      const dueMs = sentMs + Math.min(waitMs, usual.roundTripMs + HOST_DELAY_MS_MAX)
      this.#newestDueMs = dueMs
      this.#aloft.set(id, { paths, sentMs, dueMs, cargo: this.#stow(cargo) })
      if (this.size > FLIGHTS_MAX) this.#forgetOldest()
    }
    return { id, paths: paths.map((path) => path.fingerprint), sentMs }
  }

  /**
   * Ends a flight that was acknowledged, also when the acknowledgement came too late; undefined where
   * nobody waits for it. `usual` says what a path takes.
   */
  land(id: number, via: Route | undefined, usual: (path: Path) => Usual): Landing | undefined {
    const waiting = this.#aloft.get(id)
    const flight = waiting ?? this.#missed.get(id)
    if (flight === undefined) return undefined
    this.#aloft.delete(id)
    this.#missed.delete(id)
    this.#cargoBytes -= flight.cargo?.payload.length ?? 0
    const { sentMs, again } = flight
    const paths = again === undefined ? flight.paths : [...flight.paths, again]
    const path = carrierOf(paths, via)
    const late = waiting === undefined
    const givenUp = flight.dueMs === Infinity
    const lostOn = path !== undefined && path === again && !givenUp ? flight.paths : []
    const landing = { path, sentMs, late, givenUp, lostOn }
    const tookMs = this.#clock.monotonicMs() - sentMs
    // What was sent again over another path is timed from its first sending: no measure of that path.
    if (path === undefined || path === again)
      return { ...landing, tookMs: undefined, surprising: false }
    const surprising = this.#learn(tookMs, usual(path))
    return { ...landing, tookMs, surprising }
  }

  /** Flights whose time has run out since the last call. */
  overdue(): readonly Overdue[] {
    const nowMs = this.#clock.monotonicMs()
    const missed: Overdue[] = []
    for (const [id, flight] of this.#aloft) {
      if (flight.dueMs > nowMs) continue
      const { paths, sentMs, cargo } = flight
      missed.push({ id, paths, sentMs, cargo })
      this.#aloft.delete(id)
      this.#cargoBytes -= cargo?.payload.length ?? 0
      this.#missed.set(id, { paths, sentMs, dueMs: nowMs + ANSWER_WAIT_MS_MIN, cargo: undefined })
    }
    return missed
  }

  /** The paths of flights that are lost: missed for a while, and `isPast` for their time of sending. */
  lost(isPast: (sentMs: number) => boolean): readonly Path[] {
    const nowMs = this.#clock.monotonicMs()
    const lost: Path[] = []
    for (const flight of this.#missed.values()) {
      if (flight.dueMs > nowMs || !isPast(flight.sentMs)) continue
      lost.push(...flight.paths)
      flight.dueMs = Infinity
    }
    return lost
  }

  /** A flight that was missed went out once more, over `path`. */
  sentAgain(id: number, path: Path): void {
    const flight = this.#missed.get(id)
    if (flight !== undefined) this.#missed.set(id, { ...flight, again: path })
  }

  /** Nobody could have heard an answer lately: none is missed before `untilMs` (monotonic). */
  excuse(untilMs: number): void {
    for (const flight of this.#aloft.values()) flight.dueMs = Math.max(flight.dueMs, untilMs)
  }

  /** When the next flight is overdue, monotonic milliseconds, or Infinity. */
  nextDueMs(): number {
    let next = Infinity
    for (const { dueMs } of this.#aloft.values()) next = Math.min(next, dueMs)
    return next
  }

  /** When the flight launched last is overdue, or Infinity. */
  get newestDueMs(): number {
    return this.#newestDueMs
  }

  /** Learns what the host takes on top of the way; true where this time is surprising. */
  #learn(tookMs: number, { roundTripMs }: Usual): boolean {
    const delayMs = Math.max(0, tookMs - roundTripMs)
    this.#timed = Math.min(TIMINGS_MIN, this.#timed + 1)
    if (this.#timed === 1) {
      this.#hostDelayMs = delayMs
      this.#hostDeviationMs = delayMs / 2
      return false
    }
    const usualMs = roundTripMs + this.#hostDelayMs
    const surprising = Math.abs(tookMs - usualMs) > surpriseMs(usualMs, this.#hostDeviationMs)
    const error = delayMs - this.#hostDelayMs
    this.#hostDelayMs += error / 8
    this.#hostDeviationMs += (Math.abs(error) - this.#hostDeviationMs) / 4
    return surprising
  }

  #stow(cargo: Cargo | undefined): Cargo | undefined {
    if (cargo === undefined) return undefined
    const bytes = this.#cargoBytes + cargo.payload.length
    if (bytes > CARGO_BYTES_MAX) return undefined
    this.#cargoBytes = bytes
    // The program may use its buffer for something else.
    return { to: cargo.to, payload: cargo.payload.slice() }
  }

  #forgetOldest(): void {
    const flights = this.#missed.size > 0 ? this.#missed : this.#aloft
    for (const [id, { cargo }] of flights) {
      flights.delete(id)
      this.#cargoBytes -= cargo?.payload.length ?? 0
      return
    }
  }
}

/** Which of the paths a way back belongs to: the one with the same hop fields. */
function carrierOf(paths: readonly Path[], via: Route | undefined): Path | undefined {
  if (paths.length === 1) return paths[0]
  if (via === undefined) return undefined
  const hops = hopFields(via.dataplane)
  if (hops === undefined) return undefined
  return paths.find((path) => {
    const other = hopFields(path.dataplane)
    return other?.length === hops.length && other.every((byte, index) => byte === hops[index])
  })
}

function hopFields(path: DataplanePath): Uint8Array | undefined {
  if (path.type !== PATH_TYPE.scion) return undefined
  try {
    return path.bytes.subarray(hopOffset(pathMeta(path.bytes), 0))
  } catch (error) {
    if (error instanceof ScionError) return undefined
    throw error
  }
}
