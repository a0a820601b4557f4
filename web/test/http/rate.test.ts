import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { RateLimiter } from '../../src/http/rate.ts'

describe('RateLimiter', () => {
  it('lets a burst through, then what the rate gives back', () => {
    const limiter = new RateLimiter({ burst: 3, perSecond: 2 }, 1000)
    assert.deepEqual(
      [0, 0, 0, 0].map((atMs) => limiter.take('a', atMs)),
      [true, true, true, false],
    )
    assert.equal(limiter.take('a', 499), false)
    assert.equal(limiter.take('a', 1000), true)
    assert.equal(limiter.take('b', 0), true, 'another source has its own bucket')
  })

  it('never holds more than its burst, however long a source was silent', () => {
    const limiter = new RateLimiter({ burst: 2, perSecond: 100 }, 1000)
    limiter.take('a', 0)
    const taken = [1e9, 1e9, 1e9].map((atMs) => limiter.take('a', atMs))
    assert.deepEqual(taken, [true, true, false])
  })

  it('looks without taking', () => {
    const limiter = new RateLimiter({ burst: 1, perSecond: 1 }, 1000)
    assert.ok(limiter.allows('a', 0))
    assert.ok(limiter.allows('a', 0))
    limiter.take('a', 0)
    assert.ok(!limiter.allows('a', 10))
    assert.ok(limiter.allows('a', 1000))
  })

  it('is not confused by a clock that stands still or steps back', () => {
    const limiter = new RateLimiter({ burst: 1, perSecond: 1 }, 1000)
    assert.ok(limiter.take('a', 5000))
    assert.ok(!limiter.take('a', 4000))
    assert.ok(limiter.take('a', 5000))
  })

  it('forgets the longest silent source, and stays within its table', () => {
    const limiter = new RateLimiter({ burst: 1, perSecond: 0.001 }, 100)
    limiter.take('honest', 0)
    for (let i = 0; i < 99; i++) limiter.take(`junk ${i}`, 1)
    assert.ok(!limiter.allows('honest', 2))
    limiter.take('honest', 2)
    for (let i = 0; i < 50; i++) limiter.take(`more ${i}`, 3)
    assert.equal(limiter.size, 100)
    assert.ok(!limiter.allows('honest', 3), 'was used lately, so it stays')
  })
})
