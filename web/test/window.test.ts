import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { pagesOf, rowWindow, WINDOW_ROWS_MAX } from '../src/page/logic/window.ts'

describe('rowWindow', () => {
  it('draws what is seen, with some to spare, and leaves room for the rest', () => {
    const view = rowWindow(10_000, 300_000, 600, 60)
    assert.deepEqual(view, { first: 4992, end: 5018, abovePx: 299_520, belowPx: 298_920 })
  })

  it('covers what is seen and adds up to the whole list, wherever it is scrolled to', () => {
    fc.assert(
      fc.property(fc.nat(20_000), fc.nat(2_000_000), fc.nat(4000), (total, topPx, heightPx) => {
        const rowPx = 60
        const { first, end, abovePx, belowPx } = rowWindow(total, topPx, heightPx, rowPx)
        assert.equal(abovePx + (end - first) * rowPx + belowPx, total * rowPx)
        assert.ok(first >= 0 && end <= total && first <= end && end - first <= WINDOW_ROWS_MAX)
        const lastSeen = Math.min(total, Math.ceil((topPx + heightPx) / rowPx))
        if (topPx < total * rowPx) assert.ok(first * rowPx <= topPx && end >= lastSeen)
      }),
    )
  })
})

describe('pagesOf', () => {
  it('names the pages that hold the rows', () => {
    assert.deepEqual(pagesOf(0, 26, 100), [0])
    assert.deepEqual(pagesOf(95, 121, 100), [0, 1])
    assert.deepEqual(pagesOf(100, 200, 100), [1])
    assert.deepEqual(pagesOf(5, 5, 100), [])
  })
})
