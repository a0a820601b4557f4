import { rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

import { schemaIdOf, type DeviceRecord, type RecordKind } from '@s3mp/envelope'

import { FirmwareError, reasonOf } from '../errors.ts'
import { troubleOf } from '../spool/database.ts'
import { isReadingStream, STREAM, STREAMS_PER_PLACE } from '../streams.ts'

/** How long quarter-hour readings are kept for the owner's own page: a year and a month. */
export const HISTORY_QUARTER_MS_MAX = 396 * 86_400_000

/** How long minute readings are kept. */
export const HISTORY_MINUTE_MS_MAX = 31 * 86_400_000

/** How long every telegram is kept. */
export const HISTORY_LIVE_MS_MAX = 6 * 3_600_000

/** How long events and heartbeats are kept. */
export const HISTORY_EVENT_MS_MAX = 396 * 86_400_000

/** Pages of 4 KiB that the history may take: 256 MiB. */
export const HISTORY_PAGES_MAX = 65_536

/** Records that wait to be written together. */
export const HISTORY_BATCH_MAX = 128

/** How long they wait, in milliseconds: what a power cut may take from the page, never from the bill. */
export const HISTORY_BATCH_MS_MAX = 10_000

/** How often what is too old is taken away, in milliseconds. */
const PRUNE_MS = 600_000

const TABLES = `
  CREATE TABLE IF NOT EXISTS record (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL,
    schema BLOB,
    payload BLOB NOT NULL,
    object BLOB,
    PRIMARY KEY (stream, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS record_by_time ON record (stream, kind, time_ms);
  CREATE TABLE IF NOT EXISTS schema (
    id BLOB PRIMARY KEY,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    payload BLOB NOT NULL,
    object BLOB
  ) STRICT, WITHOUT ROWID;
`

/** A record as it was made. */
export interface HistoryRecord {
  readonly stream: number
  readonly seq: number
  readonly kind: RecordKind
  readonly timeMs: number
  /** When it was on the disk. */
  readonly storedMs: number
  /** What is hashed and signed. */
  readonly payload: Uint8Array
  /** The signed object; undefined for a record that a later seal signs for. */
  readonly object: Uint8Array | undefined
}

/** A new record with what is needed to find it again. */
export interface NewRecord {
  readonly stream: number
  readonly seq: number
  readonly storedMs: number
  readonly record: DeviceRecord
  readonly payload: Uint8Array
  readonly object: Uint8Array
}

interface Row {
  readonly stream: number
  readonly seq: number
  readonly kind: string
  readonly time_ms: number
  readonly stored_ms: number
  readonly payload: Uint8Array
  readonly object: Uint8Array | null
}

/**
 * The meter's own memory of its signed records, for its owner's page: bounded in time and size, apart
 * from the spool, and worth nothing to anybody's bill. When its file breaks it begins anew.
 */
export class History {
  readonly #file: string
  readonly #pagesMax: number
  readonly #waiting: NewRecord[] = []
  #database: DatabaseSync
  #insert: StatementSync
  #insertSchema: StatementSync
  #oldestWaitingMs = 0
  #prunedMs = -Infinity

  /** @throws FirmwareError `spool` where no file can be made there at all. */
  constructor(file: string, pagesMax = HISTORY_PAGES_MAX) {
    this.#file = file
    this.#pagesMax = pagesMax
    this.#database = this.#open()
    ;[this.#insert, this.#insertSchema] = statementsOf(this.#database)
  }

  /** Takes a record; it is written with others, at the latest when somebody asks. */
  take(record: NewRecord): void {
    if (this.#waiting.length === 0) this.#oldestWaitingMs = record.storedMs
    this.#waiting.push(record)
    const isFull = this.#waiting.length >= HISTORY_BATCH_MAX
    const ageMs = record.storedMs - this.#oldestWaitingMs
    if (isFull || ageMs >= HISTORY_BATCH_MS_MAX || ageMs < 0) this.flush()
  }

  /** Writes what waits. @throws FirmwareError `spool` where that fails; what waited is lost then. */
  flush(): void {
    const batch = this.#waiting.splice(0)
    const last = batch.at(-1)
    if (last === undefined) return
    try {
      this.#writeSomehow(batch, last.storedMs)
    } catch (error) {
      this.#renew()
      throw new FirmwareError('spool', `${this.#file}: ${reasonOf(error)}; begun anew`, {
        cause: error,
      })
    }
  }

  /** Streams that have records, with the newest of each. */
  streams(): readonly { readonly stream: number; readonly newest: HistoryRecord }[] {
    const rows = this.#all('SELECT stream, max(seq) AS seq FROM record GROUP BY stream')
    return rows.flatMap(({ stream, seq }) => {
      const newest = this.at(stream, seq)
      return newest === undefined ? [] : [{ stream, newest }]
    })
  }

  /** One record. */
  at(stream: number, seq: number): HistoryRecord | undefined {
    return this.#one('SELECT * FROM record WHERE stream = ? AND seq = ?', stream, seq)
  }

  /** The newest reading not after a time. */
  readingBefore(stream: number, timeMs: number): HistoryRecord | undefined {
    return this.#one(
      `SELECT * FROM record WHERE stream = ? AND kind = ? AND time_ms <= ?
       ORDER BY time_ms DESC, seq DESC LIMIT 1`,
      stream,
      kindOf(stream),
      timeMs,
    )
  }

  /** The oldest reading not before a time. */
  readingFrom(stream: number, timeMs: number): HistoryRecord | undefined {
    return this.#one(
      `SELECT * FROM record WHERE stream = ? AND kind = ? AND time_ms >= ?
       ORDER BY time_ms, seq LIMIT 1`,
      stream,
      kindOf(stream),
      timeMs,
    )
  }

  /** Readings of a time, in its order, `max` at most, behind the one given. */
  readings(
    stream: number,
    { fromMs, toMs, max, after }: { readonly fromMs: number; readonly toMs: number; readonly max: number; readonly after?: number }, // prettier-ignore
  ): readonly HistoryRecord[] {
    return this.#all(
      `SELECT * FROM record WHERE stream = ? AND kind = ? AND time_ms >= ? AND time_ms < ? AND seq > ?
       ORDER BY time_ms, seq LIMIT ?`,
      stream,
      kindOf(stream),
      fromMs,
      toMs,
      after ?? 0,
      max,
    ).map(recordOf)
  }

  /** Records of a stream from one number on, of every kind. */
  from(stream: number, seq: number, max: number): readonly HistoryRecord[] {
    const sql = 'SELECT * FROM record WHERE stream = ? AND seq >= ? ORDER BY seq LIMIT ?'
    return this.#all(sql, stream, seq, max).map(recordOf)
  }

  /** Records of one kind, the newest first, older than a number. */
  newest(stream: number, kind: RecordKind, before: number, max: number): readonly HistoryRecord[] {
    const sql = `SELECT * FROM record WHERE stream = ? AND kind = ? AND seq < ?
                 ORDER BY seq DESC LIMIT ?`
    return this.#all(sql, stream, kind, before, max).map(recordOf)
  }

  /** The first seal behind a number. */
  sealAfter(stream: number, seq: number): HistoryRecord | undefined {
    const sql = `SELECT * FROM record WHERE stream = ? AND kind = 'seal' AND seq > ?
                 ORDER BY seq LIMIT 1`
    return this.#one(sql, stream, seq)
  }

  /** The record that announced a schema. */
  schema(id: Uint8Array): HistoryRecord | undefined {
    return this.#one(
      `SELECT stream, seq, 'schema' AS kind, 0 AS time_ms, 0 AS stored_ms, payload, object
       FROM schema WHERE id = ?`,
      id,
    )
  }

  /** How many readings a stream has in a time, counted up to `max`. */
  count(stream: number, fromMs: number, toMs: number, max: number): number {
    const [row] = this.#all(
      `SELECT count(*) AS seq FROM (SELECT 1 FROM record
       WHERE stream = ? AND kind = ? AND time_ms >= ? AND time_ms < ? LIMIT ?)`,
      stream,
      kindOf(stream),
      fromMs,
      toMs,
      max,
    )
    return row?.seq ?? 0
  }

  /** Writes what waits and closes the file. */
  close(): void {
    try {
      this.flush()
    } finally {
      this.#database.close()
    }
  }

  /** When there is no more room, fine readings give way before anything else does. */
  #writeSomehow(batch: readonly NewRecord[], nowMs: number): void {
    try {
      this.#write(batch, nowMs)
    } catch (error) {
      if (troubleOf(error) !== 'full') throw error
      this.#drop(nowMs, (stream) => (isFine(stream) ? keptMs(stream) / 8 : keptMs(stream)))
      this.#write(batch, nowMs)
    }
  }

  #write(batch: readonly NewRecord[], nowMs: number): void {
    const database = this.#database
    database.exec('BEGIN')
    try {
      for (const each of batch) this.#put(each)
      if (nowMs - this.#prunedMs >= PRUNE_MS || nowMs < this.#prunedMs) {
        this.#drop(nowMs, keptMs)
        this.#prunedMs = nowMs
      }
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }

  #put({ stream, seq, storedMs, record, payload, object }: NewRecord): void {
    const signed = record.kind === 'fast' ? null : object
    if (record.kind === 'schema') {
      this.#insertSchema.run(schemaIdOf(record.schema), stream, seq, payload, signed)
    }
    const schema = record.kind === 'reading' || record.kind === 'fast' ? record.schemaId : null
    this.#insert.run(stream, seq, record.kind, record.timeMs, storedMs, schema, payload, signed)
  }

  #drop(nowMs: number, kept: (stream: number) => number): void {
    const drop = this.#database.prepare('DELETE FROM record WHERE stream = ? AND time_ms < ?')
    const rows = this.#database.prepare('SELECT DISTINCT stream FROM record').all()
    for (const { stream } of rows) {
      if (typeof stream === 'number') drop.run(stream, nowMs - kept(stream))
    }
  }

  #all(sql: string, ...values: readonly (number | string | Uint8Array)[]): readonly Row[] {
    this.flush()
    // The columns are those of the tables above.
    return this.#database.prepare(sql).all(...values) as unknown as readonly Row[]
  }

  #one(
    sql: string,
    ...values: readonly (number | string | Uint8Array)[]
  ): HistoryRecord | undefined {
    const [row] = this.#all(sql, ...values)
    return row && recordOf(row)
  }

  #open(): DatabaseSync {
    try {
      return openFile(this.#file, this.#pagesMax)
    } catch {
      return this.#begin()
    }
  }

  #begin(): DatabaseSync {
    try {
      for (const tail of ['', '-wal', '-shm']) rmSync(`${this.#file}${tail}`, { force: true })
      return openFile(this.#file, this.#pagesMax)
    } catch (error) {
      throw new FirmwareError('spool', `${this.#file}: ${reasonOf(error)}`, { cause: error })
    }
  }

  #renew(): void {
    try {
      this.#database.close()
    } catch {
      // What is broken may refuse even that.
    }
    this.#database = this.#begin()
    ;[this.#insert, this.#insertSchema] = statementsOf(this.#database)
  }
}

function openFile(file: string, pagesMax: number): DatabaseSync {
  const database = new DatabaseSync(file)
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = OFF;
      PRAGMA max_page_count = ${String(pagesMax)};
      PRAGMA cache_size = -1024;
    `)
    database.exec(TABLES)
    const [check] = database.prepare('PRAGMA quick_check(1)').all()
    if (check?.quick_check !== 'ok') throw new Error('the file is damaged')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function statementsOf(database: DatabaseSync): [StatementSync, StatementSync] {
  return [
    database.prepare('INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
    database.prepare('INSERT OR REPLACE INTO schema VALUES (?, ?, ?, ?, ?)'),
  ]
}

const RECORD_KINDS: readonly RecordKind[] = [
  'reading',
  'fast',
  'seal',
  'event',
  'heartbeat',
  'schema',
]

function recordOf(row: Row): HistoryRecord {
  const { stream, seq, kind, time_ms: timeMs, stored_ms: storedMs, payload, object } = row
  const known = RECORD_KINDS.find((one) => one === kind)
  if (known === undefined) throw new FirmwareError('malformed', `history: kind ${kind}`)
  return { stream, seq, kind: known, timeMs, storedMs, payload, object: object ?? undefined }
}

/** What readings are in a stream: signed ones, or those that a seal signs for. */
function kindOf(stream: number): 'reading' | 'fast' {
  return stream % STREAMS_PER_PLACE === STREAM.live ? 'fast' : 'reading'
}

/** Whether a stream is there in coarser readings, too. */
function isFine(stream: number): boolean {
  return isReadingStream(stream) && stream % STREAMS_PER_PLACE !== STREAM.billing
}

function keptMs(stream: number): number {
  if (!isReadingStream(stream)) return HISTORY_EVENT_MS_MAX
  const place = stream % STREAMS_PER_PLACE
  if (place === STREAM.live) return HISTORY_LIVE_MS_MAX
  return place === STREAM.minute ? HISTORY_MINUTE_MS_MAX : HISTORY_QUARTER_MS_MAX
}
