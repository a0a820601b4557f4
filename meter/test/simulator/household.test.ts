import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { Household } from '../../src/simulator/index.ts'
import { hashed, noise } from '../../src/simulator/random.ts'

const START = Date.UTC(2026, 5, 10)
const HOUR = 3_600_000

function house(seed = 7, solarPeakW = 6000): Household {
  return new Household({ seed, startMs: START, solarPeakW })
}

describe('Household', () => {
  it('is the same for the same seed, and another for another', () => {
    const at = START + 19 * HOUR
    assert.deepEqual(house().at(at), house().at(at))
    assert.notDeepEqual(house(7).at(at).phasePowerMw, house(8).at(at).phasePowerMw)
  })

  it('does not depend on which moments were looked at before', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 * HOUR }), { maxLength: 6 }), (moments) => {
        const walked = house()
        for (const moment of moments) walked.at(START + moment)
        const end = START + HOUR + 123
        assert.deepEqual(walked.at(end), house().at(end))
      }),
      { numRuns: 30 },
    )
  })

  it('integrates power exactly into energy', () => {
    const from = START + 10 * HOUR
    const walked = house()
    let imported = 0n
    let exported = 0n
    const first = walked.at(from)
    for (let second = 0; second < 1800; second++) {
      const { powerMw } = walked.at(from + second * 1000)
      if (powerMw > 0) imported += BigInt(powerMw) * 1000n
      else exported -= BigInt(powerMw) * 1000n
    }
    const last = walked.at(from + 1800 * 1000)
    const error = (moved: bigint, energy: bigint): bigint => moved * 3_600_000n - energy
    // Registers show whole milliwatt-hours: one may be lost at either end.
    for (const off of [
      error(last.importMilliWh - first.importMilliWh, imported),
      error(last.exportMilliWh - first.exportMilliWh, exported),
    ]) {
      assert.ok(off > -3_600_000n && off < 3_600_000n, `${off}`)
    }
    assert.ok(exported > 0n)
  })

  it('integrates parts of seconds, too', () => {
    const whole = house()
    const parts = house()
    for (let ms = 0; ms <= 60_000; ms += 7) parts.at(START + ms)
    assert.deepEqual(parts.at(START + 60_000), whole.at(START + 60_000))
  })

  it('never turns a register back, and one stands still while the other moves', () => {
    const walked = house()
    let before = walked.at(START)
    for (let minute = 1; minute <= 24 * 60; minute++) {
      const now = walked.at(START + minute * 60_000)
      assert.ok(now.importMilliWh >= before.importMilliWh)
      assert.ok(now.exportMilliWh >= before.exportMilliWh)
      before = now
    }
    assert.ok(before.importMilliWh > 0n && before.exportMilliWh > 0n)
  })

  it('uses power like a home: some kilowatt-hours a day, more in the evening than at night', () => {
    const plain = house(11, 0)
    const night = plain.at(START + 2 * HOUR).importMilliWh
    const dawn = plain.at(START + 4 * HOUR).importMilliWh
    const evening = plain.at(START + 17 * HOUR).importMilliWh
    const late = plain.at(START + 19 * HOUR).importMilliWh
    const day = plain.at(START + 24 * HOUR).importMilliWh
    assert.ok(late - evening > dawn - night)
    assert.ok(day > 4_000_000n && day < 20_000_000n, `${day}`)
    assert.equal(plain.at(START + 24 * HOUR).exportMilliWh, 0n)
  })

  it('has sun by day and none by night, never above its peak', () => {
    const walked = house()
    for (let quarter = 0; quarter < 96; quarter++) {
      const { solarMw, timeMs } = walked.at(START + quarter * 900_000)
      assert.ok(solarMw >= 0 && solarMw <= 6_000_000)
      const hour = (timeMs - START) / HOUR
      if (hour < 2 || hour > 21) assert.equal(solarMw, 0)
    }
    assert.ok(walked.at(START + 11 * HOUR).solarMw > 300_000)
  })

  it('keeps voltage and frequency where a grid keeps them', () => {
    const walked = house()
    for (let minute = 0; minute < 24 * 60; minute += 5) {
      const { voltageMv, frequencyMilliHz } = walked.at(START + minute * 60_000)
      for (const volts of voltageMv) assert.ok(volts > 207_000 && volts < 253_000, `${volts}`)
      assert.ok(Math.abs(frequencyMilliHz - 50_000) <= 50)
    }
  })

  it('loses its sun to clouds from the moment they are set, and energy follows', () => {
    const walked = house()
    const noon = START + 11 * HOUR
    walked.at(noon)
    walked.setClouds(1, noon)
    assert.equal(walked.at(noon + 1000).solarMw, 0)
    const dark = walked.at(noon + HOUR)
    assert.equal(dark.exportMilliWh, walked.at(noon + 1000).exportMilliWh)
    walked.setClouds(undefined, noon + HOUR)
    assert.ok(walked.at(noon + HOUR + 1000).solarMw > 0)
    assert.deepEqual(walked.at(noon + HOUR - 1000).solarMw, 0, 'looking back shows the same')
    assert.throws(
      () => {
        walked.setClouds(1.5, noon)
      },
      { code: 'range' },
    )
  })

  it('refuses a moment before its beginning', () => {
    assert.throws(() => house().at(START - 1), { code: 'range' })
    assert.throws(() => house().at(NaN), { code: 'range' })
  })
})

describe('hashed and noise', () => {
  it('stay in their ranges and spread', () => {
    let sum = 0
    for (let key = 0; key < 10_000; key++) {
      const value = hashed(3, key)
      assert.ok(value >= 0 && value < 1)
      sum += value
      const smooth = noise(3, key / 7, 3)
      assert.ok(smooth >= -1 && smooth <= 1)
    }
    assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02)
  })
})
