import { orAborted } from '../abort.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { Clock, Random } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import type { PathSource } from '../path/source.ts'

/** Longest time between two lookups, in milliseconds. */
export const REFRESH_MS_MAX = 300_000
/** Shortest time between two lookups, in milliseconds, whatever happens. */
export const REFRESH_MS_MIN = 5_000
/** A lookup that takes longer is given up, in milliseconds. */
export const LOOKUP_MS_MAX = 15_000

/** What looking up needs. */
export interface RefresherOptions {
  readonly source: PathSource
  readonly destination: IsdAs
  readonly clock: Clock
  readonly random: Random
  readonly offer: (paths: readonly Path[]) => void
}

/**
 * Looks paths up in time: each time half of what the first path to expire has left to live, at most
 * every five seconds and at least every five minutes, with jitter. While lookups fail, the pause is
 * drawn anew each time from a span that doubles.
 */
export class Refresher {
  readonly #options: RefresherOptions
  #dueMs: number
  #lastMs = -Infinity
  #failures = 0
  #lookup: Promise<void> | undefined

  constructor(options: RefresherOptions) {
    this.#options = options
    this.#dueMs = options.clock.monotonicMs()
  }

  /** Monotonic time of the next lookup; Infinity while one is under way. */
  get dueMs(): number {
    return this.#lookup === undefined ? this.#dueMs : Infinity
  }

  /** Makes the next lookup come as soon as it may. */
  hurry(): void {
    this.#dueMs = Math.min(this.#dueMs, this.#lastMs + REFRESH_MS_MIN)
  }

  /** Starts a lookup where one is due. */
  tick(current: Path | undefined, signal: AbortSignal): void {
    const { clock } = this.#options
    if (this.#lookup !== undefined || clock.monotonicMs() < this.#dueMs) return
    this.#lastMs = clock.monotonicMs()
    this.#lookup = this.#look(current, signal).finally(() => {
      this.#lookup = undefined
    })
  }

  async #look(current: Path | undefined, signal: AbortSignal): Promise<void> {
    const { source, destination, clock, random, offer } = this.#options
    const timer = new AbortController()
    const limit = new AbortController()
    const end = (): void => {
      limit.abort(new ScionError('ERR_SCION_TIMEOUT', `paths: within ${LOOKUP_MS_MAX} ms`))
    }
    clock.sleep(LOOKUP_MS_MAX, timer.signal).then(end, () => undefined)
    signal.addEventListener('abort', end, { once: true })
    try {
      const query = { signal: limit.signal, refresh: current !== undefined }
      const paths = await orAborted(source.paths(destination, query), [limit.signal])
      offer(paths)
      this.#failures = paths.length === 0 ? this.#failures + 1 : 0
      this.#plan(paths, random())
    } catch {
      // Why it failed is the source's to tell; what is known stays in use until it expires.
      this.#failures += 1
      this.#plan([], random())
    } finally {
      timer.abort()
      signal.removeEventListener('abort', end)
    }
  }

  #plan(paths: readonly Path[], luck: number): void {
    const { clock } = this.#options
    const lifeMs = Math.min(Infinity, ...paths.map((path) => path.expiryMs - clock.nowMs()))
    const isFailing = this.#failures > 0
    const longestMs = Math.min(
      REFRESH_MS_MAX,
      isFailing ? REFRESH_MS_MIN * 2 ** Math.min(10, this.#failures) : lifeMs / 2,
    )
    // A street of meters shall not ask in step, least of all when its power has come back.
    const waitMs = isFailing
      ? REFRESH_MS_MIN + luck * (longestMs - REFRESH_MS_MIN)
      : longestMs * (0.8 + 0.2 * luck)
    this.#dueMs = clock.monotonicMs() + Math.max(REFRESH_MS_MIN, waitMs)
  }
}
