import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { MockGpio, VirtualClock } from '@s3mp/hal/mock'
import { describeGpio } from './contract/gpio.ts'
import { rejectsWith } from './contract/serial.ts'

describeGpio('MockGpio', () => {
  const clock = new VirtualClock()
  const board = new MockGpio(clock)
  return Promise.resolve({
    backend: board,
    drive: async (line, high) => {
      await clock.advance(1)
      board.drive(line, high)
    },
    isHigh: (line) => board.isHigh(line),
    release: () => Promise.resolve(),
  })
})

describe('MockGpio', () => {
  it('stamps edges with the clock it was given', async () => {
    const clock = new VirtualClock()
    const board = new MockGpio(clock)
    const pin = await board.openInput(17)
    const times: number[] = []
    pin.watch({ edge: (edge) => times.push(edge.monotonicMs), failed: () => undefined })
    await clock.advance(250)
    board.drive(17, true)
    await clock.advance(30)
    board.drive(17, false)
    assert.deepEqual(times, [250, 280])
  })

  it('fails a pin when told to', async () => {
    const board = new MockGpio(new VirtualClock())
    const pin = await board.openInput(17)
    const heard: string[] = []
    pin.watch({ edge: () => undefined, failed: (error) => heard.push(error.code) })
    board.fail(17)
    assert.deepEqual(heard, ['io'])
    await rejectsWith(pin.read(), 'io')
    await pin.close()
    await board.openInput(17)
  })
})
