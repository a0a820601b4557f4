import type { FailureCause } from './report.ts'

/** Links and routers that are remembered, working or failed. */
export const LINKS_REMEMBERED_MAX = 2_048
/** How long a failure is remembered at first, in milliseconds. */
export const FAILURE_MEMORY_MS_MIN = 10_000
/** How long a failure is remembered at most, having come back time and again, in milliseconds. */
export const FAILURE_MEMORY_MS_MAX = 300_000

/** What is remembered of one link, router crossing or first router. */
export interface LinkRecord {
  /** Monotonic send time of the newest answered packet that went over it. */
  readonly provenMs?: number
  /** Its newest failure. */
  readonly failure?: {
    readonly cause: FailureCause
    /** Monotonic. */
    readonly sinceMs: number
    readonly untilMs: number
    /** Failures in a row, each remembered twice as long as the one before. */
    readonly count: number
  }
}

/**
 * What is known of links, apart from the paths that run over them: so that all paths over a failed
 * link fall together, and so that what is proven on one path speaks for the links of another.
 *
 * Keys name a link by its interfaces, an AS crossing, or a first router. Failures end by time, or
 * earlier by proof: an answer to a packet sent after the failure.
 */
export class LinkMemory {
  readonly #records = new Map<string, LinkRecord>()

  /** Entries; never more than {@link LINKS_REMEMBERED_MAX}. */
  get size(): number {
    return this.#records.size
  }

  /** A packet that went over these links, sent at `sentMs`, was answered. */
  proven(keys: readonly string[], sentMs: number): void {
    for (const key of keys) {
      const { provenMs, failure } = this.#records.get(key) ?? {}
      const cured = failure !== undefined && sentMs > failure.sinceMs
      this.#put(key, {
        provenMs: Math.max(provenMs ?? sentMs, sentMs),
        ...(failure === undefined || cured ? {} : { failure }),
      })
    }
  }

  /** A link failed at `nowMs`; gives the time until which that is remembered. */
  failed(key: string, cause: FailureCause, nowMs: number): number {
    const { provenMs, failure } = this.#records.get(key) ?? {}
    const again = failure !== undefined && (provenMs === undefined || provenMs < failure.sinceMs)
    const count = again ? failure.count + 1 : 1
    const untilMs = nowMs + failureMemoryMs(count)
    this.#put(key, {
      ...(provenMs === undefined ? {} : { provenMs }),
      failure: { cause, sinceMs: nowMs, untilMs, count },
    })
    return untilMs
  }

  /** The failure of a link that is still remembered at `nowMs`. */
  failureOf(key: string, nowMs: number): LinkRecord['failure'] {
    const failure = this.#records.get(key)?.failure
    return failure !== undefined && failure.untilMs > nowMs ? failure : undefined
  }

  /** The links among `keys` over which nothing that was sent after `sinceMs` was answered. */
  unprovenSince(keys: readonly string[], sinceMs: number): readonly string[] {
    return keys.filter((key) => {
      const provenMs = this.#records.get(key)?.provenMs
      return provenMs === undefined || provenMs < sinceMs
    })
  }

  /** The one touched longest ago goes when there are too many. */
  #put(key: string, record: LinkRecord): void {
    this.#records.delete(key)
    this.#records.set(key, record)
    if (this.#records.size <= LINKS_REMEMBERED_MAX) return
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest)
      break
    }
  }
}

/** How long the `count`th failure in a row is remembered, in milliseconds. */
export function failureMemoryMs(count: number): number {
  return Math.min(FAILURE_MEMORY_MS_MAX, FAILURE_MEMORY_MS_MIN * 2 ** (count - 1))
}
