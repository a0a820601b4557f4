import {
  decodeStatus,
  isRestart,
  KINDS,
  PREV_HASH_BYTES,
  recordSpan,
  schemaIdOf,
  type DeviceRecord,
  type HeartbeatRecord,
  type ReadingRecord,
} from '@s3mp/envelope'
import { HeadendError } from '../errors.ts'
import { bytes, integer, type Database } from './database.ts'
import { deviceEvent, noticedEvent } from './device-events.ts'
import type { Events } from './events.ts'
import type { Fleet } from './fleet.ts'
import { Gaps } from './gaps.ts'
import { packRegisters } from './registers.ts'
import { Seals } from './seals.ts'
import type { StreamDraft, StreamRow, Streams } from './streams.ts'
import type { EventRow, NewEvent } from './types.ts'

/** Contradicting records kept as evidence for one stream; later ones are only counted. */
export const CONFLICTS_PER_STREAM_MAX = 16

/** Gaps reported at once; the rest is reported the next time. */
export const GAPS_REPORTED_MAX = 100

/** The stream that a device's completeness is told by: the first meter's billing stream. */
const BILLING_STREAM = 1

/** How a stored record is proven; the numbers stand in the store. */
export const PROOF = { pending: 0, sealed: 1, signed: 2 } as const

/** A verified record on its way into the store. */
export interface Entry {
  readonly device: number
  readonly ueid: Uint8Array
  readonly record: DeviceRecord
  /** SHA-256 of the payload. */
  readonly hash: Uint8Array
  /** The Sign1 as received, or the bare payload of a fast record. */
  readonly bytes: Uint8Array
  /** Fingerprint of the path it came over. */
  readonly path: Uint8Array | undefined
  /** Its device is in quarantine: it is kept and marked. */
  readonly quarantined?: boolean
}

/** What became of one entry. */
export type Outcome =
  /** It is on disk now. */
  | { readonly type: 'stored'; readonly row: number }
  /** It was on disk before: the answer is the same, nothing changed. */
  | { readonly type: 'known' }
  /** Another record holds its place: kept as evidence, never in the other's stead. */
  | { readonly type: 'conflict' }
  /** The store will not take it at all; the reason is counted. */
  | { readonly type: 'refused'; readonly reason: 'too-many' }

/** What a commit did. */
export interface Committed {
  /** One for each entry, in order. */
  readonly outcomes: readonly Outcome[]
  /** Events that the entries brought or caused. */
  readonly events: readonly EventRow[]
}

/** Takes verified records into the store: one transaction a batch, never two records in one place. */
export class Records {
  readonly #database: Database
  readonly #streams: Streams
  readonly #events: Events
  readonly #seals: Seals
  readonly #gaps: Gaps
  readonly #fleet: Fleet
  #noticed: EventRow[] = []

  constructor(database: Database, streams: Streams, events: Events, fleet: Fleet) {
    this.#database = database
    this.#streams = streams
    this.#events = events
    this.#fleet = fleet
    this.#seals = new Seals(database)
    this.#gaps = new Gaps(database)
  }

  /** Stores a batch durably: when this returns, all of it is on disk. */
  commit(entries: readonly Entry[], nowMs: number): Committed {
    this.#noticed = []
    try {
      const outcomes = this.#database.transaction(() => {
        this.#gaps.begin()
        const done = entries.map((entry) => this.#take(entry, nowMs))
        this.#passOn(nowMs)
        const seen = new Set(entries.map(({ device }) => device))
        for (const device of seen) {
          this.#fleet.seen(device, nowMs)
        }
        this.#streams.save()
        return done
      })
      this.#streams.keep()
      return { outcomes, events: this.#noticed }
    } catch (error) {
      this.#streams.drop()
      this.#events.undo()
      throw error
    }
  }

  /** Tells of gaps open since before `sinceMs`, each once, and goes on closing those that are closed. */
  reportGaps(sinceMs: number, nowMs: number): readonly EventRow[] {
    this.#gaps.begin()
    const gaps = this.#streams.withGapsSince(sinceMs, GAPS_REPORTED_MAX)
    if (gaps.length === 0 && this.#gaps.unfinished.length === 0) return []
    try {
      const told = this.#database.transaction(() => {
        this.#passOn(nowMs)
        const events = gaps.map((known) => {
          const stream = this.#streams.draftOf(known)
          // What was passed over just now, or may be the next time, is not missing.
          this.#gaps.close(stream, nowMs)
          const isOld = stream.gapSinceMs !== undefined && stream.gapSinceMs <= sinceMs
          if (!isOld || this.#gaps.isSpent) return undefined
          stream.gapTold = stream.contiguous
          const { number, contiguous: after, newest } = stream
          const details = { stream: number, after, newest }
          return this.#events.add(
            noticedEvent(stream.device, nowMs, 'warning', 'records.missing', details),
          )
        })
        this.#streams.save()
        return events.filter((event) => event !== undefined)
      })
      this.#streams.keep()
      return told
    } catch (error) {
      this.#streams.drop()
      throw error
    }
  }

  /** Goes on where the commit before had to stop. */
  #passOn(nowMs: number): void {
    for (const { device, number } of this.#gaps.unfinished) {
      const stream = this.#streams.find(device, number)
      if (stream !== undefined) this.#gaps.close(this.#streams.draftOf(stream), nowMs)
    }
  }

  #take(entry: Entry, nowMs: number): Outcome {
    const { record, device, ueid } = entry
    let stream: StreamDraft
    try {
      stream = this.#streams.draft(device, ueid, record, KINDS[record.kind].code)
    } catch (error) {
      if (!(error instanceof HeadendError) || error.code !== 'ERR_HEADEND_LIMIT') throw error
      this.#notice(entry, nowMs, 'alarm', 'streams.too-many', { stream: record.stream })
      return { type: 'refused', reason: 'too-many' }
    }
    const lastSeq = record.seq + recordSpan(record) - 1
    if (record.seq <= stream.newest) {
      const judged = this.#judgePlace(entry, stream, lastSeq, nowMs)
      if (judged !== undefined) return judged
    }
    this.#checkLinks(entry, stream, lastSeq, nowMs)
    const row = this.#insert(entry, stream, lastSeq, nowMs)
    this.#interpret(entry, stream, row, nowMs)
    this.#advance(entry, stream, lastSeq, nowMs)
    for (const seal of this.#seals.settle(stream, record, lastSeq)) {
      if (seal.state === 'contradicted') {
        this.#notice(entry, nowMs, 'alarm', 'seal.contradicted', {
          stream: stream.number,
          seq: seal.seq,
        })
      }
    }
    return { type: 'stored', row }
  }

  /** Whether the record's place is taken; undefined where it is free. */
  #judgePlace(
    entry: Entry,
    stream: StreamDraft,
    lastSeq: number,
    nowMs: number,
  ): Outcome | undefined {
    const { seq } = entry.record
    const taken = this.#database.get(
      `SELECT seq, last_seq, hash FROM records WHERE stream = ? AND seq <= ? ORDER BY seq DESC LIMIT 1`,
      stream.row,
      lastSeq,
    )
    if (taken === undefined || integer(taken, 'last_seq') < seq) return undefined
    if (equal(bytes(taken, 'hash'), entry.hash)) return { type: 'known' }
    if (stream.conflicts < CONFLICTS_PER_STREAM_MAX) {
      const isNew = this.#database.run(
        `INSERT OR IGNORE INTO conflicts (stream, seq, hash, stored_ms, bytes, kind)
         VALUES (?, ?, ?, ?, ?, ?)`,
        stream.row,
        seq,
        entry.hash,
        nowMs,
        entry.bytes,
        KINDS[entry.record.kind].code,
      )
      if (isNew > 0) {
        stream.conflicts++
        this.#notice(entry, nowMs, 'alarm', 'record.contradicted', { stream: stream.number, seq })
      }
    }
    return { type: 'conflict' }
  }

  /** Compares the hash links to both neighbours, where they are stored. */
  #checkLinks(entry: Entry, stream: StreamDraft, lastSeq: number, nowMs: number): void {
    const { record } = entry
    const before =
      record.seq === stream.newest + 1
        ? stream.newestHash
        : this.#database.get(
            'SELECT hash FROM records WHERE stream = ? AND last_seq = ? AND seq <= ?',
            stream.row,
            record.seq - 1,
            record.seq - 1,
          )?.hash
    const place = { stream: stream.number, seq: record.seq }
    if (isRestart(record.prevHash16)) this.#notice(entry, nowMs, 'alarm', 'chain.restarted', place)
    else if (before instanceof Uint8Array && !carries(record.prevHash16, before)) {
      this.#notice(entry, nowMs, 'alarm', 'chain.broken', place)
    }
    if (lastSeq >= stream.newest) return
    const after = this.#database.get(
      'SELECT seq, previous FROM records WHERE stream = ? AND seq = ?',
      stream.row,
      lastSeq + 1,
    )
    if (after !== undefined && !carries(bytes(after, 'previous'), entry.hash)) {
      this.#notice(entry, nowMs, 'alarm', 'chain.broken', {
        stream: stream.number,
        seq: lastSeq + 1,
      })
    }
  }

  #insert(entry: Entry, stream: StreamDraft, lastSeq: number, nowMs: number): number {
    const { record } = entry
    const isReading = record.kind === 'reading' || record.kind === 'fast'
    const schema = isReading ? this.#schemaRow(record.schemaId) : undefined
    const row = this.#database.insert(
      `INSERT INTO records (stream, seq, last_seq, kind, time_ms, stored_ms, proof, schema, hash,
         previous, path, bytes, quarantined) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      stream.row,
      record.seq,
      lastSeq,
      KINDS[record.kind].code,
      record.timeMs,
      nowMs,
      KINDS[record.kind].signed ? PROOF.signed : PROOF.pending,
      schema ?? null,
      entry.hash,
      record.prevHash16,
      entry.path ?? null,
      entry.bytes,
      entry.quarantined === true ? 1 : 0,
    )
    if (isReading) {
      stream.schema = schema
      this.#insertSamples(record, stream, row)
      if (stream.number === BILLING_STREAM) {
        this.#fleet.billed(
          entry.device,
          record.samples.map(({ timeMs }) => timeMs),
          nowMs,
        )
      }
    }
    return row
  }

  #insertSamples(record: ReadingRecord, stream: StreamDraft, row: number): void {
    for (const [index, sample] of record.samples.entries()) {
      this.#database.run(
        `INSERT INTO samples (stream, time_ms, seq, record, schema, status, registers)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        stream.row,
        sample.timeMs,
        record.seq + index,
        row,
        stream.schema ?? 0,
        sample.status,
        packRegisters(sample.registers),
      )
    }
  }

  /** What a record means beyond its place: schemas are registered, events told, floors raised. */
  #interpret(entry: Entry, stream: StreamDraft, row: number, nowMs: number): void {
    const { record } = entry
    switch (record.kind) {
      case 'schema': {
        const schema = this.#schemaRow(schemaIdOf(record.schema))
        const { meterId, intervalMs } = record.schema
        this.#fleet.meter(entry.device, meterId, stream.number === BILLING_STREAM ? intervalMs : 0)
        this.#database.run(
          'UPDATE schemas SET record = ? WHERE row = ? AND record IS NULL',
          row,
          schema,
        )
        return
      }
      case 'event':
        this.#tell(deviceEvent(entry.device, record, row), nowMs)
        return
      case 'heartbeat':
        this.#beat(entry.device, stream, record, row)
        for (const { stream: number, floorSeq } of record.streams) {
          this.#raiseFloor(entry, number, floorSeq, nowMs)
        }
        return
      case 'seal':
        this.#seals.open(stream, record)
        return
      case 'reading':
      case 'fast':
    }
  }

  /** The newest heartbeat is the one with the highest number: its time is a clock's, and may be wrong. */
  #beat(device: number, stream: StreamDraft, record: HeartbeatRecord, row: number): void {
    const isNewest = this.#database.run(
      `UPDATE devices SET heartbeat = ? WHERE row = ? AND NOT EXISTS
         (SELECT 1 FROM records WHERE row = devices.heartbeat AND stream = ? AND seq > ?)`,
      row,
      device,
      stream.row,
      record.seq,
    )
    if (isNewest === 0) return
    this.#fleet.health(device, {
      clock: decodeStatus(record.status).clock,
      firmware: Buffer.from(record.firmwareHash).toString('hex'),
      spool: record.spool.bytesMax === 0 ? 0 : record.spool.bytes / record.spool.bytesMax,
    })
  }

  #schemaRow(id: Uint8Array): number {
    const known = this.#database.get('SELECT row FROM schemas WHERE id = ?', id)
    if (known !== undefined) return integer(known, 'row')
    // A reading may overtake its schema: the name is kept free for it.
    return this.#database.insert('INSERT INTO schemas (id) VALUES (?)', id)
  }

  #advance(entry: Entry, stream: StreamDraft, lastSeq: number, nowMs: number): void {
    const { record } = entry
    if (record.kind !== 'schema' && stream.kind === KINDS.schema.code) {
      stream.kind = KINDS[record.kind].code
    }
    if (lastSeq > stream.newest) {
      stream.newest = lastSeq
      stream.newestHash = entry.hash
      stream.newestMs = record.timeMs
    }
    if (record.seq === stream.contiguous + 1) {
      stream.contiguous = lastSeq
      stream.contiguousHash = entry.hash
    }
    this.#gaps.close(stream, nowMs)
  }

  /** The device says that it holds nothing below `floorSeq` any more: what is missing is lost. */
  #raiseFloor(entry: Entry, number: number, floorSeq: number, nowMs: number): void {
    const known = this.#streams.find(entry.device, number)
    if (known === undefined || floorSeq - 1 <= known.contiguous) return
    const stream = this.#streams.draftOf(known)
    const lost = this.#missing(stream, floorSeq - 1)
    const last = this.#database.get(
      'SELECT hash FROM records WHERE stream = ? AND last_seq = ? AND seq < ?',
      stream.row,
      floorSeq - 1,
      floorSeq,
    )
    const from = stream.contiguous + 1
    stream.contiguous = floorSeq - 1
    stream.contiguousHash = last === undefined ? new Uint8Array(32) : bytes(last, 'hash')
    if (stream.newest < stream.contiguous) {
      stream.newest = stream.contiguous
      stream.newestHash = stream.contiguousHash
    }
    stream.lost += lost
    this.#gaps.close(stream, nowMs)
    if (lost === 0) return
    const severity = stream.kind === KINDS.fast.code ? 'warning' : 'alarm'
    const details = { stream: number, from, to: floorSeq - 1, records: lost }
    this.#notice(entry, nowMs, severity, 'records.lost', details)
  }

  #missing(stream: StreamRow, upTo: number): number {
    const row = this.#database.get(
      `SELECT coalesce(sum(min(last_seq, ?) - max(seq, ?) + 1), 0) AS stored FROM records
       WHERE stream = ? AND seq BETWEEN ? AND ?`,
      upTo,
      stream.contiguous + 1,
      stream.row,
      stream.contiguous + 1,
      upTo,
    )
    return upTo - stream.contiguous - Number(row?.stored)
  }

  #notice(
    entry: Entry,
    nowMs: number,
    severity: EventRow['severity'],
    code: string,
    details: EventRow['details'],
  ): void {
    this.#tell(noticedEvent(entry.device, nowMs, severity, code, details), nowMs)
  }

  #tell(event: NewEvent, nowMs: number): void {
    const told = this.#events.add(event, nowMs)
    if (told !== undefined) this.#noticed.push(told)
  }
}

function carries(prevHash16: Uint8Array, hash: Uint8Array): boolean {
  return equal(prevHash16, hash.subarray(0, PREV_HASH_BYTES))
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
