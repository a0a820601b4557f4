import {
  decodeRecord,
  kindRule,
  KINDS,
  readSignedObject,
  schemaIdOf,
  type HeartbeatRecord,
  type RecordKind,
  type Schema,
} from '@s3mp/envelope'
import { bytes, integer, maybeBytes, maybeInteger, type Database, type Row } from './database.ts'
import type { Events } from './events.ts'
import { PROOF } from './records.ts'
import { packRegisters } from './registers.ts'
import type { StreamRow, Streams } from './streams.ts'
import type { EventRow } from './types.ts'

/** Schemas kept decoded in memory. */
export const SCHEMAS_CACHED_MAX = 10_000

/** Announcements of one device that its evidence is looked for in, the newest. */
export const SCHEMA_RECORDS_MAX = 1000

/** A stored record as it was received, with what the store made of it. */
export interface StoredRecord {
  readonly row: number
  /** Row of its stream. */
  readonly stream: number
  readonly seq: number
  readonly lastSeq: number
  readonly kind: RecordKind
  readonly timeMs: number
  readonly storedMs: number
  readonly proof: keyof typeof PROOF
  readonly schema: number | undefined
  readonly path: Uint8Array | undefined
  /** It came in while its device was in quarantine. */
  readonly quarantined: boolean
  /** The Sign1 as received, or the bare payload of a fast record. */
  readonly bytes: Uint8Array
}

/** One moment's registers, packed, and the record it stands in. */
export interface StoredSample {
  readonly timeMs: number
  readonly seq: number
  readonly record: number
  readonly schema: number
  readonly status: number
  readonly registers: Uint8Array
}

/** Questions to the store; none changes anything, each is bounded by its arguments. */
export class Queries {
  readonly #database: Database
  readonly #streams: Streams
  readonly #events: Events
  readonly #schemas = new Map<number, Schema>()

  constructor(database: Database, streams: Streams, events: Events) {
    this.#database = database
    this.#streams = streams
    this.#events = events
  }

  /** The state of one stream, as of the last commit. */
  stream(device: number, number: number): StreamRow | undefined {
    return this.#streams.find(device, number)
  }

  /** All streams of a device. */
  streams(device: number): readonly StreamRow[] {
    return this.#streams.ofDevice(device)
  }

  /** Sequence numbers stored beyond `contiguous`, up to `reach` further on. */
  storedBeyond(stream: StreamRow, reach: number): readonly number[] {
    if (stream.newest <= stream.contiguous) return []
    const limit = stream.contiguous + reach
    return this.#database
      .all(
        'SELECT seq, last_seq FROM records WHERE stream = ? AND seq > ? AND seq <= ? ORDER BY seq',
        stream.row,
        stream.contiguous,
        limit,
      )
      .flatMap((row) => {
        const [first, last] = [integer(row, 'seq'), Math.min(limit, integer(row, 'last_seq'))]
        return Array.from({ length: last - first + 1 }, (_, index) => first + index)
      })
  }

  /** The record that holds this sequence number. */
  recordAt(stream: number, seq: number): StoredRecord | undefined {
    const row = this.#database.get(
      'SELECT * FROM records WHERE stream = ? AND seq <= ? ORDER BY seq DESC LIMIT 1',
      stream,
      seq,
    )
    const record = row && readRecord(row)
    return record === undefined || record.lastSeq < seq ? undefined : record
  }

  /** A record by the store's own number. */
  record(row: number): StoredRecord | undefined {
    const found = this.#database.get('SELECT * FROM records WHERE row = ?', row)
    return found && readRecord(found)
  }

  /** Records of a stream in order, from a sequence number on. */
  recordsFrom(stream: number, seq: number, limit: number): readonly StoredRecord[] {
    return this.#database
      .all(
        'SELECT * FROM records WHERE stream = ? AND seq >= ? ORDER BY seq LIMIT ?',
        stream,
        seq,
        limit,
      )
      .map(readRecord)
  }

  /**
   * Records of a stream that contradict a stored one, each behind the one whose place it claims. There
   * are few: only some of a stream are kept.
   */
  contradictions(stream: number): readonly Pick<StoredRecord, 'kind' | 'bytes'>[] {
    return this.#database
      .all('SELECT seq, kind, bytes FROM conflicts WHERE stream = ? ORDER BY seq, row', stream)
      .flatMap((row) => {
        const standing = this.recordAt(stream, integer(row, 'seq'))
        const code = maybeInteger(row, 'kind')
        // Older stores have not noted the kind: it is hardly ever another than that of what stands.
        const kind = code === undefined ? standing?.kind : RECORD_KINDS.get(code)
        const other = kind === undefined ? [] : [{ kind, bytes: bytes(row, 'bytes') }]
        return standing === undefined ? other : [standing, ...other]
      })
  }

  /** The last sequence number of a stream that a signature covers; 0 where none does. */
  provenUpTo(stream: number): number {
    const row = this.#database.get(
      'SELECT last_seq FROM records WHERE stream = ? AND proof <> ? ORDER BY seq DESC LIMIT 1',
      stream,
      PROOF.pending,
    )
    return row === undefined ? 0 : integer(row, 'last_seq')
  }

  /** The closed seal that covers a sequence number, as first and last number of what it proves. */
  sealOver(
    stream: number,
    seq: number,
  ): { readonly first: number; readonly seal: number } | undefined {
    const row = this.#database.get(
      `SELECT seq, first_seq FROM seals WHERE stream = ? AND seq > ? AND state = 'closed'
       ORDER BY seq LIMIT 1`,
      stream,
      seq,
    )
    if (row === undefined || integer(row, 'first_seq') > seq) return undefined
    return { first: integer(row, 'first_seq'), seal: integer(row, 'seq') }
  }

  /** The sample with this number in a record, from the signed bytes themselves. */
  sampleOf(record: StoredRecord, seq: number): StoredSample | undefined {
    const decoded = decodeStored(record)
    const sample = 'samples' in decoded ? decoded.samples[seq - record.seq] : undefined
    if (sample === undefined || record.schema === undefined) return undefined
    const { timeMs, status } = sample
    const registers = packRegisters(sample.registers)
    return { timeMs, status, seq, record: record.row, schema: record.schema, registers }
  }

  /** A stream's number on the wire. */
  streamNumberOf(stream: number): number {
    return Number(this.#database.get('SELECT number FROM streams WHERE row = ?', stream)?.number)
  }

  /** The newest sample of a stream by its number: a clock that was ahead once stays behind it. */
  newestSample(stream: number): StoredSample | undefined {
    const row = this.#database.get(
      'SELECT * FROM records WHERE stream = ? AND schema IS NOT NULL ORDER BY seq DESC LIMIT 1',
      stream,
    )
    const record = row && readRecord(row)
    return record && this.sampleOf(record, record.lastSeq)
  }

  /** The newest sample of a stream, by the device's time, not after `atMs`. */
  sampleBefore(stream: number, atMs: number = Number.MAX_SAFE_INTEGER): StoredSample | undefined {
    const row = this.#database.get(
      'SELECT * FROM samples WHERE stream = ? AND time_ms <= ? ORDER BY time_ms DESC, seq DESC LIMIT 1',
      stream,
      atMs,
    )
    return row && readSample(row)
  }

  /** The newest samples of a stream up to a moment, oldest first. */
  samplesBefore(stream: number, atMs: number, count: number): readonly StoredSample[] {
    return this.#database
      .all(
        'SELECT * FROM samples WHERE stream = ? AND time_ms <= ? ORDER BY time_ms DESC, seq DESC LIMIT ?',
        stream,
        atMs,
        count,
      )
      .map(readSample)
      .reverse()
  }

  /** The oldest sample of a stream, by the device's time, not before `fromMs`. */
  sampleFrom(stream: number, fromMs: number): StoredSample | undefined {
    const row = this.#database.get(
      'SELECT * FROM samples WHERE stream = ? AND time_ms >= ? ORDER BY time_ms, seq LIMIT 1',
      stream,
      fromMs,
    )
    return row && readSample(row)
  }

  /** A page of samples in order of time, after the one given, with how each is proven. */
  samplePage(
    stream: number,
    page: {
      readonly fromMs: number
      readonly toMs: number
      readonly after: { readonly timeMs: number; readonly seq: number } | undefined
      readonly limit: number
    },
  ): readonly (StoredSample & {
    readonly proof: StoredRecord['proof']
    readonly quarantined: boolean
  })[] {
    return this.#database
      .all(
        `SELECT samples.*, records.proof AS proof, records.quarantined AS quarantined
           FROM samples JOIN records ON records.row = samples.record
           WHERE samples.stream = ? AND (samples.time_ms, samples.seq) > (?, ?)
             AND samples.time_ms < ? ORDER BY samples.time_ms, samples.seq LIMIT ?`,
        stream,
        page.after?.timeMs ?? page.fromMs,
        page.after?.seq ?? -1,
        page.toMs,
        page.limit,
      )
      .map((row) => ({
        ...readSample(row),
        proof: PROOFS.get(integer(row, 'proof')) ?? 'pending',
        quarantined: integer(row, 'quarantined') !== 0,
      }))
  }

  /** Schemas that samples of a range have, newest first. */
  schemasIn(stream: number, fromMs: number, toMs: number): readonly number[] {
    return this.#database
      .all(
        `SELECT schema, max(time_ms) AS last FROM samples
           WHERE stream = ? AND time_ms >= ? AND time_ms < ? GROUP BY schema ORDER BY last DESC`,
        stream,
        fromMs,
        toMs,
      )
      .map((row) => integer(row, 'schema'))
  }

  /** How many samples lie in a range of time; counts no further than `limit`. */
  sampleCount(stream: number, fromMs: number, toMs: number, limit: number): number {
    const row = this.#database.get(
      `SELECT count(*) AS count FROM
         (SELECT 1 FROM samples WHERE stream = ? AND time_ms >= ? AND time_ms < ? LIMIT ?)`,
      stream,
      fromMs,
      toMs,
      limit,
    )
    return Number(row?.count)
  }

  /** Samples of a range in order of time. */
  *samples(stream: number, fromMs: number, toMs: number, limit: number): Iterable<StoredSample> {
    const rows = this.#database.iterate(
      'SELECT * FROM samples WHERE stream = ? AND time_ms >= ? AND time_ms < ? ORDER BY time_ms, seq LIMIT ?',
      stream,
      fromMs,
      toMs,
      limit,
    )
    for (const row of rows) yield readSample(row)
  }

  /** What a schema says; undefined while its record has not arrived. */
  schema(row: number): Schema | undefined {
    const cached = this.#schemas.get(row)
    if (cached !== undefined) return cached
    const found = this.#database.get('SELECT record FROM schemas WHERE row = ?', row)
    const record = found && maybeInteger(found, 'record')
    const stored = record === undefined ? undefined : this.record(record)
    if (stored === undefined) return undefined
    const decoded = decodeStored(stored)
    if (decoded.kind !== 'schema') return undefined
    if (this.#schemas.size >= SCHEMAS_CACHED_MAX) this.#schemas.clear()
    this.#schemas.set(row, decoded.schema)
    return decoded.schema
  }

  /**
   * The record in which this very device announced a schema; the same may have been announced by
   * others, whose signatures prove nothing of this one.
   */
  schemaRecord(row: number, device: number): StoredRecord | undefined {
    const found = this.#database.get('SELECT id FROM schemas WHERE row = ?', row)
    const id = found && bytes(found, 'id')
    return (
      id &&
      this.#database
        .all(
          `SELECT records.* FROM streams JOIN records ON records.stream = streams.row
             WHERE streams.device = ? AND records.kind = 6 ORDER BY records.row DESC LIMIT ?`,
          device,
          SCHEMA_RECORDS_MAX,
        )
        .map(readRecord)
        .find((record) => announces(record, id))
    )
  }

  /** A device's newest heartbeat. */
  heartbeat(row: number): HeartbeatRecord | undefined {
    const stored = this.record(row)
    const decoded = stored && decodeStored(stored)
    return decoded?.kind === 'heartbeat' ? decoded : undefined
  }

  /** Events newest first. */
  events(question: Parameters<Events['list']>[0]): readonly EventRow[] {
    return this.#events.list(question)
  }

  /** Alarms of a device since a time, counted no further than `limit` events back. */
  alarmsSince(device: number, sinceMs: number, limit: number): number {
    return this.#events.alarmsSince(device, sinceMs, limit)
  }

  /** Rows of records and samples: the size of the store, for metrics. Reads indexes, not data. */
  newestRow(): number {
    return Number(this.#database.get('SELECT coalesce(max(row), 0) AS row FROM records')?.row)
  }
}

/** Takes stored bytes apart again; what was stored has been verified. */
export function decodeStored(
  record: Pick<StoredRecord, 'kind' | 'bytes'>,
): ReturnType<typeof decodeRecord> {
  const payload = kindRule(record.kind).signed
    ? readSignedObject(record.bytes).payload
    : record.bytes
  return decodeRecord(record.kind, payload)
}

function announces(record: StoredRecord, id: Uint8Array): boolean {
  const decoded = decodeStored(record)
  return decoded.kind === 'schema' && Buffer.compare(schemaIdOf(decoded.schema), id) === 0
}

const RECORD_KINDS = new Map<number, RecordKind>(
  (['reading', 'fast', 'seal', 'event', 'heartbeat', 'schema'] as const).map((kind) => [
    KINDS[kind].code,
    kind,
  ]),
)
const PROOFS = new Map(
  Object.entries(PROOF).map(([name, code]) => [code as number, name as keyof typeof PROOF]),
)

function readRecord(row: Row): StoredRecord {
  return {
    row: integer(row, 'row'),
    stream: integer(row, 'stream'),
    seq: integer(row, 'seq'),
    lastSeq: integer(row, 'last_seq'),
    kind: RECORD_KINDS.get(integer(row, 'kind')) ?? 'event',
    timeMs: integer(row, 'time_ms'),
    storedMs: integer(row, 'stored_ms'),
    proof: PROOFS.get(integer(row, 'proof')) ?? 'pending',
    schema: maybeInteger(row, 'schema'),
    path: maybeBytes(row, 'path'),
    quarantined: integer(row, 'quarantined') !== 0,
    bytes: bytes(row, 'bytes'),
  }
}

function readSample(row: Row): StoredSample {
  return {
    timeMs: integer(row, 'time_ms'),
    seq: integer(row, 'seq'),
    record: integer(row, 'record'),
    schema: integer(row, 'schema'),
    status: integer(row, 'status'),
    registers: bytes(row, 'registers'),
  }
}
