import assert from 'node:assert/strict'

import { decodeStatus, eventName } from '@s3mp/envelope'
import { MockGpio } from '@s3mp/hal/mock'
import { after, describe, it } from 'mocha'

import { STREAM } from '../src/streams.ts'
import { removeFolders } from './support/folder.ts'
import { World } from './support/world.ts'

const LINE = 22

describe('the switch in the case', () => {
  after(removeFolders)

  async function open(
    activeLow = false,
  ): Promise<{ readonly world: World; readonly gpio: MockGpio }> {
    let gpio: MockGpio | undefined
    const world = await World.open({
      tamper: (it) => {
        gpio ??= new MockGpio(it.clock)
        gpio.drive(LINE, activeLow)
        return { gpio, line: LINE, activeLow }
      },
    })
    await world.startAndMeet()
    assert.ok(gpio !== undefined)
    return { world, gpio }
  }

  function events(world: World): readonly string[] {
    return world.headEnd
      .records(STREAM.events)
      .flatMap((record) => (record.kind === 'event' ? [eventName(record.code)] : []))
      .filter((name) => name.startsWith('cover'))
  }

  function tampered(world: World): number {
    return world.headEnd
      .records(STREAM.live)
      .filter(({ status }) => decodeStatus(status).flags.includes('tamper')).length
  }

  it('sounds the alarm when it opens, and marks every record until it is closed', async () => {
    for (const activeLow of [false, true]) {
      const { world, gpio } = await open(activeLow)
      await world.pass(10_000)
      assert.equal(world.meter.status().isOpen, false)
      assert.equal(tampered(world), 0)
      gpio.drive(LINE, !activeLow)
      await world.pass(10_000)
      assert.equal(world.meter.status().isOpen, true)
      gpio.drive(LINE, activeLow)
      await world.pass(10_000)
      await world.untilDelivered()
      const marked = tampered(world)
      assert.ok(marked >= 8 && marked <= 13, `${String(marked)} records`)
      assert.deepEqual(events(world), ['cover-opened', 'cover-closed'])
      await world.stop()
    }
  })

  it('takes a bouncing contact for one opening', async () => {
    const { world, gpio } = await open()
    for (let time = 0; time < 10; time += 1) {
      gpio.drive(LINE, time % 2 === 0)
      await world.pass(3)
    }
    gpio.drive(LINE, true)
    await world.pass(5000)
    await world.untilDelivered()
    assert.deepEqual(events(world), ['cover-opened'])
    await world.stop()
  })

  it('goes on metering where the switch cannot be read, and says so', async () => {
    const { world, gpio } = await open()
    await world.pass(5000)
    gpio.fail(LINE)
    await world.pass(5000)
    assert.equal(world.meter.status().isOpen, undefined)
    assert.ok(world.log.some((line) => line.startsWith('tamper.unreadable')))
    await world.pass(60_000)
    assert.equal(world.meter.status().isOpen, false)
    assert.ok(world.meter.status().link.telegrams > 60)
    await world.stop()
  })

  it('is unknown where there is none', async () => {
    const world = await World.open()
    await world.startAndMeet()
    assert.equal(world.meter.status().isOpen, undefined)
    await world.stop()
  })
})
