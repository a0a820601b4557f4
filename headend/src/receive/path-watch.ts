import { toHex } from '@s3mp/envelope'
import { noticedEvent } from '../store/device-events.ts'
import type { Committed, Entry } from '../store/records.ts'
import type { NewEvent } from '../store/types.ts'

/** Devices whose path is remembered; the longest silent is forgotten. */
export const PATHS_WATCHED_MAX = 20_000
/** Records that must come over a new path, one after the other, before it counts as taken. */
export const PATH_TAKEN_RECORDS_MIN = 3
/** Changes of path told of one device in an hour; a device that flaps is not told more of. */
export const FAILOVERS_PER_HOUR_MAX = 12

const HOUR_MS = 3_600_000

interface Watched {
  /** The path in use, in hex. */
  path: string
  /** When the last record came over it. */
  lastMs: number
  /** The usual distance of records: a moving mean over about eight. */
  usualMs: number
  /** Another path, since when, and how many records came over it without one over the first. */
  next: { path: string; sinceMs: number; count: number } | undefined
  hourMs: number
  told: number
}

/**
 * Notices when a device's records begin to come over another path, and for how much longer than usual
 * nothing came: what a failover looks like from the far end, whatever the meter says of it.
 *
 * A copy over a second path counts only when it is the first to arrive, so that a device that sends
 * everything twice does not seem to change its path with each record.
 */
export class PathWatch {
  readonly #devices = new Map<number, Watched>()

  /** Devices watched now. */
  get size(): number {
    return this.#devices.size
  }

  /** Takes what was committed; gives the changes of path that became clear with it. */
  follow(entries: readonly Entry[], committed: Committed, nowMs: number): readonly NewEvent[] {
    const events: NewEvent[] = []
    for (const [index, { device, path, record }] of entries.entries()) {
      const isNew = committed.outcomes[index]?.type === 'stored'
      if (path === undefined || !isNew || !('samples' in record)) continue
      const event = this.#take(device, toHex(path), nowMs)
      if (event !== undefined) events.push(event)
    }
    return events
  }

  #take(device: number, path: string, nowMs: number): NewEvent | undefined {
    const known = this.#devices.get(device)
    this.#devices.delete(device)
    if (known === undefined) {
      this.#makeRoom()
      const first = { path, lastMs: nowMs, usualMs: 0, next: undefined, hourMs: nowMs, told: 0 }
      this.#devices.set(device, first)
      return undefined
    }
    this.#devices.set(device, known)
    if (path === known.path) {
      known.usualMs += (nowMs - known.lastMs - known.usualMs) / 8
      known.lastMs = nowMs
      known.next = undefined
      return undefined
    }
    if (known.next?.path !== path) known.next = { path, sinceMs: nowMs, count: 0 }
    known.next.count++
    return known.next.count < PATH_TAKEN_RECORDS_MIN
      ? undefined
      : this.#change(device, known, nowMs)
  }

  #change(device: number, known: Watched, nowMs: number): NewEvent | undefined {
    const { path: from, next } = known
    if (next === undefined) return undefined
    const gapMs = Math.max(0, Math.round(next.sinceMs - known.lastMs - known.usualMs))
    known.path = next.path
    known.lastMs = nowMs
    known.next = undefined
    if (nowMs - known.hourMs >= HOUR_MS) {
      known.hourMs = nowMs
      known.told = 0
    }
    if (known.told >= FAILOVERS_PER_HOUR_MAX) return undefined
    known.told++
    const details = { from, to: next.path, gapMs }
    return noticedEvent(device, next.sinceMs, 'info', 'path.failover', details)
  }

  #makeRoom(): void {
    if (this.#devices.size < PATHS_WATCHED_MAX) return
    const oldest = this.#devices.keys().next()
    if (oldest.done !== true) this.#devices.delete(oldest.value)
  }
}
