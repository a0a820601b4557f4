import { createHash } from 'node:crypto'
import { HeadendError } from '../errors.ts'
import {
  bytes,
  integer,
  maybeInteger,
  maybeText,
  text,
  type Database,
  type Row,
} from './database.ts'
import type { Events } from './events.ts'
import type { Fleet } from './fleet.ts'
import type {
  DeviceRow,
  DeviceState,
  EpochOutcome,
  EpochRow,
  NewDevice,
  NewEpoch,
} from './types.ts'

/** Devices that one store takes on. */
export const DEVICES_MAX = 1_000_000
/** How far behind a device's newest epoch number an unseen epoch may be. */
export const EPOCHS_LATE_MAX = 1024

const DEVICES = `SELECT row, ueid, algorithm, public_key, devices.name AS name, serial,
  devices.state AS state, devices.enrolled_ms AS enrolled_ms, changed_ms, newest_epoch, last_seen_ms,
  heartbeat FROM devices JOIN fleet ON fleet.device = devices.row`

/** Who did something, and why. */
export interface Deed {
  /** A user's name, `token:` and a token's name, or `command-line` and the system's user. */
  readonly who: string
  readonly reason?: string | undefined
}

const UNSAID: Deed = { who: 'program' }
const DEEDS = { active: 'released', quarantined: 'quarantined', revoked: 'revoked' } as const

/** Who may send, and the epochs they opened. */
export class Registry {
  readonly #database: Database
  readonly #events: Events
  readonly #fleet: Fleet

  constructor(database: Database, events: Events, fleet: Fleet) {
    this.#database = database
    this.#events = events
    this.#fleet = fleet
  }

  /**
   * Takes a device on. Doing so again with the same key changes nothing and answers the device.
   *
   * @throws HeadendError `ERR_HEADEND_STATE` where key or serial were revoked or belong to another
   * device: a tombstone is for good. `ERR_HEADEND_LIMIT` beyond {@link DEVICES_MAX}.
   */
  enroll(device: NewDevice, nowMs: number, deed: Deed = UNSAID): DeviceRow {
    return this.#database.transaction(() => {
      const known = this.device(device.ueid)
      if (known !== undefined) {
        if (known.state === 'revoked') {
          throw stateError(`device ${hex(device.ueid)} is revoked; a revoked key never comes back`)
        }
        return known
      }
      this.#checkSerial(device.serial)
      const count = Number(this.#database.get('SELECT count(*) AS count FROM devices')?.count)
      if (count >= DEVICES_MAX) {
        throw new HeadendError('ERR_HEADEND_LIMIT', `devices: expected at most ${DEVICES_MAX}`)
      }
      const row = this.#database.insert(
        `INSERT INTO devices (ueid, algorithm, public_key, name, serial, card, state, enrolled_ms, changed_ms)
         VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?)`,
        device.ueid,
        device.algorithm,
        device.publicKey,
        device.name,
        device.serial ?? null,
        device.card,
        nowMs,
        nowMs,
      )
      const { name, serial, ueid } = device
      this.#fleet.add(row, name, [serial ?? '', hex(ueid)], nowMs)
      this.#events.audit(nowMs, 'device.enrolled', hex(ueid), { ...shown(deed), name })
      return this.#existing(device.ueid)
    })
  }

  /**
   * Changes what a device may do. Revocation is final: the row stays as a tombstone.
   *
   * @throws HeadendError `ERR_HEADEND_NOT_FOUND`, or `ERR_HEADEND_STATE` for a revoked device.
   */
  setState(ueid: Uint8Array, state: DeviceState, deed: Deed, nowMs: number): DeviceRow {
    return this.#database.transaction(() => {
      const device = this.#existing(ueid)
      if (device.state === state) return device
      if (device.state === 'revoked') {
        throw stateError(`device ${hex(ueid)} is revoked; that is final`)
      }
      this.#database.run(
        'UPDATE devices SET state = ?, changed_ms = ? WHERE row = ?',
        state,
        nowMs,
        device.row,
      )
      this.#fleet.setState(device.row, state)
      this.#events.audit(nowMs, `device.${DEEDS[state]}`, hex(ueid), shown(deed))
      this.#events.add({
        device: device.row,
        atMs: nowMs,
        severity: state === 'active' ? 'info' : 'warning',
        code: `device.${state}`,
        reason: undefined,
        details: shown(deed),
      })
      return this.#existing(ueid)
    })
  }

  /** The device of that identity, whatever its state. */
  device(ueid: Uint8Array): DeviceRow | undefined {
    const row = this.#database.get(`${DEVICES} WHERE ueid = ?`, ueid)
    return row && readDevice(row)
  }

  /** The device with the store's own number. */
  deviceOfRow(row: number): DeviceRow | undefined {
    const found = this.#database.get(`${DEVICES} WHERE row = ?`, row)
    return found && readDevice(found)
  }

  /** Devices by name, then identity, after that of `after`; `query` is looked for in names and ids. */
  devices(question: {
    readonly after?: Uint8Array | undefined
    readonly query?: string | undefined
    readonly limit: number
  }): readonly DeviceRow[] {
    const after = question.after === undefined ? undefined : this.device(question.after)
    const like = likePattern(question.query)
    return this.#database
      .all(
        `${DEVICES}
         WHERE (devices.name, ueid) > (?, ?)
           AND (devices.name LIKE ? ESCAPE '\\' OR lower(hex(ueid)) LIKE ? ESCAPE '\\')
         ORDER BY devices.name, ueid LIMIT ?`,
        after?.name ?? '',
        after?.ueid ?? new Uint8Array(0),
        like,
        like,
        question.limit,
      )
      .map(readDevice)
  }

  /** How many devices match, in any state. */
  deviceCount(query?: string): number {
    const like = likePattern(query)
    const row = this.#database.get(
      `SELECT count(*) AS count FROM devices
       WHERE name LIKE ? ESCAPE '\\' OR lower(hex(ueid)) LIKE ? ESCAPE '\\'`,
      like,
      like,
    )
    return Number(row?.count)
  }

  /** Every device that is not active, for the receiver's list of refusals. */
  statesOtherThanActive(): readonly { readonly row: number; readonly state: DeviceState }[] {
    return this.#database
      .all("SELECT row, state FROM devices WHERE state <> 'active'")
      .map((row) => ({ row: integer(row, 'row'), state: readState(text(row, 'state')) }))
  }

  /**
   * Offers a verified epoch. The newest number only ever rises (compare and set inside one
   * transaction); an older, unseen one is kept for opening what an offline meter had sealed.
   */
  addEpoch(epoch: NewEpoch, kids: readonly Uint8Array[]): EpochOutcome {
    return this.#database.transaction(() => {
      const device = this.deviceOfRow(epoch.device)
      if (device === undefined) throw notFound(`device ${epoch.device}`)
      const known = this.epoch(epoch.device, epoch.number)
      if (known !== undefined) {
        return Buffer.compare(known.bytes, epoch.bytes) === 0 ? 'known' : 'conflict'
      }
      if (epoch.number <= device.newestEpoch - EPOCHS_LATE_MAX) return 'stale'
      const row = this.#database.insert(
        `INSERT INTO epochs (device, number, boot_counter, prekey, stored_ms, bytes)
         VALUES (?, ?, ?, ?, ?, ?)`,
        epoch.device,
        epoch.number,
        epoch.bootCounter,
        epoch.prekey,
        epoch.storedMs,
        epoch.bytes,
      )
      for (const kid of kids) {
        // Kids are eight random bytes: where two collide, the newer epoch is the one still in use.
        this.#database.run('INSERT OR REPLACE INTO kids (kid, epoch) VALUES (?, ?)', kid, row)
      }
      const raised = this.#database.run(
        'UPDATE devices SET newest_epoch = ? WHERE row = ? AND newest_epoch < ?',
        epoch.number,
        epoch.device,
        epoch.number,
      )
      return raised === 1 ? 'newest' : 'late'
    })
  }

  /** The epoch that a device opened under this number. */
  epoch(device: number, number: number): EpochRow | undefined {
    const row = this.#database.get(
      'SELECT * FROM epochs WHERE device = ? AND number = ?',
      device,
      number,
    )
    return row && readEpoch(row)
  }

  /** The epoch whose datagrams carry this kid. */
  epochOfKid(kid: Uint8Array): EpochRow | undefined {
    const row = this.#database.get(
      'SELECT * FROM epochs WHERE row = (SELECT epoch FROM kids WHERE kid = ?)',
      kid,
    )
    return row && readEpoch(row)
  }

  /** The epoch under which a device is answered. */
  newestEpoch(device: number): EpochRow | undefined {
    const row = this.#database.get(
      'SELECT * FROM epochs WHERE device = ? ORDER BY number DESC LIMIT 1',
      device,
    )
    return row && readEpoch(row)
  }

  /** Every kid that may still be opened, for the receiver's filter. */
  *kids(): Iterable<Uint8Array> {
    for (const row of this.#database.iterate('SELECT kid FROM kids')) yield bytes(row, 'kid')
  }

  /** How many kids there are. */
  kidCount(): number {
    return Number(this.#database.get('SELECT count(*) AS count FROM kids')?.count)
  }

  /** Forgets epochs to a prekey whose private part is gone: nothing can open them any more. */
  forgetEpochsOf(prekey: Uint8Array): number {
    return this.#database.transaction(() => {
      this.#database.run(
        'DELETE FROM kids WHERE epoch IN (SELECT row FROM epochs WHERE prekey = ?)',
        prekey,
      )
      return this.#database.run('DELETE FROM epochs WHERE prekey = ?', prekey)
    })
  }

  #checkSerial(serial: string | undefined): void {
    if (serial === undefined) return
    const other = this.#database.get('SELECT state FROM devices WHERE serial = ?', serial)
    if (other === undefined) return
    throw stateError(
      text(other, 'state') === 'revoked'
        ? `serial ${serial} belongs to a revoked device; it never comes back under another key`
        : `serial ${serial} belongs to another device; revoke that one first, or correct the card`,
    )
  }

  #existing(ueid: Uint8Array): DeviceRow {
    const device = this.device(ueid)
    if (device === undefined) throw notFound(`device ${hex(ueid)}`)
    return device
  }
}

function readDevice(row: Row): DeviceRow {
  return {
    row: integer(row, 'row'),
    ueid: bytes(row, 'ueid'),
    algorithm: text(row, 'algorithm') === 'ESP256' ? 'ESP256' : 'Ed25519',
    publicKey: bytes(row, 'public_key'),
    name: text(row, 'name'),
    serial: maybeText(row, 'serial'),
    state: readState(text(row, 'state')),
    enrolledMs: integer(row, 'enrolled_ms'),
    changedMs: integer(row, 'changed_ms'),
    newestEpoch: integer(row, 'newest_epoch'),
    lastSeenMs: maybeInteger(row, 'last_seen_ms'),
    heartbeat: maybeInteger(row, 'heartbeat'),
  }
}

function readState(value: string): DeviceState {
  // An unknown state, written by a later version, must not open a door.
  return value === 'active' || value === 'quarantined' ? value : 'revoked'
}

function readEpoch(row: Row): EpochRow {
  return {
    device: integer(row, 'device'),
    number: integer(row, 'number'),
    bootCounter: integer(row, 'boot_counter'),
    prekey: bytes(row, 'prekey'),
    storedMs: integer(row, 'stored_ms'),
    bytes: bytes(row, 'bytes'),
    transcript: createHash('sha256').update(bytes(row, 'bytes')).digest(),
  }
}

function shown({ who, reason }: Deed): Readonly<Record<string, string>> {
  return { who, ...(reason !== undefined && { reason }) }
}

function likePattern(query = ''): string {
  return `%${query.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

function stateError(message: string): HeadendError {
  return new HeadendError('ERR_HEADEND_STATE', message)
}

function notFound(what: string): HeadendError {
  return new HeadendError(
    'ERR_HEADEND_NOT_FOUND',
    `${what}: expected an enrolled device, found none`,
  )
}
