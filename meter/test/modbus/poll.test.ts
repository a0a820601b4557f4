import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { MeterAction, Reading, RegisterMap } from '../../src/index.ts'
import { MODBUS_MAPS, MeterError, ModbusPoll, decimal, planBlocks } from '../../src/index.ts'
import { MODBUS_ANSWER_BYTES_MAX, MODBUS_UNIT_MAX } from '../../src/modbus/frame.ts'
import { MODBUS_ATTEMPTS_MAX, MODBUS_REQUESTS_MAX } from '../../src/modbus/poll.ts'
import { SUNSPEC_MODELS_MAX } from '../../src/modbus/sunspec.ts'
import type { ModbusSlaveOptions } from '../../src/simulator/index.ts'
import { Household, ModbusSlave } from '../../src/simulator/index.ts'
import { quantityOf } from '../../src/simulator/quantities.ts'
import type { LineOptions } from '../support/line.ts'
import { converse } from '../support/line.ts'

const START_MS = Date.UTC(2026, 5, 10, 10)
const NOW_MS = START_MS + 600_000
const SDM630 = mapOf('eastron-sdm630')

function mapOf(id: string): RegisterMap {
  const map = MODBUS_MAPS.get(id)
  assert.ok(map !== undefined)
  return map
}

function house(): Household {
  return new Household({
    seed: 12,
    startMs: START_MS,
    solarPeakW: 6_000,
    importMilliWh: 4_321_000_000n,
    exportMilliWh: 98_765_000n,
  })
}

function slave(options: Partial<ModbusSlaveOptions> = {}): ModbusSlave {
  return new ModbusSlave({
    household: house(),
    map: SDM630,
    unit: 7,
    transport: 'rtu',
    baudRate: 300,
    ...options,
  })
}

function poll(
  peer: ModbusSlave,
  map = SDM630,
  transport: 'rtu' | 'tcp' = 'rtu',
  line: Partial<LineOptions> = {},
): ReturnType<typeof converse> {
  const conversation = new ModbusPoll({ map, unit: 7, transport, timeoutMs: 5_000 })
  return converse(conversation, peer, { startMs: NOW_MS, ...line })
}

/** What the house shows and what was read agree to the last digit that the register has. */
function assertTrue(reading: Reading | undefined): void {
  assert.ok(reading !== undefined && reading.registers.length > 2)
  // Time passes while blocks are asked for: the house is looked at over the whole poll.
  const states = Array.from({ length: 60 }, (_, second) => house().at(NOW_MS + 1_000 * second))
  for (const register of reading.registers) {
    const wire = Number(decimal(register))
    const step = 10 ** Math.max(register.scaler, -3) + Math.abs(wire) * 2e-7
    const values = states.map((state) => {
      const found = quantityOf(state, register.obis)
      return found === undefined ? NaN : Number(found.digits) * 10 ** found.scaler
    })
    // Energy also takes every value between those of whole seconds.
    const near = register.obis.includes('.8.')
      ? wire >= Math.min(...values) - step && wire <= Math.max(...values) + step
      : values.some((value) => Math.abs(value - wire) <= step)
    assert.ok(near, `${register.obis} ${decimal(register)}`)
  }
}

describe('polling a Modbus meter', () => {
  for (const [id, map] of MODBUS_MAPS) {
    for (const transport of ['rtu', 'tcp'] as const) {
      it(`reads a simulated ${id} over ${transport}, values true to its house`, () => {
        const outcome = poll(slave({ map, transport }), map, transport, { sizes: [1, 3, 40] })
        assert.deepEqual(
          outcome.actions.filter(({ kind }) => kind === 'refused' || kind === 'failed'),
          [],
        )
        assertTrue(outcome.readings[0])
        assert.equal(outcome.readings[0]?.protocol, 'modbus')
      })
    }
  }

  it('finds out which registers a meter lets it read together, and remembers', () => {
    const meter = slave({ strict: true })
    const conversation = new ModbusPoll({
      map: SDM630,
      unit: 7,
      transport: 'rtu',
      timeoutMs: 5_000,
    })
    const first = converse(conversation, meter, { startMs: NOW_MS })
    assertTrue(first.readings[0])
    assert.deepEqual(
      first.actions.filter(({ kind }) => kind === 'refused'),
      [],
    )
    const second = converse(conversation, meter, { startMs: NOW_MS + 60_000 })
    const writes = (actions: readonly MeterAction[]): number =>
      actions.filter(({ kind }) => kind === 'write').length
    assert.ok(writes(second.actions) < writes(first.actions))
    assert.equal(second.readings[0]?.registers.length, first.readings[0]?.registers.length)
  })

  it('goes without a value that this meter does not have, and says so once', () => {
    const meter = slave({ strict: true, without: ['1-0:13.7.0*255'] })
    const conversation = new ModbusPoll({
      map: SDM630,
      unit: 7,
      transport: 'rtu',
      timeoutMs: 5_000,
    })
    const first = converse(conversation, meter, { startMs: NOW_MS })
    assert.deepEqual(
      first.actions.filter(({ kind }) => kind === 'refused'),
      [{ kind: 'refused', request: 'registers 62 to 63', reason: 'exception 2' }],
    )
    const [reading] = first.readings
    assert.equal(
      reading?.registers.some(({ obis }) => obis === '1-0:13.7.0*255'),
      false,
    )
    const second = converse(conversation, meter, { startMs: NOW_MS + 60_000 })
    assert.equal(
      second.actions.some(({ kind }) => kind === 'refused'),
      false,
    )
  })

  it('names a SunSpec meter by its serial number and finds its model', () => {
    const map = mapOf('sunspec-meter')
    const meter = slave({ map, transport: 'tcp', serial: 'SIM-4711' })
    const outcome = poll(meter, map, 'tcp')
    assert.equal(outcome.readings[0]?.device, 'SIM-4711')
    const other = poll(meter, mapOf('sunspec-meter-float'), 'tcp')
    assert.deepEqual(other.actions.at(-1), { kind: 'failed', reason: 'unsupported' })
    assert.ok(other.actions.length < 4 * SUNSPEC_MODELS_MAX)
  })

  it('hears through an adapter that echoes', () => {
    assertTrue(poll(slave(), SDM630, 'rtu', { echo: true, sizes: [5] }).readings[0])
  })

  it('asks again after silence and noise, a few times, and says which it was', () => {
    const dead = { receive: () => [], poll: () => [] }
    const conversation = new ModbusPoll({ map: SDM630, unit: 7, transport: 'rtu' })
    const silent = converse(conversation, dead, { startMs: NOW_MS })
    assert.deepEqual(silent.actions.at(-1), { kind: 'failed', reason: 'silent' })
    assert.equal(silent.actions.filter(({ kind }) => kind === 'write').length, MODBUS_ATTEMPTS_MAX)
    const noisy = poll(slave(), SDM630, 'rtu', { spoil: (bytes) => bytes.map((byte) => ~byte) })
    assert.deepEqual(noisy.actions.at(-1), { kind: 'failed', reason: 'garbled' })
  })

  it('accepts no answer with any bits flipped', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(100_000), (which, bit) => {
        const outcome = poll(slave(), SDM630, 'rtu', {
          spoil: (bytes, count) =>
            count === which
              ? bytes.map((byte, at) =>
                  at === Math.floor(bit / 8) % bytes.length ? byte ^ (1 << (bit % 8)) : byte,
                )
              : bytes,
        })
        assertTrue(outcome.readings[0])
      }),
      { numRuns: 25 },
    )
  })

  it('is bounded whatever comes, and can say nothing but reads', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 2 * MODBUS_ANSWER_BYTES_MAX }), { maxLength: 30 }),
        fc.constantFrom('rtu' as const, 'tcp' as const),
        fc.constantFrom(SDM630, mapOf('sunspec-meter')),
        (chunks, transport, map) => {
          const conversation = new ModbusPoll({ map, unit: 7, transport })
          let actions: readonly MeterAction[] = conversation.start()
          for (const chunk of chunks) {
            for (const action of actions) {
              if (action.kind !== 'write') continue
              const code = action.bytes[transport === 'rtu' ? 1 : 7]
              assert.ok(code === 3 || code === 4)
            }
            actions = [...conversation.receive(chunk), ...conversation.silence()]
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('does not let a meter lead it in circles', () => {
    // Every answer refuses: each block is cut until nothing is left.
    const refusing = {
      receive: (bytes: Uint8Array) => {
        const answer = [...bytes.subarray(0, 6), (bytes[7] ?? 0) | 0x80, 2]
        const message = Uint8Array.from([
          ...bytes.subarray(0, 4),
          0,
          3,
          bytes[6] ?? 0,
          ...answer.slice(6),
        ])
        return [{ atMs: NOW_MS, baudRate: 300, framing: '8N1' as const, bytes: message }]
      },
      poll: () => [],
    }
    const conversation = new ModbusPoll({ map: SDM630, unit: 7, transport: 'tcp' })
    const outcome = converse(conversation, refusing, { startMs: NOW_MS })
    assert.deepEqual(outcome.actions.at(-1), { kind: 'failed', reason: 'unsupported' })
    assert.ok(outcome.actions.filter(({ kind }) => kind === 'write').length < MODBUS_REQUESTS_MAX)
  })

  it('refuses units that no meter can have', () => {
    for (const unit of [0, MODBUS_UNIT_MAX + 1, 1.5]) {
      assert.throws(
        () => new ModbusPoll({ map: SDM630, unit, transport: 'rtu' }),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
  })
})

describe('the plan of requests', () => {
  it('covers every value, cuts none, and stays within the block of its map', () => {
    for (const map of MODBUS_MAPS.values()) {
      const blocks = planBlocks(map)
      for (const entry of map.entries) {
        const words = { u16: 1, i16: 1, u32: 2, i32: 2, f32: 2, u64: 4, i64: 4, f64: 4 }[entry.type]
        const inside = blocks.filter(
          ({ address, count }) =>
            entry.address >= address && entry.address + words <= address + count,
        )
        assert.equal(inside.length, 1, `${map.id} ${entry.obis}`)
      }
      assert.ok(blocks.every(({ count }) => count <= map.blockRegisters))
    }
  })
})
