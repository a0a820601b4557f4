import assert from 'node:assert/strict'
import { createPrekey, SoftwareSigner } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { DeviceRow } from '../src/store/types.ts'
import { openWorld, type World } from './support/receiving.ts'
import { mailbox, readingBody, seededRandom, START_MS, TestMeter } from './support/world.ts'

const QUARTER = 1

describe('the receiver goes on', () => {
  let world: World
  let meter: TestMeter
  let device: DeviceRow

  beforeEach(async () => {
    world = await openWorld()
    meter = new TestMeter('one')
    device = await world.join(meter)
  })

  afterEach(() => world.close())

  async function reading(power = 1n): Promise<Uint8Array> {
    const body = readingBody(world.clock.nowMs(), [1000n, power])
    return (await meter.next(QUARTER, body, world.keyring.ueid)).datagram
  }

  const stored = (): number | undefined =>
    world.store.queries.stream(device.row, QUARTER)?.contiguous

  it('when an answer cannot even be tried', async () => {
    const signer = SoftwareSigner.generate('Ed25519', seededRandom('stranger'))
    const times = { notBeforeMs: START_MS, notAfterMs: START_MS + 1000 }
    const random = seededRandom('prekey')
    const { prekey } = await createPrekey({ signer, suite: 1, ...times, policyVersion: 1, random })
    const question = await new TestMeter('x').openEpoch(prekey, START_MS)
    const reply = (): void => {
      throw new RangeError('port')
    }
    world.receiver.receive({ ...mailbox().arrival(question), reply })
    await world.settle()
    assert.equal(world.receiver.counts.refused['unknown-prekey'], 1)
    assert.equal((await world.deliver(await reading())).length, 1)
  })

  it('when a part of the store cannot be read', async () => {
    const good = await reading()
    const { registry } = world.store
    const [epochOfKid, held] = [
      registry.epochOfKid.bind(registry),
      world.receiver.epochs.held.bind(world.receiver.epochs),
    ]
    world.receiver.epochs.held = () => undefined
    registry.epochOfKid = () => {
      throw new Error('disk I/O error')
    }
    assert.deepEqual(await world.deliver(good), [])
    assert.equal(world.receiver.counts.refused['store-failed'], 1)
    registry.epochOfKid = epochOfKid
    world.receiver.epochs.held = held
    assert.equal((await world.deliver(good)).length, 1)
    assert.equal(stored(), 1)
  })
})
