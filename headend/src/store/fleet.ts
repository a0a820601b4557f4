import type { DeviceSort, DeviceTrouble, FleetCounts } from '@s3mp/web/api'
import { integer, type Database, type Row } from './database.ts'
import type { DeviceState } from './types.ts'

/** How long an alarm keeps its device at the top of the list. */
export const ALARM_FRESH_MS_MAX = 86_400_000
/** How long an active device may be unheard before it counts as silent. */
export const SILENT_MS_MAX = 3_600_000
/** Billing slots that may be missing today before a device counts as having gaps: one may be on its way. */
export const SLOTS_MISSING_MIN = 2
/** How full a spool is when it counts as trouble. */
export const SPOOL_FILL_MIN = 0.5
/** Characters of a device's searchable text; further meters of one device are not searched for. */
export const SEARCH_CHARS_MAX = 1024
/** How old the numbers of the whole fleet may be; counting a hundred thousand devices takes a while. */
export const FLEET_COUNTS_MS_MAX = 2000

/** How long a whole order is kept for who looks further down it. */
export const ORDER_KEPT_MS_MAX = 10_000
/** Orders kept at once; the oldest goes. */
export const ORDERS_KEPT_MAX = 8

const DAY_MS = 86_400_000

/** A question for a window of the fleet. */
export interface FleetQuestion {
  readonly query?: string | undefined
  readonly state?: DeviceState | undefined
  readonly trouble?: DeviceTrouble | undefined
  readonly sort: DeviceSort
  /** Undefined: the way round that is asked for most. */
  readonly order?: 'up' | 'down' | undefined
  readonly offset: number
  readonly limit: number
}

/** What a device's heartbeat says that lists are ordered by. */
export interface FleetHealth {
  readonly clock: string
  readonly firmware: string
  /** Fill of the spool, 0 to 1. */
  readonly spool: number
}

/*
 * Parameters of every question, by number: 1 state, 2 text, 3 alarms since, 4 unheard since,
 * 5 now, 6 midnight UTC, 7 today.
 */
const FITS = '(?1 IS NULL OR state = ?1) AND (?2 IS NULL OR instr(search, ?2) > 0)'
const DUE = 'max(0, (?5 - max(?6, enrolled_ms)) / interval_ms)'
const RECEIVED = 'CASE WHEN day = ?7 THEN received ELSE 0 END'
// Names the parameters that a question does not need, so that all take the same.
const BOUND = '(?3 + ?4 + ?5 + ?6 + ?7) IS NOT NULL'

const TROUBLES: Readonly<Record<DeviceTrouble, string>> = {
  alarms: 'alarm_ms >= ?3',
  silent: `state = 'active' AND coalesce(last_seen_ms, enrolled_ms) < ?4`,
  gaps: `state = 'active' AND interval_ms > 0 AND ${DUE} - (${RECEIVED}) >= ${SLOTS_MISSING_MIN}`,
  clock: `state = 'active' AND clock <> 'synced'`,
  spool: `spool >= ${SPOOL_FILL_MIN}`,
}

/** What each order is by, and which way round it is asked for most. */
const SORTS: Readonly<Record<DeviceSort, readonly [key: string, order: 'up' | 'down']>> = {
  alarms: ['CASE WHEN alarm_ms >= ?3 THEN alarm_ms ELSE 0 END', 'down'],
  name: ['name COLLATE NOCASE', 'up'],
  state: [`CASE state WHEN 'active' THEN 0 WHEN 'quarantined' THEN 1 ELSE 2 END`, 'down'],
  last: ['coalesce(last_seen_ms, 0)', 'down'],
  completeness: [
    `CASE WHEN interval_ms > 0 AND ${DUE} > 0 THEN (${RECEIVED}) * 1.0 / ${DUE} ELSE 2 END`,
    'up',
  ],
  clock: [
    `CASE clock WHEN 'suspect' THEN 0 WHEN 'unset' THEN 1 WHEN 'holdover' THEN 2
       WHEN 'synced' THEN 3 ELSE 4 END`,
    'up',
  ],
  spool: ['coalesce(spool, -1)', 'down'],
  firmware: [`coalesce(firmware, '')`, 'up'],
}

/** What decides between equals, where that is not the name. */
const THEN: Readonly<Partial<Record<DeviceSort, string>>> = {
  // Where nothing is alarming, what has been silent longest comes first.
  alarms: `state = 'active' DESC, coalesce(last_seen_ms, 0), name COLLATE NOCASE, device`,
  // Nothing but the index is needed then.
  name: 'device',
}

/**
 * One narrow row a device, for lists of all of them: kept up with what is committed, in the same
 * transaction, so that a list is in order without looking at readings.
 */
export class Fleet {
  readonly #database: Database
  readonly #orders = new Map<string, { readonly atMs: number; readonly devices: Uint32Array }>()
  #counted: { readonly atMs: number; readonly counts: FleetCounts } | undefined

  constructor(database: Database) {
    this.#database = database
  }

  /** A device was taken on. */
  add(device: number, name: string, words: readonly string[], enrolledMs: number): void {
    this.#database.run(
      `INSERT INTO fleet (device, name, search, state, enrolled_ms) VALUES (?, ?, ?, 'active', ?)`,
      device,
      name,
      [name, ...words].join(' ').toLowerCase().slice(0, SEARCH_CHARS_MAX),
      enrolledMs,
    )
    this.#changed()
  }

  /** A device's state changed. */
  setState(device: number, state: DeviceState): void {
    this.#database.run('UPDATE fleet SET state = ? WHERE device = ?', state, device)
    this.#changed()
  }

  /** A device was heard. */
  seen(device: number, atMs: number): void {
    this.#database.run('UPDATE fleet SET last_seen_ms = ? WHERE device = ?', atMs, device)
  }

  /** A device raised an alarm. */
  alarm(device: number, atMs: number): void {
    this.#database.run(
      'UPDATE fleet SET alarm_ms = max(coalesce(alarm_ms, 0), ?) WHERE device = ?',
      atMs,
      device,
    )
  }

  /** A device's heartbeat came. */
  health(device: number, { clock, firmware, spool }: FleetHealth): void {
    this.#database.run(
      'UPDATE fleet SET clock = ?, firmware = ?, spool = ? WHERE device = ?',
      clock,
      firmware,
      spool,
      device,
    )
  }

  /** A meter of the device named itself; `intervalMs` is that of its billing stream, or 0. */
  meter(device: number, meterId: string, intervalMs: number): void {
    const word = meterId.toLowerCase()
    this.#database.run(
      `UPDATE fleet SET search = substr(search || ' ' || ?, 1, ?)
         WHERE device = ? AND instr(search, ?) = 0`,
      word,
      SEARCH_CHARS_MAX,
      device,
      word,
    )
    if (intervalMs === 0) return
    this.#database.run('UPDATE fleet SET interval_ms = ? WHERE device = ?', intervalMs, device)
  }

  /** Billing readings of these times came; those of days to come are not counted. */
  billed(device: number, timesMs: readonly number[], nowMs: number): void {
    const days = Map.groupBy(timesMs, (timeMs) => Math.floor(timeMs / DAY_MS))
    for (const [day, times] of days) {
      if (day > Math.floor(nowMs / DAY_MS)) continue
      this.#database.run(
        `UPDATE fleet SET received = CASE WHEN day = ?1 THEN received ELSE 0 END + ?2, day = ?1
           WHERE device = ?3 AND day <= ?1`,
        day,
        times.length,
        device,
      )
    }
  }

  /** The store's numbers of the devices in a window, in order, and how many fit in all. */
  window(
    question: FleetQuestion,
    nowMs: number,
  ): { readonly devices: readonly number[]; readonly total: number } {
    const { offset, limit } = question
    if (offset > 0) {
      const order = this.#orderOf(question, nowMs)
      return { devices: [...order.subarray(offset, offset + limit)], total: order.length }
    }
    const { query, state, trouble } = question
    const devices = this.#ordered(question, nowMs, limit)
    if (query === undefined && state === undefined && trouble === undefined) {
      return { devices, total: this.counts(nowMs).all }
    }
    const row = this.#database.get(
      `SELECT count(*) AS count FROM fleet WHERE ${fits(question)}`,
      ...parameters(question, nowMs),
    )
    return { devices, total: Number(row?.count) }
  }

  /**
   * The whole order, kept for a while: whoever looks further down goes on looking, and should neither
   * wait for a hundred thousand to be sorted again nor see a device twice because it moved meanwhile.
   */
  #orderOf(question: FleetQuestion, nowMs: number): Uint32Array {
    const { query, state, trouble, sort, order } = question
    const key = JSON.stringify([query, state, trouble, sort, order])
    const known = this.#orders.get(key)
    const age = nowMs - (known?.atMs ?? Number.NEGATIVE_INFINITY)
    if (known !== undefined && age >= 0 && age < ORDER_KEPT_MS_MAX) return known.devices
    const devices = Uint32Array.from(this.#ordered(question, nowMs, -1))
    this.#orders.delete(key)
    const [oldest] = this.#orders.keys()
    if (this.#orders.size >= ORDERS_KEPT_MAX && oldest !== undefined) this.#orders.delete(oldest)
    this.#orders.set(key, { atMs: nowMs, devices })
    return devices
  }

  #ordered(question: FleetQuestion, nowMs: number, limit: number): readonly number[] {
    const { query, state, trouble, sort } = question
    const [sortKey, usual] = SORTS[sort]
    const narrowed = state !== undefined || query !== undefined || trouble !== undefined
    // Few fit: looking at all rows is then faster than walking an index that leads to most in vain.
    const key = narrowed ? `+${sortKey}` : sortKey
    const order = (question.order ?? usual) === 'up' ? 'ASC' : 'DESC'
    const then = THEN[sort] ?? 'name COLLATE NOCASE, device'
    return this.#database
      .all(
        `SELECT device FROM fleet WHERE ${fits(question)} ORDER BY ${key} ${order}, ${then} LIMIT ?8`,
        ...parameters(question, nowMs),
        limit,
      )
      .map((row) => integer(row, 'device'))
  }

  #changed(): void {
    this.#counted = undefined
    this.#orders.clear()
  }

  /** How many devices there are of each kind; at most {@link FLEET_COUNTS_MS_MAX} old. */
  counts(nowMs: number): FleetCounts {
    const age = nowMs - (this.#counted?.atMs ?? Number.NEGATIVE_INFINITY)
    if (this.#counted !== undefined && age >= 0 && age < FLEET_COUNTS_MS_MAX) {
      return this.#counted.counts
    }
    const row = this.#database.get(
      `SELECT count(*) AS total, coalesce(sum(state = 'active'), 0) AS active,
         coalesce(sum(state = 'quarantined'), 0) AS quarantined,
         coalesce(sum(state = 'revoked'), 0) AS revoked,
         coalesce(sum(${TROUBLES.alarms}), 0) AS alarms,
         coalesce(sum(${TROUBLES.silent}), 0) AS silent
       FROM fleet WHERE ${fits({})}`,
      ...parameters({}, nowMs),
    )
    const counts = readCounts(row ?? {})
    this.#counted = { atMs: nowMs, counts }
    return counts
  }
}

function fits({ trouble }: Pick<FleetQuestion, 'trouble'>): string {
  return `${FITS} AND ${BOUND}${trouble === undefined ? '' : ` AND ${TROUBLES[trouble]}`}`
}

function parameters(
  { state, query }: Pick<FleetQuestion, 'state' | 'query'>,
  nowMs: number,
): readonly (string | number | null)[] {
  const midnightMs = nowMs - (nowMs % DAY_MS)
  return [
    state ?? null,
    query?.toLowerCase() ?? null,
    nowMs - ALARM_FRESH_MS_MAX,
    nowMs - SILENT_MS_MAX,
    nowMs,
    midnightMs,
    midnightMs / DAY_MS,
  ]
}

function readCounts(row: Row): FleetCounts {
  return {
    all: integer(row, 'total'),
    active: integer(row, 'active'),
    quarantined: integer(row, 'quarantined'),
    revoked: integer(row, 'revoked'),
    alarms: integer(row, 'alarms'),
    silent: integer(row, 'silent'),
  }
}
