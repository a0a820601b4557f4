import type { DatabaseSync } from 'node:sqlite'

import { FirmwareError, reasonOf } from '../errors.ts'
import { troubleOf } from './database.ts'
import type { Reserve } from './reserve.ts'

/** Writes to the spool, a transaction at a time, and finds room for it where there is hardly any. */
export class Writer {
  readonly #database: DatabaseSync
  readonly #reserve: Reserve

  constructor(database: DatabaseSync, reserve: Reserve) {
    this.#database = database
    this.#reserve = reserve
  }

  /**
   * One transaction: all of `work` is on the disk afterwards, or nothing of it. What is urgent makes
   * room, or must be said: it may use what is held back.
   *
   * @throws FirmwareError `spool-full` without room, `spool` when the file is broken or the disk fails.
   */
  write(work: () => void, need: 'urgent' | 'usual' = 'usual'): void {
    try {
      this.#transact(work)
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble === 'full') {
        if (this.#againFromFront(work)) return
        if (need === 'urgent' && this.#reserve.release() && this.#againFromFront(work)) return
      }
      const code = trouble === 'full' ? 'spool-full' : 'spool'
      throw new FirmwareError(code, `spool: ${reasonOf(error)}`, { cause: error })
    }
  }

  #transact(work: () => void): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /**
   * On a full disk the log cannot grow any more, but it can be folded back and begun again in the room
   * that it has: so that what is acknowledged can be let go, which makes room for what comes.
   */
  #againFromFront(work: () => void): boolean {
    try {
      this.#foldBack()
      this.#transact(work)
      return true
    } catch (error) {
      if (troubleOf(error) === 'full') return false
      throw new FirmwareError('spool', `spool: ${reasonOf(error)}`, { cause: error })
    }
  }

  #foldBack(): void {
    try {
      this.#database.exec('PRAGMA wal_checkpoint(RESTART)')
    } catch (error) {
      if (troubleOf(error) !== 'full') throw error
    }
  }
}
