import { genesis, type DeviceRecord } from '@s3mp/envelope'
import { HeadendError } from '../errors.ts'
import { bytes, integer, maybeInteger, type Database, type Row } from './database.ts'

/** Streams that one device may have. */
export const STREAMS_PER_DEVICE_MAX = 64
/** Streams whose state is kept in memory between commits; others are read again when needed. */
export const STREAMS_CACHED_MAX = 100_000

/** How far one stream of a device got; the store's own bookkeeping. */
export interface StreamRow {
  readonly row: number
  readonly device: number
  /** The stream's number on the wire. */
  readonly number: number
  /** Kind code of its first record that was no schema; what its name is made from. */
  readonly kind: number
  /** Row of the newest schema used in it. */
  readonly schema: number | undefined
  /** Everything up to here is stored, or lost for good by the device's own word. */
  readonly contiguous: number
  /** Hash of the record that ends at `contiguous`; zeros where that one was lost. */
  readonly contiguousHash: Uint8Array
  /** Highest sequence number stored. */
  readonly newest: number
  readonly newestHash: Uint8Array
  /** The device's time of the newest record. */
  readonly newestMs: number
  /** Since when something is missing below `newest`. */
  readonly gapSinceMs: number | undefined
  /** The `contiguous` for which a gap has been reported, so that it is reported once. */
  readonly gapTold: number
  /** Sequence numbers that the device gave up. */
  readonly lost: number
  /** Seals that wait for records they cover. */
  readonly openSeals: number
  /** Contradicting records kept as evidence. */
  readonly conflicts: number
}

/** A stream's row while a commit changes it. */
export type StreamDraft = { -readonly [Field in keyof StreamRow]: StreamRow[Field] }

/**
 * The streams of all devices: rows, with the recently used ones in memory.
 *
 * Changes live in drafts during a transaction; `keep` makes them what memory holds, `drop` forgets
 * them, so that a failed commit leaves nothing behind.
 */
export class Streams {
  readonly #database: Database
  readonly #cached = new Map<string, StreamRow>()
  readonly #drafts = new Map<string, StreamDraft>()

  constructor(database: Database) {
    this.#database = database
  }

  /** The stream's state, from memory or the store; undefined before its first record. */
  find(device: number, number: number): StreamRow | undefined {
    const key = `${device}/${number}`
    const held = this.#drafts.get(key) ?? this.#cached.get(key)
    if (held !== undefined) return held
    const row = this.#database.get(
      'SELECT * FROM streams WHERE device = ? AND number = ?',
      device,
      number,
    )
    if (row === undefined) return undefined
    const stream = readStream(row)
    this.#remember(stream)
    return stream
  }

  /** All streams of a device, in order of number. */
  ofDevice(device: number): readonly StreamRow[] {
    return this.#database
      .all('SELECT * FROM streams WHERE device = ? ORDER BY number', device)
      .map(readStream)
  }

  /** Streams in which something has been missing since before `sinceMs` and was not reported yet. */
  withGapsSince(sinceMs: number, limit: number): readonly StreamRow[] {
    return this.#database
      .all(
        `SELECT * FROM streams WHERE gap_since_ms <= ? AND gap_told <> contiguous
         ORDER BY gap_since_ms LIMIT ?`,
        sinceMs,
        limit,
      )
      .map(readStream)
  }

  /**
   * The draft of a record's stream inside the running transaction; a first record makes the stream.
   *
   * @throws HeadendError `ERR_HEADEND_LIMIT` beyond {@link STREAMS_PER_DEVICE_MAX}.
   */
  draft(device: number, ueid: Uint8Array, record: DeviceRecord, kind: number): StreamDraft {
    const key = `${device}/${record.stream}`
    const known = this.#drafts.get(key)
    if (known !== undefined) return known
    const draft: StreamDraft = {
      ...(this.find(device, record.stream) ?? this.#create(device, ueid, record.stream, kind)),
    }
    this.#drafts.set(key, draft)
    return draft
  }

  /** The draft of a stream that exists, for changes that no record of its own brings. */
  draftOf(stream: StreamRow): StreamDraft {
    const key = `${stream.device}/${stream.number}`
    const draft = this.#drafts.get(key) ?? { ...stream }
    this.#drafts.set(key, draft)
    return draft
  }

  /** Writes all drafts; call it last in the transaction. */
  save(): void {
    for (const draft of this.#drafts.values()) {
      this.#database.run(
        `UPDATE streams SET kind = ?, schema = ?, contiguous = ?, contiguous_hash = ?, newest = ?,
           newest_hash = ?, newest_ms = ?, gap_since_ms = ?, gap_told = ?, lost = ?, open_seals = ?,
           conflicts = ? WHERE row = ?`,
        draft.kind,
        draft.schema ?? null,
        draft.contiguous,
        draft.contiguousHash,
        draft.newest,
        draft.newestHash,
        draft.newestMs,
        draft.gapSinceMs ?? null,
        draft.gapTold,
        draft.lost,
        draft.openSeals,
        draft.conflicts,
        draft.row,
      )
    }
  }

  /** The transaction is on disk: drafts become what memory holds. */
  keep(): void {
    for (const draft of this.#drafts.values()) this.#remember(draft)
    this.#drafts.clear()
  }

  /** The transaction failed: nothing of it stays. */
  drop(): void {
    this.#drafts.clear()
  }

  #create(device: number, ueid: Uint8Array, number: number, kind: number): StreamRow {
    const count = this.#database.get('SELECT count(*) AS n FROM streams WHERE device = ?', device)
    if (Number(count?.n) >= STREAMS_PER_DEVICE_MAX) {
      throw new HeadendError(
        'ERR_HEADEND_LIMIT',
        `streams: expected at most ${STREAMS_PER_DEVICE_MAX} a device, found another: ${number}`,
      )
    }
    const { head } = genesis(ueid, number)
    const row = this.#database.insert(
      `INSERT INTO streams (device, number, kind, contiguous, contiguous_hash, newest, newest_hash,
         newest_ms, gap_told, lost, open_seals, conflicts) VALUES (?, ?, ?, 0, ?, 0, ?, 0, -1, 0, 0, 0)`,
      device,
      number,
      kind,
      head,
      head,
    )
    return {
      row,
      device,
      number,
      kind,
      schema: undefined,
      contiguous: 0,
      contiguousHash: head,
      newest: 0,
      newestHash: head,
      newestMs: 0,
      gapSinceMs: undefined,
      gapTold: -1,
      lost: 0,
      openSeals: 0,
      conflicts: 0,
    }
  }

  #remember(stream: StreamRow): void {
    const key = `${stream.device}/${stream.number}`
    this.#cached.delete(key)
    this.#cached.set(key, stream)
    if (this.#cached.size <= STREAMS_CACHED_MAX) return
    const oldest = this.#cached.keys().next()
    if (oldest.done !== true) this.#cached.delete(oldest.value)
  }
}

function readStream(row: Row): StreamRow {
  return {
    row: integer(row, 'row'),
    device: integer(row, 'device'),
    number: integer(row, 'number'),
    kind: integer(row, 'kind'),
    schema: maybeInteger(row, 'schema'),
    contiguous: integer(row, 'contiguous'),
    contiguousHash: bytes(row, 'contiguous_hash'),
    newest: integer(row, 'newest'),
    newestHash: bytes(row, 'newest_hash'),
    newestMs: integer(row, 'newest_ms'),
    gapSinceMs: maybeInteger(row, 'gap_since_ms'),
    gapTold: integer(row, 'gap_told'),
    lost: integer(row, 'lost'),
    openSeals: integer(row, 'open_seals'),
    conflicts: integer(row, 'conflicts'),
  }
}
