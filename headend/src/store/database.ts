import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { HeadendError } from '../errors.ts'
import { MIGRATIONS } from './schema.ts'

/** Marks the file as this program's ("S3HE"), for `file` and for whoever opens a wrong one. */
export const APPLICATION_ID = 0x53334845
/** How long a writer waits for another process' write (enrolment, export) before it gives up. */
export const BUSY_MS_MAX = 5000
/** Prepared statements kept; every statement of the program is one of a fixed set. */
export const STATEMENTS_MAX = 200

/** A row as SQLite gives it, before it is taken apart by the reader functions below. */
export type Row = Readonly<Record<string, unknown>>

/**
 * One SQLite file with durable commits: write-ahead log, full synchronisation, so that a commit that
 * returned survives a power cut. In memory for tests with `':memory:'`.
 */
export class Database {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  /** @throws HeadendError `ERR_HEADEND_STORE` when the file is not ours, too new, or unusable. */
  constructor(path: string) {
    this.#database = open(path)
    try {
      this.#prepareFile(path)
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  /** Runs a statement that answers nothing; gives the number of rows it changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }

  /** Runs an insert; gives the new row's number. */
  insert(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid)
  }

  /** The first row of an answer. */
  get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values)
  }

  /** All rows of an answer; the statement bounds them. */
  all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#statement(sql).all(...values)
  }

  /** Rows one after the other, for answers that are long. */
  iterate(sql: string, ...values: readonly SQLInputValue[]): Iterable<Row> {
    // Not from the cache: an iteration may be open while the same question is asked again.
    return this.#database.prepare(sql).iterate(...values)
  }

  /** Runs `work` as one transaction: all of it is on disk when this returns, or nothing of it. */
  transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      // A full disk may have rolled back already.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Changes when another process has committed to the file since it was last asked. */
  get foreignVersion(): number {
    return Number(this.get('PRAGMA data_version')?.data_version)
  }

  /** SQLite's setting for how far a commit goes. */
  get synchronous(): number {
    return Number(this.get('PRAGMA synchronous')?.synchronous)
  }

  /**
   * Writes all that is committed into a new file, on disk when this returns; others may write meanwhile.
   *
   * @throws HeadendError `ERR_HEADEND_STORE`
   */
  copyTo(path: string): void {
    try {
      closeSync(openSync(path, 'ax', 0o600))
      this.run('VACUUM INTO ?', path)
      const file = openSync(path, 'r+')
      fsyncSync(file)
      closeSync(file)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw storeError(`${path}: the store cannot be copied there (${reason})`, error)
    }
  }

  /** Ends the use of the file; the write-ahead log is folded into it. */
  close(): void {
    this.#statements.clear()
    if (this.#database.isOpen) this.#database.close()
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear()
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #prepareFile(path: string): void {
    const database = this.#database
    let id: number
    try {
      id = Number(this.get('PRAGMA application_id')?.application_id)
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = FULL')
      database.exec('PRAGMA foreign_keys = ON')
      database.exec('PRAGMA trusted_schema = OFF')
    } catch (error) {
      throw storeError(`${path}: expected an SQLite database, found something else`, error)
    }
    const version = this.#version
    if (id !== APPLICATION_ID && !(id === 0 && version === 0 && this.#isEmpty())) {
      throw storeError(`${path}: expected a head-end's store, found another program's database`)
    }
    if (version > MIGRATIONS.length) {
      throw storeError(
        `${path}: expected version ${MIGRATIONS.length} or older, found ${version}; a newer s3mp wrote it, use that one`,
      )
    }
    // A store that needs nothing is not written to: it opens beside a writer, and on a full disk.
    if (version === MIGRATIONS.length && id === APPLICATION_ID) return
    this.transaction(() => {
      // Asked again: another process may have been first.
      for (const migration of MIGRATIONS.slice(this.#version)) database.exec(migration)
      database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    })
  }

  get #version(): number {
    return Number(this.get('PRAGMA user_version')?.user_version)
  }

  #isEmpty(): boolean {
    return this.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined
  }
}

function open(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') {
      // Made before SQLite does, so that the file never has been readable for others.
      if (!existsSync(path)) closeSync(openSync(path, 'ax', 0o600))
      else chmodSync(path, 0o600)
    }
    return new DatabaseSync(path, { timeout: BUSY_MS_MAX })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw storeError(`${path}: cannot be opened (${reason}); check that the folder exists`, error)
  }
}

function storeError(message: string, cause?: unknown): HeadendError {
  return new HeadendError('ERR_HEADEND_STORE', message, { cause })
}

/** Reads a column that is an integer; what is not was written by something else. */
export function integer(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw wrongColumn(column, 'an integer', value)
  return value
}

/** Reads a column that is an integer or empty. */
export function maybeInteger(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column)
}

/** Reads a column that is text. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw wrongColumn(column, 'text', value)
  return value
}

/** Reads a column that is text or empty. */
export function maybeText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column)
}

/** Reads a column that is bytes. */
export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (!(value instanceof Uint8Array)) throw wrongColumn(column, 'bytes', value)
  return value
}

/** Reads a column that is bytes or empty. */
export function maybeBytes(row: Row, column: string): Uint8Array | undefined {
  return row[column] === null ? undefined : bytes(row, column)
}

function wrongColumn(column: string, expected: string, found: unknown): HeadendError {
  return storeError(`store: ${column}: expected ${expected}, found ${typeof found}`)
}
