import assert from 'node:assert/strict'

import { after, afterEach, describe, it } from 'mocha'

import { connectToUplink, listenForMeter } from '../src/channel/socket.ts'
import type { ToMeter } from '../src/channel/message.ts'
import { PREKEYS_PER_SECOND_MAX } from '../src/delivery/delivery.ts'
import { Epochs } from '../src/epochs.ts'
import { FirmwareError } from '../src/errors.ts'
import { Spool } from '../src/spool/spool.ts'
import { STREAM } from '../src/streams.ts'
import { createUplink, UPLINK_ARRIVAL_BYTES_MAX } from '../src/uplink.ts'
import { systemClock } from '@s3mp/hal'
import { freshFolder, removeFolders } from './support/folder.ts'
import { Road } from './support/road.ts'
import { World } from './support/world.ts'

describe('delivery in trouble', () => {
  const acknowledge = Reflect.get<Spool, 'acknowledge'>(Spool.prototype, 'acknowledge')
  afterEach(() => {
    Spool.prototype.acknowledge = acknowledge
  })
  after(removeFolders)

  it('goes on metering when there is no room to let go what is acknowledged', async () => {
    const world = await World.open({ seed: 'no room' })
    await world.startAndMeet()
    Spool.prototype.acknowledge = () => {
      throw new FirmwareError('spool-full', 'spool: database or disk is full')
    }
    const { objects } = world.meter.status().spool
    await world.pass(60_000)
    assert.ok(world.meter.status().spool.objects > objects + 30, 'readings are still made')
    assert.match(world.log.join('\n'), /^ack\.not-taken /mu)
    Spool.prototype.acknowledge = acknowledge
    await world.untilDelivered()
    await world.stop()
    const seqs = world.headEnd.seqs(STREAM.live)
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
    )
  })

  it('uses a new prekey although the disk does not take it', async () => {
    const world = await World.open({ seed: 'no room for keys', streams: { isLive: false } })
    await world.startAndMeet()
    world.saved.push = () => {
      throw new Error('ENOSPC: no space left on device')
    }
    world.road.isCut = true
    await world.pass(120_000)
    await world.headEnd.newPrekey({ forget: true })
    world.headEnd.forgetEpochs()
    world.road.isCut = false
    await world.untilDelivered()
    assert.match(world.log.join('\n'), /^prekey\.not-kept /mu)
    assert.equal(world.headEnd.epochs, 2)
    await world.stop()
  })

  it('looks at a few of a thousand made-up prekeys, and then at the right one', async () => {
    const takePrekey = Reflect.get<Epochs, 'takePrekey'>(Epochs.prototype, 'takePrekey')
    let looked = 0
    Epochs.prototype.takePrekey = function (this: Epochs, object) {
      looked += 1
      takePrekey.call(this, object)
    }
    try {
      const world = await World.open({ seed: 'flood' })
      const stranger = await World.open({ seed: 'stranger' })
      await world.startAndMeet()
      for (let round = 0; round < 5; round += 1) {
        for (let i = 0; i < 200; i += 1) world.road.inject(stranger.headEnd.prekey.object)
        await world.pass(100)
      }
      assert.ok(looked > 0 && looked <= PREKEYS_PER_SECOND_MAX, String(looked))
      assert.equal(world.meter.status().delivery.refused, 1000)
      await world.headEnd.newPrekey()
      await world.pass(1000)
      world.road.inject(world.headEnd.prekey.object)
      await world.pass(100)
      assert.equal(world.saved.length, 1)
      await world.stop()
    } finally {
      Epochs.prototype.takePrekey = takePrekey
    }
  })

  it('does not skip to the end of all numbers, whatever a head-end says', async () => {
    const world = await World.open({ seed: 'leap' })
    await world.startAndMeet()
    world.headEnd.claim = 2 ** 48 - 1
    await world.pass(30_000)
    world.headEnd.claim = undefined
    await world.untilDelivered()
    await world.pass(20_000)
    assert.match(world.log.join('\n'), /^history\.impossible /mu)
    assert.doesNotMatch(world.log.join('\n'), /record\.failed/u)
    assert.ok(world.headEnd.seqs(STREAM.live).length > 40)
    await world.stop()
  })

  it('is not cut off from its uplink by a datagram too long for the channel', async () => {
    const path = `${freshFolder()}/uplink.sock`
    const far = await listenForMeter(path)
    const near = connectToUplink({ path, clock: systemClock, random: Math.random })
    const heard: ToMeter[] = []
    near.onMessage((message) => heard.push(message))
    const road = new Road(systemClock, Math.random, () => Promise.resolve(undefined))
    const stop = new AbortController()
    const running = createUplink({ channel: far, transport: road, clock: systemClock }).run(
      stop.signal,
    )
    while (!near.isLinked || !far.isLinked) await systemClock.sleep(5)
    road.inject(new Uint8Array(60_000))
    road.inject(new Uint8Array(UPLINK_ARRIVAL_BYTES_MAX + 1))
    road.inject(new Uint8Array(UPLINK_ARRIVAL_BYTES_MAX).fill(7))
    while (heard.length === 0) await systemClock.sleep(5)
    const [first] = heard
    assert.equal(first?.type === 'received' && first.bytes.length, UPLINK_ARRIVAL_BYTES_MAX)
    assert.deepEqual([near.refused, near.isLinked], [0, true])
    stop.abort()
    await running
    await near.close()
  })
})
