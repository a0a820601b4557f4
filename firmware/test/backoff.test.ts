import assert from 'node:assert/strict'

import fc from 'fast-check'
import { describe, it } from 'mocha'

import { RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN, retryDelayMs } from '../src/backoff.ts'

describe('retryDelayMs', () => {
  it('stays between its bounds for any count of failures and any chance', () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.nat(10_000), chance, (failures, random) => {
        const delayMs = retryDelayMs(failures, random)
        assert.ok(delayMs >= RETRY_DELAY_MS_MIN && delayMs <= RETRY_DELAY_MS_MAX)
      }),
    )
  })

  it('doubles the ceiling with each failure until the cap', () => {
    const ceilings = [1, 2, 3, 20].map((failures) => retryDelayMs(failures, 0.999_999))
    assert.deepEqual(ceilings, [399, 799, 1599, 299_999])
  })

  it('spreads a street over the whole span', () => {
    assert.equal(retryDelayMs(5, 0), RETRY_DELAY_MS_MIN)
    assert.equal(retryDelayMs(5, 0.5), 200 + 3100)
  })
})
