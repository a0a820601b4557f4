import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import type { Path } from '../path/path.ts'
import { hopOffset, pathMeta } from '../path/standard.ts'
import type { Route } from '../socket/route.ts'

/** Packets that wait for their acknowledgement; the oldest are forgotten, not blamed. */
export const FLIGHTS_MAX = 1_024
/** What a host may take at most for its acknowledgement on top of the way, in milliseconds. */
export const HOST_DELAY_MS_MAX = 5_000

/** What a host is given at first, before its acknowledgements have been timed, in milliseconds. */
const HOST_DELAY_MS = 1_000

/** One sending of a payload. Sending the same payload again is another flight. */
export interface Flight {
  readonly id: number
  /** Fingerprints of the paths that it went over. */
  readonly paths: readonly string[]
  /** Monotonic milliseconds. */
  readonly sentMs: number
}

interface Aloft {
  readonly paths: readonly Path[]
  readonly sentMs: number
  readonly dueMs: number
  /** Whether its paths were told to be silent already; it may still be acknowledged late. */
  overdue: boolean
}

/**
 * Sent packets whose acknowledgement is awaited. How long the host takes for one beyond the way there
 * and back is learned, so that a slow store is not held to be a broken path.
 */
export class Flights {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #aloft = new Map<number, Aloft>()
  #made = 0
  #hostDelayMs = HOST_DELAY_MS
  #hostDeviationMs = 0
  #timed = false

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** Flights that wait. */
  get size(): number {
    return this.#aloft.size
  }

  /** Notes a sending; `waitMs` is the time that the way there and back may take. */
  launch(paths: readonly Path[], sentMs: number, waitMs: number | undefined): Flight {
    const id = (this.#made += 1)
    if (waitMs !== undefined) {
      const hostMs = this.#hostDelayMs + 4 * this.#hostDeviationMs
      const dueMs = sentMs + waitMs + Math.min(HOST_DELAY_MS_MAX, hostMs)
      this.#aloft.set(id, { paths, sentMs, dueMs, overdue: false })
      if (this.#aloft.size > FLIGHTS_MAX) this.#forgetOldest()
    }
    return { id, paths: paths.map((path) => path.fingerprint), sentMs }
  }

  /**
   * Ends a flight that was acknowledged; gives the path that carried it, where that is clear, also
   * when the acknowledgement came too late.
   */
  land(id: number, via: Route | undefined, waitMs: (path: Path) => number): Path | undefined {
    const flight = this.#aloft.get(id)
    if (flight === undefined) return undefined
    this.#aloft.delete(id)
    const path = carrierOf(flight.paths, via)
    if (path !== undefined) {
      this.#learn(this.#clock.monotonicMs() - flight.sentMs - waitMs(path))
    }
    return path
  }

  /** The paths of flights whose time has run out since the last call. */
  overdue(): readonly { readonly path: Path; readonly sentMs: number }[] {
    const nowMs = this.#clock.monotonicMs()
    const silent: { path: Path; sentMs: number }[] = []
    for (const flight of this.#aloft.values()) {
      if (flight.overdue || flight.dueMs > nowMs) continue
      flight.overdue = true
      for (const path of flight.paths) silent.push({ path, sentMs: flight.sentMs })
    }
    return silent
  }

  /** When the next flight is overdue, monotonic milliseconds, or Infinity. */
  nextDueMs(): number {
    let next = Infinity
    for (const { dueMs, overdue } of this.#aloft.values()) {
      if (!overdue) next = Math.min(next, dueMs)
    }
    return next
  }

  #learn(excessMs: number): void {
    const delayMs = Math.max(0, excessMs)
    if (!this.#timed) {
      this.#timed = true
      this.#hostDelayMs = delayMs
      this.#hostDeviationMs = delayMs / 2
      return
    }
    const error = delayMs - this.#hostDelayMs
    this.#hostDelayMs += error / 8
    this.#hostDeviationMs += (Math.abs(error) - this.#hostDeviationMs) / 4
  }

  #forgetOldest(): void {
    for (const id of this.#aloft.keys()) {
      this.#aloft.delete(id)
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
