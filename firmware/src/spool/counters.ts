import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'

import { codeOf, FirmwareError } from '../errors.ts'

/** Sequence numbers reserved at a time: a live stream of one a second writes the file once in 68 min. */
export const SEQ_RESERVED_MAX = 4096

/** Bytes of the counters file; a longer one is not ours. */
export const COUNTERS_BYTES_MAX = 8192

/**
 * Numbers that must never be used twice, whatever happens to the spool: how often the meter was
 * started, its newest epoch, and for every stream a bound that no given sequence number has reached.
 */
export interface Counters {
  readonly boot: number
  readonly epoch: number
  /** By stream number. */
  readonly reserved: Readonly<Record<string, number>>
}

/** The counters of a meter that was never started. */
export const FRESH_COUNTERS: Counters = { boot: 0, epoch: 0, reserved: {} }

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/**
 * Reads the counters; undefined when there are none, or none that can be believed.
 *
 * @throws FirmwareError `spool` when the file is there but may not be read.
 */
export function readCounters(file: string): Counters | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new FirmwareError('spool', `${file}: cannot be read`, { cause: error })
  }
  const [sum, body] = text.length > COUNTERS_BYTES_MAX ? [] : text.trimEnd().split(' ', 2)
  if (sum === undefined || body === undefined || checksum(body) !== sum) return undefined
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { boot, epoch, reserved } = value as Partial<Record<keyof Counters, unknown>>
  if (!isCount(boot) || !isCount(epoch) || typeof reserved !== 'object' || reserved === null) {
    return undefined
  }
  const entries = Object.entries(reserved)
  return entries.every(([, bound]) => isCount(bound))
    ? { boot, epoch, reserved: Object.fromEntries(entries) }
    : undefined
}

/** What a file system says when it has no room, or allows us no more of it. */
const NO_ROOM: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG']

/**
 * Replaces the counters so that a power cut leaves either the old file or the new one.
 *
 * @throws FirmwareError `spool-full` when the disk has no room, `spool` when it cannot be written;
 *   the old file is there then.
 */
export function writeCounters(file: string, counters: Counters): void {
  try {
    replace(file, JSON.stringify(counters))
  } catch (error) {
    const isFull = NO_ROOM.includes(codeOf(error))
    const message = `${file}: ${isFull ? 'no room on the disk' : 'cannot be written'} (${codeOf(error)})`
    throw new FirmwareError(isFull ? 'spool-full' : 'spool', message, { cause: error })
  }
}

function replace(file: string, body: string): void {
  const fresh = `${file}.new`
  const handle = openSync(fresh, 'w', 0o600)
  try {
    // Writes until everything is written: a disk that fills up takes a part first.
    writeFileSync(handle, `${checksum(body)} ${body}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(fresh, file)
  syncFolder(dirname(file))
}

/** Makes a rename or a new file in a folder survive a power cut. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
