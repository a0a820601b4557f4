import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { KIDS_MIN, KID_BYTES, KidFilter, RateLimiter } from '../src/receive/admission.ts'

describe('RateLimiter', () => {
  it('lets a burst through, then what the rate gives back', () => {
    const limiter = new RateLimiter({ burst: 3, perSecond: 2 })
    assert.deepEqual(
      [0, 0, 0, 0].map((atMs) => limiter.take('a', atMs)),
      [true, true, true, false],
    )
    assert.equal(limiter.take('a', 499), false)
    assert.equal(limiter.take('a', 1000), true)
    assert.equal(limiter.take('b', 0), true, 'another source has its own bucket')
  })

  it('never holds more than its burst, however long a source was silent', () => {
    const limiter = new RateLimiter({ burst: 2, perSecond: 100 })
    limiter.take('a', 0)
    const taken = [1e9, 1e9, 1e9].map((atMs) => limiter.take('a', atMs))
    assert.deepEqual(taken, [true, true, false])
  })

  it('looks without taking', () => {
    const limiter = new RateLimiter({ burst: 1, perSecond: 1 })
    assert.ok(limiter.allows('a', 0))
    assert.ok(limiter.allows('a', 0))
    limiter.take('a', 0)
    assert.ok(!limiter.allows('a', 10))
    assert.ok(limiter.allows('a', 1000))
  })

  it('is not confused by a clock that stands still or steps back', () => {
    const limiter = new RateLimiter({ burst: 1, perSecond: 1 })
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

const kid = fc.uint8Array({ minLength: KID_BYTES, maxLength: KID_BYTES })

describe('KidFilter', () => {
  it('never denies a kid that was added', () => {
    fc.assert(
      fc.property(fc.array(kid, { maxLength: 200 }), (kids) => {
        const filter = new KidFilter()
        for (const one of kids) filter.add(one)
        return kids.every((one) => filter.has(one))
      }),
    )
  })

  it('refuses what cannot be a kid', () => {
    const filter = new KidFilter()
    assert.ok(!filter.has(new Uint8Array(0)))
    assert.ok(!filter.has(new Uint8Array(9)))
  })

  it('turns away all but a few unknown kids even when full', () => {
    const filter = new KidFilter()
    let seed = 1
    const next = (): Uint8Array => {
      const bytes = new Uint8Array(KID_BYTES)
      for (let i = 0; i < KID_BYTES; i++) {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
        bytes[i] = seed >>> 16
      }
      return bytes
    }
    for (let i = 0; i < KIDS_MIN; i++) filter.add(next())
    assert.ok(filter.full)
    let passed = 0
    for (let i = 0; i < 10_000; i++) if (filter.has(next())) passed++
    assert.ok(passed < 100, `${passed} of 10000 unknown kids passed`)
  })
})
