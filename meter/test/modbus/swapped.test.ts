import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { RegisterMap } from '../../src/index.ts'
import { MODBUS_MAPS, ModbusPoll } from '../../src/index.ts'
import type { ModbusSlaveOptions } from '../../src/simulator/index.ts'
import { Household, ModbusSlave } from '../../src/simulator/index.ts'
import { converse } from '../support/line.ts'

const START_MS = Date.UTC(2026, 5, 10, 10)
const DEAD = { receive: () => [], poll: () => [] }

function mapOf(id: string): RegisterMap {
  const map = MODBUS_MAPS.get(id)
  assert.ok(map !== undefined)
  return map
}

function slave(map: RegisterMap, options: Partial<ModbusSlaveOptions>): ModbusSlave {
  const household = new Household({ seed: 12, startMs: START_MS })
  return new ModbusSlave({ household, map, unit: 7, transport: 'tcp', ...options })
}

describe('a Modbus meter that was swapped for another', () => {
  it('is told by its own serial number once the line had been silent', () => {
    const map = mapOf('sunspec-meter')
    const poll = new ModbusPoll({ map, unit: 7, transport: 'tcp' })
    const ask = (peer: Parameters<typeof converse>[1]): string | undefined =>
      converse(poll, peer, { startMs: START_MS }).readings[0]?.device
    assert.equal(ask(slave(map, { serial: 'SIM-1' })), 'SIM-1')
    assert.equal(ask(DEAD), undefined)
    assert.equal(ask(slave(map, { serial: 'SIM-2' })), 'SIM-2')
  })

  it('is asked again for what the one before did not have', () => {
    const map = mapOf('eastron-sdm630')
    const poll = new ModbusPoll({ map, unit: 7, transport: 'tcp' })
    const ask = (peer: Parameters<typeof converse>[1]): readonly string[] =>
      (converse(poll, peer, { startMs: START_MS }).readings[0]?.registers ?? []).map(
        ({ obis }) => obis,
      )
    const all = ask(slave(map, {}))
    const missing = all[2] ?? ''
    const fewer = ask(slave(map, { without: [missing], strict: true }))
    assert.ok(!fewer.includes(missing))
    assert.deepEqual(ask(DEAD), [])
    assert.deepEqual(ask(slave(map, {})), all)
  })
})
