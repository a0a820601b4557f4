import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { MeterError, S0Counter } from '../../src/index.ts'
import { S0_CONSTANT_MAX } from '../../src/s0/counter.ts'
import { S0_EDGES_PULSES_MAX } from '../../src/simulator/s0-edges.ts'
import { Household, s0Edges } from '../../src/simulator/index.ts'

const START_MS = Date.UTC(2026, 0, 10, 17)

function house(seed = 1): Household {
  return new Household({ seed, startMs: START_MS })
}

describe('the pulses of a simulated S0 output', () => {
  it('are counted exactly, with a clean contact and with a chattering one', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.constantFrom(500, 1_000, 2_000),
        fc.constantFrom(0, 5, 10),
        (seed, pulsesPerKwh, bounceMs) => {
          const toMs = START_MS + 900_000
          const edges = s0Edges(house(seed), { pulsesPerKwh, fromMs: START_MS, toMs, bounceMs })
          const counter = new S0Counter({ device: 's0', pulsesPerKwh })
          for (const edge of edges) counter.push(edge)
          counter.settle(1_000_000)
          const { importMilliWh } = house(seed).at(toMs)
          const expected = (importMilliWh * BigInt(pulsesPerKwh)) / 1_000_000n
          assert.equal(counter.state.pulses, expected)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('come in order and join from span to span without a pulse lost or doubled', () => {
    const middle = START_MS + 437_300
    const end = START_MS + 900_000
    const span = (fromMs: number, toMs: number): number =>
      s0Edges(house(), { pulsesPerKwh: 10_000, fromMs, toMs }).length
    assert.equal(span(START_MS, middle) + span(middle, end), span(START_MS, end))
    const edges = s0Edges(house(), {
      pulsesPerKwh: 1_000,
      fromMs: START_MS,
      toMs: end,
      bounceMs: 10,
    })
    const times = edges.map(({ monotonicMs }) => monotonicMs)
    assert.deepEqual(
      times,
      times.toSorted((left, right) => left - right),
    )
  })

  it('are refused for constants and spans that no meter has', () => {
    for (const [pulsesPerKwh, hours] of [
      [0, 1],
      [1.5, 1],
      [S0_CONSTANT_MAX + 1, 1],
      [S0_CONSTANT_MAX, Math.ceil(S0_EDGES_PULSES_MAX / 10_000)],
    ] as const) {
      assert.throws(
        () =>
          s0Edges(house(), { pulsesPerKwh, fromMs: START_MS, toMs: START_MS + hours * 3_600_000 }),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
  })
})
