import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  appendPoint,
  growthByBar,
  LIVE_POINTS_MAX,
  thin,
  toCurve,
} from '../src/page/logic/series.ts'
import type { Curve } from '../src/page/logic/series.ts'

const EMPTY: Curve = { seconds: [], values: [] }

describe('appendPoint', () => {
  it('adds in order and drops what is older than the span', () => {
    let curve = EMPTY
    for (let second = 1; second <= 10; second += 1) {
      curve = appendPoint(curve, second * 1000, second, 4000, 5000)
    }
    assert.deepEqual(curve, { seconds: [6, 7, 8, 9, 10], values: [6, 7, 8, 9, 10] })
  })

  it('draws a silence as a gap', () => {
    const one = appendPoint(EMPTY, 1000, 5, 60_000, 5000)
    const two = appendPoint(one, 20_000, 6, 60_000, 5000)
    assert.deepEqual(two, { seconds: [1, 6, 20], values: [5, null, 6] })
  })

  it('leaves the curve alone when a reading comes late or again', () => {
    const one = appendPoint(EMPTY, 5000, 5, 60_000, 5000)
    assert.equal(appendPoint(one, 5000, 7, 60_000, 5000), one)
    assert.equal(appendPoint(one, 4000, 7, 60_000, 5000), one)
  })

  it('never holds more points than it may', () => {
    let curve = EMPTY
    for (let index = 0; index < LIVE_POINTS_MAX + 500; index += 1) {
      curve = appendPoint(curve, index, index, 1e12, 5000)
    }
    assert.equal(curve.seconds.length, LIVE_POINTS_MAX)
    assert.equal(curve.values.at(-1), LIVE_POINTS_MAX + 499)
  })
})

describe('toCurve', () => {
  it('puts a gap where two readings are much further apart than usual, and nowhere else', () => {
    const times = [0, 1000, 2000, 3100, 9000, 10_000]
    assert.deepEqual(toCurve(times, [1, 2, 3, 4, 5, 6]), {
      seconds: [0, 1, 2, 3.1, 6.05, 9, 10],
      values: [1, 2, 3, 4, null, 5, 6],
    })
  })

  it('takes slow readings for what they are', () => {
    const times = [0, 900_000, 1_800_000, 4_500_000]
    assert.deepEqual(toCurve(times, [1, null, 3, 4]).values, [1, 3, 4])
    assert.deepEqual(toCurve([], []), EMPTY)
  })
})

describe('growthByBar', () => {
  it('counts from the reading before the bar, or from the first one in it', () => {
    const counter = { seconds: [55, 70, 110, 130, 300], values: [10, 12, 15, 16, 40] }
    assert.deepEqual(growthByBar(counter, [60, 120, 180, 240, 360]), [5, 1, null, 24])
    assert.deepEqual(growthByBar(EMPTY, [0, 60]), [null])
  })
})

const curves = fc
  .array(fc.option(fc.double({ noNaN: true, min: -1e5, max: 1e5 })), { maxLength: 400 })
  .map((values): Curve => ({ seconds: values.map((_, index) => index), values }))

describe('thin', () => {
  it('keeps the extremes, the gaps’ presence and the order, in about as many points as asked', () => {
    fc.assert(
      fc.property(curves, fc.integer({ min: 4, max: 200 }), (curve, points) => {
        const thinned = thin(curve, points)
        const known = (each: Curve): number[] => each.values.filter((value) => value !== null)
        assert.ok(thinned.seconds.length <= Math.max(points * 1.5 + 3, 6))
        assert.deepEqual(
          [...thinned.seconds].sort((a, b) => a - b),
          thinned.seconds,
        )
        if (known(curve).length > 0) {
          assert.equal(Math.max(...known(thinned)), Math.max(...known(curve)))
          assert.equal(Math.min(...known(thinned)), Math.min(...known(curve)))
        }
        assert.equal(thinned.values.includes(null), curve.values.includes(null))
        thinned.seconds.forEach((second, index) => {
          assert.equal(thinned.values[index], curve.values[second])
        })
      }),
    )
  })
})
