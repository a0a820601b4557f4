import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { createDecoder, decimal, subMeters } from '../../src/index.ts'
import type { SubMeter } from '../../src/index.ts'
import { DSMR_STYLES, encodeDsmr } from '../../src/simulator/index.ts'
import { asciiBytes } from '../../src/simulator/text.ts'
import { decodeAll, houseState } from '../support/telegrams.ts'

function metersIn(bytes: Uint8Array): readonly SubMeter[] {
  const [event] = decodeAll(createDecoder('dsmr'), bytes)
  assert.equal(event?.type, 'reading')
  return subMeters(event.reading)
}

describe('meters behind a P1 port', () => {
  it('are found by channel, each with its own number, in every version', () => {
    for (const style of [DSMR_STYLES.v2, DSMR_STYLES.v4, DSMR_STYLES.v5, DSMR_STYLES.belgium]) {
      const [gas, ...more] = metersIn(encodeDsmr(houseState(), style))
      assert.deepEqual(more, [])
      assert.deepEqual([gas?.channel, gas?.medium, gas?.device], [1, 3, 'G0000000000012345'])
      assert.equal(gas?.register.unit, 'm³')
    }
  })

  it('leave out channels without a value and keep others apart', () => {
    const rows = [
      '0-1:24.1.0(003)',
      '0-1:96.1.0(4741533031)',
      '0-1:24.2.1(632525252525W)(00000.000)',
      '0-2:24.1.0(007)',
      '0-2:96.1.1(57415445523031)',
      '0-2:24.2.1(260704130000S)(00872.234*m3)',
    ]
    const found = metersIn(asciiBytes(`/SIM5A\r\n\r\n${rows.join('\r\n')}\r\n!\r\n`))
    assert.deepEqual(
      found.map(({ channel, medium, device, register }) => [
        channel,
        medium,
        device,
        decimal(register),
      ]),
      [[2, 7, 'WATER01', '872.234']],
    )
  })
})
