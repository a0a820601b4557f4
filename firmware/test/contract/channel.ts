import assert from 'node:assert/strict'

import { it } from 'mocha'

import type { MeterEnd, UplinkEnd } from '../../src/channel/channel.ts'
import type { ToMeter, ToUplink } from '../../src/channel/message.ts'

/** How a channel under test is made, and what its kind can do. */
export interface ChannelUnderTest {
  /** Both ends, linked. */
  readonly open: () => Promise<{ readonly meter: MeterEnd; readonly uplink: UplinkEnd }>
  /** Makes the uplink's end anew after it was closed; absent where ends live and die together. */
  readonly reopenUplink?: () => Promise<UplinkEnd>
}

/** Waits until something is so, for at most a few seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries += 1) {
    assert.ok(tries < 600, 'in time')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const send = (id: number): ToUplink => ({
  type: 'send',
  id,
  deadline: 'billing',
  attempt: 0,
  bytes: new Uint8Array([id & 0xff]),
})

const received = (token: number): ToMeter => ({
  type: 'received',
  token,
  bytes: new Uint8Array(300).fill(token),
})

/** One test for each clause of `ChannelEnd`. */
export function describeChannel({ open, reopenUplink }: ChannelUnderTest): void {
  it('1 · brings messages once, in order, as they were posted, both ways', async () => {
    const { meter, uplink } = await open()
    const up: ToUplink[] = []
    const down: ToMeter[] = []
    uplink.onMessage((message) => up.push(message))
    meter.onMessage((message) => down.push(message))
    for (let id = 0; id < 50; id += 1) {
      assert.ok(meter.post(send(id)))
      assert.ok(uplink.post(received(id)))
    }
    await until(() => up.length >= 50 && down.length >= 50)
    assert.deepEqual(
      up,
      Array.from({ length: 50 }, (_, id) => send(id)),
    )
    assert.deepEqual(
      down,
      Array.from({ length: 50 }, (_, id) => received(id)),
    )
    await Promise.all([meter.close(), uplink.close()])
  })

  it('2 · refuses what the other end cannot take', async () => {
    const { meter, uplink } = await open()
    await uplink.close()
    await until(() => !meter.isLinked)
    assert.equal(meter.post(send(1)), false)
    await meter.close()
  })

  it('3 · delivers through the listener, never within post', async () => {
    const { meter, uplink } = await open()
    let isPosting = false
    const seen: boolean[] = []
    uplink.onMessage(() => seen.push(isPosting))
    isPosting = true
    meter.post(send(1))
    isPosting = false
    await until(() => seen.length === 1)
    assert.deepEqual(seen, [false])
    await Promise.all([meter.close(), uplink.close()])
  })

  it('4 · tells a late listener how it stands, then each change', async () => {
    const { meter, uplink } = await open()
    const states: boolean[] = []
    meter.onLink((isLinked) => states.push(isLinked))
    await until(() => states.length === 1)
    await uplink.close()
    await until(() => states.length === 2)
    assert.deepEqual(states, [true, false])
    await meter.close()
  })

  // Both ends of a channel in memory are one process: neither comes back without the other.
  if (reopenUplink !== undefined)
    it('5 · passes messages again when the other end is back', async () => {
      const { meter, uplink } = await open()
      await uplink.close()
      await until(() => !meter.isLinked)
      const again = await reopenUplink()
      const up: ToUplink[] = []
      again.onMessage((message) => up.push(message))
      await until(() => meter.isLinked)
      assert.ok(meter.post(send(7)))
      await until(() => up.length === 1)
      await Promise.all([meter.close(), again.close()])
    })

  it('7 · may be closed twice, and is silent afterwards', async () => {
    const { meter, uplink } = await open()
    let heard = 0
    meter.onMessage(() => (heard += 1))
    await meter.close()
    await meter.close()
    uplink.post(received(1))
    assert.equal(meter.post(send(1)), false)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(heard, 0)
    await uplink.close()
  })
}
