import type { EventRow, NewEvent } from './types.ts'
import { Database } from './database.ts'
import { Events, type AuditRow } from './events.ts'
import { Queries } from './queries.ts'
import { Records, type Committed, type Entry } from './records.ts'
import { Registry } from './registry.ts'
import { Streams } from './streams.ts'

/**
 * What the receiver needs of a store. One engine implements it today, SQLite; the methods that a
 * server over a network would have to wait for are promises.
 *
 * Contract:
 * - What `commit` has resolved for is on disk and survives a power cut; what it rejected for is not
 *   there at all.
 * - Two records never share a place (device, stream, sequence number): the second one is `known`
 *   where it is the same, else a `conflict`, kept as evidence.
 */
export interface RecordSink {
  commit(entries: readonly Entry[], nowMs: number): Promise<Committed>
}

/** A head-end's whole memory in one SQLite file. */
export class SqliteStore implements RecordSink {
  readonly registry: Registry
  readonly queries: Queries
  readonly #database: Database
  readonly #events: Events
  readonly #records: Records

  /** Opens or makes the file. @throws HeadendError `ERR_HEADEND_STORE`. */
  constructor(path: string) {
    this.#database = new Database(path)
    this.#events = new Events(this.#database)
    const streams = new Streams(this.#database)
    this.#records = new Records(this.#database, streams, this.#events)
    this.registry = new Registry(this.#database, this.#events)
    this.queries = new Queries(this.#database, streams, this.#events)
  }

  commit(entries: readonly Entry[], nowMs: number): Promise<Committed> {
    return new Promise((resolve) => {
      resolve(this.#records.commit(entries, nowMs))
    })
  }

  /** Stores an event that no record brought. */
  addEvent(event: NewEvent): EventRow {
    return this.#database.transaction(() => this.#events.add(event))
  }

  /** Writes a deed into the audit log. */
  audit(atMs: number, deed: string, subject: string, details: AuditRow['details'] = {}): void {
    this.#database.transaction(() => {
      this.#events.audit(atMs, deed, subject, details)
    })
  }

  /** The audit log from its beginning. */
  auditLog(): Iterable<AuditRow & { readonly intact: boolean }> {
    return this.#events.auditLog()
  }

  /** Reports gaps that have stayed open since before `sinceMs`, each once. */
  reportGaps(sinceMs: number, nowMs: number): readonly EventRow[] {
    return this.#records.reportGaps(sinceMs, nowMs)
  }

  /** Changes when another process (an enrolment, a revocation) has written. */
  get foreignVersion(): number {
    return this.#database.foreignVersion
  }

  /** How far a commit goes before it returns: SQLite's number, 2 for "on the medium". */
  get synchronous(): number {
    return this.#database.synchronous
  }

  /** Ends the use of the file. */
  close(): void {
    this.#database.close()
  }
}
