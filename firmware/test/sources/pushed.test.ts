import assert from 'node:assert/strict'

import { createDecoder, decimal } from '@s3mp/meter'
import { DlmsHousehold, DLMS_STYLES, Household } from '@s3mp/meter/simulator'
import { describe, it } from 'mocha'

import { parseConfig } from '../../src/config/load.ts'
import { pushedOf } from '../../src/sources/pushed.ts'
import { START_MS } from '../support/world.ts'

const REST = '[uplink]\ntransport = "udp"\n[uplink.udp]\nremote = "127.0.0.1:7400"\n'

/** The energy of a pushed telegram as a meter with these settings reads it, in watt-hours. */
function energyWith(settings: string): number {
  const text = `[meter]\ndevice = "/dev/a"\n[meter.dlms]\n${settings}\n${REST}`
  const [meter] = parseConfig(text, '/etc/s3mp/meter.toml').meters
  assert.ok(meter !== undefined)
  const household = new Household({ seed: 5, startMs: START_MS - 86_400_000 })
  const house = new DlmsHousehold({ household, style: DLMS_STYLES.versioned })
  const decoder = createDecoder('dlms', pushedOf(meter))
  const [event] = decoder.push(house.telegram(START_MS))
  assert.ok(event?.type === 'reading')
  const energy = event.reading.registers.find(({ obis }) => obis.endsWith(':1.8.0*255'))
  assert.ok(energy !== undefined)
  return Number(decimal(energy))
}

describe('what the owner of a meter knows of what it pushes', () => {
  it('tells what one step of an energy is worth', () => {
    const assumed = energyWith('')
    assert.ok(assumed > 0)
    assert.equal(energyWith('energy_wh = 10'), assumed)
    assert.equal(energyWith('energy_wh = 1') * 10, assumed)
    assert.equal(energyWith('energy_wh = 1000') / 100, assumed)
  })
})
