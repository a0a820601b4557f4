import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Database } from '../src/store/database.ts'
import { noticedEvent } from '../src/store/device-events.ts'
import {
  DEVICE_EVENTS_BURST_MAX,
  DEVICE_EVENTS_PER_HOUR_MAX,
  Events,
  EVENTS_TRIM_MAX,
} from '../src/store/events.ts'
import { Fleet } from '../src/store/fleet.ts'
import type { NewEvent } from '../src/store/types.ts'
import { openWorld } from './support/receiving.ts'
import { eventBody, START_MS, TestMeter } from './support/world.ts'

const HOUR_MS = 3_600_000

function happened(code: string, device?: number): NewEvent {
  return noticedEvent(device, START_MS, 'alarm', code, {})
}

describe('the list of events', () => {
  let database: Database

  beforeEach(() => {
    database = new Database(':memory:')
    const card = new Uint8Array(1)
    for (const row of [1, 2]) {
      database.run(
        `INSERT INTO devices (row, ueid, algorithm, public_key, name, card, state, enrolled_ms,
           changed_ms) VALUES (?, ?, 'Ed25519', ?, 'm', ?, 'active', 1, 1)`,
        row,
        Uint8Array.of(row),
        Uint8Array.of(row),
        card,
      )
    }
  })

  afterEach(() => {
    database.close()
  })

  it('loses its oldest when it is full, and nothing else', () => {
    const events = new Events(database, new Fleet(database), 2 * EVENTS_TRIM_MAX)
    for (let i = 0; i <= 2 * EVENTS_TRIM_MAX; i++) events.add(happened(`number ${i}`))
    const listed = events.list({ limit: 5000 })
    assert.equal(listed.length, EVENTS_TRIM_MAX + 1)
    assert.equal(listed[0]?.code, `number ${2 * EVENTS_TRIM_MAX}`)
  })

  it('keeps what it has through commits that fail, as on a full disk', () => {
    const events = new Events(database, new Fleet(database), EVENTS_TRIM_MAX)
    for (let i = 0; i < 10; i++) events.add(happened(`number ${i}`))
    for (let tries = 0; tries < 3; tries++) {
      assert.throws(() =>
        database.transaction(() => {
          for (let i = 0; i < (EVENTS_TRIM_MAX - 10) / 3; i++) events.add(happened('lost'))
          throw new Error('database or disk is full')
        }),
      )
    }
    events.add(happened('after'))
    assert.equal(events.list({ limit: 50 }).length, 11)
  })

  it('gives no device the room of the others', () => {
    const events = new Events(database, new Fleet(database))
    for (let i = 0; i < DEVICE_EVENTS_BURST_MAX; i++) assert.ok(events.add(happened('noise', 1)))
    assert.equal(events.add(happened('noise', 1))?.code, 'events.too-many')
    assert.equal(events.add(happened('noise', 1)), undefined)
    assert.ok(events.add(happened('quiet', 2)), 'another device')
    assert.ok(events.add(happened('own')), 'the head-end itself')
    const signed = { ...happened('signed', 1), record: 5 }
    assert.ok(events.add(signed), 'what it signs and what is noticed of it stand apart')
    let later = 0
    for (let i = 0; i < 2 * DEVICE_EVENTS_PER_HOUR_MAX; i++) {
      if (events.add(happened('noise', 1), START_MS + HOUR_MS)?.code === 'noise') later++
    }
    assert.equal(later, DEVICE_EVENTS_PER_HOUR_MAX)
  })

  it('has every event of a device as a record, listed or not', async function () {
    this.timeout(20_000)
    const world = await openWorld()
    const meter = new TestMeter('chatty')
    const { row } = await world.join(meter)
    const entries = []
    for (let i = 0; i < DEVICE_EVENTS_BURST_MAX + 20; i++) {
      const { record, object } = await meter.next(8, eventBody(START_MS, 10), world.keyring.ueid)
      const hash = meter.chain(8).head
      entries.push({ device: row, ueid: meter.signer.ueid, record, hash, bytes: object })
    }
    const path = undefined
    await world.store.commit(
      entries.map((entry) => ({ ...entry, path })),
      START_MS,
    )
    assert.equal(world.store.queries.stream(row, 8)?.contiguous, DEVICE_EVENTS_BURST_MAX + 20)
    await world.close()
  })
})
