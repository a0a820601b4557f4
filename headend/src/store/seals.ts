import { createHash } from 'node:crypto'
import { KINDS, type DeviceRecord, type SealRecord } from '@s3mp/envelope'
import { bytes, integer, type Database, type Row } from './database.ts'
import type { StreamDraft } from './streams.ts'

/** Open seals looked at when a late record arrives; the rest waits for the next one. */
export const SEALS_OPEN_MAX = 64

/** Records that are signed by themselves, schemas above all, which may lie between those that a seal covers. */
export const SEAL_OTHERS_MAX = 64

const FAST = KINDS.fast.code

/** What came of a seal. */
export interface SettledSeal {
  readonly seq: number
  readonly state: 'closed' | 'contradicted'
}

/**
 * Signed seals over unsigned fast records: a seal proves its run once all of it is stored, whichever
 * came first.
 */
export class Seals {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Registers a seal that has just been stored in its stream. */
  open(stream: StreamDraft, seal: SealRecord): void {
    this.#database.run(
      `INSERT INTO seals (stream, seq, first_seq, records, digest, state)
       VALUES (?, ?, ?, ?, ?, 'open')`,
      stream.row,
      seal.seq,
      seal.firstSeq,
      seal.records,
      seal.digest,
    )
    stream.openSeals++
  }

  /** Closes the seals that `record`, just stored, completes: itself, or those it was missing for. */
  settle(stream: StreamDraft, record: DeviceRecord, lastSeq: number): readonly SettledSeal[] {
    if (stream.openSeals === 0) return []
    const candidates = this.#database.all(
      `SELECT * FROM seals WHERE stream = ? AND state = 'open' AND seq >= ? AND first_seq <= ?
       ORDER BY seq LIMIT ?`,
      stream.row,
      record.seq,
      lastSeq,
      SEALS_OPEN_MAX,
    )
    const settled: SettledSeal[] = []
    for (const seal of candidates) {
      const state = this.#judge(stream.row, seal)
      if (state === 'open') continue
      const seq = integer(seal, 'seq')
      this.#database.run(
        'UPDATE seals SET state = ? WHERE stream = ? AND seq = ?',
        state,
        stream.row,
        seq,
      )
      stream.openSeals--
      settled.push({ seq, state })
    }
    return settled
  }

  #judge(stream: number, seal: Row): 'open' | 'closed' | 'contradicted' {
    const [seq, first, count] = [
      integer(seal, 'seq'),
      integer(seal, 'first_seq'),
      integer(seal, 'records'),
    ]
    // Runs do not overlap: else one device could make every seal cost a thousand look-ups.
    const other = this.#database.get(
      'SELECT 1 FROM seals WHERE stream = ? AND seq >= ? AND seq < ? LIMIT 1',
      stream,
      first,
      seq,
    )
    if (other !== undefined) return 'contradicted'
    // It covers fast records only; a schema may have been announced between two of them. A few more than
    // it covers say enough: what a seal claims must not decide how much is read.
    const most = count + SEAL_OTHERS_MAX
    const stored = this.#database.get(
      `SELECT count(*) AS all_count, sum(kind = ?) AS count, sum(last_seq - seq + 1) AS span FROM
         (SELECT kind, seq, last_seq FROM records WHERE stream = ? AND seq >= ? AND seq < ? LIMIT ?)`,
      FAST,
      stream,
      first,
      seq,
      most + 1,
    )
    if (Number(stored?.all_count) > most || Number(stored?.count) > count) return 'contradicted'
    if (Number(stored?.span) !== seq - first) return 'open'
    if (Number(stored?.count) !== count) return 'contradicted'
    const digest = createHash('sha256')
    const rows = this.#database.all(
      'SELECT hash FROM records WHERE stream = ? AND seq >= ? AND seq < ? AND kind = ? ORDER BY seq',
      stream,
      first,
      seq,
      FAST,
    )
    for (const row of rows) digest.update(bytes(row, 'hash'))
    if (Buffer.compare(digest.digest(), bytes(seal, 'digest')) !== 0) return 'contradicted'
    this.#database.run(
      'UPDATE records SET proof = 1 WHERE stream = ? AND seq >= ? AND seq < ? AND proof = 0',
      stream,
      first,
      seq,
    )
    return 'closed'
  }
}
