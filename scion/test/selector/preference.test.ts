import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Path } from '../../src/path/path.ts'
import { rankingOf } from '../../src/policy/requirements.ts'
import type { Candidate } from '../../src/selector/choice.ts'
import { TOLERATED_LOSS_MAX, choose } from '../../src/selector/choice.ts'
import { anyPath } from '../../src/selector/policy.ts'
import { PathSelector } from '../../src/selector/selector.ts'
import { fakePath } from '../support/fake-path.ts'

const HOUR_MS = 3_600_000

function candidate(fingerprint: string, other: Partial<Candidate> = {}): Candidate {
  const links = [fingerprint]
  const sound = {
    loss: 0,
    proven: true,
    doubtful: false,
    expired: false,
    refused: false,
    suspects: 0,
  }
  return { fingerprint, links, cost: 50, ...sound, ...other }
}

function withLatency(path: Path, latencyMs: number | undefined): Path {
  const metadata = {
    latenciesMs: [latencyMs, 0, 0],
    bandwidthsKbps: [undefined, undefined, undefined],
    geo: [undefined, undefined, undefined, undefined],
    linkTypes: ['unset', 'unset'],
    internalHops: [undefined],
    notes: [],
  } as const
  return { ...path, metadata }
}

describe('the order of a policy in the choice of a path', () => {
  it('decides before the cost among proven paths', () => {
    const paths = [candidate('a', { cost: 5, preference: 1 }), candidate('b', { preference: 0 })]
    assert.deepEqual(choose(paths, 'a', 'gain'), { fingerprint: 'b', cause: 'outranked' })
    assert.equal(choose(paths, undefined, 'gain').fingerprint, 'b')
    assert.deepEqual(choose(paths, 'b', 'gain'), { fingerprint: 'b', cause: 'kept' })
  })

  it('waits until the wanted path is proven, and does not hurry from change to change', () => {
    const other = candidate('a', { preference: 1 })
    const wanted = candidate('b', { preference: 0 })
    assert.equal(choose([other, { ...wanted, proven: false }], 'a', 'gain').fingerprint, 'a')
    assert.equal(choose([other, wanted], 'a', 'loss').fingerprint, 'a')
  })

  it('leaves a wanted path that fails or loses too much, and comes back when it is sound', () => {
    const other = candidate('a', { cost: 30, preference: 1 })
    const failed = candidate('b', { preference: 0, failure: { cause: 'silent', sinceMs: 0 } })
    assert.equal(choose([other, failed], 'b', 'gain').fingerprint, 'a')
    const lossy = candidate('b', { preference: 0, cost: 90, loss: TOLERATED_LOSS_MAX })
    assert.deepEqual(choose([other, lossy], 'b', 'loss'), { fingerprint: 'a', cause: 'lossy' })
    assert.equal(choose([other, lossy], 'a', 'gain').fingerprint, 'a')
    assert.equal(choose([other, { ...lossy, loss: 0.01 }], 'a', 'gain').fingerprint, 'b')
  })

  it('leaves the cost to decide among equals', () => {
    const paths = [candidate('a', { preference: 0 }), candidate('b', { cost: 10, preference: 0 })]
    assert.deepEqual(choose(paths, 'a', 'gain'), { fingerprint: 'b', cause: 'slower' })
  })
})

describe('rankingOf', () => {
  const [near, far, silent] = [
    withLatency(fakePath([1, 1], HOUR_MS), 5),
    withLatency(fakePath([2, 2], HOUR_MS), 50),
    withLatency(fakePath([3, 3], HOUR_MS), undefined),
  ]

  it('gives equals the same place, and what states nothing the last', () => {
    const ranking = rankingOf(['hops_asc', 'meta_latency_asc'], () => 0)
    assert.deepEqual(ranking([silent, far, near, { ...near }]), [2, 1, 0, 0])
    assert.deepEqual(rankingOf(['hops_asc'], () => 0)([far, near]), [0, 0])
    assert.deepEqual(rankingOf([], () => 0)([far, near]), [0, 0])
  })

  it('draws a random order once and keeps it', () => {
    const orders = Array.from({ length: 16 }, (_, draw) => {
      const ranking = rankingOf(['random'], () => draw / 16)
      const places = ranking([near, far, silent])
      assert.deepEqual(ranking([silent, near, far]), [places[2], places[0], places[1]])
      return places.join()
    })
    assert.ok(new Set(orders).size > 1)
  })
})

describe('PathSelector.setPolicy', () => {
  let nowMs = 1000
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const [near, far] = [
    withLatency(fakePath([1, 1], HOUR_MS), 5),
    withLatency(fakePath([2, 2], HOUR_MS), 50),
  ]

  function proven(): PathSelector {
    const selector = new PathSelector({ clock })
    selector.offer([near, far])
    for (const [path, roundTripMs] of [
      [near, 10],
      [far, 100],
    ] as const) {
      for (let count = 0; count < 20; count += 1) {
        nowMs += 10
        selector.answered(path, nowMs, roundTripMs, 'probe')
      }
    }
    return selector
  }

  it('moves traffic at once, and keeps what was measured', () => {
    const selector = proven()
    assert.equal(selector.pick(), near)
    selector.setPolicy((path) => (path === near ? 'not through there' : undefined))
    assert.equal(selector.pick(), far)
    const [active, refused] = selector.report()
    assert.equal(active?.roundTripMs, 100)
    assert.deepEqual([refused?.state, refused?.words], ['refused', 'forbidden: not through there'])
    selector.setPolicy(anyPath)
    assert.equal(selector.pick(), near)
  })

  it('follows an order against the measured cost, and says so', () => {
    const selector = proven()
    selector.setPolicy(
      anyPath,
      rankingOf(['meta_latency_desc'], () => 0),
    )
    assert.equal(selector.pick(), far)
    const [active, other] = selector.report()
    assert.match(active?.words ?? '', /^in use, number 1 in the policy's order: 100\.0 ms/)
    assert.deepEqual([other?.reason, other?.preference], ['outranked', 1])
    assert.match(other?.words ?? '', /^works, but is number 2 in the policy's order: /)
  })

  it('orders what later lookups bring, too', () => {
    const selector = new PathSelector({ clock, ranking: rankingOf(['meta_latency_asc'], () => 0) })
    selector.offer([far])
    assert.equal(selector.report()[0]?.preference, 0)
    selector.offer([far, near])
    const places = new Map(selector.report().map((one) => [one.path, one.preference]))
    assert.deepEqual([places.get(near), places.get(far)], [0, 1])
  })
})
