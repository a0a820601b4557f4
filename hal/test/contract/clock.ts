import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import type { Clock } from '@s3mp/hal'

/** A clock and a way to let its time pass. */
export interface ClockBench {
  readonly clock: Clock
  readonly pass: (ms: number) => Promise<void>
}

/** The contract of Clock; the numbers are its clauses. */
export function describeClock(name: string, create: () => ClockBench): void {
  describe(`Clock contract: ${name}`, () => {
    it('1: tells wall-clock milliseconds since 1970 as an integer', () => {
      const now = create().clock.nowMs()
      assert.ok(Number.isInteger(now) && now >= 0)
    })

    it('2: never runs backwards', async () => {
      const { clock, pass } = create()
      let last = clock.monotonicMs()
      for (let i = 0; i < 5; i++) {
        await pass(1)
        const now = clock.monotonicMs()
        assert.ok(now >= last)
        last = now
      }
    })

    it('3: does not wake before the time has passed', async () => {
      const { clock, pass } = create()
      for (const ms of [1, 3, 7.5]) {
        const start = clock.monotonicMs()
        const sleep = clock.sleep(ms)
        await pass(ms + 1)
        await sleep
        assert.ok(clock.monotonicMs() - start >= ms)
      }
    })

    it('4: yields and resolves for zero and negative durations', async () => {
      const { clock, pass } = create()
      let woken = 0
      const sleeps = [0, -5].map((ms) => clock.sleep(ms).then(() => (woken += 1)))
      assert.equal(woken, 0)
      await pass(0)
      await Promise.all(sleeps)
      assert.equal(woken, 2)
    })

    it('5: rejects with the reason when the signal aborts, before or during the sleep', async () => {
      const { clock } = create()
      const reason = new Error('enough')
      const stop = new AbortController()
      const sleep = clock.sleep(60_000, stop.signal)
      stop.abort(reason)
      await assert.rejects(sleep, reason)
      await assert.rejects(clock.sleep(60_000, stop.signal), reason)
    })

    it('6: rejects a duration that is not a number, and ends an endless one by its signal', async () => {
      const { clock, pass } = create()
      await assert.rejects(clock.sleep(NaN), RangeError)
      const stop = new AbortController()
      let ended = false
      const sleep = clock.sleep(Infinity, stop.signal).finally(() => (ended = true))
      await pass(5)
      assert.equal(ended, false)
      stop.abort(new Error('enough'))
      await assert.rejects(sleep, /enough/)
    })
  })
}
