import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { reasonOf } from '../errors.ts'
import { syncFolder } from './counters.ts'
import { troubleOf } from './database.ts'
import { objectOf, Statements, streamOf } from './statements.ts'

/** Broken files that are kept for a look at them; the oldest is removed. */
export const SPOOL_ASIDE_MAX = 3

/** What SQLite keeps beside a database; moved before the database itself. */
const COMPANIONS = ['-wal', '-shm', ''] as const

/** What could be read of a broken spool. */
export interface Salvaged {
  readonly objects: number
  readonly epochs: number
  /** Why not all of it could be read; undefined when everything could. */
  readonly stopped: string | undefined
}

type Row = Parameters<typeof objectOf>[0]

/** Where a broken spool waits until everything that it still gives was carried over. */
function waitingName(file: string): string {
  return `${file}.salvage`
}

/** Whether a broken spool waits there: the power failed before it was carried over. */
export function isSalvagePending(file: string): boolean {
  return existsSync(waitingName(file))
}

/** Moves a broken spool out of the way, its log with it; {@link salvage} comes next. */
export function moveAway(file: string): void {
  moveAll(file, waitingName(file))
}

/** Removes a spool that holds nothing but what {@link salvage} is going to bring again. */
export function removeSpool(file: string): void {
  for (const end of COMPANIONS) rmSync(file + end, { force: true })
}

/** Gives a broken spool that was carried over the name that it keeps; returns it. */
export function setAside(file: string, nowMs: number): string {
  const folder = dirname(file)
  const prefix = `${basename(file)}.broken-`
  const date = new Date(nowMs).toISOString().replaceAll(/[:.]/gu, '-')
  let name = prefix + date
  // A clock that nobody has set shows the same time at every start.
  for (let twin = 2; existsSync(join(folder, name)); twin += 1)
    name = `${prefix}${date}-${String(twin)}`
  moveAll(waitingName(file), join(folder, name))
  const older = readdirSync(folder)
    .filter((one) => one.startsWith(prefix) && /-[\dTZ-]+$/u.test(one) && one !== name)
    .sort()
  for (const one of older.slice(0, Math.max(0, older.length + 1 - SPOOL_ASIDE_MAX))) {
    removeSpool(join(folder, one))
  }
  return join(folder, name)
}

function moveAll(from: string, to: string): void {
  for (const end of COMPANIONS) if (existsSync(from + end)) renameSync(from + end, to + end)
  syncFolder(dirname(to))
}

/**
 * Carries over what a broken spool still gives, all of it or nothing. That is safe: every object proves
 * itself to the head-end, so a damaged one is refused there and harms nothing but itself. What is
 * there already stays, so that it may be done again.
 *
 * @throws SQLite's own error when there is no room for it.
 */
export function salvage(file: string, into: DatabaseSync): Salvaged {
  const from = new DatabaseSync(waitingName(file))
  try {
    into.exec('BEGIN IMMEDIATE')
    const salvaged = carryOver(from, new Statements(into))
    into.exec('COMMIT')
    return salvaged
  } catch (error) {
    if (into.isTransaction) into.exec('ROLLBACK')
    throw error
  } finally {
    from.close()
  }
}

function carryOver(from: DatabaseSync, put: Statements): Salvaged {
  const done = { objects: 0, epochs: 0 }
  let stopped: string | undefined
  const each = (sql: string, take: (row: Row) => void): boolean => {
    try {
      for (const row of from.prepare(sql).iterate()) {
        const wrong = taken(row, take)
        stopped ??= wrong
      }
      return true
    } catch (error) {
      if (troubleOf(error) === 'full') throw error
      stopped ??= reasonOf(error)
      return false
    }
  }
  each('SELECT * FROM stream', (row) => {
    put.putStream(streamOf(row))
  })
  each('SELECT * FROM epoch', (row) => {
    const { number, datagram } = row
    if (typeof number !== 'number' || !(datagram instanceof Uint8Array)) return
    put.putEpoch(number, datagram)
    done.epochs += 1
  })
  let lastId = 0
  const takeObject = (row: Row): void => {
    const object = objectOf(row)
    put.putObjectAt(object)
    lastId = Math.max(lastId, object.id)
    done.objects += 1
  }
  // NOT INDEXED: the rows themselves may be whole where the index is not.
  const isWhole = each('SELECT * FROM object NOT INDEXED ORDER BY id', takeObject)
  // What stands behind a broken page is reached from the end.
  const rest = `SELECT * FROM object NOT INDEXED WHERE id > ${String(lastId)} ORDER BY id DESC`
  if (!isWhole) each(rest, takeObject)
  return { ...done, stopped }
}

/** Takes one row; returns what is wrong with it, if something is: the others may be good. */
function taken(row: Row, take: (row: Row) => void): string | undefined {
  try {
    take(row)
    return undefined
  } catch (error) {
    if (troubleOf(error) === 'full') throw error
    return reasonOf(error)
  }
}
