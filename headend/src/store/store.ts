import type { EventRow, NewEvent } from './types.ts'
import { Database } from './database.ts'
import { Events, type AuditRow } from './events.ts'
import { Fleet } from './fleet.ts'
import { People } from './people.ts'
import { Queries } from './queries.ts'
import { Records, type Committed, type Entry } from './records.ts'
import { Registry } from './registry.ts'
import { Streams } from './streams.ts'
import { Tariffs } from './tariffs.ts'

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
  readonly fleet: Fleet
  readonly people: People
  readonly tariffs: Tariffs
  readonly #database: Database
  readonly #events: Events
  readonly #records: Records

  /** Opens or makes the file. @throws HeadendError `ERR_HEADEND_STORE`. */
  constructor(path: string) {
    this.#database = new Database(path)
    this.fleet = new Fleet(this.#database)
    this.people = new People(this.#database)
    this.tariffs = new Tariffs(this.#database)
    this.#events = new Events(this.#database, this.fleet)
    const streams = new Streams(this.#database)
    this.#records = new Records(this.#database, streams, this.#events, this.fleet)
    this.registry = new Registry(this.#database, this.#events, this.fleet)
    this.queries = new Queries(this.#database, streams, this.#events)
  }

  commit(entries: readonly Entry[], nowMs: number): Promise<Committed> {
    return new Promise((resolve) => {
      resolve(this.#records.commit(entries, nowMs))
    })
  }

  /** Stores an event that no record brought; nothing where its device has too many. */
  addEvent(event: NewEvent): EventRow | undefined {
    return this.#database.transaction(() => this.#events.add(event))
  }

  /** Writes a deed into the audit log, with who did it as `who` among the details. */
  audit(atMs: number, deed: string, subject: string, details: AuditRow['details'] = {}): void {
    this.#database.transaction(() => {
      this.#events.audit(atMs, deed, subject, details)
    })
  }

  /** Does a deed and writes it into the audit log: both are on disk when this returns, or neither. */
  audited<T>(
    atMs: number,
    deed: string,
    subject: string,
    details: AuditRow['details'],
    work: () => T,
  ): T {
    return this.#database.transaction(() => {
      const result = work()
      this.#events.audit(atMs, deed, subject, details)
      return result
    })
  }

  /** The audit log from its beginning. */
  auditLog(): Iterable<AuditRow & { readonly intact: boolean }> {
    return this.#events.auditLog()
  }

  /** Lines of the audit log, newest first, and whether the chain of those is whole. */
  auditLines(question: Parameters<Events['auditLines']>[0]): {
    readonly lines: readonly AuditRow[]
    readonly intact: boolean
  } {
    const lines = this.#events.auditLines(question)
    const [newest, oldest] = [lines[0]?.row, lines.at(-1)?.row]
    const known = newest !== undefined && oldest !== undefined
    // Of one subject alone the lines between are not read: all of them could be many.
    const intact =
      !known ||
      (question.subject === undefined
        ? this.#events.auditIntact(oldest, newest)
        : lines.every(({ row }) => this.#events.auditIntact(row, row)))
    return { lines, intact }
  }

  /** The last line's number and hash in hex: noted elsewhere, it shows a log that was cut off. */
  auditHead(): { readonly row: number; readonly hash: string } | undefined {
    return this.#events.auditHead()
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

  /** Writes the store as it is now into a file that is not there yet; writers go on meanwhile. */
  copyTo(path: string): void {
    this.#database.copyTo(path)
  }

  /** Ends the use of the file. */
  close(): void {
    this.#database.close()
  }
}
