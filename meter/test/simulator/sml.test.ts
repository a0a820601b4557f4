import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Reading } from '../../src/index.ts'
import { createDecoder, decimal, toHex } from '../../src/index.ts'
import type { HouseholdState, SmlStyle } from '../../src/simulator/index.ts'
import { Household, SML_STYLES, SmlHousehold, encodeSml } from '../../src/simulator/index.ts'
import { decodeAll, hex, houseState } from '../support/telegrams.ts'

function read(bytes: Uint8Array): Reading {
  const [event, ...more] = decodeAll(createDecoder('sml'), bytes)
  assert.ok(event?.type === 'reading', event?.type === 'discarded' ? event.reason : 'no event')
  assert.deepEqual(more, [])
  return event.reading
}

function valueOf(reading: Reading, obis: string): string | undefined {
  const found = reading.registers.find((register) => register.obis === `${obis}*255`)
  return found === undefined ? undefined : decimal(found)
}

/** Thousandths as a decimal cut off at a scaler. */
function shown(milli: bigint | number, scaler: number): string {
  const power = scaler + 3
  const value = BigInt(milli)
  const digits = power >= 0 ? value / 10n ** BigInt(power) : value * 10n ** BigInt(-power)
  return decimal({ digits, scaler })
}

const state = fc.record({
  powerMw: fc.integer({ min: -30_000_000, max: 30_000_000 }),
  importMilliWh: fc.bigInt(0n, 10n ** 12n),
  exportMilliWh: fc.bigInt(0n, 10n ** 12n),
  timeMs: fc.integer({ min: 1_704_067_200_000, max: 4_000_000_000_000 }),
})

describe('encodeSml', () => {
  for (const [name, style] of Object.entries(SML_STYLES)) {
    it(`is read back as it was meant: ${name}`, () => {
      fc.assert(
        fc.property(state, (changes) => {
          const house: HouseholdState = houseState({
            ...changes,
            phasePowerMw: [changes.powerMw, 0, 0],
          })
          const reading = read(encodeSml(house, style))
          assert.equal(
            valueOf(reading, '1-0:1.8.0'),
            'counts' in style ? undefined : shown(house.importMilliWh, style.energyScaler),
          )
          assert.equal(
            valueOf(reading, '1-0:2.8.0'),
            shown(house.exportMilliWh, style.energyScaler),
          )
          const power = style.detailed ? shown(house.powerMw, style.powerScaler) : undefined
          assert.equal(valueOf(reading, '1-0:16.7.0'), power)
          assert.equal(reading.manufacturer, style.manufacturer)
          assert.ok(reading.device.includes(style.manufacturer), reading.device)
        }),
        { numRuns: 150 },
      )
    })
  }

  it('is read back in any mix of habits', () => {
    const style: fc.Arbitrary<SmlStyle> = fc.record({
      manufacturer: fc.constantFrom('SIM', 'DZG', 'EMH'),
      block: fc.nat(255),
      serial: fc.nat(99_999_999),
      generation: fc.constantFrom('fnn', 'edl21'),
      crc: fc.constantFrom('x25', 'kermit'),
      shortCrc: fc.boolean(),
      fillOfFour: fc.boolean(),
      time: fc.constantFrom('second-index', 'bare', 'utc', 'local', 'none'),
      detailed: fc.constant(true),
      phases: fc.boolean(),
      energyBytes: fc.integer({ min: 1, max: 8 }),
      powerBytes: fc.integer({ min: 3, max: 8 }),
      energySigned: fc.boolean(),
      energyScaler: fc.integer({ min: -5, max: 3 }),
      powerScaler: fc.integer({ min: -3, max: 0 }),
      power: fc.constantFrom('signed', 'unsigned', 'amount'),
      publicKey: fc.boolean(),
    })
    fc.assert(
      fc.property(state, style, (changes, habits) => {
        const house = houseState({ ...changes, phasePowerMw: [changes.powerMw, 0, 0] })
        const reading = read(encodeSml(house, habits))
        assert.equal(valueOf(reading, '1-0:16.7.0'), shown(house.powerMw, habits.powerScaler))
        assert.equal(valueOf(reading, '1-0:1.8.0'), shown(house.importMilliWh, habits.energyScaler))
        assert.equal(reading.flags.includes('crc-kermit'), habits.crc === 'kermit')
        assert.equal(reading.texts.length, habits.publicKey ? 3 : 2)
      }),
      { numRuns: 500 },
    )
  })

  it('doubles escapes that values happen to contain', () => {
    const serial = 0x1b1b1b1b
    const telegram = encodeSml(houseState(), { serial })
    assert.ok(toHex(telegram).includes('1b'.repeat(8)))
    assert.ok(read(telegram).device.endsWith(String(serial)))
  })
})

describe('telegrams put together by hand', () => {
  interface Vector {
    readonly name: string
    readonly hex: string
    readonly reading: {
      readonly device: string
      readonly flags: readonly string[]
      readonly registers: readonly (readonly [string, string, string])[]
    }
  }
  const file = new URL('../vectors/sml.json', import.meta.url)
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly vectors: readonly Vector[]
  }
  for (const vector of vectors) {
    it(`read as written down: ${vector.name}`, () => {
      const reading = read(hex(vector.hex))
      assert.equal(reading.device, vector.reading.device)
      assert.deepEqual(reading.flags, vector.reading.flags)
      assert.deepEqual(
        reading.registers.map((register) => [register.obis, decimal(register), register.unit]),
        vector.reading.registers,
      )
    })
  }
})

describe('SmlHousehold', () => {
  const startMs = Date.UTC(2026, 5, 10)
  const meter = (): SmlHousehold =>
    new SmlHousehold({ household: new Household({ seed: 7, startMs, solarPeakW: 6000 }) })

  it('sends a telegram an interval, each with the state of its moment', () => {
    const sent = [...meter().between(startMs, startMs + 5000)]
    assert.deepEqual(
      sent.map(({ timeMs }) => timeMs - startMs),
      [0, 1000, 2000, 3000, 4000],
    )
    for (const { bytes } of sent) assert.deepEqual(read(bytes).flags, [])
  })

  it('is silent, garbled, absurd or wrapped when told to be', () => {
    const one = meter()
    one.faults.add('silence')
    assert.equal(one.telegram(startMs).length, 0)
    one.faults.clear()
    one.faults.add('spike')
    assert.equal(valueOf(read(one.telegram(startMs)), '1-0:16.7.0'), '987654.3')
    one.faults.clear()
    one.faults.add('wrap')
    const wrapping = new SmlHousehold({
      household: new Household({ seed: 7, startMs, loadFactor: 2.4 }),
      style: SML_STYLES.dzgOld,
    })
    wrapping.faults.add('wrap')
    assert.deepEqual(read(wrapping.telegram(startMs)).flags, ['sign-repaired-int16'])
    one.faults.clear()
    one.faults.add('garble')
    for (let second = 0; second < 50; second++) {
      const events = decodeAll(createDecoder('sml'), one.telegram(startMs + 1000 * second))
      assert.ok(events.every(({ type }) => type === 'discarded'))
    }
  })
})
