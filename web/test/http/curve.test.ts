import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import fc from 'fast-check'
import {
  drawCurve,
  newestOfBuckets,
  suitingCandidate,
  type CurveCandidate,
} from '../../src/http/curve.ts'

const HOUR_MS = 3_600_000

describe('a curve', () => {
  it('holds nothing but readings that exist, in order, and no more than its points', () => {
    const points = fc
      .array(fc.record({ timeMs: fc.nat(HOUR_MS - 1), value: fc.integer() }), { maxLength: 200 })
      .map((list) => [...list].sort((a, b) => a.timeMs - b.timeMs))
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 60 }), (readings, count) => {
        const question = { fromMs: 0, toMs: HOUR_MS, points: count }
        const { timesMs, values, low, high } = drawCurve(readings, question, 0)
        const shown = timesMs.flatMap((timeMs, index) => {
          const value = values[index]
          return value === null || value === undefined ? [] : [{ timeMs, value, index }]
        })
        assert.ok(shown.length <= count)
        for (const { timeMs, value, index } of shown) {
          assert.ok(readings.some((one) => one.timeMs === timeMs && one.value === value))
          assert.ok((low?.[index] ?? value) <= value && value <= (high?.[index] ?? value))
        }
        assert.deepEqual(
          timesMs,
          [...timesMs].sort((a, b) => a - b),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('shows a gap as a gap, and not the rhythm of a slow meter', () => {
    const every = (stepMs: number): { timeMs: number; value: number }[] =>
      Array.from({ length: 4 }, (_, index) => ({ timeMs: index * stepMs, value: index }))
    const question = { fromMs: 0, toMs: HOUR_MS, points: 3600 }
    const slow = drawCurve(every(600_000), question, 600_000)
    assert.deepEqual(slow.values, [0, 1, 2, 3])
    const torn = drawCurve(every(600_000), question, 60_000)
    assert.deepEqual(torn.values, [0, null, 1, null, 2, null, 3])
  })

  it('is drawn from the coarsest stream that fills it and reaches as far back', () => {
    const candidates = [
      { name: 'live', intervalMs: 0, firstMs: 50 * HOUR_MS, lastMs: 100 * HOUR_MS },
      { name: 'minute', intervalMs: 60_000, firstMs: 0, lastMs: 100 * HOUR_MS },
      { name: 'quarter', intervalMs: 900_000, firstMs: 0, lastMs: 100 * HOUR_MS },
    ]
    const over = (fromMs: number, points: number): string | undefined =>
      suitingCandidate(candidates, { fromMs, toMs: 100 * HOUR_MS, points })?.name
    assert.equal(over(0, 100), 'quarter')
    assert.equal(over(0, 1000), 'minute')
    const none: readonly CurveCandidate[] = []
    assert.equal(suitingCandidate(none, { fromMs: 0, toMs: 1, points: 1 }), undefined)
  })

  it('is drawn from the finest although a coarse one has a reading from just before it began', () => {
    const minute = 60_000
    const nowMs = 5 * minute
    const drawn = (minutesFromMs: number): string | undefined =>
      suitingCandidate(
        [
          { name: 'live', intervalMs: 0, firstMs: 2.3 * minute, lastMs: nowMs },
          { name: 'minute', intervalMs: minute, firstMs: minutesFromMs, lastMs: 4 * minute },
          { name: 'quarter', intervalMs: 15 * minute, firstMs: 2 * minute, lastMs: 2 * minute },
        ],
        { fromMs: 0, toMs: nowMs, points: 1000 },
      )?.name
    assert.equal(drawn(3 * minute), 'live')
    assert.equal(drawn(0), 'minute')
  })

  it('asks for the newest of each bucket where there is too much to read', () => {
    const times = [5, 15, 18, 42]
    const asked: number[] = []
    const newest = newestOfBuckets({ fromMs: 0, toMs: 50, points: 5 }, (endMs) => {
      asked.push(endMs)
      const timeMs = times.findLast((time) => time <= endMs)
      return timeMs === undefined ? undefined : { timeMs }
    })
    assert.deepEqual(newest, [{ timeMs: 5 }, { timeMs: 18 }, { timeMs: 42 }])
    assert.deepEqual(asked, [9, 19, 29, 39, 49])
  })
})
