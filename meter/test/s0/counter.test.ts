import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { MeterError } from '../../src/errors.ts'
import { decimal } from '../../src/reading.ts'
import type { PulseEdge } from '../../src/s0/counter.ts'
import { S0_CONSTANT_MAX, S0_POWER_AGE_MS_MAX, S0Counter } from '../../src/s0/counter.ts'

const OPTIONS = { device: 'S0-1', pulsesPerKwh: 1000 }

function feed(counter: S0Counter, edges: readonly PulseEdge[], untilMs: number): void {
  for (const edge of edges) counter.push(edge)
  counter.settle(untilMs)
}

/** Edges of `count` clean pulses of `highMs` every `everyMs`, the first at `everyMs`. */
function pulses(count: number, everyMs: number, highMs = 30): PulseEdge[] {
  return Array.from({ length: count }, (_, index) => (index + 1) * everyMs).flatMap((startMs) => [
    { active: true, monotonicMs: startMs },
    { active: false, monotonicMs: startMs + highMs },
  ])
}

describe('S0Counter', () => {
  it('counts each clean pulse once', () => {
    const counter = new S0Counter(OPTIONS)
    feed(counter, pulses(100, 1000), 200_000)
    assert.deepEqual(counter.counts, { pulses: 100n, bounces: 0, short: 0 })
  })

  it('gives energy and power as integers', () => {
    const counter = new S0Counter(OPTIONS)
    feed(counter, pulses(2500, 3600), 2500 * 3600 + 100)
    const [energy, power] = counter.reading(2500 * 3600 + 100).registers
    assert.ok(energy !== undefined && power !== undefined)
    assert.equal(decimal(energy), '2500.0000')
    assert.equal(decimal(power), '1000.000')
    assert.equal(power.derived, true)
  })

  it('rounds energy down where the constant divides badly, never drifting', () => {
    const counter = new S0Counter({
      ...OPTIONS,
      pulsesPerKwh: 375,
      state: { pulses: 375n * 7n + 1n },
    })
    const [energy] = counter.reading(0).registers
    assert.equal(energy && decimal(energy), '7002.6666')
  })

  it('neither loses nor doubles pulses of a bouncing contact', () => {
    const bounce = fc.array(fc.integer({ min: 1, max: 13 }), { maxLength: 6 })
    fc.assert(
      fc.property(fc.array(fc.tuple(bounce, bounce), { maxLength: 40 }), (bounces) => {
        const counter = new S0Counter(OPTIONS)
        const edges = bouncing(bounces)
        feed(counter, edges, (edges.at(-1)?.monotonicMs ?? 0) + 1000)
        assert.equal(counter.counts.pulses, BigInt(bounces.length))
      }),
    )
  })

  it('ignores spikes and interruptions shorter than a level can be', () => {
    const counter = new S0Counter(OPTIONS)
    const spike = [
      { active: true, monotonicMs: 100 },
      { active: false, monotonicMs: 104 },
    ]
    const interrupted = [
      { active: true, monotonicMs: 1000 },
      { active: false, monotonicMs: 1020 },
      { active: true, monotonicMs: 1024 },
      { active: false, monotonicMs: 1060 },
    ]
    feed(counter, [...spike, ...interrupted], 5000)
    assert.deepEqual(counter.counts, { pulses: 1n, bounces: 2, short: 0 })
  })

  it('counts a pulse below the norm and says so', () => {
    const counter = new S0Counter(OPTIONS)
    feed(counter, pulses(1, 1000, 20), 5000)
    assert.deepEqual(counter.counts, { pulses: 1n, bounces: 0, short: 1 })
  })

  it('decides by the times of the edges, however late it hears of them', () => {
    const prompt = new S0Counter(OPTIONS)
    for (const edge of pulses(10, 500)) {
      prompt.push(edge)
      prompt.settle(edge.monotonicMs + 29)
    }
    const late = new S0Counter(OPTIONS)
    feed(late, pulses(10, 500), 1_000_000)
    prompt.settle(1_000_000)
    assert.deepEqual(late.counts, prompt.counts)
  })

  it('goes on counting where the stored state left off', () => {
    const first = new S0Counter(OPTIONS)
    feed(first, pulses(3, 1000), 10_000)
    const second = new S0Counter({ ...OPTIONS, state: first.state })
    feed(second, pulses(2, 1000), 10_000)
    assert.equal(second.counts.pulses, 5n)
  })

  it('lets the power fall while the next pulse is overdue, and ends it at last', () => {
    const counter = new S0Counter(OPTIONS)
    feed(counter, pulses(2, 3600), 7300)
    const power = (ms: number): string | undefined => {
      const register = counter.reading(ms).registers[1]
      return register && decimal(register)
    }
    assert.equal(power(7300), '1000.000')
    assert.equal(power(7200 + 36_000), '100.000')
    assert.equal(power(7200 + S0_POWER_AGE_MS_MAX), '1.000')
    assert.equal(power(7200 + S0_POWER_AGE_MS_MAX + 1), undefined)
  })

  it('gives no power before two pulses were seen', () => {
    const counter = new S0Counter(OPTIONS)
    feed(counter, pulses(1, 1000), 2000)
    assert.equal(counter.reading(2000).registers.length, 1)
  })

  it('refuses a constant that no meter has', () => {
    for (const pulsesPerKwh of [0, -1, NaN, S0_CONSTANT_MAX + 1]) {
      assert.throws(() => new S0Counter({ ...OPTIONS, pulsesPerKwh }), MeterError)
    }
  })
})

/** A pulse of 60 ms a second whose contact chatters when it closes and when it opens. */
function bouncing(
  bounces: readonly (readonly [readonly number[], readonly number[]])[],
): PulseEdge[] {
  const edges: PulseEdge[] = []
  bounces.forEach(([closing, opening], index) => {
    const startMs = (index + 1) * 1000
    chatter(edges, true, startMs, closing)
    chatter(edges, false, startMs + 200, opening)
  })
  return edges
}

function chatter(
  edges: PulseEdge[],
  active: boolean,
  fromMs: number,
  gaps: readonly number[],
): void {
  let atMs = fromMs
  let level = active
  edges.push({ active: level, monotonicMs: atMs })
  for (const gapMs of gaps) {
    atMs += gapMs
    level = !level
    edges.push({ active: level, monotonicMs: atMs })
  }
  if (level !== active) edges.push({ active, monotonicMs: atMs + 5 })
}
