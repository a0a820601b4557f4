import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import {
  FAILURE_MEMORY_MS_MAX,
  FAILURE_MEMORY_MS_MIN,
  LINKS_REMEMBERED_MAX,
  LinkMemory,
  failureMemoryMs,
} from '../../src/selector/links.ts'
import type { ProbeState } from '../../src/selector/plan.ts'
import { LIVELY_PLAN, nextProbeMs } from '../../src/selector/plan.ts'

describe('LinkMemory', () => {
  it('remembers a failure for a bounded time', () => {
    const links = new LinkMemory()
    links.failed('a', 'revoked', 1_000)
    assert.equal(links.failureOf('a', 1_000)?.cause, 'revoked')
    assert.ok(links.failureOf('a', 999 + FAILURE_MEMORY_MS_MIN) !== undefined)
    assert.equal(links.failureOf('a', 1_000 + FAILURE_MEMORY_MS_MIN), undefined)
  })

  it('forgets it for an answer to what was sent later, not for an earlier one', () => {
    const links = new LinkMemory()
    links.failed('a', 'silent', 1_000)
    links.proven(['a'], 1_000)
    assert.ok(links.failureOf('a', 1_100) !== undefined)
    links.proven(['a'], 1_001)
    assert.equal(links.failureOf('a', 1_100), undefined)
  })

  it('remembers longer what comes back, and no longer for being told twice', () => {
    const links = new LinkMemory()
    links.failed('a', 'revoked', 0)
    links.failed('a', 'revoked', 100)
    links.failed('a', 'revoked', 200)
    assert.equal(links.failureOf('a', 200)?.untilMs, 200 + FAILURE_MEMORY_MS_MIN)
    links.stillFailed('a', 300)
    assert.equal(links.failureOf('a', 300)?.untilMs, 300 + 2 * FAILURE_MEMORY_MS_MIN)
    assert.equal(links.failureOf('a', 300)?.sinceMs, 0)
    for (let count = 0; count < 100; count += 1) links.stillFailed('a', 400)
    assert.equal(links.failureOf('a', 400)?.untilMs, 400 + FAILURE_MEMORY_MS_MAX)
    assert.equal(failureMemoryMs(1_000), FAILURE_MEMORY_MS_MAX)
  })

  it('never holds more than its limit', () => {
    const links = new LinkMemory()
    for (let index = 0; index < LINKS_REMEMBERED_MAX + 100; index += 1) {
      links.proven([`link ${index}`], index)
    }
    assert.equal(links.size, LINKS_REMEMBERED_MAX)
    assert.equal(links.provenMs('link 0'), -Infinity)
    assert.equal(links.provenMs('link 200'), 200)
  })
})

describe('nextProbeMs', () => {
  const state: ProbeState = {
    role: 'standby',
    probedMs: 1_000,
    provenMs: 1_000,
    proven: true,
    silences: 0,
    surprising: false,
    probesSinceFailure: 0,
    urgent: false,
    pending: false,
  }
  const at = (other: Partial<ProbeState>): number =>
    nextProbeMs({ ...state, ...other }, LIVELY_PLAN)

  it('looks at a path by its importance', () => {
    assert.equal(at({ role: 'active' }), 1_000 + LIVELY_PLAN.activeMs)
    assert.equal(at({}), 1_000 + LIVELY_PLAN.standbyMs)
    assert.equal(at({ role: 'idle' }), 1_000 + LIVELY_PLAN.idleMs)
    assert.equal(at({ role: 'unusable', urgent: true }), Infinity)
  })

  it('lets acknowledgements stand for probes', () => {
    assert.equal(at({ role: 'active', provenMs: 1_700 }), 1_700 + LIVELY_PLAN.activeMs)
    const measured = 1_000 + LIVELY_PLAN.standbyMs
    assert.equal(
      at({ role: 'active', provenMs: 60_000 }),
      measured,
      'but never for its measurement',
    )
  })

  it('looks a few times more at what surprises', () => {
    assert.equal(at({ surprising: true }), 1_000 + LIVELY_PLAN.proofMs)
  })

  it('follows up at once on a silence and on what is urgent', () => {
    assert.equal(at({ silences: 1 }), 1_000)
    assert.equal(at({ urgent: true }), -Infinity)
    assert.equal(at({ urgent: true, pending: true }), Infinity)
  })

  it('lets a path prove itself quickly', () => {
    assert.equal(at({ proven: false }), 1_000 + LIVELY_PLAN.proofMs)
  })

  it('looks at a failed path ever more rarely', () => {
    const wait = (probesSinceFailure: number): number =>
      at({ role: 'failed', probesSinceFailure }) - 1_000
    assert.equal(wait(0), LIVELY_PLAN.failedMs)
    assert.equal(wait(1), 2 * LIVELY_PLAN.failedMs)
    assert.equal(wait(1_000), LIVELY_PLAN.failedMostMs)
  })
})
