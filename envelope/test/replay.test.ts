import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { REPLAY_WINDOW, ReplayGuard, ReplayWindow } from '@s3mp/envelope'

describe('a replay window', () => {
  it('is what remembering every number would be, down to its edge', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(40), fc.nat(3 * REPLAY_WINDOW)), { maxLength: 200 }),
        (numbers) => {
          const window = new ReplayWindow()
          const seen = new Set<number>()
          let newest = -1
          for (const number of numbers) {
            const expected =
              number <= newest - REPLAY_WINDOW ? 'unknown' : seen.has(number) ? 'replayed' : 'fresh'
            assert.equal(window.check(number), expected)
            window.mark(number)
            seen.add(number)
            newest = Math.max(newest, number)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('starts empty: zero is fresh once', () => {
    const window = new ReplayWindow()
    assert.equal(window.check(0), 'fresh')
    window.mark(0)
    assert.equal(window.check(0), 'replayed')
  })

  it('is not moved by looking', () => {
    const window = new ReplayWindow()
    window.check(1_000_000)
    window.mark(5)
    assert.equal(window.check(5), 'replayed')
    assert.equal(window.check(4), 'fresh')
  })
})

describe('a replay guard', () => {
  it('keeps epochs apart and forgets the least recently used', () => {
    const guard = new ReplayGuard(2)
    const epochs = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte))
    const [first, second, third] = epochs
    assert.ok(first && second && third)
    assert.equal(guard.admit(first, 0), 'fresh')
    assert.equal(guard.admit(second, 0), 'fresh')
    assert.equal(guard.admit(first, 0), 'replayed')
    assert.equal(guard.admit(third, 0), 'fresh')
    assert.equal(guard.admit(first, 0), 'replayed')
    assert.equal(guard.admit(second, 0), 'fresh')
  })
})
