import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Reading } from '../../src/index.ts'
import { createDecoder, decimal } from '../../src/index.ts'
import {
  D0_STYLES,
  DSMR_STYLES,
  Household,
  TextHousehold,
  encodeD0,
  encodeDsmr,
} from '../../src/simulator/index.ts'
import { fixed } from '../../src/simulator/text.ts'
import { decodeAll, houseState } from '../support/telegrams.ts'

const START_MS = Date.UTC(2026, 5, 10, 8)

function read(protocol: 'd0' | 'dsmr', bytes: Uint8Array): Reading {
  const [event, ...more] = decodeAll(createDecoder(protocol), bytes)
  assert.equal(event?.type, 'reading')
  assert.deepEqual([event.length, more], [bytes.length, []])
  return event.reading
}

function value(reading: Reading, obis: string): number {
  const register = reading.registers.find((one) => one.obis === obis)
  assert.ok(register !== undefined, obis)
  return Number(decimal(register))
}

const states = fc
  .record({
    powerMw: fc.integer({ min: -20_000_000, max: 20_000_000 }),
    importMilliWh: fc.bigInt({ min: 0n, max: 99_999_999_999_999n }),
    exportMilliWh: fc.bigInt({ min: 0n, max: 99_999_999_999_999n }),
  })
  .map((changes) => houseState(changes))

describe('simulated meters that send text', () => {
  it('say of every state what is true, as exactly as their digits allow (D0)', () => {
    fc.assert(
      fc.property(states, fc.constantFrom(...Object.values(D0_STYLES)), (state, style) => {
        const reading = read('d0', encodeD0(state, style))
        assert.equal(reading.device, style.device)
        if (style.codes !== 'stored') {
          const step = 10 ** (3 - style.energyDecimals)
          const wanted = Number(state.importMilliWh) / 1000
          assert.ok(Math.abs(value(reading, '1-0:1.8.0*255') - wanted) <= step)
        }
        if (style.power !== 'none') {
          const net = value(reading, '1-0:16.7.0*255')
          assert.ok(Math.abs(net - state.powerMw / 1000) <= 0.01)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('say of every state what is true, as exactly as their digits allow (P1)', () => {
    fc.assert(
      fc.property(states, fc.constantFrom(...Object.values(DSMR_STYLES)), (state, style) => {
        const reading = read('dsmr', encodeDsmr(state, style))
        assert.equal(reading.device, style.device)
        const net = value(reading, '1-0:16.7.0*255')
        assert.ok(Math.abs(net - state.powerMw / 1000) <= 1)
        const energy = style.tariffs
          ? value(reading, '1-0:1.8.1*255') + value(reading, '1-0:1.8.2*255')
          : value(reading, '1-0:1.8.0*255')
        assert.ok(Math.abs(energy - Number(state.importMilliWh) / 1000) <= 2)
      }),
      { numRuns: 60 },
    )
  })

  it('tell the time of the wall and not of UTC', () => {
    const { meterTime } = read('dsmr', encodeDsmr(houseState(), DSMR_STYLES.v5))
    const seconds = houseState().timeMs / 1000 + 3_600
    assert.deepEqual(meterTime, { kind: 'wall', seconds, summer: false })
    const short = read('d0', encodeD0(houseState(), D0_STYLES.readout))
    assert.deepEqual(short.meterTime, { kind: 'wall', seconds })
  })

  it('live in a household, with faults when wanted', () => {
    const household = new Household({ seed: 3, startMs: START_MS })
    const meter = new TextHousehold({ household, encode: encodeDsmr })
    const good = meter.telegram(START_MS + 60_000)
    assert.ok(value(read('dsmr', good), '1-0:16.7.0*255') > 0)
    meter.faults.add('spike')
    const spike = read('dsmr', meter.telegram(START_MS + 60_000))
    assert.equal(value(spike, '1-0:16.7.0*255'), 987_654)
    meter.faults.add('garble')
    const events = decodeAll(createDecoder('dsmr'), meter.telegram(START_MS + 61_000))
    assert.ok(events.every(({ type }) => type === 'discarded'))
    meter.faults.add('silence')
    assert.equal(meter.telegram(START_MS + 62_000).length, 0)
  })

  it('cut decimals and never round, as a counter does', () => {
    assert.equal(fixed(1_999n, 3, 2, 2), '01.99')
    assert.equal(fixed(-1_999, 3, 6, 1), '-000001.9')
    assert.equal(fixed(5, 3, 3, 5), '000.00500')
    assert.equal(fixed(12_345, 3, 1, 0), '12')
  })
})
