import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, isWildcard } from '../addr/isd-as.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import { pathInside } from '../path/file.ts'
import type { Path } from '../path/path.ts'
import type { LocalAs, PathQuery, PathSource } from '../path/source.ts'
import { combineSegments, withNextHop } from '../segment/combinator.ts'
import type { SegmentSets } from '../segment/graph.ts'
import type { PathSegment, SegmentType } from '../segment/segment.ts'
import type { TrustStore } from '../trust/store.ts'
import { SegmentGate } from './segment-gate.ts'
import type { SegmentLookup } from './segment-lookup.ts'

/** What a lookup needs. */
export interface ControlPathSourceOptions {
  /** Where segments come from; closed with the source. */
  readonly lookup: SegmentLookup
  /**
   * Who verifies the segments. `'insecure'` takes them as they come: whoever sits between this host
   * and its control service may then make up paths, though not read what is end-to-end encrypted.
   */
  readonly trust: TrustStore | 'insecure'
  readonly clock: Clock
  /** Hears of each lookup, with what was left out and why. */
  readonly onLookup?: (report: LookupReport) => void
}

/** What came of a lookup. */
export interface LookupReport {
  readonly destination: IsdAs
  readonly segments: number
  readonly paths: number
  /** Why segments were left out and questions failed, in words; each reason once. */
  readonly problems: readonly string[]
}

/** Destinations whose paths are kept. */
export const DESTINATIONS_KEPT_MAX = 256
/** Age up to which kept paths answer a question that does not ask for fresh ones. */
export const PATHS_AGE_MS_MAX = 30_000
/** Problems of one lookup that are reported. */
export const PROBLEMS_MAX = 32

interface Kept {
  readonly paths: readonly Path[]
  readonly atMs: number
}

/**
 * Paths put together by the host itself, from the segments that control services or an endhost API
 * give, each verified before use. Needs no daemon.
 */
export class ControlPathSource implements PathSource {
  readonly #options: ControlPathSourceOptions
  readonly #gate: SegmentGate
  readonly #kept = new Map<IsdAs, Kept>()
  readonly #underWay = new Map<IsdAs, Promise<readonly Path[]>>()
  readonly #closing = new AbortController()

  constructor(options: ControlPathSourceOptions) {
    this.#options = options
    this.#gate = new SegmentGate(options)
  }

  get local(): LocalAs {
    return this.#options.lookup.local
  }

  async paths(destination: IsdAs, query: PathQuery = {}): Promise<readonly Path[]> {
    const { signal } = query
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    if (destination === this.local.isdAs) return [pathInside(this.local)]
    if (isWildcard(destination)) {
      throw new ScionError(
        'ERR_SCION_ADDRESS',
        `destination: an AS, found ${formatIsdAs(destination)}`,
      )
    }
    const kept = this.#kept.get(destination)
    const { clock } = this.#options
    const isFresh = kept !== undefined && clock.monotonicMs() - kept.atMs < PATHS_AGE_MS_MAX
    if (isFresh && query.refresh !== true) return stillValid(kept.paths, clock.nowMs())
    return await abortable(this.#lookUpOnce(destination), signal)
  }

  async close(): Promise<void> {
    this.#closing.abort(new ScionError('ERR_SCION_CLOSED', 'path source: closed'))
    await this.#options.lookup.close()
  }

  /** One lookup at a time for each destination, shared by all who ask. */
  #lookUpOnce(destination: IsdAs): Promise<readonly Path[]> {
    const underWay = this.#underWay.get(destination)
    if (underWay !== undefined) return underWay
    const lookup = this.#lookUp(destination).finally(() => {
      this.#underWay.delete(destination)
    })
    this.#underWay.set(destination, lookup)
    return lookup
  }

  async #lookUp(destination: IsdAs): Promise<readonly Path[]> {
    const { clock, onLookup } = this.#options
    const failures: ScionError[] = []
    const segments = await this.#fetch(destination, failures)
    const paths = combineSegments(this.local.isdAs, destination, segments)
      .map((path) => withNextHop(path, this.local))
      .filter((path) => path !== undefined)
    const valid = stillValid(paths, clock.nowMs())
    onLookup?.({
      destination,
      segments: segments.up.length + segments.core.length + segments.down.length,
      paths: valid.length,
      problems: [...new Set(failures.map(({ message }) => message))].slice(0, PROBLEMS_MAX),
    })
    const [first] = failures
    // Part of the network may be out of reach while the rest gives paths.
    if (valid.length === 0 && first !== undefined) throw combined(destination, failures, first)
    this.#kept.delete(destination)
    this.#kept.set(destination, { paths: valid, atMs: clock.monotonicMs() })
    if (this.#kept.size > DESTINATIONS_KEPT_MAX) {
      const [oldest] = this.#kept.keys()
      if (oldest !== undefined) this.#kept.delete(oldest)
    }
    return valid
  }

  async #fetch(destination: IsdAs, failures: ScionError[]): Promise<SegmentSets> {
    const { lookup, trust } = this.#options
    const isCore = trust === 'insecure' ? undefined : trust.isCore(destination)
    const answer = await lookup.lookUp(destination, isCore, this.#closing.signal)
    const { segments, refusals } = await this.#gate.admit(answer.segments, this.#closing.signal)
    failures.push(...answer.failures, ...refusals)
    const sets: Record<SegmentType, PathSegment[]> = { up: [], core: [], down: [] }
    for (const { type, segment } of segments) sets[type].push(segment)
    return sets
  }
}

function stillValid(paths: readonly Path[], nowMs: number): readonly Path[] {
  return paths.filter((path) => path.expiryMs > nowMs)
}

function combined(
  destination: IsdAs,
  failures: readonly ScionError[],
  first: ScionError,
): ScionError {
  const different = [...new Set(failures.map(({ message }) => message))].slice(0, 4)
  const more = failures.length > different.length ? ` (${failures.length} problems in all)` : ''
  const reasons = different.join('; ') + more
  const message = `no path to ${formatIsdAs(destination)}: ${reasons}`
  return new ScionError(first.code, message, { cause: first })
}

/** Rejects with the signal's reason when it aborts first; the promise goes on for others. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise
  signal.throwIfAborted()
  let forget: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    signal.addEventListener('abort', onAbort)
    forget = () => {
      signal.removeEventListener('abort', onAbort)
    }
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    forget()
  }
}
