import type { FailureCause } from './report.ts'

/** Links and routers that are remembered, working or failed. */
export const LINKS_REMEMBERED_MAX = 2_048
/** How long a failure is remembered at first, in milliseconds. */
export const FAILURE_MEMORY_MS_MIN = 10_000
/** How long a failure is remembered at most, having come back time and again, in milliseconds. */
export const FAILURE_MEMORY_MS_MAX = 300_000

/** A failure that is remembered; times are monotonic milliseconds. */
export interface Failure {
  readonly cause: FailureCause
  readonly sinceMs: number
  /** The newest sign of it: only an answer to a packet sent later ends it. */
  readonly lastMs: number
  readonly untilMs: number
  /** How often it was found again by looking; each time it is remembered twice as long. */
  readonly count: number
}

/** What is remembered of one link, router crossing, first router or path. */
export interface LinkRecord {
  /** Monotonic send time of the newest answered packet that went over it. */
  readonly provenMs?: number
  /** Its newest failure, which may be over. */
  readonly failure?: Failure
}

/**
 * What is known of links, apart from the paths that run over them: so that all paths over a failed
 * link fall together, and so that what is proven on one path speaks for the links of another.
 *
 * Failures end by time, or earlier by proof.
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
      const cured = failure !== undefined && sentMs > failure.lastMs
      this.#put(key, {
        provenMs: Math.max(provenMs ?? sentMs, sentMs),
        ...(failure === undefined || cured ? {} : { failure }),
      })
    }
  }

  /** A link failed, or was reported to have. While that is remembered, a report adds nothing new. */
  failed(key: string, cause: FailureCause, nowMs: number): Failure {
    const known = this.#records.get(key)?.failure
    if (known === undefined) return this.#fail(key, cause, nowMs, nowMs, 1)
    const over = known.untilMs <= nowMs
    const count = over ? known.count + 1 : known.count
    return this.#fail(key, cause, over ? nowMs : known.sinceMs, nowMs, count)
  }

  /** Somebody looked whether a failure is over, and it is not. */
  stillFailed(key: string, nowMs: number): void {
    const known = this.#records.get(key)?.failure
    if (known !== undefined) this.#fail(key, known.cause, known.sinceMs, nowMs, known.count + 1)
  }

  /** The failure of a link that is still remembered at `nowMs`. */
  failureOf(key: string, nowMs: number): Failure | undefined {
    const failure = this.#records.get(key)?.failure
    return failure !== undefined && failure.untilMs > nowMs ? failure : undefined
  }

  /** Send time of the newest answered packet that went over a link, or -Infinity. */
  provenMs(key: string): number {
    return this.#records.get(key)?.provenMs ?? -Infinity
  }

  #fail(key: string, cause: FailureCause, sinceMs: number, lastMs: number, count: number): Failure {
    const provenMs = this.#records.get(key)?.provenMs
    const failure = { cause, sinceMs, lastMs, untilMs: lastMs + failureMemoryMs(count), count }
    this.#put(key, { ...(provenMs === undefined ? {} : { provenMs }), failure })
    return failure
  }

  /** The one touched longest ago goes when there are too many. */
  #put(key: string, record: LinkRecord): void {
    this.#records.delete(key)
    this.#records.set(key, record)
    if (this.#records.size <= LINKS_REMEMBERED_MAX) return
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest)
      return
    }
  }
}

/** How long a failure that was found `count` times is remembered, in milliseconds. */
export function failureMemoryMs(count: number): number {
  return Math.min(FAILURE_MEMORY_MS_MAX, FAILURE_MEMORY_MS_MIN * 2 ** Math.min(30, count - 1))
}
