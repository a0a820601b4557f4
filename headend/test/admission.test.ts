import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { KIDS_MIN, KID_BYTES, KidFilter } from '../src/receive/admission.ts'

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
