import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { systemClock } from '@s3mp/hal'
import { VirtualClock } from '@s3mp/hal/mock'
import { describeClock } from './contract/clock.ts'

describeClock('systemClock', () => ({ clock: systemClock, pass: (ms) => systemClock.sleep(ms) }))
describeClock('VirtualClock', () => {
  const clock = new VirtualClock(1_700_000_000_000)
  return { clock, pass: (ms) => clock.advance(ms) }
})

describe('VirtualClock', () => {
  it('wakes sleepers by due time, and equal ones in the order they fell asleep', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 30 }), async (delays) => {
        const clock = new VirtualClock()
        const woken: number[] = []
        delays.forEach((ms, index) => {
          void clock.sleep(ms).then(() => {
            assert.equal(clock.monotonicMs(), ms)
            woken.push(index)
          })
        })
        await clock.advance(20)
        const expected = delays.map((_, index) => index)
        expected.sort((a, b) => (delays[a] ?? 0) - (delays[b] ?? 0) || a - b)
        assert.deepEqual(woken, expected)
        assert.equal(clock.sleeping, 0)
      }),
      { numRuns: 30 },
    )
  })

  it('lets a woken sleeper sleep again within the same advance', async () => {
    const clock = new VirtualClock()
    const ticks: number[] = []
    const ticking = (async () => {
      for (let i = 0; i < 5; i++) {
        await clock.sleep(1000)
        ticks.push(clock.monotonicMs())
      }
    })()
    await clock.advance(3500)
    assert.deepEqual(ticks, [1000, 2000, 3000])
    assert.equal(clock.monotonicMs(), 3500)
    await clock.advance(1500)
    await ticking
  })

  it('jumps the wall clock without passing time', async () => {
    const clock = new VirtualClock(1000)
    await clock.advance(10)
    clock.jump(-500)
    assert.equal(clock.nowMs(), 510)
    assert.equal(clock.monotonicMs(), 10)
  })

  it('runs until a promise settles, with its value or its error', async () => {
    const clock = new VirtualClock()
    const value = clock.sleep(86_400_000).then(() => 'tomorrow')
    assert.equal(await clock.runUntil(value), 'tomorrow')
    const failing = clock.sleep(5).then(() => {
      throw new Error('late')
    })
    await assert.rejects(clock.runUntil(failing), /late/)
  })

  it('says so when no passing of time can settle the promise', async () => {
    const clock = new VirtualClock()
    await assert.rejects(clock.runUntil(new Promise(() => undefined)), /still pending at 0 ms/)
    const slow = clock.sleep(100)
    await assert.rejects(clock.runUntil(slow, 50), /still pending/)
    await clock.advance(100)
    await slow
  })
})
