import type { Path } from '../path/path.ts'
import type { Entry } from './entry.ts'
import { adopt, isExpired, newEntry, renew, RENEWAL_LEAD_MS } from './entry.ts'
import type { PathPolicy, PathRanking } from './policy.ts'

/** Paths that are kept for one destination; those beyond it are not looked at. */
export const PATHS_MAX = 64

/** What a lookup changed, by fingerprints. */
export interface Offered {
  readonly added: readonly string[]
  readonly dropped: readonly string[]
}

/** The paths known for one destination, one entry for each interface sequence. */
export class PathSet {
  readonly #entries = new Map<string, Entry>()
  #policy: PathPolicy
  #ranking: PathRanking | undefined

  constructor(policy: PathPolicy, ranking: PathRanking | undefined) {
    this.#policy = policy
    this.#ranking = ranking
  }

  /** Asks another policy about every path; what was measured stays. */
  setPolicy(policy: PathPolicy, ranking: PathRanking | undefined): void {
    this.#policy = policy
    this.#ranking = ranking
    for (const entry of this.#entries.values()) entry.refusal = policy(entry.path)
    this.#rank()
  }

  /** Entries; never more than {@link PATHS_MAX}. */
  get size(): number {
    return this.#entries.size
  }

  /** All entries, oldest first. */
  all(): readonly Entry[] {
    return [...this.#entries.values()]
  }

  /** The entry of an interface sequence. */
  get(fingerprint: string | undefined): Entry | undefined {
    return fingerprint === undefined ? undefined : this.#entries.get(fingerprint)
  }

  /**
   * Takes what a lookup brought at wall-clock time `nowMs`. Paths that it does not name stay until
   * they expire, or until room is needed; `kept` is never given up for another. Paths that the policy
   * refuses are kept for the sake of the explanation, and take no room from those that it allows.
   */
  offer(paths: readonly Path[], nowMs: number, kept: string | undefined): Offered {
    const offered = new Set(paths.map((path) => path.fingerprint))
    for (const entry of this.#entries.values()) entry.listed = offered.has(entry.fingerprint)
    const judged = paths.map((path) => ({ path, refusal: this.#policy(path) }))
    for (const { path, refusal } of judged) {
      const known = this.#entries.get(path.fingerprint)
      if (known === undefined) continue
      renew(known, path, nowMs)
      known.refusal = refusal
    }
    const allowed = judged.filter(({ refusal }) => refusal === undefined)
    const refused = judged.filter(({ refusal }) => refusal !== undefined)
    const added: string[] = []
    for (const { path, refusal } of [...allowed, ...refused]) {
      const isNew = path.expiryMs > nowMs && !this.#entries.has(path.fingerprint)
      if (!isNew || !this.#makeRoom(kept, refusal === undefined)) continue
      this.#entries.set(path.fingerprint, newEntry(path, refusal))
      added.push(path.fingerprint)
    }
    const dropped = this.#dropExpired(nowMs)
    this.#rank()
    return { added, dropped }
  }

  /** Lets renewed paths take over unproven where the old ones are about to end. */
  adoptRipe(nowMs: number): void {
    for (const entry of this.#entries.values()) {
      const ripe = entry.path.expiryMs <= nowMs + RENEWAL_LEAD_MS
      if (entry.renewal !== undefined && ripe) adopt(entry, entry.renewal)
    }
  }

  /** Paths that are allowed and not expired, failed ones too: where packets may have to go. */
  usable(nowMs: number): readonly Path[] {
    return this.all()
      .filter((entry) => entry.refusal === undefined && !isExpired(entry, nowMs))
      .map((entry) => entry.path)
  }

  #rank(): void {
    const entries = this.all()
    const places = this.#ranking?.(entries.map(({ path }) => path))
    for (const [index, entry] of entries.entries()) entry.preference = places?.[index]
  }

  #makeRoom(kept: string | undefined, isAllowed: boolean): boolean {
    if (this.#entries.size < PATHS_MAX) return true
    const others = this.all().filter(({ fingerprint }) => fingerprint !== kept)
    const left =
      others.find(({ listed }) => !listed) ??
      (isAllowed ? others.find(({ refusal }) => refusal !== undefined) : undefined)
    if (left !== undefined) this.#entries.delete(left.fingerprint)
    return left !== undefined
  }

  #dropExpired(nowMs: number): readonly string[] {
    const dropped: string[] = []
    for (const entry of this.#entries.values()) {
      if (entry.path.expiryMs > nowMs) continue
      if (entry.renewal !== undefined) adopt(entry, entry.renewal)
      else {
        this.#entries.delete(entry.fingerprint)
        dropped.push(entry.fingerprint)
      }
    }
    return dropped
  }
}
