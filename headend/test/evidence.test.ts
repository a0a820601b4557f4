import assert from 'node:assert/strict'
import { parseExportLine, verifyRecords } from '@s3mp/envelope/verify'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { evidenceOf } from '../src/api/evidence.ts'
import { Views } from '../src/api/views.ts'
import type { DeviceRow } from '../src/store/types.ts'
import { openWorld, type World } from './support/receiving.ts'
import { heartbeatBody, readingBody, schemaBody, START_MS, TestMeter } from './support/world.ts'

const QUARTER = 1

describe('evidence of a device', () => {
  let world: World

  beforeEach(async () => {
    world = await openWorld()
  })

  afterEach(() => world.close())

  async function speak(meter: TestMeter): Promise<DeviceRow> {
    const device = await world.join(meter)
    const to = world.keyring.ueid
    await world.deliver((await meter.next(QUARTER, schemaBody(START_MS), to)).datagram)
    const reading = await meter.next(QUARTER, readingBody(START_MS, [1n, 2n]), to)
    await world.deliver(reading.datagram)
    return device
  }

  it('is signed by that device alone, also where another one has read the same meter', async () => {
    // A new Pi at the old meter, or a stranger who announced this meter's schema first.
    const [before, after] = [new TestMeter('before'), new TestMeter('after')]
    await speak(before)
    const device = await speak(after)
    const stream = world.store.queries.stream(device.row, QUARTER)
    assert.ok(stream)
    const views = new Views(world.store)
    const recipientId = world.keyring.ueid
    const evidence = evidenceOf({ store: world.store, views, recipientId }, device, stream, 2)
    const records = evidence.records.map(({ kind, bytes }) =>
      parseExportLine(JSON.stringify({ kind, object: bytes })),
    )
    const report = await verifyRecords(records, { key: after.signer, recipientId })
    assert.deepEqual(report.problems, [])
    assert.ok(report.proven)
  })

  it('shows as latest what came last by number, also after its clock was ahead once', async () => {
    const meter = new TestMeter('one')
    const device = await world.join(meter)
    const to = world.keyring.ueid
    await world.deliver((await meter.next(QUARTER, schemaBody(START_MS), to)).datagram)
    for (const [timeMs, power] of [
      [START_MS + 1e12, 1n],
      [START_MS, 2n],
    ] as const) {
      const reading = await meter.next(QUARTER, readingBody(timeMs, [1n, power]), to)
      await world.deliver(reading.datagram)
    }
    const latest = new Views(world.store).latest(device, 'quarter')
    assert.deepEqual([latest?.seq, latest?.timeMs], [3, START_MS])
  })

  it('of its health is the newest heartbeat by number, whatever its clock has said', async () => {
    const meter = new TestMeter('one')
    const device = await world.join(meter)
    const to = world.keyring.ueid
    const year = 365 * 86_400_000
    const beats = []
    for (const [index, timeMs] of [START_MS + 50 * year, START_MS, START_MS + 1].entries()) {
      const body = { ...heartbeatBody(timeMs), uptimeS: index }
      beats.push(await meter.next(9, body, to))
    }
    const newest = (): number | undefined => {
      const { heartbeat } = world.store.registry.device(device.ueid) ?? {}
      return heartbeat === undefined ? undefined : world.store.queries.heartbeat(heartbeat)?.uptimeS
    }
    const [ahead, late, last] = beats
    assert.ok(ahead && late && last)
    await world.deliver(ahead.datagram)
    await world.deliver(last.datagram)
    assert.equal(newest(), 2)
    await world.deliver(late.datagram)
    assert.equal(newest(), 2, 'one that comes late says nothing new')
  })
})
