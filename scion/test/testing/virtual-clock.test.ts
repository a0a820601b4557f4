import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { TokenBucket } from '../../src/token-bucket.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

describe('VirtualClock', () => {
  it('moves only when told to, both of its times alike', async () => {
    const clock = new VirtualClock(1_000_000)
    assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [1_000_000, 0])
    await clock.advance(250.5)
    assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [1_000_250, 250.5])
  })

  it('wakes sleepers in order of time, then of their falling asleep', async () => {
    const clock = new VirtualClock()
    const woken: string[] = []
    const sleep = (name: string, ms: number): void => {
      void clock.sleep(ms).then(() => woken.push(`${name} ${clock.monotonicMs()}`))
    }
    sleep('c', 30)
    sleep('a', 10)
    sleep('b', 10)
    sleep('d', 40)
    await clock.advance(30)
    assert.deepEqual(woken, ['a 10', 'b 10', 'c 30'])
    assert.equal(clock.pending, 1)
  })

  it('lets what a timer sets off happen before the next timer', async () => {
    const clock = new VirtualClock()
    const seen: number[] = []
    const chain = async (): Promise<void> => {
      for (let step = 0; step < 3; step += 1) {
        await clock.sleep(10)
        await Promise.resolve()
        seen.push(clock.monotonicMs())
      }
    }
    void chain()
    void clock.sleep(25).then(() => seen.push(-1))
    await clock.advance(100)
    assert.deepEqual(seen, [10, 20, -1, 30])
  })

  it('ends a sleep for a signal, with its reason', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const sleeping = clock.sleep(1_000, stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(sleeping, /enough/)
    await assert.rejects(clock.sleep(1, stop.signal), /enough/)
    assert.equal(clock.pending, 0)
  })

  it('runs until a promise settles, and no longer', async () => {
    const clock = new VirtualClock()
    void clock.sleep(5_000)
    assert.equal(await clock.run(clock.sleep(70).then(() => 'done')), 'done')
    assert.equal(clock.monotonicMs(), 70)
    await assert.rejects(clock.run(clock.sleep(10).then(() => Promise.reject(new Error('no')))), /no/) // prettier-ignore
  })

  it('says when a promise waits for something that never comes', async () => {
    const clock = new VirtualClock()
    const never = new Promise(() => undefined)
    await assert.rejects(clock.run(never), /not settled/)
    void clock.sleep(60_000)
    await assert.rejects(clock.run(never, 1_000), /not settled within 1000 ms/)
  })
})

describe('TokenBucket', () => {
  it('gives so many at once, then by the period', () => {
    const bucket = new TokenBucket(3, 1_000, 0)
    const taken = (nowMs: number): number => {
      let count = 0
      while (bucket.take(nowMs)) count += 1
      return count
    }
    assert.equal(taken(0), 3)
    assert.equal(Math.ceil(bucket.waitMs(0)), 334)
    assert.equal(taken(400), 1)
    assert.equal(taken(100_000), 3)
  })

  it('takes nothing back when time stands still or runs backwards', () => {
    const bucket = new TokenBucket(1, 1_000, 5_000)
    assert.ok(bucket.take(5_000))
    assert.ok(!bucket.take(4_000))
    assert.ok(!bucket.take(4_500))
  })
})
