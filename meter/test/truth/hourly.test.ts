import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Reading, Register } from '../../src/index.ts'
import { createTruth } from '../../src/index.ts'

const START_MS = Date.UTC(2026, 9, 15, 12)
const STEP_MS = 10_000
const HOUR_MS = 3_600_000

function register(obis: string, digits: number, scaler: number, unit: string): Register {
  return { obis, digits: BigInt(digits), scaler, unit, unitCode: unit === 'W' ? 27 : 30 }
}

/** A house at 1.5 kW and more whose meter tells power always and energy at full hours alone. */
function reading(index: number, wattHours: number | undefined, channel: number): Reading {
  const watts = 1_500 + 400 * Math.sin(index / 60)
  return {
    protocol: 'dlms',
    device: '5706567000000001',
    registers: [
      register(`1-${channel}:16.7.0*255`, Math.round(watts), 0, 'W'),
      ...(wattHours === undefined
        ? []
        : [register(`1-${channel}:1.8.0*255`, Math.round(wattHours / 10), 1, 'Wh')]),
    ],
    texts: [],
    flags: [],
  }
}

/** What three hours of such a meter give rise to; `factor` is how much too great its energy is read. */
function findings(factor: number, channel: number, pauseAt = -10): readonly string[] {
  const truth = createTruth()
  const told: string[] = []
  let wattHours = 20_000
  for (let index = 0; index * STEP_MS <= 3 * HOUR_MS; index++) {
    wattHours += ((1_500 + 400 * Math.sin(index / 60)) * STEP_MS) / HOUR_MS
    if (index > pauseAt && index < pauseAt + 6) continue
    const hourly = (index * STEP_MS) % HOUR_MS === 0 ? wattHours * factor : undefined
    const moment = {
      monotonicMs: index * STEP_MS,
      wallMs: START_MS + index * STEP_MS,
      wallTrusted: true,
    }
    const verdict = truth.check(reading(index, hourly, channel), moment)
    told.push(...verdict.findings.map(({ flag, what }) => `${flag} ${what}`))
  }
  return told
}

describe('a meter that tells its energy once an hour', () => {
  it('is believed where power says the same, on any channel', () => {
    for (const channel of [0, 1]) assert.deepEqual(findings(1, channel), [])
  })

  it('is doubted where its energy is read by another scale, which is named', () => {
    for (const channel of [0, 1]) {
      const told = findings(10, channel)
      assert.equal(told.length, 3)
      for (const one of told) assert.match(one, /^energy-doubt .*: 10 times as much, as of another/)
    }
    assert.match(findings(0.1, 1)[0] ?? '', /: 0\.1 times as much, as of another scale$/)
    assert.doesNotMatch(findings(3, 1)[0] ?? '', /times as much/)
  })

  it('is not compared over a pause', () => {
    assert.equal(findings(10, 1, 400).length, 2)
  })
})
