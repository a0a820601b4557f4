import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'

import { FirmwareError } from '../errors.ts'
import { PRIORITIES, type Priority } from './priority.ts'
import type { SpoolObject, StreamState } from './spool.ts'

type Row = Record<string, SQLOutputValue>

function number(row: Row, name: string): number {
  const value = row[name]
  if (typeof value === 'number') return value
  throw new FirmwareError('spool', `${name}: expected a number, found ${typeof value}`)
}

function bytes(row: Row, name: string): Uint8Array {
  const value = row[name]
  if (value instanceof Uint8Array) return value
  throw new FirmwareError('spool', `${name}: expected bytes, found ${typeof value}`)
}

function text(row: Row, name: string): string {
  const value = row[name]
  if (typeof value === 'string') return value
  throw new FirmwareError('spool', `${name}: expected text, found ${typeof value}`)
}

/** An object as its row says; throws `spool` when the row is not one. */
export function objectOf(row: Row): SpoolObject {
  const priority = PRIORITIES.find((known) => known === row.priority)
  if (priority === undefined) {
    throw new FirmwareError('spool', `priority: expected 0 to 3, found ${String(row.priority)}`)
  }
  return {
    id: number(row, 'id'),
    stream: number(row, 'stream'),
    seq: number(row, 'seq'),
    lastSeq: number(row, 'last_seq'),
    kind: text(row, 'kind'),
    priority,
    epoch: number(row, 'epoch'),
    madeMs: number(row, 'made_ms'),
    hash: bytes(row, 'hash'),
    datagram: bytes(row, 'datagram'),
    kept: bytes(row, 'kept'),
  }
}

/** A stream as its row says; throws `spool` when the row is not one. */
export function streamOf(row: Row): StreamState {
  return {
    stream: number(row, 'id'),
    nextSeq: number(row, 'next_seq'),
    head: bytes(row, 'head'),
    memory: text(row, 'memory'),
  }
}

function columnsOf(object: Omit<SpoolObject, 'id'>): SQLInputValue[] {
  const { stream, seq, lastSeq, kind, priority, epoch, madeMs, hash, datagram, kept } = object
  return [stream, seq, lastSeq, kind, priority, epoch, madeMs, hash, datagram, kept]
}

/** Every statement that the spool uses, prepared once. */
export class Statements {
  readonly #putObject: StatementSync
  readonly #putObjectAt: StatementSync
  readonly #putStream: StatementSync
  readonly #putEpoch: StatementSync
  readonly #putCounter: StatementSync
  readonly #remove: StatementSync
  readonly #waiting: StatementSync
  readonly #object: StatementSync
  readonly #hash: StatementSync
  readonly #below: StatementSync
  readonly #at: StatementSync
  readonly #oldestSeq: StatementSync
  readonly #oldestMs: StatementSync
  readonly #epoch: StatementSync
  readonly #dropIdleEpochs: StatementSync
  readonly #reseal: StatementSync
  readonly #putLink: StatementSync
  readonly #links: StatementSync
  readonly #dropLinks: StatementSync
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
    const columns = 'stream, seq, last_seq, kind, priority, epoch, made_ms, hash, datagram, kept'
    this.#putObject = database.prepare(
      `INSERT INTO object (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#putObjectAt = database.prepare(
      `INSERT INTO object (${columns}, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#putStream = database.prepare('INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?)')
    this.#putEpoch = database.prepare('INSERT OR REPLACE INTO epoch VALUES (?, ?)')
    this.#putCounter = database.prepare('INSERT OR REPLACE INTO counter VALUES (?, ?)')
    this.#reseal = database.prepare('UPDATE object SET epoch = ?, datagram = ? WHERE id = ?')
    this.#putLink = database.prepare('INSERT OR REPLACE INTO link VALUES (?, ?, ?)')
    this.#links = database.prepare('SELECT seq, hash FROM link WHERE stream = ? ORDER BY seq')
    this.#dropLinks = database.prepare('DELETE FROM link WHERE stream = ?')
    this.#remove = database.prepare('DELETE FROM object WHERE id = ?')
    this.#waiting = database.prepare(
      'SELECT * FROM object WHERE priority = ? AND id > ? ORDER BY id LIMIT ?',
    )
    this.#object = database.prepare('SELECT * FROM object WHERE id = ?')
    this.#hash = database.prepare('SELECT hash FROM object WHERE stream = ? AND last_seq = ?')
    const gone =
      'SELECT id, priority, length(datagram) + length(kept) AS bytes FROM object WHERE stream = ?'
    this.#below = database.prepare(`${gone} AND last_seq < ? LIMIT 100000`)
    this.#at = database.prepare(`${gone} AND last_seq = ?`)
    this.#oldestSeq = database.prepare('SELECT min(seq) AS seq FROM object WHERE stream = ?')
    this.#oldestMs = database.prepare('SELECT made_ms FROM object ORDER BY id LIMIT 1')
    this.#epoch = database.prepare('SELECT datagram FROM epoch WHERE number = ?')
    this.#dropIdleEpochs = database.prepare(
      'DELETE FROM epoch WHERE number < ? AND number NOT IN (SELECT DISTINCT epoch FROM object)',
    )
  }

  putObject(object: Omit<SpoolObject, 'id'>): number {
    return Number(this.#putObject.run(...columnsOf(object)).lastInsertRowid)
  }

  /** The same at the place in the order of storing that it had; throws where that is taken. */
  putObjectAt(object: SpoolObject): void {
    this.#putObjectAt.run(...columnsOf(object), object.id)
  }

  putStream(state: StreamState): void {
    this.#putStream.run(state.stream, state.nextSeq, state.head, state.memory)
  }

  putEpoch(epoch: number, datagram: Uint8Array): void {
    this.#putEpoch.run(epoch, datagram)
  }

  putCounter(name: string, value: number): void {
    this.#putCounter.run(name, value)
  }

  reseal(id: number, epoch: number, datagram: Uint8Array): void {
    this.#reseal.run(epoch, datagram, id)
  }

  putLink(stream: number, seq: number, hash: Uint8Array): void {
    this.#putLink.run(stream, seq, hash)
  }

  links(stream: number): readonly { readonly seq: number; readonly hash: Uint8Array }[] {
    const rows = this.#links.all(stream)
    return rows.map((row) => ({ seq: number(row, 'seq'), hash: bytes(row, 'hash') }))
  }

  dropLinks(stream: number): void {
    this.#dropLinks.run(stream)
  }

  removeObject(id: number): void {
    this.#remove.run(id)
  }

  waiting(priority: Priority, afterId: number, limit: number): readonly SpoolObject[] {
    return this.#waiting.all(priority, afterId, limit).map(objectOf)
  }

  object(id: number): SpoolObject | undefined {
    const row = this.#object.get(id)
    return row === undefined ? undefined : objectOf(row)
  }

  hashOf(stream: number, seq: number): Uint8Array | undefined {
    const row = this.#hash.get(stream, seq)
    return row === undefined ? undefined : bytes(row, 'hash')
  }

  acknowledged(
    stream: number,
    nextSeq: number,
    others: readonly number[],
  ): readonly { readonly id: number; readonly priority: Priority; readonly bytes: number }[] {
    const rows = this.#below.all(stream, nextSeq)
    for (const seq of others) {
      const row = seq < nextSeq ? undefined : this.#at.get(stream, seq)
      if (row !== undefined) rows.push(row)
    }
    return rows.map((row) => ({
      id: number(row, 'id'),
      priority: PRIORITIES[number(row, 'priority')] ?? 0,
      bytes: number(row, 'bytes'),
    }))
  }

  oldestSeq(stream: number): number | undefined {
    const row = this.#oldestSeq.get(stream)
    return row?.seq === null || row === undefined ? undefined : number(row, 'seq')
  }

  oldestMs(): number | undefined {
    const row = this.#oldestMs.get()
    return row === undefined ? undefined : number(row, 'made_ms')
  }

  epoch(epoch: number): Uint8Array | undefined {
    const row = this.#epoch.get(epoch)
    return row === undefined ? undefined : bytes(row, 'datagram')
  }

  dropIdleEpochs(below: number): void {
    this.#dropIdleEpochs.run(below)
  }

  streams(): readonly StreamState[] {
    return this.#database.prepare('SELECT * FROM stream').all().map(streamOf)
  }

  counter(name: string): number {
    const row = this.#database.prepare('SELECT value FROM counter WHERE name = ?').get(name)
    return row === undefined ? 0 : number(row, 'value')
  }

  countOf(priority: Priority): number {
    const count = 'SELECT count(*) AS n FROM object WHERE priority = ?'
    return number(this.#database.prepare(count).get(priority) ?? { n: 0 }, 'n')
  }

  /** Pages of the file that hold nothing. */
  freePages(): number {
    const row = this.#database.prepare('PRAGMA freelist_count').get() ?? {}
    return number(row, 'freelist_count')
  }

  totalBytes(): number {
    const sum = 'SELECT coalesce(sum(length(datagram) + length(kept)), 0) AS n FROM object'
    return number(this.#database.prepare(sum).get() ?? { n: 0 }, 'n')
  }
}
