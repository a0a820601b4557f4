import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Reading } from '../../src/index.ts'
import {
  Handshake,
  PROFILE_ROWS_MAX,
  RegisterSession,
  createDecoder,
  decimal,
  profileReadings,
} from '../../src/index.ts'
import { PROFILE_COLUMNS_MAX } from '../../src/iec62056-21/profile.ts'
import { D0Meter, Household } from '../../src/simulator/index.ts'
import { asciiBytes } from '../../src/simulator/text.ts'
import { converse } from '../support/line.ts'
import { decodeAll } from '../support/telegrams.ts'

const HEAD = '(1260704101500)(0008)(15)(2)(1.5)(kW)(2.5)(kW)'

function readout(rows: string): Reading {
  const text = asciiBytes(`/SIM5A\r\n1.8.0(1*kWh)\r\n${rows}\r\n!\r\n`)
  const [event] = decodeAll(createDecoder('d0'), text)
  assert.ok(event?.type === 'reading')
  return event.reading
}

function rows(text: string): readonly unknown[] {
  return profileReadings(readout(text)).map(({ meterTime, registers }) => [
    meterTime?.kind === 'wall' && new Date(1000 * meterTime.seconds).toISOString().slice(0, 19),
    meterTime?.kind === 'wall' && meterTime.summer,
    registers.map((one) => `${one.obis} ${decimal(one)} ${one.unit}`).join(', '),
  ])
}

describe('the tables of a readout', () => {
  it('become readings at the end of each period', () => {
    assert.deepEqual(rows(`P.01${HEAD}\r\n(0.10)(0.00)\r\n(0.25)(1.00)`), [
      ['2026-07-04T10:15:00', true, '1-0:1.5.0*255 100 W, 1-0:2.5.0*255 0 W'],
      ['2026-07-04T10:30:00', true, '1-0:1.5.0*255 250 W, 1-0:2.5.0*255 1000 W'],
    ])
  })

  it('start over where a head comes again behind a gap, and keep the status as text', () => {
    const second = HEAD.replace('1260704101500', '0261107')
    const text = `P.01${HEAD}\r\n(0.1)(0)\r\nP.01${second.replace('0261107', '02611071200')}\r\n(0.2)(0)`
    const readings = profileReadings(readout(text))
    assert.deepEqual(
      readings.map(({ meterTime }) => meterTime?.kind === 'wall' && meterTime.summer),
      [true, false],
    )
    assert.equal(Buffer.from(readings[0]?.texts[0]?.bytes ?? []).toString(), '0008')
    assert.deepEqual(rows(`P.01(26070410)(0)(15)(1)(1.5)(kW)\r\n(0.1)`), [])
    assert.equal(profileReadings(readout(`P.01(2607041015)()(15)(1)(1.5)(kW)\r\n(1)`)).length, 1)
  })

  it('take a log of events, whose columns have no units', () => {
    const [row] = profileReadings(
      readout('P.98(0260704101500)(0020)()(2)(0.9.1)()(0.9.2)()\r\n(101500)(260704)'),
    )
    assert.deepEqual(
      row?.texts.map(({ obis, bytes }) => `${obis} ${Buffer.from(bytes).toString()}`),
      ['0-0:99.98.0*255 0020', '1-0:0.9.1*255 101500', '1-0:0.9.2*255 260704'],
    )
  })

  it('take the logs of P1: power failures, and the monthly peaks of Belgium', () => {
    assert.deepEqual(
      rows('1-0:99.97.0(2)(0-0:96.7.19)(250108152415W)(0000000240*s)(250208152415S)(5*s)'),
      [
        ['2025-01-08T15:24:15', false, '0-0:96.7.19*255 240 s'],
        ['2025-02-08T15:24:15', true, '0-0:96.7.19*255 5 s'],
      ],
    )
    assert.deepEqual(
      rows('0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(230201000000W)(230117224500W)(04.329*kW)'),
      [['2023-02-01T00:00:00', false, '1-0:1.6.0*255 4329 W']],
    )
    assert.deepEqual(rows('1-0:99.97.0()'), [])
    assert.deepEqual(rows('1-0:99.97.0(3)(0-0:96.7.19)(250108152415W)(0000000240*s)'), [])
  })

  it('give nothing where rows and head disagree', () => {
    for (const text of [
      `P.01${HEAD}\r\n(0.1)`,
      `P.01${HEAD.replace('(2)', '(3)')}\r\n(0.1)(0)`,
      `P.01${HEAD.replace('(2)', `(${PROFILE_COLUMNS_MAX + 1})`)}`,
      'P.01(ERROR)',
      `P.01${HEAD.replace('1260704', '1261304')}\r\n(0.1)(0)`,
    ]) {
      assert.deepEqual(rows(text), [], text)
    }
  })

  it('never throw and never grow, whatever stands in them', () => {
    const field = fc.oneof(
      fc.constantFrom('1260704101500', '00', '15', '2', '1.5', 'kW', '', '99999', '0-0:96.7.19'),
      fc.string({ maxLength: 12 }),
    )
    const reading = readout('0.0.0(1)')
    fc.assert(
      fc.property(fc.array(field, { maxLength: 40 }), (fields) => {
        const bytes = asciiBytes(fields.map((one) => `(${one})`).join(''))
        const found = profileReadings({ ...reading, texts: [{ obis: '1-0:99.1.0*255', bytes }] })
        assert.ok(found.length <= fields.length)
      }),
    )
    const many = asciiBytes(`(2607041015)()(1)(1)(1.5)(kW)${'(1)'.repeat(PROFILE_ROWS_MAX + 9)}`)
    const all = profileReadings({ ...reading, texts: [{ obis: '1-0:99.1.0*255', bytes: many }] })
    assert.equal(all.length, PROFILE_ROWS_MAX)
  })

  it('are read from a simulated meter, and add up to its energy', () => {
    const startMs = Date.UTC(2026, 4, 4, 10)
    const household = new Household({ seed: 8, startMs })
    const outcome = converse(
      new Handshake({ purpose: 'registers' }),
      new D0Meter({ household, mode: 'C', profileRows: 4 }),
      {
        startMs: startMs + 3_600_000,
        next: (action) =>
          action.kind === 'session'
            ? new RegisterSession({
                identification: action.identification,
                requests: [{ command: 'R6', code: 'P.01' }],
              })
            : undefined,
      },
    )
    const [reading] = outcome.readings
    assert.ok(reading !== undefined)
    const hour = profileReadings(reading)
    assert.equal(hour.length, 4)
    const watts = hour.reduce(
      (sum, { registers }) => sum + Number(decimal(registers[0] ?? ZERO)),
      0,
    )
    const { importMilliWh } = household.at(startMs + 3_600_000)
    assert.ok(Math.abs(watts / 4 - Number(importMilliWh) / 1000) < 0.2)
  })
})

const ZERO = { digits: 0n, scaler: 0 }
