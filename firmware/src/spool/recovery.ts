import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { reasonOf } from '../errors.ts'
import { syncFolder } from './counters.ts'
import { objectOf, Statements, streamOf } from './statements.ts'

/** Broken files that are kept for a look at them; the oldest is removed. */
export const SPOOL_ASIDE_MAX = 3

/** What could be read of a broken spool. */
export interface Salvaged {
  readonly objects: number
  readonly epochs: number
  /** Why reading ended before the end; undefined when everything was readable. */
  readonly stopped: string | undefined
}

/** Moves a broken spool out of the way, its log with it; returns its new name. */
export function setAside(file: string, nowMs: number): string {
  const folder = dirname(file)
  const prefix = `${basename(file)}.broken-`
  const aside = join(folder, `${prefix}${new Date(nowMs).toISOString().replaceAll(/[:.]/gu, '-')}`)
  for (const end of ['-wal', '-shm', '']) {
    if (existsSync(file + end)) renameSync(file + end, aside + end)
  }
  syncFolder(folder)
  const kept = readdirSync(folder).filter((name) => /^[^-]*broken-[\dTZ-]+$/u.test(name))
  for (const name of kept
    .filter((kept) => kept.startsWith(prefix))
    .sort()
    .slice(0, -SPOOL_ASIDE_MAX)) {
    for (const end of ['', '-wal', '-shm']) rmSync(join(folder, name + end), { force: true })
  }
  return aside
}

/**
 * Carries over what a broken file still gives. That is safe: every object proves itself to the
 * head-end, so a damaged one is refused there and harms nothing but itself.
 */
export function salvage(aside: string, into: DatabaseSync): Salvaged {
  const done = { objects: 0, epochs: 0 }
  let stopped: string | undefined
  let from: DatabaseSync | undefined
  const put = new Statements(into)
  const each = (sql: string, take: (row: Parameters<typeof objectOf>[0]) => void): void => {
    if (from === undefined) return
    try {
      for (const row of from.prepare(sql).iterate()) take(row)
    } catch (error) {
      stopped ??= reasonOf(error)
    }
  }
  try {
    from = new DatabaseSync(aside)
  } catch (error) {
    return { ...done, stopped: reasonOf(error) }
  }
  into.exec('BEGIN IMMEDIATE')
  each('SELECT * FROM stream', (row) => {
    put.putStream(streamOf(row))
  })
  each('SELECT * FROM epoch', (row) => {
    const { number, datagram } = row
    if (typeof number !== 'number' || !(datagram instanceof Uint8Array)) return
    put.putEpoch(number, datagram)
    done.epochs += 1
  })
  // NOT INDEXED: the rows themselves may be whole where the index is not.
  each('SELECT * FROM object NOT INDEXED ORDER BY id', (row) => {
    put.putObject(objectOf(row))
    done.objects += 1
  })
  into.exec('COMMIT')
  from.close()
  return { ...done, stopped }
}
