import assert from 'node:assert/strict'
import { verifyExport } from '@s3mp/envelope/verify'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { exportLines } from '../src/cli/export.ts'
import type { DeviceRow } from '../src/store/types.ts'
import { openWorld, type World } from './support/receiving.ts'
import {
  eventBody,
  readingBody,
  schemaBody,
  sealBody,
  START_MS,
  TestMeter,
} from './support/world.ts'

const LIVE = 3

describe('an export', () => {
  let world: World
  let meter: TestMeter
  let device: DeviceRow

  beforeEach(async () => {
    world = await openWorld()
    meter = new TestMeter('one')
    device = await world.join(meter)
    const to = world.keyring.ueid
    const live = async (): Promise<Uint8Array> =>
      (await meter.next(LIVE, readingBody(START_MS, [1n, 2n], 'fast'), to)).datagram
    await world.deliver((await meter.next(LIVE, schemaBody(START_MS), to)).datagram)
    for (let i = 0; i < 2; i++) await world.deliver(await live())
    await world.deliver((await meter.next(LIVE, sealBody(meter, LIVE, START_MS, 2), to)).datagram)
    for (let i = 0; i < 3; i++) await world.deliver(await live())
  })

  afterEach(() => world.close())

  it('ends with the last record that a signature covers, and so is proven', async () => {
    const lines = exportLines(world.store, device, world.keyring.ueid)
    const report = await verifyExport(lines, { key: meter.signer })
    assert.deepEqual([report.records, report.proven], [4, true])
  })

  it('has the newest live readings, too, for who asks for them, and is not proven then', async () => {
    const lines = exportLines(world.store, device, world.keyring.ueid, { all: true })
    const report = await verifyExport(lines, { key: meter.signer })
    assert.deepEqual([report.records, report.ok, report.proven], [7, true, false])
  })

  it('of contradictions proves that the device signed both', async () => {
    const to = world.keyring.ueid
    const sealed = await meter.next(1, readingBody(START_MS, [1n, 2n]), to)
    await world.deliver(sealed.datagram)
    const other = { ...sealed.record, ...eventBody(START_MS, 10) }
    await world.deliver((await meter.seal(other, to)).datagram)
    const lines = exportLines(world.store, device, to, { contradictions: true })
    const report = await verifyExport(lines, { key: meter.signer })
    assert.deepEqual([report.records, report.signatures, report.proven], [2, 2, false])
    assert.ok(report.problems.some(({ code }) => code === 'chain-rewritten'))
  })
})
