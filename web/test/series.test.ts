import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  appendPoint,
  LIVE_POINTS_MAX,
  thin,
  timeAverage,
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
  it('puts a gap wherever two readings are too far apart, and keeps the server’s own', () => {
    assert.deepEqual(toCurve([0, 1000, 9000, 10_000], [1, 2, null, 4], 2000), {
      seconds: [0, 1, 3, 9, 10],
      values: [1, 2, null, null, 4],
    })
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

describe('timeAverage', () => {
  it('weighs by time and leaves gaps out', () => {
    const curve = { seconds: [0, 10, 20, 100, 110], values: [100, 200, null, 50, 50] }
    assert.equal(timeAverage(curve), (100 * 10 + 50 * 10) / 20)
    assert.equal(timeAverage(EMPTY), undefined)
  })
})
