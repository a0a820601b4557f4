import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Candidate } from '../../src/selector/choice.ts'
import { SWITCH_GAIN_MIN, SWITCH_GAIN_MS_MIN, choose } from '../../src/selector/choice.ts'
import { REDUNDANCY_MAX, disjointSet } from '../../src/selector/disjoint.ts'

function candidate(fingerprint: string, other: Partial<Candidate> = {}): Candidate {
  return {
    fingerprint,
    links: [fingerprint],
    cost: 50,
    loss: 0,
    proven: true,
    doubtful: false,
    expired: false,
    refused: false,
    suspects: 0,
    ...other,
  }
}

const silent = { cause: 'silent', sinceMs: 0 } as const

describe('choose', () => {
  it('takes the cheapest first, proven before unproven', () => {
    const paths = [candidate('a'), candidate('b', { cost: 30 })]
    assert.equal(choose(paths, undefined, 'gain').fingerprint, 'b')
    const unproven = [candidate('a'), candidate('b', { cost: 30, proven: false })]
    assert.equal(choose(unproven, undefined, 'gain').fingerprint, 'a')
  })

  it('keeps the path in use unless another one costs clearly less', () => {
    const at = (cost: number): string | undefined =>
      choose([candidate('a'), candidate('b', { cost })], 'a', 'gain').fingerprint
    assert.equal(at(50 * (1 - SWITCH_GAIN_MIN) + 0.01), 'a')
    assert.equal(at(50 * (1 - SWITCH_GAIN_MIN)), 'b')
    const cheap = [candidate('a', { cost: 10 }), candidate('b', { cost: 10 - SWITCH_GAIN_MS_MIN + 0.1 })] // prettier-ignore
    assert.equal(choose(cheap, 'a', 'gain').fingerprint, 'a')
  })

  it('moves by choice only to what is proven, trusted and allowed', () => {
    for (const flaw of [
      { proven: false },
      { suspects: 1 },
      { refused: true },
      { expired: true },
      { failure: silent },
    ]) {
      const paths = [candidate('a'), candidate('b', { cost: 1, ...flaw })]
      assert.deepEqual(choose(paths, 'a', 'gain'), { fingerprint: 'a', cause: 'kept' })
    }
  })

  it('does not move twice in a moment, unless the path in use loses packets', () => {
    const paths = [candidate('a'), candidate('b', { cost: 1 })]
    assert.equal(choose(paths, 'a', 'loss').fingerprint, 'a')
    const lossy = [candidate('a', { loss: 0.3 }), candidate('b', { cost: 1 })]
    assert.deepEqual(choose(lossy, 'a', 'loss'), { fingerprint: 'b', cause: 'lossy' })
    const both = [candidate('a', { loss: 0.3 }), candidate('b', { cost: 1, loss: 0.3 })]
    assert.equal(choose(both, 'a', 'loss').fingerprint, 'a')
  })

  it('does not move by choice while an answer is missing', () => {
    const paths = [candidate('a', { doubtful: true, loss: 0.5 }), candidate('b', { cost: 1 })]
    assert.equal(choose(paths, 'a', 'gain').fingerprint, 'a')
  })

  it('leaves a failed path at once, for one without doubtful links', () => {
    const paths = [
      candidate('a', { failure: silent }),
      candidate('b', { cost: 10, suspects: 1 }),
      candidate('c', { cost: 90 }),
    ]
    assert.deepEqual(choose(paths, 'a', 'loss'), { fingerprint: 'c', cause: 'silent' })
  })

  it('rather takes a path never tried than a proven one over a doubtful link', () => {
    const paths = [
      candidate('a', { failure: silent }),
      candidate('b', { suspects: 1 }),
      candidate('c', { proven: false }),
    ]
    assert.equal(choose(paths, 'a', 'loss').fingerprint, 'c')
  })

  it('tries the failure that is the longest ago when everything has failed', () => {
    const paths = [
      candidate('a', { failure: { cause: 'silent', sinceMs: 20 } }),
      candidate('b', { failure: { cause: 'revoked', sinceMs: 10 } }),
      candidate('c', { expired: true }),
      candidate('d', { refused: true }),
    ]
    assert.equal(choose(paths, 'a', 'loss').fingerprint, 'b')
  })

  it('takes nothing that is expired or refused, not even in need', () => {
    const paths = [candidate('a', { expired: true }), candidate('b', { refused: true })]
    assert.deepEqual(choose(paths, 'a', 'loss'), { cause: 'expired' })
    assert.deepEqual(choose([], undefined, 'loss'), { cause: 'best' })
  })

  it('never leaves a usable path for one that is not, or costs more', () => {
    const any = fc.record({
      cost: fc.nat(200),
      proven: fc.boolean(),
      expired: fc.boolean(),
      refused: fc.boolean(),
      suspects: fc.nat(2),
      loss: fc.double({ min: 0, max: 1, noNaN: true }),
      failed: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), fc.nat(8), (list, active) => {
        const paths = list.map(({ failed, ...one }, index) =>
          candidate(String(index), { ...one, ...(failed ? { failure: silent } : {}) }),
        )
        const usable = (one: Candidate | undefined): boolean =>
          one !== undefined && !one.expired && !one.refused && one.failure === undefined
        const { fingerprint } = choose(paths, String(active), 'gain')
        const [before, after] = [paths[active], paths.find((one) => one.fingerprint === fingerprint)] // prettier-ignore
        if (paths.some(usable)) assert.ok(usable(after))
        if (usable(before) && after !== before) assert.ok((after?.cost ?? 0) < (before?.cost ?? 0))
      }),
    )
  })
})

describe('disjointSet', () => {
  const of = (...links: string[]): { readonly links: readonly string[] } => ({ links })

  it('does not let the second best block two others', () => {
    const paths = [of('a'), of('b', 'c'), of('b'), of('c')]
    assert.deepEqual(disjointSet(paths, 3), [of('a'), of('b'), of('c')])
  })

  it('gives the first alone when everything shares a link with it', () => {
    const paths = [of('a', 'b'), of('a'), of('b')]
    assert.deepEqual(disjointSet(paths, 2), [of('a', 'b')])
    assert.deepEqual(disjointSet([], 2), [])
    assert.deepEqual(disjointSet(paths, 0), [])
  })

  it('never shares a link, never exceeds what was asked for, and finds as many as there are', () => {
    const links = fc.uniqueArray(fc.nat(7).map(String), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(links, { maxLength: 8 }), fc.nat(5), (list, count) => {
        const paths = list.map((one) => of(...one))
        const chosen = disjointSet(paths, count)
        const all = chosen.flatMap((one) => one.links)
        assert.equal(new Set(all).size, all.length)
        assert.ok(chosen.length <= Math.min(count, REDUNDANCY_MAX))
        if (count > 0 && paths.length > 0) assert.equal(chosen[0], paths[0])
        assert.equal(chosen.length, mostDisjoint(paths, Math.min(count, REDUNDANCY_MAX)))
      }),
    )
  })

  /** The same by trying every subset. */
  function mostDisjoint(paths: readonly ReturnType<typeof of>[], count: number): number {
    let most = 0
    for (let mask = 0; mask < 1 << paths.length; mask += 1) {
      if (paths.length > 0 && (mask & 1) === 0) continue
      const subset = paths.filter((_, index) => (mask & (1 << index)) !== 0)
      const all = subset.flatMap((one) => one.links)
      if (subset.length <= count && new Set(all).size === all.length) {
        most = Math.max(most, subset.length)
      }
    }
    return most
  }
})
