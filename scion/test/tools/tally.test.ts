import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { Tally } from '../../src/tools/tally.ts'

describe('Tally', () => {
  it('says what all round trips together would', () => {
    const times = fc.array(fc.double({ min: 0.01, max: 5000, noNaN: true }), { minLength: 1 })
    fc.assert(
      fc.property(times, (all) => {
        const tally = new Tally()
        for (const one of all) tally.add(one)
        const mean = all.reduce((sum, one) => sum + one, 0) / all.length
        const spread = all.reduce((sum, one) => sum + (one - mean) ** 2, 0) / all.length
        const { min, avg, max, mdev } = tally.summary()
        assert.deepEqual([tally.count, min, max], [all.length, Math.min(...all), Math.max(...all)])
        assert.ok(Math.abs(avg - mean) < 1e-6 && Math.abs(mdev - Math.sqrt(spread)) < 1e-3)
      }),
    )
  })

  it('has nothing to say of none', () => {
    assert.deepEqual(new Tally().summary(), { min: 0, avg: 0, max: 0, mdev: 0 })
  })
})
