import { DatabaseSync } from 'node:sqlite'

import { FirmwareError, reasonOf } from '../errors.ts'

/** Version of the tables; a spool of another version is set aside like a broken one. */
export const SPOOL_VERSION = 1

/** Pages of the write-ahead log before it is folded back, 4 KiB each: at most 2 MiB of log. */
const WAL_PAGES = 500

const TABLES = `
  CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    next_seq INTEGER NOT NULL,
    head BLOB NOT NULL,
    memory TEXT NOT NULL
  ) STRICT;
  CREATE TABLE epoch (
    number INTEGER PRIMARY KEY,
    datagram BLOB NOT NULL
  ) STRICT;
  CREATE TABLE object (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    made_ms INTEGER NOT NULL,
    hash BLOB NOT NULL,
    datagram BLOB NOT NULL,
    kept BLOB NOT NULL,
    UNIQUE (stream, last_seq)
  ) STRICT;
  CREATE INDEX object_by_priority ON object (priority, id);
  CREATE TABLE link (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (stream, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

/** SQLite's primary result codes that matter here (sqlite.org/rescode.html). */
const RESULT = { busy: 5, ioError: 10, corrupt: 11, full: 13, notADatabase: 26 } as const

/** What a failed statement means for the one who asked. */
export type StoreTrouble = 'full' | 'broken' | 'held' | 'other'

/** Sorts an error of node:sqlite: no room, a broken file, held by another process, or else. */
export function troubleOf(error: unknown): StoreTrouble {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') {
    return 'other'
  }
  // Extended codes carry the primary one in their low byte.
  const primary = error.errcode & 0xff
  if (primary === RESULT.full) return 'full'
  if (primary === RESULT.corrupt || primary === RESULT.notADatabase) return 'broken'
  if (primary === RESULT.busy) return 'held'
  // A disk error while reading or writing: what is in the file can no longer be believed.
  return primary === RESULT.ioError ? 'broken' : 'other'
}

/**
 * Opens the tables of a spool, made if the file is new.
 *
 * WAL with `synchronous = FULL` means that a commit is on the disk before it returns. The exclusive
 * lock makes a second process on the same folder fail at once instead of forking the chain.
 *
 * @throws FirmwareError `spool` when another process holds it; SQLite's own error when it is broken.
 */
export function openDatabase(file: string, pagesMax?: number): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 200 })
  try {
    // auto_vacuum must be said before the first table exists.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${String(WAL_PAGES)}`)
    // Half a megabyte of pages is plenty for appending and deleting at the ends.
    database.exec('PRAGMA cell_size_check = ON; PRAGMA cache_size = -512')
    if (pagesMax !== undefined) database.exec(`PRAGMA max_page_count = ${String(pagesMax)}`)
    // The exclusive lock is taken by the first write.
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    const found = database.prepare('PRAGMA user_version').get()?.user_version
    if (found === 0) {
      database.exec(`BEGIN; ${TABLES}; PRAGMA user_version = ${String(SPOOL_VERSION)}; COMMIT`)
    }
    return database
  } catch (error) {
    database.close()
    if (troubleOf(error) === 'held') {
      const message = `${file}: another s3mp uses this state folder; stop it first`
      throw new FirmwareError('spool', message, { cause: error })
    }
    throw error
  }
}

/** The database as far as it can be opened, else undefined; throws when another process holds it. */
export function openOrNothing(
  file: string,
  pagesMax: number | undefined,
): DatabaseSync | undefined {
  try {
    return openDatabase(file, pagesMax)
  } catch (error) {
    if (error instanceof FirmwareError || troubleOf(error) === 'full') throw error
    return undefined
  }
}

/** Reads every page of the file once; returns what is wrong with it, or undefined. */
export function checkDatabase(database: DatabaseSync): string | undefined {
  try {
    const version = database.prepare('PRAGMA user_version').get()?.user_version
    if (version !== SPOOL_VERSION) {
      return `expected version ${String(SPOOL_VERSION)}, found ${String(version)}`
    }
    const result = database.prepare('PRAGMA quick_check(1)').get()?.quick_check
    return result === 'ok' ? undefined : String(result)
  } catch (error) {
    return reasonOf(error)
  }
}
