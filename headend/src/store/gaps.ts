import { bytes, integer, type Database } from './database.ts'
import type { StreamDraft, StreamRow } from './streams.ts'

/** Records that one commit passes over to close gaps; the rest is for the next commit, or the upkeep. */
export const GAP_RECORDS_MAX = 20_000
/** Streams with more behind a closed gap than one commit looks at; further ones wait for the upkeep. */
export const GAPS_UNFINISHED_MAX = 1024

const STEP_FIRST = 1
const STEP_FACTOR = 8
const STEP_MAX = 1024

/**
 * Moves a stream's `contiguous` over what is stored behind it. A meter that sends its oldest record last
 * has millions behind it: no commit may take as long as that takes, for others wait for it.
 */
export class Gaps {
  readonly #database: Database
  readonly #unfinished = new Map<number, { readonly device: number; readonly number: number }>()
  #budget = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** A commit begins. */
  begin(): void {
    this.#budget = GAP_RECORDS_MAX
  }

  /** Whether nothing more is passed over before the next commit. */
  get isSpent(): boolean {
    return this.#budget <= 0
  }

  /** Streams whose gap is closed but not passed over yet, the longest waiting first. */
  get unfinished(): readonly { readonly device: number; readonly number: number }[] {
    return this.#budget > 0 ? [...this.#unfinished.values()] : []
  }

  /** Goes on as far as records follow one another. */
  close(stream: StreamDraft, nowMs: number): void {
    const before = stream.contiguous
    let step = STEP_FIRST
    while (stream.contiguous < stream.newest && this.#budget > 0) {
      if (!this.#pass(stream, Math.min(step, this.#budget))) break
      step = Math.min(STEP_MAX, step * STEP_FACTOR)
    }
    this.#note(stream)
    if (stream.contiguous >= stream.newest) stream.gapSinceMs = undefined
    else if (stream.gapSinceMs === undefined || stream.contiguous > before)
      stream.gapSinceMs = nowMs
  }

  /** Passes over some records; false at the first that is missing. */
  #pass(stream: StreamDraft, limit: number): boolean {
    const rows = this.#database.all(
      'SELECT seq, last_seq, hash FROM records WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?',
      stream.row,
      stream.contiguous,
      limit,
    )
    this.#budget -= limit
    for (const row of rows) {
      if (integer(row, 'seq') !== stream.contiguous + 1) return false
      stream.contiguous = integer(row, 'last_seq')
      stream.contiguousHash = bytes(row, 'hash')
    }
    return rows.length === limit
  }

  #note({ row, device, number, contiguous, newest }: StreamRow): void {
    const isUnfinished = contiguous < newest && this.#budget <= 0
    if (!isUnfinished) this.#unfinished.delete(row)
    else if (this.#unfinished.size < GAPS_UNFINISHED_MAX)
      this.#unfinished.set(row, { device, number })
  }
}
