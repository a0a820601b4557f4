import { createHash } from 'node:crypto'
import { RateLimiter } from '@s3mp/web/http'
import {
  bytes,
  integer,
  maybeInteger,
  maybeText,
  text,
  type Database,
  type Row,
} from './database.ts'
import type { Fleet } from './fleet.ts'
import type { EventRow, NewEvent } from './types.ts'

/** How much an event matters. */
export type EventSeverity = 'info' | 'warning' | 'alarm'

/** Events kept; the oldest go first, after they have been on the page for months. */
export const EVENTS_MAX = 1_000_000
/** Events removed at once when there are too many, so that removal is rare and short. */
export const EVENTS_TRIM_MAX = 1000

/** Events of one device listed at once: what it signed, and apart from it what was noticed of it. */
export const DEVICE_EVENTS_BURST_MAX = 5000
/** The same an hour after that: a device that talks too much must not push the others' events out. */
export const DEVICE_EVENTS_PER_HOUR_MAX = 240
/** Devices whose allowance is remembered; the longest silent is forgotten. */
export const DEVICES_TALKING_MAX = 65_536

/** One deed of an operator or of the program itself, in the chained log. */
export interface AuditRow {
  readonly row: number
  readonly atMs: number
  /** Who did it; `program` for what the head-end does by itself. */
  readonly who: string
  /** What was done: `device.enrolled`, `session.begun`, `prekey.created`, … */
  readonly deed: string
  /** To what: a device's id, a user's or a token's name. */
  readonly subject: string
  readonly details: Readonly<Record<string, string | number>>
}

/** What happened and what was done: two logs, one bounded, one that only grows by human hand. */
export class Events {
  readonly #database: Database
  readonly #fleet: Fleet
  readonly #max: number
  #allowance = newAllowance()
  // That there are more is said once an hour.
  #told = new RateLimiter({ burst: 1, perSecond: 1 / 3600 }, DEVICES_TALKING_MAX)
  #count: number

  constructor(database: Database, fleet: Fleet, max: number = EVENTS_MAX) {
    this.#database = database
    this.#fleet = fleet
    this.#max = max
    this.#count = this.#counted()
  }

  /**
   * Stores an event inside the running transaction; gives it back with its row, or nothing where its
   * device has used up its allowance: what it signed is kept as a record all the same. An alarm that
   * claims to be from after `nowMs` does not stay on top of lists for longer than others.
   */
  add(event: NewEvent, nowMs: number = event.atMs): EventRow | undefined {
    if (event.device !== undefined) {
      const who = `${event.device} ${event.record === undefined ? 'noticed' : 'signed'}`
      if (!this.#allowance.take(who, nowMs)) {
        return this.#told.take(who, nowMs) ? this.#insert(tooMany(event, nowMs), nowMs) : undefined
      }
    }
    return this.#insert(event, nowMs)
  }

  /** The running transaction failed: nothing of what it added is there. */
  undo(): void {
    this.#allowance = newAllowance()
    this.#count = this.#counted()
  }

  #insert(event: NewEvent, nowMs: number): EventRow {
    const row = this.#database.insert(
      `INSERT INTO events (device, at_ms, severity, code, reason, details, record)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      event.device ?? null,
      event.atMs,
      event.severity,
      event.code,
      event.reason ?? null,
      JSON.stringify(event.details),
      event.record ?? null,
    )
    this.#count++
    if (this.#count > this.#max) this.#trim()
    if (event.severity === 'alarm' && event.device !== undefined) {
      this.#fleet.alarm(event.device, Math.min(event.atMs, nowMs))
    }
    return { ...event, row }
  }

  /** Events newest first, older than `before`, of one device or of all. */
  list(question: {
    readonly device?: number | undefined
    readonly before?: number | undefined
    readonly limit: number
  }): readonly EventRow[] {
    const before = question.before ?? Number.MAX_SAFE_INTEGER
    const rows =
      question.device === undefined
        ? this.#database.all(
            'SELECT * FROM events WHERE row < ? ORDER BY row DESC LIMIT ?',
            before,
            question.limit,
          )
        : this.#database.all(
            'SELECT * FROM events WHERE device = ? AND row < ? ORDER BY row DESC LIMIT ?',
            question.device,
            before,
            question.limit,
          )
    return rows.map(readEvent)
  }

  /** Alarms of a device since a time; counts no further than `limit`. */
  alarmsSince(device: number, sinceMs: number, limit: number): number {
    const row = this.#database.get(
      `SELECT count(*) AS count FROM
         (SELECT severity, at_ms FROM events WHERE device = ? ORDER BY row DESC LIMIT ?)
       WHERE severity = 'alarm' AND at_ms >= ?`,
      device,
      limit,
      sinceMs,
    )
    return Number(row?.count)
  }

  /**
   * Writes a deed into the audit log inside the running transaction. Each row carries the hash of
   * the one before, so that a row changed or taken out later shows.
   */
  audit(atMs: number, deed: string, subject: string, details: AuditRow['details'] = {}): void {
    const last = this.#database.get('SELECT hash FROM audit ORDER BY row DESC LIMIT 1')
    const previous = last === undefined ? new Uint8Array(32) : bytes(last, 'hash')
    const json = JSON.stringify(details)
    this.#database.run(
      `INSERT INTO audit (at_ms, deed, subject, details, previous, hash)
       VALUES (?, ?, ?, ?, ?, ?)`,
      atMs,
      deed,
      subject,
      json,
      previous,
      auditHash(previous, atMs, deed, subject, json),
    )
  }

  /** The audit log from its beginning, with whether its chain is whole up to there. */
  *auditLog(): Iterable<AuditRow & { readonly intact: boolean }> {
    let previous: Uint8Array = new Uint8Array(32)
    let expected = 1
    let intact = true
    for (const row of this.#database.iterate('SELECT * FROM audit ORDER BY row')) {
      const line = readAudit(row)
      intact &&= line.row === expected && follows(row, previous)
      expected = line.row + 1
      previous = bytes(row, 'hash')
      yield { ...line, intact }
    }
  }

  /** Lines of the audit log, newest first, of one subject or of all. */
  auditLines(question: {
    readonly subject?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
  }): readonly AuditRow[] {
    const before = question.before ?? Number.MAX_SAFE_INTEGER
    const { subject, limit } = question
    const rows =
      subject === undefined
        ? this.#database.all(
            'SELECT * FROM audit WHERE row < ? ORDER BY row DESC LIMIT ?',
            before,
            limit,
          )
        : this.#database.all(
            'SELECT * FROM audit WHERE subject = ? AND row < ? ORDER BY row DESC LIMIT ?',
            subject,
            before,
            limit,
          )
    return rows.map(readAudit)
  }

  /** The last line's number, and its hash in hex. */
  auditHead(): { readonly row: number; readonly hash: string } | undefined {
    const last = this.#database.get('SELECT row, hash FROM audit ORDER BY row DESC LIMIT 1')
    return (
      last && { row: integer(last, 'row'), hash: Buffer.from(bytes(last, 'hash')).toString('hex') }
    )
  }

  /** Whether each line from `first` to `last` follows the one before it. */
  auditIntact(first: number, last: number): boolean {
    let expected = first
    for (const row of this.#database.iterate(
      'SELECT * FROM audit WHERE row BETWEEN ? AND ? ORDER BY row',
      first,
      last,
    )) {
      const before = this.#database.get('SELECT hash FROM audit WHERE row = ?', expected - 1)
      const previous = before === undefined ? undefined : bytes(before, 'hash')
      const begins = expected === 1 ? new Uint8Array(32) : previous
      if (integer(row, 'row') !== expected || begins === undefined || !follows(row, begins)) {
        return false
      }
      expected++
    }
    return expected === last + 1
  }

  #counted(): number {
    return Number(this.#database.get('SELECT count(*) AS count FROM events')?.count)
  }

  #trim(): void {
    // The number in memory counts what failed transactions added, too: what is removed is real.
    this.#count = this.#counted()
    if (this.#count <= this.#max) return
    this.#count -= this.#database.run(
      'DELETE FROM events WHERE row IN (SELECT row FROM events ORDER BY row LIMIT ?)',
      EVENTS_TRIM_MAX,
    )
  }
}

function newAllowance(): RateLimiter {
  const perSecond = DEVICE_EVENTS_PER_HOUR_MAX / 3600
  return new RateLimiter({ burst: DEVICE_EVENTS_BURST_MAX, perSecond }, DEVICES_TALKING_MAX)
}

/** Says that there are more events of a device than are listed. */
function tooMany({ device, code }: NewEvent, nowMs: number): NewEvent {
  const details = { last: code, perHour: DEVICE_EVENTS_PER_HOUR_MAX }
  const reason = undefined
  return { device, atMs: nowMs, severity: 'warning', code: 'events.too-many', reason, details }
}

function readAudit(row: Row): AuditRow {
  const { who, ...details } = readDetails(text(row, 'details'))
  return {
    row: integer(row, 'row'),
    atMs: integer(row, 'at_ms'),
    who: typeof who === 'string' ? who : 'program',
    deed: text(row, 'deed'),
    subject: text(row, 'subject'),
    details,
  }
}

/** Whether a row's hash is that of its fields and of the row before. */
function follows(row: Row, previous: Uint8Array): boolean {
  const fields = [integer(row, 'at_ms'), text(row, 'deed'), text(row, 'subject')] as const
  const hash = auditHash(previous, ...fields, text(row, 'details'))
  const linked = Buffer.compare(bytes(row, 'previous'), previous) === 0
  return linked && Buffer.compare(hash, bytes(row, 'hash')) === 0
}

function auditHash(previous: Uint8Array, ...fields: readonly (string | number)[]): Uint8Array {
  return createHash('sha256').update(previous).update(JSON.stringify(fields)).digest()
}

function readEvent(row: Row): EventRow {
  return {
    row: integer(row, 'row'),
    device: maybeInteger(row, 'device'),
    atMs: integer(row, 'at_ms'),
    severity: readSeverity(text(row, 'severity')),
    code: text(row, 'code'),
    reason: maybeText(row, 'reason'),
    details: readDetails(text(row, 'details')),
  }
}

function readSeverity(value: string): EventSeverity {
  return value === 'info' || value === 'warning' ? value : 'alarm'
}

function readDetails(json: string): Readonly<Record<string, string | number>> {
  const value: unknown = JSON.parse(json)
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string | number] =>
        typeof entry[1] === 'string' || typeof entry[1] === 'number',
    ),
  )
}
