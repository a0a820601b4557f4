import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { MediumReading, Reading, Register } from '../src/index.ts'
import { MEDIA_CHANNEL_MAX, createDecoder, decimal, splitMedia } from '../src/index.ts'
import { DSMR_STYLES, encodeD0, encodeDsmr } from '../src/simulator/index.ts'
import { asciiBytes } from '../src/simulator/text.ts'
import { decodeAll, hex, houseState } from './support/telegrams.ts'

function split(bytes: Uint8Array): readonly MediumReading[] {
  const [event] = decodeAll(createDecoder('auto'), bytes)
  assert.ok(event?.type === 'reading')
  return splitMedia(event.reading)
}

function telegram(...rows: readonly string[]): Uint8Array {
  return asciiBytes(`/SIM5A\r\n\r\n${rows.join('\r\n')}\r\n!\r\n`)
}

function register(obis: string, digits: bigint, unit = 'm³', unitCode = 13): Register {
  return { obis, digits, scaler: -3, unit, unitCode }
}

describe('the media of a reading', () => {
  it('are the meter and its gas meter, each with its own number and time, in every version', () => {
    for (const style of [DSMR_STYLES.v2, DSMR_STYLES.v4, DSMR_STYLES.v5, DSMR_STYLES.belgium]) {
      const [main, gas, ...more] = split(encodeDsmr(houseState(), style))
      assert.deepEqual(more, [])
      assert.ok(main !== undefined && gas !== undefined)
      assert.deepEqual([main.medium, main.channel], ['electricity', 0])
      assert.ok(main.reading.registers.every(({ obis }) => !obis.includes(':24.')))
      assert.deepEqual([gas.medium, gas.channel], ['gas', 1])
      assert.equal(gas.reading.device, 'G0000000000012345')
      assert.equal(gas.reading.registers[0]?.unit, 'm³')
      assert.equal(gas.reading.meterTime?.kind, 'wall')
      assert.notEqual(gas.reading.device, main.reading.device)
    }
  })

  it('are up to four meters behind one simulated port, in every national form', () => {
    const media = (style: keyof typeof DSMR_STYLES): readonly string[] =>
      split(encodeDsmr(houseState(), DSMR_STYLES[style])).map(
        ({ medium, reading }) => `${medium} ${reading.device}`,
      )
    assert.deepEqual(media('allMedia'), [
      'electricity SIM00000000000052',
      'gas G0000000000012345',
      'water W0001',
      'heat H0001',
    ])
    assert.deepEqual(
      media('belgiumWater').map((one) => one.split(' ')[0]),
      ['electricity', 'gas', 'water'],
    )
    assert.deepEqual(media('luxembourg')[0], 'electricity SIM1030123456789')
    assert.deepEqual(media('hungary'), ['electricity SIM0000000361'])
  })

  it('tell gas, water, hot water, heat and cooling apart', () => {
    const row = (channel: number, type: string, unit: string): readonly string[] => [
      `0-${channel}:24.1.0(${type})`,
      `0-${channel}:96.1.0(${'30'.repeat(7)}3${channel})`,
      `0-${channel}:24.2.1(260704130000S)(00872.234*${unit})`,
    ]
    const parts = split(
      telegram(
        '1-0:1.8.0(000001.5*kWh)',
        ...row(1, '003', 'm3'),
        ...row(2, '007', 'm3'),
        ...row(3, '006', 'm3'),
        ...row(4, '012', 'GJ'),
      ),
    )
    assert.deepEqual(
      parts.map(({ medium, channel, reading }) => [medium, channel, reading.device]),
      [
        ['electricity', 0, ''],
        ['gas', 1, '00000001'],
        ['water', 2, '00000002'],
        ['hot-water', 3, '00000003'],
        ['heat', 4, '00000004'],
      ],
    )
    assert.deepEqual(parts[4]?.reading.meterTime, {
      kind: 'wall',
      seconds: Date.UTC(2026, 6, 4, 13) / 1000,
      summer: true,
    })
  })

  it('name the medium by unit or country where the meter does not say it', () => {
    const [, heat, gas, unknown] = split(
      telegram(
        '1-0:1.8.0(1*kWh)',
        '0-1:24.2.1(260704130000S)(12.5*GJ)',
        '0-2:24.2.3(260704130000S)(12.5*m3)',
        '0-3:24.2.1(260704130000S)(12.5*m3)',
      ),
    )
    assert.deepEqual([heat?.medium, gas?.medium, unknown?.medium], ['heat', 'gas', 'other'])
  })

  it('leave out channels without a value, and lose nothing by it', () => {
    const [main, ...more] = split(
      telegram('1-0:1.8.0(1*kWh)', '0-1:24.1.0(003)', '0-1:96.1.0(4741533031)', '0-1:24.4.0(1)'),
    )
    assert.deepEqual(more, [])
    assert.equal(main?.reading.texts.length, 3)
  })

  it('split DLMS readings with a numeric device type and a COSEM date-time', () => {
    const reading: Reading = {
      protocol: 'dlms',
      device: 'SAG1',
      registers: [
        register('1-0:1.8.0*255', 5n, 'Wh', 30),
        { ...register('0-1:24.1.0*255', 3n, '', 255), scaler: 0 },
        register('0-1:24.2.1*255', 12_345n),
        register('0-65:24.2.1*255', 1n),
      ],
      texts: [
        { obis: '0-1:96.1.0*255', bytes: asciiBytes('7FLO2121') },
        { obis: '0-1:24.2.1*255', bytes: hex('07ea0704060d000000ff8880') },
      ],
      flags: ['unauthenticated'],
      security: { systemTitle: 'SAG', counter: 5, authentic: false },
    }
    const [main, gas] = splitMedia(reading)
    assert.equal(gas?.medium, 'gas')
    assert.equal(gas.reading.device, '7FLO2121')
    assert.deepEqual(gas.reading.flags, ['unauthenticated'])
    assert.equal(gas.reading.security?.counter, 5)
    assert.equal(gas.reading.meterTime?.kind, 'local')
    // A channel beyond the limit belongs to nobody and stays where it was.
    assert.deepEqual(
      main?.reading.registers.map(({ obis }) => obis),
      ['1-0:1.8.0*255', `0-${MEDIA_CHANNEL_MAX + 1}:24.2.1*255`],
    )
  })

  it('are one where a meter speaks for itself alone', () => {
    const [main, ...more] = split(encodeD0(houseState()))
    assert.deepEqual([main?.medium, more.length], ['electricity', 0])
    const [heat] = splitMedia({
      protocol: 'd0',
      device: '',
      registers: [register('6-0:1.0.0*255', 1n), register('6-0:2.0.0*255', 1n)],
      texts: [],
      flags: [],
    })
    assert.equal(heat?.medium, 'heat')
  })

  it('hold every register and text exactly once, whatever the codes', () => {
    const code = fc
      .tuple(fc.nat(1), fc.nat(66), fc.constantFrom(1, 24, 96), fc.nat(4), fc.nat(3))
      .map(([a, b, c, d, e]) => `${a}-${b}:${c}.${d}.${e}*255`)
    fc.assert(
      fc.property(fc.array(code), fc.array(code), (numbers, words) => {
        const parts = splitMedia({
          protocol: 'dsmr',
          device: '',
          registers: numbers.map((obis) => register(obis, 1n)),
          texts: words.map((obis) => ({ obis, bytes: asciiBytes('1') })),
          flags: [],
        })
        const all = parts.flatMap(({ reading }) => [
          ...reading.registers.map((one) => `${one.obis} ${decimal(one)}`),
          ...reading.texts.map(({ obis }) => obis),
        ])
        assert.deepEqual(all.sort(), [...numbers.map((one) => `${one} 0.001`), ...words].sort())
      }),
    )
  })
})
