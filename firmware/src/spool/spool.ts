import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'

import { FirmwareError, reasonOf } from '../errors.ts'
import {
  FRESH_COUNTERS,
  readCounters,
  SEQ_RESERVED_MAX,
  writeCounters,
  type Counters,
} from './counters.ts'
import { checkDatabase, openDatabase, openOrNothing, troubleOf } from './database.ts'
import { PRIORITIES, PRIORITY, PRIORITY_DROPPABLE_MIN, type Priority } from './priority.ts'
import {
  isSalvagePending,
  moveAway,
  removeSpool,
  salvage,
  setAside,
  type Salvaged,
} from './recovery.ts'
import { Reserve } from './reserve.ts'
import { Statements } from './statements.ts'
import { Writer } from './writer.ts'

/** Streams of one meter: three for each place, and two of its own. */
export const SPOOL_STREAMS_MAX = 62

/** Characters that a stream may remember beside its chain. */
export const SPOOL_MEMORY_CHARS_MAX = 8192

/** The number that a stream begins with. */
export const SPOOL_SEQ_FIRST = 1

/** Share of the room that only alarms may use, so that a full spool can still say that it is full. */
export const SPOOL_ALARM_SHARE = 0.02

/** Objects that give way in one transaction when room is short. */
export const SPOOL_DROP_ROWS_MAX = 64

/** Bytes of a page of the file, and pages that storing one object may split beside those it fills. */
const [PAGE_BYTES, SPLIT_PAGES] = [4096, 4]

/** One stream as it stands after its last stored record. */
export interface StreamState {
  readonly stream: number
  /** The sequence number of the next record. */
  readonly nextSeq: number
  /** Hash of the newest record, which the next one carries; empty where a chain begins. */
  readonly head: Uint8Array
  /** Whatever its maker wants back after a restart: JSON text. */
  readonly memory: string
}

/** A sealed record that waits for its acknowledgement. */
export interface SpoolObject {
  /** Order of storing. */
  readonly id: number
  readonly stream: number
  /** The first and the last sequence number it takes; a batch takes one for each of its samples. */
  readonly seq: number
  readonly lastSeq: number
  readonly kind: string
  readonly priority: Priority
  /** The epoch it is sealed in; the head-end needs that epoch's object to open it. */
  readonly epoch: number
  /** Wall-clock time of storing. */
  readonly madeMs: number
  /** The hash that the next record of the stream carries. */
  readonly hash: Uint8Array
  readonly datagram: Uint8Array
  /** The signed object itself, locked for this device only: to be sealed again if it must. */
  readonly kept: Uint8Array
}

/** Objects that were dropped unacknowledged, all of one stream. */
export interface Dropped {
  readonly stream: number
  readonly fromSeq: number
  readonly toSeq: number
  readonly objects: number
}

/** A stored object. */
export interface Appended {
  readonly id: number
  readonly dropped: readonly Dropped[]
}

/** How full it is. */
export interface SpoolStats {
  readonly objects: number
  readonly bytes: number
  readonly objectsMax: number
  readonly bytesMax: number
  /** Objects by priority: alarm, billing, fine, live. */
  readonly byPriority: readonly number[]
  /** Wall-clock time at which the oldest waiting object was stored. */
  readonly oldestMs: number | undefined
}

/** How a spool is made. */
export interface SpoolOptions {
  readonly folder: string
  readonly bytesMax: number
  readonly objectsMax: number
  /** Wall-clock time of opening; names what is set aside. */
  readonly nowMs: number
  /** SQLite pages the file may have: a small disk for tests. */
  readonly pagesMax?: number
  /** What is free of the disk, in bytes, for the same tests. */
  readonly freeBytes?: () => number
}

/** What opening found; each is worth a line in the log and an event. */
export interface SpoolRecovery {
  /** Where the broken file was put. */
  readonly aside: string
  readonly reason: string
  readonly salvaged: Salvaged
}

/**
 * The durable store of the meter: sealed records until the head-end has acknowledged them, and
 * everything that must survive a power cut together with them.
 *
 * - `append` returns after the record, the head of its chain and its stream's memory are on the disk,
 *   all or nothing. Nothing is sent that was not appended.
 * - Bounded in bytes and objects. When full, live objects give way first, then fine ones, the oldest
 *   first; a billing object or an alarm never does: `append` throws `spool-full` instead.
 * - A broken file is set aside, what can be read of it is carried over, and metering goes on.
 *   Sequence numbers, epochs and boots never repeat: they are bounded in a second file.
 */
export class Spool {
  readonly recovery: SpoolRecovery | undefined
  readonly #options: SpoolOptions
  readonly #countersFile: string
  readonly #database: DatabaseSync
  readonly #do: Statements
  readonly #reserve: Reserve
  readonly #writer: Writer
  readonly #streams = new Map<number, StreamState>()
  readonly #objectsBy: number[]
  #counters: Counters
  #bytes: number

  private constructor(options: SpoolOptions, database: DatabaseSync, recovery?: SpoolRecovery) {
    this.#options = options
    this.#database = database
    this.recovery = recovery
    this.#countersFile = join(options.folder, 'counters')
    this.#reserve = new Reserve(join(options.folder, 'spool.reserve'), options.freeBytes)
    this.#writer = new Writer(database, this.#reserve)
    this.#do = new Statements(database)
    this.#counters = readCounters(this.#countersFile) ?? FRESH_COUNTERS
    const boot = Math.max(this.#counters.boot, this.#do.counter('boot'))
    const epoch = Math.max(this.#counters.epoch, this.#do.counter('epoch'))
    this.#counters = { ...this.#counters, boot, epoch }
    for (const state of this.#do.streams()) this.#streams.set(state.stream, state)
    this.#goBeyondLosses()
    this.#objectsBy = PRIORITIES.map((priority) => this.#do.countOf(priority))
    this.#bytes = this.#do.totalBytes()
  }

  /**
   * Opens the spool of a state folder, which is made if it is not there.
   *
   * @throws FirmwareError `spool` when another process holds it or the folder cannot be written.
   */
  static open(options: SpoolOptions): Spool {
    try {
      mkdirSync(options.folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      const message = `${options.folder}: cannot be made: ${reasonOf(error)}`
      throw new FirmwareError('spool', message, { cause: error })
    }
    const file = join(options.folder, 'spool.sqlite')
    try {
      if (isSalvagePending(file)) return Spool.#salvage(options, file, 'interrupted recovery')
      return Spool.#open(options, file)
    } catch (error) {
      if (error instanceof FirmwareError) throw error
      throw new FirmwareError('spool', `${file}: ${reasonOf(error)}`, { cause: error })
    }
  }

  static #open(options: SpoolOptions, file: string): Spool {
    let wrong: string | undefined
    try {
      const database = openDatabase(file, options.pagesMax)
      wrong = checkDatabase(database)
      if (wrong === undefined) return new Spool(options, database)
      database.close()
    } catch (error) {
      if (error instanceof FirmwareError || troubleOf(error) === 'full' || !existsSync(file)) {
        throw error
      }
      wrong = reasonOf(error)
    }
    moveAway(file)
    return Spool.#salvage(options, file, wrong)
  }

  /** Begins a file with what the one that was moved away still gives; may be cut short and repeated. */
  static #salvage(options: SpoolOptions, file: string, reason: string): Spool {
    let database = openOrNothing(file, options.pagesMax)
    if (database === undefined || checkDatabase(database) !== undefined) {
      database?.close()
      removeSpool(file)
      database = openDatabase(file, options.pagesMax)
    }
    try {
      const salvaged = salvage(file, database)
      const aside = setAside(file, options.nowMs)
      return new Spool(options, database, { aside, reason, salvaged })
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** Where a stream goes on; a new chain when it was never written. */
  stream(stream: number): StreamState {
    const known = this.#streams.get(stream)
    if (known !== undefined) return known
    return { stream, nextSeq: SPOOL_SEQ_FIRST, head: new Uint8Array(0), memory: '' }
  }

  /** How often the meter was started, this time included; a number is given out once. */
  nextBoot(): number {
    this.#count({ boot: this.#counters.boot + 1 })
    return this.#counters.boot
  }

  /** The number of a new epoch; a number is given out once. */
  nextEpoch(): number {
    this.#count({ epoch: this.#counters.epoch + 1 })
    return this.#counters.epoch
  }

  /** Keeps the object that opens an epoch for as long as records of that epoch wait. */
  keepEpoch(number: number, datagram: Uint8Array): void {
    this.#writer.write(() => {
      this.#do.dropIdleEpochs(number)
      this.#do.putEpoch(number, datagram)
    })
  }

  /** The object that opens an epoch; undefined when nothing of that epoch waits any more. */
  epochDatagram(number: number): Uint8Array | undefined {
    return this.#do.epoch(number)
  }

  /**
   * Stores a record together with its stream's new state, on the disk before it returns.
   *
   * Returns its id and what had to give way for it. The hash of an object that `opens` is kept until one of its
   * stream `closes`, acknowledged or not: a seal signs over all of them.
   *
   * @throws FirmwareError `spool-full` when there is no room and nothing may give way; the state is
   *   then as before. `spool` when the file is broken or the disk fails.
   */
  append(
    object: Omit<SpoolObject, 'id'>,
    after: StreamState,
    seal: 'opens' | 'closes' | 'none' = 'none',
  ): Appended {
    this.#checkState(object, after)
    this.#bound(after)
    const dropped: Dropped[] = []
    let hasRoom = this.#hasRoomFor(object)
    while (!hasRoom) {
      const gone = this.#dropOldest()
      if (gone === undefined) throw this.#full()
      dropped.push(gone)
      hasRoom = this.#hasRoomFor(object)
    }
    let id = 0
    const need = object.priority === PRIORITY.alarm ? 'urgent' : 'usual'
    for (;;) {
      try {
        this.#writer.write(() => {
          id = this.#do.putObject(object)
          this.#do.putStream(after)
          if (seal === 'opens') this.#do.putLink(object.stream, object.seq, object.hash)
          if (seal === 'closes') this.#do.dropLinks(object.stream)
        }, need)
        break
      } catch (error) {
        // The disk itself is full: what may give way does, as if our own bound had been reached.
        if (!(error instanceof FirmwareError) || error.code !== 'spool-full') throw error
        const gone = this.#dropOldest()
        if (gone === undefined) throw error
        dropped.push(gone)
      }
    }
    this.#streams.set(after.stream, after)
    this.#add(object.priority, 1, sizeOf(object))
    return { id, dropped }
  }

  /** The records of a stream that no seal covers yet, in order. */
  unsealed(stream: number): readonly { readonly seq: number; readonly hash: Uint8Array }[] {
    return this.#do.links(stream)
  }

  /** Stores a stream's memory without a record. */
  remember(after: StreamState): void {
    this.#writer.write(() => {
      this.#do.putStream(after)
    })
    this.#streams.set(after.stream, after)
  }

  /** Waiting objects of one priority in the order of storing, after an id. */
  waiting(priority: Priority, afterId: number, limit: number): readonly SpoolObject[] {
    return this.#do.waiting(priority, afterId, limit)
  }

  /** One waiting object; undefined when it is gone. */
  object(id: number): SpoolObject | undefined {
    return this.#do.object(id)
  }

  /** Replaces what is sent for a waiting object: it was sealed again, in another epoch. */
  reseal(id: number, epoch: number, datagram: Uint8Array): void {
    const before = this.object(id)
    if (before === undefined) return
    this.#writer.write(() => {
      this.#do.reseal(id, epoch, datagram)
    })
    this.#add(before.priority, 0, datagram.length - before.datagram.length)
  }

  /** The stored hash of a record that still waits, to compare with what an ack says of it. */
  hashOf(stream: number, seq: number): Uint8Array | undefined {
    return this.#do.hashOf(stream, seq)
  }

  /**
   * Forgets what is acknowledged as stored: everything of the stream below `nextSeq`, and `others`.
   * Returns the ids that are gone.
   */
  acknowledge(stream: number, nextSeq: number, others: readonly number[]): readonly number[] {
    const gone = this.#do.acknowledged(stream, nextSeq, others)
    if (gone.length === 0) return []
    // Need not outlive a power cut: what comes back is sent again and acknowledged again.
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      this.#writer.write(() => {
        for (const object of gone) this.#do.removeObject(object.id)
      }, 'urgent')
    } finally {
      this.#database.exec('PRAGMA synchronous = FULL')
    }
    for (const object of gone) this.#add(object.priority, -1, -object.bytes)
    this.#reserve.refill()
    return gone.map((object) => object.id)
  }

  /**
   * Gives up everything of a stream up to `seq`, whose place is taken at the other end, and goes on
   * behind it with a new chain. Returns how many waiting objects are lost by that.
   */
  skipBeyond(stream: number, seq: number): number {
    // A stream of which nothing was ever made here, while all places are taken.
    if (!this.#streams.has(stream) && this.#streams.size >= SPOOL_STREAMS_MAX) return 0
    const lost = this.acknowledge(stream, seq + 1, []).length
    const state = this.stream(stream)
    const nextSeq = Math.max(state.nextSeq, seq + 1)
    const after = { ...state, nextSeq, head: new Uint8Array(0) }
    this.#bound(after)
    this.remember(after)
    return lost
  }

  /** The oldest sequence number that this meter can still deliver or will make. */
  floor(stream: number): number {
    return this.#do.oldestSeq(stream) ?? this.stream(stream).nextSeq
  }

  /** Numbers of all streams that were ever written. */
  streams(): readonly number[] {
    return [...this.#streams.keys()].sort((a, b) => a - b)
  }

  /** How many objects of a priority wait. */
  count(priority: Priority): number {
    return this.#objectsBy[priority] ?? 0
  }

  /** How full it is now. */
  stats(): SpoolStats {
    return {
      objects: this.#objects(),
      bytes: this.#bytes,
      objectsMax: this.#options.objectsMax,
      bytesMax: this.#options.bytesMax,
      byPriority: [...this.#objectsBy],
      oldestMs: this.#do.oldestMs(),
    }
  }

  /** Folds the log back and closes the file; may be called twice. */
  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }

  /**
   * After a loss every chain begins anew, beyond every number that may have been given out: when the
   * file was broken, is not the one that the counters belong to, or is an old copy of it.
   */
  #goBeyondLosses(): void {
    const isNew = this.#do.counter('ready') === 0
    const behind = Object.entries(this.#counters.reserved).filter(([name, bound]) => {
      const { nextSeq } = this.stream(Number(name))
      return isNew || nextSeq + SEQ_RESERVED_MAX < bound
    })
    if (!isNew && behind.length === 0) return
    const states = behind.map(([name, bound]) => {
      const state = this.stream(Number(name))
      const nextSeq = Math.max(state.nextSeq, bound)
      return { ...state, nextSeq, head: new Uint8Array(0) }
    })
    this.#writer.write(() => {
      for (const state of states) this.#do.putStream(state)
      this.#do.putCounter('ready', 1)
    })
    for (const state of states) this.#streams.set(state.stream, state)
  }

  #count(change: Partial<Counters>): void {
    const counters = { ...this.#counters, ...change }
    this.#keepCounters(counters)
    this.#writer.write(() => {
      this.#do.putCounter('boot', counters.boot)
      this.#do.putCounter('epoch', counters.epoch)
    })
  }

  #keepCounters(counters: Counters): void {
    try {
      writeCounters(this.#countersFile, counters)
    } catch (error) {
      const isFull = error instanceof FirmwareError && error.code === 'spool-full'
      if (!isFull || !this.#reserve.release()) throw error
      writeCounters(this.#countersFile, counters)
    }
    this.#counters = counters
  }

  /** Moves the bound of a stream ahead of its sequence numbers, before any beyond it is used. */
  #bound(after: StreamState): void {
    const name = String(after.stream)
    if (after.nextSeq <= (this.#counters.reserved[name] ?? 0)) return
    const bound = after.nextSeq + SEQ_RESERVED_MAX
    const counters = {
      ...this.#counters,
      reserved: { ...this.#counters.reserved, [name]: bound },
    }
    this.#keepCounters(counters)
  }

  #checkState(object: Omit<SpoolObject, 'id'>, after: StreamState): void {
    const before = this.stream(object.stream)
    const isNext =
      object.seq === before.nextSeq &&
      object.lastSeq >= object.seq &&
      after.nextSeq === object.lastSeq + 1
    const isShort = after.memory.length <= SPOOL_MEMORY_CHARS_MAX
    const isKnown = this.#streams.has(after.stream) || this.#streams.size < SPOOL_STREAMS_MAX
    if (object.stream === after.stream && isNext && isShort && isKnown) return
    throw new FirmwareError(
      'spool',
      `seq: expected ${String(before.nextSeq)} of stream ${String(before.stream)}, found ${String(object.seq)}`,
    )
  }

  #objects(): number {
    return this.#objectsBy.reduce((sum, count) => sum + count, 0)
  }

  #hasRoomFor(object: Omit<SpoolObject, 'id'>): boolean {
    const isAlarm = object.priority === PRIORITY.alarm
    const share = isAlarm ? 1 : 1 - SPOOL_ALARM_SHARE
    const { bytesMax, objectsMax } = this.#options
    const bytes = this.#bytes + sizeOf(object)
    const isWithin = bytes <= bytesMax * share && this.#objects() + 1 <= objectsMax * share
    return isWithin && (isAlarm || this.#hasDiskFor(object))
  }

  /**
   * On a disk that others have filled the file must not grow: it would take what is held back, and then
   * not even what is acknowledged could be let go. It has room for what fits into its own free pages.
   */
  #hasDiskFor(object: Omit<SpoolObject, 'id'>): boolean {
    if (this.#reserve.isRoomy) return true
    return this.#do.freePages() >= Math.ceil(sizeOf(object) / PAGE_BYTES) + SPLIT_PAGES
  }

  #full(): FirmwareError {
    const { bytesMax, objectsMax } = this.#options
    if (!this.#reserve.isRoomy) {
      return new FirmwareError('spool-full', 'spool: expected room on the disk, found it full')
    }
    return new FirmwareError(
      'spool-full',
      `spool: expected room, found ${String(this.#objects())} of ${String(objectsMax)} objects ` +
        `and ${String(this.#bytes)} of ${String(bytesMax)} bytes waiting for the head-end`,
    )
  }

  /** Drops the oldest objects of the least important priority that may give way. */
  #dropOldest(): Dropped | undefined {
    for (const priority of [...PRIORITIES].reverse()) {
      if (priority < PRIORITY_DROPPABLE_MIN || (this.#objectsBy[priority] ?? 0) === 0) continue
      const oldest = this.#do.waiting(priority, 0, SPOOL_DROP_ROWS_MAX)
      const first = oldest[0]
      if (first === undefined) continue
      const gone = oldest.filter((object) => object.stream === first.stream)
      this.#writer.write(() => {
        for (const object of gone) this.#do.removeObject(object.id)
      }, 'urgent')
      for (const object of gone) this.#add(priority, -1, -sizeOf(object))
      return {
        stream: first.stream,
        fromSeq: first.seq,
        toSeq: gone.at(-1)?.lastSeq ?? first.lastSeq,
        objects: gone.length,
      }
    }
    return undefined
  }

  #add(priority: Priority, objects: number, bytes: number): void {
    this.#objectsBy[priority] = (this.#objectsBy[priority] ?? 0) + objects
    this.#bytes += bytes
  }
}

/** Bytes that an object takes of the room. */
function sizeOf({ datagram, kept }: Pick<SpoolObject, 'datagram' | 'kept'>): number {
  return datagram.length + kept.length
}
