import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { FAILOVERS_PER_HOUR_MAX, PATHS_WATCHED_MAX, PathWatch } from '../src/receive/path-watch.ts'
import type { Committed, Entry, Outcome } from '../src/store/records.ts'
import type { NewEvent } from '../src/store/types.ts'
import { readingBody } from './support/world.ts'

const [A, B] = [0xaa, 0xbb]

function entry(path: number, device = 1): Entry {
  const body = readingBody(0, [1n, 1n], 'fast')
  const record = { ...body, stream: 3, seq: 1, prevHash16: new Uint8Array(16) } as Entry['record']
  const bytes = new Uint8Array(0)
  return { device, ueid: bytes, record, hash: bytes, bytes, path: Uint8Array.of(path) }
}

function done(type: 'stored' | 'known' = 'stored'): Committed {
  const outcome: Outcome = type === 'stored' ? { type, row: 1 } : { type }
  return { outcomes: [outcome], events: [] }
}

describe('PathWatch', () => {
  /** Feeds [time, path] and collects what is told. */
  function tell(watch: PathWatch, steps: readonly (readonly [number, number])[]): NewEvent[] {
    return steps.flatMap(([atMs, path]) => [...watch.follow([entry(path)], done(), atMs)])
  }

  it('tells of a new path, and for how much longer than usual nothing came', () => {
    const watch = new PathWatch()
    const before = Array.from({ length: 100 }, (_, index) => [index * 1000, A] as const)
    assert.deepEqual(tell(watch, before), [])
    // The last over A at 99 s; the first over B 1.4 s later, a second of which is usual.
    const events = tell(
      watch,
      [100_400, 101_400, 102_400].map((atMs) => [atMs, B] as const),
    )
    assert.equal(events.length, 1)
    assert.equal(events[0]?.code, 'path.failover')
    assert.deepEqual(events[0].details, { from: 'aa', to: 'bb', gapMs: 400 })
    assert.equal(events[0].atMs, 100_400)
  })

  it('takes a copy that was faster now and then for no change', () => {
    const watch = new PathWatch()
    const steps = Array.from({ length: 60 }, (_, i) => [i * 1000, i % 5 === 4 ? B : A] as const) // prettier-ignore
    assert.deepEqual(tell(watch, steps), [])
  })

  it('does not count what was stored before', () => {
    const watch = new PathWatch()
    tell(watch, [[0, A]])
    for (let i = 0; i < 10; i++) assert.deepEqual(watch.follow([entry(B)], done('known'), i), [])
  })

  it('is bounded, in devices and in what it tells of one that flaps', () => {
    const watch = new PathWatch()
    for (let i = 0; i < PATHS_WATCHED_MAX + 5; i++) watch.follow([entry(A, i)], done(), 0)
    assert.equal(watch.size, PATHS_WATCHED_MAX)
    const flapping = Array.from({ length: 300 }, (_, i) => [i, Math.floor(i / 3) % 2 === 0 ? A : B] as const) // prettier-ignore
    const other = new PathWatch()
    assert.equal(tell(other, flapping).length, FAILOVERS_PER_HOUR_MAX)
    assert.ok(tell(other, flapping.map(([ms, path]) => [ms + 3_600_000, path] as const)).length > 0) // prettier-ignore
  })
})
