import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { ModbusType, RegisterMap } from '../../src/index.ts'
import {
  MODBUS_MAPS,
  MeterError,
  decodeBlocks,
  decimal,
  parseRegisterMap,
} from '../../src/index.ts'
import { toHex } from '../../src/index.ts'
import { crc16Modbus } from '../../src/crc16.ts'
import { decodeResponse, encodeRequest } from '../../src/modbus/frame.ts'
import {
  MODBUS_BLOCK_REGISTERS_MAX,
  MODBUS_DECIMALS_MAX,
  MODBUS_ENTRIES_MAX,
  MODBUS_WORDS,
} from '../../src/modbus/map.ts'
import { encodeValue } from '../../src/modbus/value.ts'
import { hex } from '../support/telegrams.ts'

interface Vector {
  readonly name: string
  readonly source: string
  readonly request: {
    readonly transport: 'rtu' | 'tcp'
    readonly unit: number
    readonly function: 3 | 4
    readonly address: number
    readonly count: number
    readonly transaction: number
  }
  readonly requestHex: string
  readonly responseHex: string
  readonly words?: readonly number[]
  readonly exception?: number
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../vectors/modbus.json', import.meta.url), 'utf8'),
) as readonly Vector[]

const TYPES: readonly ModbusType[] = ['u16', 'i16', 'u32', 'i32', 'u64', 'i64', 'f32', 'f64']

function mapWith(type: ModbusType, changes: Partial<RegisterMap> = {}): RegisterMap {
  return {
    ...parseRegisterMap({
      id: 'test-meter',
      maker: 'Test',
      models: ['one'],
      source: 'made up',
      function: 3,
      entries: [{ address: 10, type, obis: '1-0:1.8.0*255', unit: 'Wh', decimals: 2 }],
    }),
    ...changes,
  }
}

describe('messages of Modbus', () => {
  for (const { name, request, requestHex, responseHex, words, exception } of VECTORS) {
    it(`are those of the standard: ${name}`, () => {
      assert.equal(toHex(encodeRequest(request)), requestHex.replaceAll(' ', '').toLowerCase())
      const outcome = decodeResponse(request, hex(responseHex))
      assert.deepEqual(
        outcome,
        words === undefined ? { kind: 'exception', code: exception } : { kind: 'words', words },
      )
    })
  }

  it('have the check value of CRC-16/MODBUS', () => {
    assert.equal(crc16Modbus(new TextEncoder().encode('123456789')), 0x4b37)
  })

  it('are found behind noise, and late answers of TCP are passed over', () => {
    const [rtu, tcp] = ['rtu', 'tcp'].map((one) =>
      VECTORS.find(({ request, words }) => request.transport === one && words !== undefined),
    )
    assert.ok(rtu !== undefined && tcp !== undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (noise) => {
        const bytes = Uint8Array.from([...noise, ...hex(rtu.responseHex)])
        assert.deepEqual(decodeResponse(rtu.request, bytes), { kind: 'words', words: rtu.words })
      }),
    )
    const late = hex(tcp.responseHex)
    late[1] = 0x77
    const both = Uint8Array.from([...late, ...hex(tcp.responseHex)])
    assert.deepEqual(decodeResponse(tcp.request, both), { kind: 'words', words: tcp.words })
  })

  it('never throw on arbitrary answers', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.constantFrom(...VECTORS),
        (bytes, { request }) => {
          assert.ok(
            ['more', 'words', 'exception', 'garbled'].includes(decodeResponse(request, bytes).kind),
          )
        },
      ),
    )
  })

  it('ask for no more registers than the standard allows', () => {
    for (const count of [0, MODBUS_BLOCK_REGISTERS_MAX + 1]) {
      assert.throws(
        () =>
          encodeRequest({
            transport: 'rtu',
            unit: 1,
            function: 3,
            address: 0,
            count,
            transaction: 0,
          }),
        (error) => error instanceof MeterError && error.code === 'range',
      )
    }
  })
})

describe('values of Modbus', () => {
  it('come back as they were written, in both word orders', () => {
    const raw = fc.bigInt({ min: -(2n ** 15n) + 1n, max: 2n ** 15n - 2n })
    fc.assert(
      fc.property(
        fc.constantFrom(...TYPES),
        fc.constantFrom('high-first' as const, 'low-first' as const),
        raw,
        (type, wordOrder, value) => {
          const map = mapWith(type, { wordOrder })
          const sent = type.startsWith('u') && value < 0n ? -value : value
          const words = encodeValue(map, type, sent)
          const { registers } = decodeBlocks(
            map,
            [{ address: 10, count: words.length, words }],
            'x',
          )
          const [register] = registers
          assert.equal(Number(register === undefined ? NaN : decimal(register)), Number(sent))
        },
      ),
    )
  })

  it('leave out what the meter marks as not measured, and what is incomplete', () => {
    for (const type of TYPES) {
      for (const absentSigned of ['min', 'max'] as const) {
        const map = mapWith(type, { absentSigned })
        const words = encodeValue(map, type, undefined)
        const block = { address: 10, count: words.length, words }
        assert.deepEqual(decodeBlocks(map, [block], 'x').registers, [], type)
        const cut = { ...block, words: encodeValue(map, type, 5).slice(1) }
        assert.deepEqual(decodeBlocks(map, [cut], 'x').registers, [], type)
      }
    }
    const infinite = { address: 10, count: 2, words: [0x7f80, 0] }
    assert.deepEqual(decodeBlocks(mapWith('f32'), [infinite], 'x').registers, [])
  })

  it('round floating point to the decimals of the entry, so that scalers never change', () => {
    const map = mapWith('f32')
    const shown = (value: number): string => {
      const words = encodeValue(map, 'f32', value)
      const [register] = decodeBlocks(map, [{ address: 10, count: 2, words }], 'x').registers
      return register === undefined ? '' : `${decimal(register)} ${register.scaler}`
    }
    assert.deepEqual([230.1, 0, -0.004, 12_345.67].map(shown), [
      '230.10 -2',
      '0.00 -2',
      '0.00 -2',
      '12345.67 -2',
    ])
  })
})

describe('register maps', () => {
  it('pass their own check, word for word, and say where they come from', () => {
    assert.ok(MODBUS_MAPS.size >= 15)
    for (const [id, map] of MODBUS_MAPS) {
      assert.equal(id, map.id)
      assert.deepEqual(parseRegisterMap(JSON.parse(JSON.stringify(map))), map)
      assert.ok(map.source.length > 20)
      assert.ok(
        map.entries.some(({ obis }) => obis === '1-0:1.8.0*255'),
        id,
      )
      assert.ok(
        map.entries.some(({ obis }) => obis === '1-0:16.7.0*255'),
        id,
      )
    }
  })

  it('do not let two values share a register', () => {
    for (const map of MODBUS_MAPS.values()) {
      const taken = new Map<number, string>()
      for (const { address, type, obis } of map.entries) {
        for (let at = address; at < address + MODBUS_WORDS[type]; at++) {
          assert.equal(taken.get(at), undefined, `${map.id} ${at} ${obis}`)
          taken.set(at, obis)
        }
      }
    }
  })

  it('are refused with the field that is wrong', () => {
    const good = mapWith('u16')
    const entry = good.entries[0]
    const wrong: readonly (readonly [string, unknown])[] = [
      ['map', []],
      ['id', { ...good, id: 'A B' }],
      ['function', { ...good, function: 6 }],
      ['entries', { ...good, entries: [] }],
      ['entries', { ...good, entries: [entry, entry] }],
      [
        'entries',
        { ...good, entries: Array.from({ length: MODBUS_ENTRIES_MAX + 1 }, () => entry) },
      ],
      ['entries[0].obis', { ...good, entries: [{ ...entry, obis: '1.8.0' }] }],
      ['entries[0].unit', { ...good, entries: [{ ...entry, unit: 'kWh' }] }],
      ['entries[0].type', { ...good, entries: [{ ...entry, type: 'u8' }] }],
      ['entries[0].address', { ...good, entries: [{ ...entry, address: 65_536 }] }],
      [
        'entries[0].decimals',
        { ...good, entries: [{ ...entry, decimals: MODBUS_DECIMALS_MAX + 1 }] },
      ],
    ]
    for (const [field, json] of wrong) {
      assert.throws(
        () => parseRegisterMap(json),
        (error) =>
          error instanceof MeterError &&
          error.code === 'malformed' &&
          error.message.startsWith(`${field}: expected`),
        field,
      )
    }
  })

  it('never throw anything else, whatever stands in the file', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('id', 'entries', 'models'), (value, key) => {
        try {
          parseRegisterMap({ ...mapWith('u16'), [key]: value })
        } catch (error) {
          assert.ok(error instanceof MeterError)
        }
      }),
    )
  })
})
