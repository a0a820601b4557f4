import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DEVICE_SORTS, DEVICE_TROUBLES, type Device, type DevicesAnswer } from '@s3mp/web/api'
import { after, before, describe, it } from 'mocha'
import { SILENT_MS_MAX } from '../src/store/fleet.ts'
import { APPLICATION_ID } from '../src/store/database.ts'
import { MIGRATIONS } from '../src/store/schema.ts'
import { SqliteStore } from '../src/store/store.ts'
import { Office } from './support/office.ts'
import {
  eventBody,
  heartbeatBody,
  readingBody,
  schemaBody,
  seededRandom,
  START_MS,
} from './support/world.ts'

const DAY_MS = 86_400_000
const SIZE = 1000

describe('the list of the fleet', () => {
  let office: Office
  let store: SqliteStore
  const rows: number[] = []

  before(async () => {
    office = await Office.open({ access: 'open' })
    store = office.store
    const random = seededRandom('fleet')
    for (let i = 0; i < SIZE; i++) {
      const ueid = random(33).fill(1, 0, 1)
      const [name, publicKey] = [`Flat ${String((i * 7) % SIZE).padStart(4, '0')}`, random(32)]
      const device = store.registry.enroll(
        { ueid, algorithm: 'Ed25519', publicKey, name, serial: `S-${i}`, card: random(1) },
        START_MS - DAY_MS,
      )
      rows.push(device.row)
      store.fleet.seen(device.row, START_MS - i * 10_000)
      store.fleet.meter(device.row, `1EMH${String(i).padStart(8, '0')}`, 900_000)
      const clock = i % 50 === 0 ? 'suspect' : i % 20 === 0 ? 'holdover' : 'synced'
      store.fleet.health(device.row, { clock, firmware: `0${i % 3}`, spool: i / SIZE })
      const slots = i % 10 === 0 ? 40 : 48
      const times = Array.from(
        { length: slots },
        (_, slot) => START_MS - DAY_MS / 2 + slot * 900_000,
      )
      store.fleet.billed(device.row, times, START_MS)
      if (i % 100 === 3) store.fleet.alarm(device.row, START_MS - i * 1000)
    }
    for (const [index, state] of [
      [5, 'quarantined'],
      [6, 'revoked'],
    ] as const) {
      const ueid = store.registry.deviceOfRow(rows[index] ?? 0)?.ueid
      assert.ok(ueid)
      store.registry.setState(ueid, state, { who: 'test' }, START_MS)
    }
  })

  after(() => office.close())

  async function list(query: string): Promise<DevicesAnswer> {
    const answer = await office.ask(`/devices?${query}`)
    assert.equal(answer.status, 200, query)
    return (await answer.json()) as DevicesAnswer
  }

  it('counts what there is, of each kind', async () => {
    const { counts } = await list('sort=name&limit=1')
    assert.deepEqual(counts, {
      all: SIZE + 1,
      active: SIZE - 1,
      quarantined: 1,
      revoked: 1,
      alarms: SIZE / 100,
      // The meter of the office has been heard now.
      silent: SIZE - SILENT_MS_MAX / 10_000 - 1,
    })
  })

  it('has those with alarms on top, the newest first, then who was never heard or silent longest', () => {
    const { devices } = store.fleet.window({ sort: 'alarms', offset: 0, limit: 12 }, START_MS)
    const expected = Array.from({ length: 10 }, (_, index) => rows[index * 100 + 3])
    assert.deepEqual(devices.slice(0, 10), expected)
    const never = store.registry.device(office.meter.signer.ueid)?.row
    assert.deepEqual(devices.slice(10), [never, rows[SIZE - 1]])
    const later = START_MS + DAY_MS + 1_000_000
    const { total } = store.fleet.window({ sort: 'alarms', trouble: 'alarms', offset: 0, limit: 1 }, later) // prettier-ignore
    assert.equal(total, 0, 'a day later no alarm is fresh')
  })

  it('is in order by everything it can be ordered by, both ways, through every window', () => {
    for (const sort of DEVICE_SORTS) {
      for (const order of ['up', 'down'] as const) {
        const all = Array.from({ length: 11 }, (_, index) =>
          store.fleet.window({ sort, order, offset: index * 100, limit: 100 }, START_MS),
        ).flatMap(({ devices }) => devices)
        assert.equal(all.length, SIZE + 1, sort)
        assert.equal(new Set(all).size, SIZE + 1, `${sort}: each device once`)
        const whole = store.fleet.window({ sort, order, offset: 0, limit: SIZE + 1 }, START_MS)
        assert.deepEqual(all, whole.devices, `${sort}: the same however it is cut`)
      }
    }
    const names = store.fleet
      .window({ sort: 'name', offset: 500, limit: 3 }, START_MS)
      .devices.map((row) => store.registry.deviceOfRow(row)?.name)
    assert.deepEqual(names, ['Flat 0500', 'Flat 0501', 'Flat 0502'])
  })

  it('lets nobody see a device twice, or not at all, who looks further while devices move', () => {
    const window = (offset: number, nowMs: number): readonly number[] =>
      store.fleet.window({ sort: 'last', offset, limit: 100 }, nowMs).devices
    const [first, second] = [window(100, START_MS), window(200, START_MS)]
    // One of the second window is heard from and moves to the top.
    store.fleet.seen(second.at(50) ?? 0, START_MS + 1)
    assert.deepEqual(window(100, START_MS + 9000), first)
    assert.deepEqual(window(200, START_MS + 9000), second)
    assert.notDeepEqual(window(200, START_MS + 11_000), second, 'for ten seconds')
  })

  it('finds by name, serial, meter and id, whatever the case, and takes no sign for a pattern', async () => {
    const [one] = (await list('sort=name&offset=17&limit=1')).devices
    assert.ok(one)
    const { id } = one
    for (const [query, total] of [
      ['flat 0123', 1],
      ['FLAT 012', 10],
      ['s-777', 1],
      ['1emh00000042', 1],
      [id, 1],
      [id.slice(2, 14).toUpperCase(), 1],
      ['%', 0],
      ['_', 0],
      ["' OR 1=1 --", 0],
    ] as const) {
      const answer = await list(`sort=name&query=${encodeURIComponent(query)}`)
      assert.equal(answer.total, total, query)
    }
  })

  it('narrows to a state and to each trouble', async () => {
    assert.equal((await list('state=quarantined')).total, 1)
    const totals = Object.fromEntries(
      DEVICE_TROUBLES.map((trouble) => [
        trouble,
        store.fleet.window({ sort: 'name', trouble, offset: 0, limit: 1 }, START_MS).total,
      ]),
    )
    assert.deepEqual(totals, {
      alarms: 10,
      silent: 639,
      // Of every tenth eight slots are missing; the one device that sent nothing yet has no schema.
      gaps: 100,
      clock: SIZE / 50 + SIZE / 20 - SIZE / 100,
      spool: 500,
    })
  })

  it('refuses what is not well asked', async () => {
    for (const query of [
      'sort=rowid',
      'order=sideways',
      'state=gone',
      'trouble=x',
      'offset=-1',
      'sort=name&limit=101',
      `sort=name&query=${'x'.repeat(101)}`,
    ]) {
      // prettier-ignore
      assert.equal((await office.ask(`/devices?${query}`)).status, 400, query)
    }
  })

  it('is kept up by what is committed', async () => {
    const { meter, keyring, clock, headend } = office
    const to = keyring.ueid
    const own = async (): Promise<Device> => {
      const [device] = (await list(`sort=name&query=${office.device}`)).devices
      assert.ok(device)
      return device
    }
    await office.deliver(await meter.next(1, schemaBody(START_MS), to))
    for (let i = 0; i < 4; i++) {
      const body = readingBody(START_MS + i * 900_000, [BigInt(i), 0n])
      await office.deliver(await meter.next(1, body, to))
    }
    clock.advance(8 * 900_000)
    await office.deliver(await meter.next(9, heartbeatBody(clock.nowMs()), to))
    await office.deliver(await meter.next(8, eventBody(clock.nowMs(), 10), to))
    const device = await own()
    assert.deepEqual(device.completeness, { received: 4, due: 8 })
    assert.equal(device.alarms, 1)
    assert.equal(device.streams[0]?.meterId, '1TST0012345678')
    assert.equal(device.streams[0].medium, 'electricity')
    assert.equal((await list('query=1tst0012345678&sort=name')).total, 1, 'by its meter’s number')
    const fresh = await list('sort=alarms&limit=1')
    assert.equal(fresh.devices[0]?.id, office.device)
    const nowMs = clock.nowMs()
    const gaps = store.fleet.window({ sort: 'name', trouble: 'gaps', query: office.device, offset: 0, limit: 1 }, nowMs) // prettier-ignore
    assert.equal(gaps.total, 1)
    headend.setState(meter.signer.ueid, 'revoked', { who: 'test' })
    assert.equal((await list('state=revoked')).total, 2)
  })
})

describe('a store of the first version', () => {
  it('is taken over with its devices, states and alarms', () => {
    const folder = mkdtempSync(join(tmpdir(), 's3mp-store-'))
    const path = join(folder, 'store.sqlite')
    const old = new DatabaseSync(path)
    old.exec(MIGRATIONS[0] ?? '')
    old.exec(`PRAGMA user_version = 1; PRAGMA application_id = ${APPLICATION_ID};
      INSERT INTO devices (row, ueid, algorithm, public_key, name, serial, card, state, enrolled_ms,
        changed_ms, last_seen_ms) VALUES
        (7, x'01${'ab'.repeat(32)}', 'Ed25519', x'${'cd'.repeat(32)}', 'Old House', 'S9', x'00',
         'quarantined', 5, 6, 1000);
      INSERT INTO events (device, at_ms, severity, code, details) VALUES (7, 900, 'alarm', 'x', '{}');`)
    old.close()
    const store = new SqliteStore(path)
    const { devices } = store.fleet.window({ sort: 'alarms', query: 'old h', offset: 0, limit: 9 }, 1000) // prettier-ignore
    assert.deepEqual(devices, [7])
    assert.equal(store.registry.deviceOfRow(7)?.lastSeenMs, 1000)
    assert.equal(store.fleet.counts(1000).alarms, 1)
    assert.equal(store.fleet.counts(1000).quarantined, 1)
    store.close()
    rmSync(folder, { recursive: true })
  })
})
