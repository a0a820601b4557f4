import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { PATHS_MAX } from '../../src/selector/path-set.ts'
import { PathSelector } from '../../src/selector/selector.ts'
import { LIVELY_PLAN } from '../../src/selector/plan.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { fakePath } from '../support/fake-path.ts'
import { heapBytes } from '../support/heap.ts'

describe('PathSelector in the long run', () => {
  it('holds no more after ten thousand changes of path than after a thousand', function () {
    this.timeout(20_000)
    const random = seededRandom(3)
    const now = { ms: 0 }
    const clock = { nowMs: () => now.ms, monotonicMs: () => now.ms }
    const selector = new PathSelector({ clock, plan: LIVELY_PLAN })
    const counts = { switched: 0 }
    selector.observe((event) => {
      if (event.type === 'switched') counts.switched += 1
    })
    // Every lookup brings other paths, over other links: the worst that a network can do.
    let made = 0
    const churn = (changes: number): void => {
      for (const until = counts.switched + changes; counts.switched < until;) {
        now.ms += 5_000
        const paths = Array.from({ length: 4 }, () =>
          fakePath([1 + Math.floor(random() * 60_000), (made += 1) % 60_000], now.ms + 60_000),
        )
        selector.offer(paths)
        for (const path of paths) selector.answered(path, now.ms, 20 * random(), 'probe')
        const active = selector.pick()
        const first = active?.interfaces[0]
        if (active !== undefined && first !== undefined) {
          selector.interfaceDown(active, first.isdAs, first.id)
        }
        assert.ok(selector.size <= PATHS_MAX)
      }
    }
    churn(1_000)
    const before = heapBytes()
    churn(9_000)
    const grown = heapBytes() - before
    assert.ok(counts.switched >= 10_000)
    assert.ok(grown < 2 * 1024 * 1024, `${grown} bytes more`)
  })
})
