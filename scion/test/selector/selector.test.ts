import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'mocha'
import type { Path } from '../../src/path/path.ts'
import { EXPIRY_MARGIN_MS, RENEWAL_LEAD_MS } from '../../src/selector/entry.ts'
import { LIVELY_PLAN } from '../../src/selector/plan.ts'
import { PATHS_MAX } from '../../src/selector/path-set.ts'
import type { PathEvent } from '../../src/selector/report.ts'
import { REMOTE_SILENCES_MAX, REMOTE_SILENCE_MS_MIN } from '../../src/selector/host-watch.ts'
import { FLIGHT_SILENCES_MAX, PathSelector, REPORTED_MTU_MIN } from '../../src/selector/selector.ts'
import { ANSWER_WAIT_MS_MIN } from '../../src/selector/scoring.ts'
import { fakePath } from '../support/fake-path.ts'

const HOUR_MS = 3_600_000

describe('PathSelector', () => {
  let nowMs: number
  let selector: PathSelector
  let events: PathEvent[]
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const [a, b, c] = [fakePath([1, 1], HOUR_MS), fakePath([2, 2], HOUR_MS), fakePath([3, 3], HOUR_MS)] // prettier-ignore

  beforeEach(() => {
    nowMs = 1_000
    selector = new PathSelector({ clock, plan: LIVELY_PLAN })
    events = []
    selector.observe((event) => events.push(event))
  })

  /** Makes a path proven with the given round trip. */
  const prove = (path: Path, roundTripMs: number): void => {
    for (let count = 0; count < 20; count += 1) {
      nowMs += 10
      selector.answered(path, nowMs, roundTripMs, 'probe')
    }
  }

  const stateOf = (path: Path): string =>
    selector.report().find((one) => one.fingerprint === path.fingerprint)?.state ?? 'unknown'

  const wordsOf = (path: Path): string =>
    selector.report().find((one) => one.fingerprint === path.fingerprint)?.words ?? ''

  /** Fingerprints of the paths that failed so far. */
  const failures = (): readonly string[] =>
    events.flatMap((event) => (event.type === 'failed' ? [event.fingerprint] : []))

  it('gives nothing before it knows anything', () => {
    assert.equal(selector.pick(), undefined)
    assert.deepEqual(selector.pickDisjoint(3), [])
    assert.deepEqual(selector.report(), [])
    assert.equal(selector.nextProbeMs(), Infinity)
  })

  it('uses a path before it is measured: something has to be sent', () => {
    selector.offer([a, b])
    assert.equal(selector.pick(), a)
    assert.deepEqual(selector.pickDisjoint(5), [a, b])
  })

  it('believes a smaller MTU, but neither one that starves it nor one that makes a path larger', () => {
    const narrow = { ...b, mtu: 1000 }
    selector.offer([a, narrow])
    selector.tooBig(a, 1300)
    assert.equal(selector.mtuOf(a), 1300)
    selector.tooBig(a, 1350)
    assert.equal(selector.mtuOf(a), 1300)
    selector.tooBig(a, 80)
    assert.equal(selector.mtuOf(a), REPORTED_MTU_MIN)
    selector.tooBig(narrow, 900)
    assert.equal(selector.mtuOf(narrow), 1000)
  })

  it('takes every allowed path and says what is wrong with the others', () => {
    const choosy = new PathSelector({
      clock,
      policy: (path) => (path === a ? 'its colour is wrong' : undefined),
    })
    choosy.offer([a, b])
    assert.equal(choosy.pick(), b)
    const refused = choosy.report().find(({ fingerprint }) => fingerprint === a.fingerprint)
    assert.equal(refused?.state, 'refused')
    assert.equal(refused.words, 'forbidden: its colour is wrong')
    assert.deepEqual(choosy.pickDisjoint(2), [b])
  })

  it('asks the policy again with each lookup, and leaves the path in use when it is forbidden', () => {
    let forbidden = b
    const policy = (path: Path): string | undefined => (path === forbidden ? 'not now' : undefined)
    const choosy = new PathSelector({ clock, policy })
    choosy.offer([a, b])
    assert.equal(choosy.pick(), a)
    forbidden = a
    choosy.offer([a, b])
    assert.equal(choosy.pick(), b)
    assert.deepEqual(choosy.pickDisjoint(2), [b])
  })

  it('fails over from silent probes, and tells the two apart from a lost one', () => {
    selector.offer([a, b])
    prove(a, 20)
    prove(b, 30)
    selector.silent(a, (nowMs += 100), 'probe')
    assert.equal(selector.pick(), a)
    selector.silent(a, (nowMs += 100), 'probe')
    assert.equal(selector.pick(), b)
    assert.equal(stateOf(a), 'down')
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'switched' ? [event.cause] : [])),
      ['best', 'silent'],
    )
  })

  it('asks the next best path at the first silence, so that it is proven at the second', () => {
    selector.offer([a, b, c])
    prove(a, 20)
    prove(b, 30)
    prove(c, 40)
    for (const path of selector.dueProbes(8)) selector.probed(path)
    assert.deepEqual(selector.dueProbes(8), [])
    selector.silent(a, (nowMs += 100), 'probe')
    assert.deepEqual(selector.dueProbes(8), [a, b])
  })

  it('names the one link that a silence leaves, once a look at the path proves it current', () => {
    const silent = fakePath([1, 2], HOUR_MS)
    const first = fakePath([1, 9], HOUR_MS)
    const second = fakePath([8, 2], HOUR_MS)
    selector.offer([silent, first, second, c])
    prove(silent, 20)
    selector.silent(silent, (nowMs += 100), 'probe')
    selector.silent(silent, (nowMs += 100), 'probe')
    assert.deepEqual(failures(), [silent.fingerprint])
    // The first link works, so it must be the second; but it may work again by now.
    selector.answered(first, (nowMs += 100), 20, 'probe')
    assert.deepEqual(failures(), [silent.fingerprint])
    selector.silent(silent, (nowMs += 100), 'probe')
    assert.deepEqual(failures(), [silent.fingerprint, second.fingerprint])
    assert.match(wordsOf(second), /2-ff00:0:2#2/)
  })

  it('names no link as long as a proof is newer than the last look', () => {
    const silent = fakePath([1, 2], HOUR_MS)
    const first = fakePath([1, 9], HOUR_MS)
    selector.offer([silent, first, fakePath([8, 2], HOUR_MS)])
    for (let count = 0; count < 2; count += 1) selector.silent(silent, (nowMs += 100), 'probe')
    const lookedMs = (nowMs += 100)
    selector.answered(first, (nowMs += 100), 20, 'probe')
    selector.silent(silent, lookedMs, 'probe')
    assert.deepEqual(failures(), [silent.fingerprint])
  })

  it('fails a path that answers probes and loses one packet of the program after the other', () => {
    selector.offer([a, b])
    prove(a, 20)
    for (let count = 1; count < FLIGHT_SILENCES_MAX; count += 1) selector.lost(a)
    assert.notEqual(stateOf(a), 'down')
    selector.lost(a)
    assert.equal(stateOf(a), 'down')
  })

  it('calls a packet lost once the host acknowledges others that were sent later', () => {
    selector.offer([a])
    const sentMs = nowMs
    assert.ok(!selector.isHostPast(sentMs))
    for (let count = 0; count < 16; count += 1) selector.hostAnswered((nowMs += 20))
    assert.ok(selector.isHostPast(sentMs))
    assert.ok(!selector.isHostPast(nowMs))
    // A host that has rested acknowledges what it has in any order.
    const restedMs = (nowMs += 1_000)
    selector.hostAnswered(restedMs)
    assert.ok(!selector.isHostPast(restedMs - ANSWER_WAIT_MS_MIN))
    nowMs += ANSWER_WAIT_MS_MIN
    assert.ok(selector.isHostPast(restedMs - ANSWER_WAIT_MS_MIN))
  })

  it('forgets losses in a row when a packet is acknowledged', () => {
    selector.offer([a, b])
    prove(a, 20)
    for (let count = 0; count < 2 * FLIGHT_SILENCES_MAX; count += 1) {
      selector.lost(a)
      selector.answered(a, (nowMs += 10), undefined, 'flight')
    }
    assert.notEqual(stateOf(a), 'down')
  })

  it('sends over a second path while an answer is missing, until it is clear what is wrong', () => {
    selector.offer([a, b, c])
    prove(a, 20)
    prove(b, 40)
    prove(c, 30)
    assert.deepEqual(selector.pickGuarded(), [a])
    selector.silent(a, (nowMs += 100), 'flight')
    assert.equal(selector.pick(), a, 'a missing answer moves nothing')
    assert.deepEqual(selector.pickGuarded(), [a, c])
    selector.answered(a, (nowMs += 10), 20, 'probe')
    assert.deepEqual(selector.pickGuarded(), [a])
    selector.silent(a, (nowMs += 100), 'flight')
    selector.silent(a, (nowMs += 100), 'probe')
    assert.deepEqual(selector.pickGuarded(), [c])
    assert.equal(selector.pickBeside([c]), b)
    assert.equal(selector.pickBeside([b, c]), undefined, 'nothing else works')
  })

  it('would rather send again over a path that shares no link', () => {
    const shared = fakePath([1, 9], HOUR_MS)
    selector.offer([a, shared, c])
    prove(a, 20)
    prove(shared, 21)
    prove(c, 80)
    assert.equal(selector.pickBeside([a]), c)
  })

  it('sends nothing twice to a host that has been silent on all paths for a while', () => {
    selector.offer([a, b])
    prove(a, 20)
    prove(b, 30)
    for (let count = 0; count <= REMOTE_SILENCES_MAX; count += 1) {
      selector.silent(a, (nowMs += 10), 'flight')
    }
    assert.equal(selector.pickBeside([a]), b)
    nowMs += REMOTE_SILENCE_MS_MIN
    assert.equal(selector.pickBeside([a]), undefined)
    selector.hostAnswered(nowMs)
    assert.equal(selector.pickBeside([a]), b)
  })

  it('looks at a path whose acknowledgements surprise, but not more often than at the one in use', () => {
    selector.offer([a])
    prove(a, 20)
    for (const path of selector.dueProbes(8)) selector.probed(path)
    nowMs += LIVELY_PLAN.activeMs - 1
    selector.answered(a, nowMs, undefined, 'flight')
    selector.surprised(a)
    assert.deepEqual(selector.dueProbes(8), [])
    nowMs += 1
    selector.surprised(a)
    assert.deepEqual(selector.dueProbes(8), [a])
  })

  it('takes round trips from acknowledgements where no router answers, and from probes once one does', () => {
    const roundTripOf = (): number | undefined => selector.report()[0]?.roundTripMs
    selector.offer([a])
    selector.answered(a, (nowMs += 10), 70, 'flight')
    assert.equal(roundTripOf(), 70)
    selector.answered(a, (nowMs += 10), 20, 'probe')
    assert.equal(roundTripOf(), 20)
    selector.answered(a, (nowMs += 10), 70, 'flight')
    assert.equal(roundTripOf(), 20)
  })

  it('looks at once when a packet is not acknowledged', () => {
    selector.offer([a])
    prove(a, 20)
    selector.dueProbes(8)
    selector.probed(a)
    selector.silent(a, (nowMs += 50), 'flight')
    assert.deepEqual(selector.dueProbes(8), [a])
  })

  it('blames no path when nothing at all is acknowledged', () => {
    selector.offer([a, b])
    prove(a, 20)
    prove(b, 30)
    for (let count = 0; count < 100; count += 1) {
      const path = selector.pick()
      assert.ok(path !== undefined)
      selector.silent(path, (nowMs += 100), 'flight')
      assert.ok(!selector.isHostPast(nowMs))
      selector.answered(path, (nowMs += 10), 20, 'probe')
    }
    assert.deepEqual(failures(), [])
  })

  it('does not fail a path whose routers answer no probe, as long as packets are acknowledged', () => {
    selector.offer([a])
    selector.answered(a, (nowMs += 10), undefined, 'flight')
    for (let count = 0; count < 10; count += 1) selector.silent(a, (nowMs += 100), 'probe')
    assert.deepEqual(failures(), [])
  })

  it('drops all paths over one link together, and takes them back by proof', () => {
    const shared = fakePath([1, 9], HOUR_MS)
    selector.offer([a, shared, c])
    const [first] = a.interfaces
    assert.ok(first !== undefined)
    assert.ok(selector.interfaceDown(a, first.isdAs, first.id))
    assert.deepEqual([stateOf(a), stateOf(shared)], ['down', 'down'])
    assert.equal(selector.pick(), c)
    selector.answered(shared, (nowMs += 10), 20, 'probe')
    assert.deepEqual([stateOf(a), stateOf(shared)], ['probing', 'probing'])
    assert.equal(events.filter(({ type }) => type === 'recovered').length, 2)
  })

  it('ignores a report about an interface that is not on the path', () => {
    selector.offer([a, b])
    const [elsewhere] = b.interfaces
    assert.ok(elsewhere !== undefined)
    assert.ok(!selector.interfaceDown(a, elsewhere.isdAs, elsewhere.id))
    assert.ok(!selector.crossingDown(a, elsewhere.isdAs, 1, 2))
    assert.deepEqual(failures(), [])
  })

  it('believes that the way through an AS is closed', () => {
    selector.offer([a, b])
    const [, middle] = a.interfaces
    assert.ok(middle !== undefined)
    assert.ok(selector.crossingDown(a, middle.isdAs, 1, 1))
    assert.equal(selector.pick(), b)
  })

  it('leaves the first router that cannot be reached, with all paths behind it', () => {
    const same = { ...fakePath([8, 8], HOUR_MS), nextHop: { host: '127.0.0.1', port: 1 } }
    selector.offer([a, same, b])
    selector.unreachable(a)
    assert.deepEqual([stateOf(a), stateOf(same)], ['down', 'down'])
    assert.equal(selector.pick(), b)
  })

  it('keeps an old path until the renewed one has answered', () => {
    selector.offer([a])
    const renewed = { ...a, expiryMs: 2 * HOUR_MS }
    selector.offer([renewed])
    assert.equal(selector.pick(), a)
    assert.deepEqual(selector.dueProbes(8), [renewed])
    selector.probed(renewed)
    for (let count = 0; count < 5; count += 1) {
      selector.silent(renewed, (nowMs += 100), 'probe')
      selector.offer([renewed])
    }
    assert.equal(selector.pick(), a)
    assert.deepEqual(failures(), [])
    selector.answered(renewed, (nowMs += 10), 20, 'probe')
    assert.equal(selector.pick(), renewed)
  })

  it('takes a renewed path unproven when the old one is about to end', () => {
    selector.offer([a])
    const renewed = { ...a, expiryMs: 2 * HOUR_MS }
    selector.offer([renewed])
    nowMs = HOUR_MS - RENEWAL_LEAD_MS
    assert.equal(selector.pick(), renewed)
  })

  it('stops using a path a little before it expires', () => {
    selector.offer([a, { ...b, expiryMs: 2 * HOUR_MS }])
    nowMs = HOUR_MS - EXPIRY_MARGIN_MS - 1
    assert.equal(selector.pick(), a)
    nowMs += 1
    assert.equal(selector.pick()?.fingerprint, b.fingerprint)
    assert.equal(stateOf(a), 'expired')
    nowMs = HOUR_MS
    selector.offer([])
    assert.equal(stateOf(a), 'unknown')
    assert.equal(selector.size, 1)
  })

  it('has room for so many paths and no more, unlisted ones giving way', () => {
    const many = Array.from({ length: PATHS_MAX + 20 }, (_, index) =>
      fakePath([index + 100, index + 100], HOUR_MS),
    )
    selector.offer(many)
    assert.equal(selector.size, PATHS_MAX)
    const active = selector.pick()
    selector.offer([a, b])
    assert.equal(selector.size, PATHS_MAX)
    assert.notEqual(stateOf(a), 'unknown')
    assert.equal(selector.pick(), active)
    // What the newest lookup names again is renewed, however many others it brings.
    const renewed = { ...b, expiryMs: 2 * HOUR_MS }
    selector.offer([...many, renewed])
    selector.answered(renewed, nowMs, 20, 'probe')
    const found = selector.report().find(({ fingerprint }) => fingerprint === b.fingerprint)
    assert.equal(found?.expiryMs, 2 * HOUR_MS)
  })

  it('finds the one path that is allowed behind ever so many that are not', () => {
    const many = Array.from({ length: PATHS_MAX + 20 }, (_, index) =>
      fakePath([index + 100, index + 100], HOUR_MS),
    )
    const allowed = [a, b]
    const choosy = new PathSelector({
      clock,
      policy: (path) => (allowed.includes(path) ? undefined : 'leaves the country'),
    })
    choosy.offer([...many, b])
    assert.equal(choosy.pick(), b)
    assert.equal(choosy.size, PATHS_MAX)
    choosy.offer([...many, b, a])
    assert.deepEqual(new Set(choosy.usable()), new Set([a, b]))
    assert.equal(choosy.size, PATHS_MAX)
  })

  it('stays within its budget of probes', () => {
    const many = Array.from({ length: 50 }, (_, index) => fakePath([index + 1, index + 1], HOUR_MS))
    selector.offer(many)
    let probes = 0
    for (const until = nowMs + 120_000; nowMs < until; nowMs += 50) {
      for (const path of selector.dueProbes(8)) {
        probes += 1
        selector.probed(path)
        selector.silent(path, nowMs, 'probe')
      }
    }
    assert.ok(probes <= 3 * LIVELY_PLAN.perMinute, `${probes} probes in two minutes`)
  })
})
