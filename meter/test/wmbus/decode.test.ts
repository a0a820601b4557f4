import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { MeterError, decimal } from '../../src/index.ts'
import { crc16, withoutBlockChecks } from '../../src/wmbus/blocks.ts'
import type { WmbusOutcome } from '../../src/wmbus/decode.ts'
import { decodeWmbus } from '../../src/wmbus/decode.ts'
import { WMBUS_EXTENSIONS_MAX, WMBUS_RECORDS_MAX, decodeRecords } from '../../src/wmbus/records.ts'
import { hex, join } from '../support/telegrams.ts'

interface Vector {
  readonly name: string
  readonly key: string
  readonly hex: string
  readonly medium: string
  readonly manufacturer: string
  readonly device: string
  readonly registers: Readonly<Record<string, string>>
}

const [GAS] = JSON.parse(
  readFileSync(new URL('../vectors/wmbus.json', import.meta.url), 'utf8'),
) as readonly [Vector]
const KEYS = new Map([[GAS.device, hex(GAS.key)]])
/** Maker SIM (S 19, I 9, M 13), number 12345678, version 1, and a type. */
const ADDRESS = '2d4d 78563412 01'

/** A telegram with a short header in security mode 0. */
function plain(type: string, records: string): Uint8Array {
  return framed(`44 ${ADDRESS} ${type} 7a 2a 00 0000 ${records}`)
}

function framed(body: string): Uint8Array {
  const bytes = hex(body)
  return join(Uint8Array.of(bytes.length), bytes)
}

function shown(outcome: WmbusOutcome): Readonly<Record<string, string>> | string {
  if ('reason' in outcome) return outcome.reason
  return Object.fromEntries(
    outcome.reading.registers.map((one) => [one.obis, `${decimal(one)} ${one.unit}`.trim()]),
  )
}

describe('a wireless M-Bus telegram', () => {
  it(`is read as the standard has it: ${GAS.name}`, () => {
    const outcome = decodeWmbus(hex(GAS.hex), KEYS)
    assert.ok('reading' in outcome)
    assert.equal(outcome.medium, GAS.medium)
    assert.equal(outcome.reading.manufacturer, GAS.manufacturer)
    assert.equal(outcome.reading.device, GAS.device)
    assert.deepEqual(
      Object.fromEntries(outcome.reading.registers.map((one) => [one.obis, decimal(one)])),
      GAS.registers,
    )
    assert.deepEqual(outcome.reading.flags, ['unauthenticated'])
  })

  it('reads the same from receivers that leave the block checksums out', () => {
    const frame = withoutBlockChecks(hex(GAS.hex))
    assert.ok(frame?.length === 47)
    assert.deepEqual(shown(decodeWmbus(frame, KEYS)), shown(decodeWmbus(hex(GAS.hex), KEYS)))
  })

  it('is refused with any bit flipped while its checksums are there', () => {
    const bytes = hex(GAS.hex)
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const bad = bytes.slice()
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal('reason' in decodeWmbus(bad, KEYS), true, `bit ${bit}`)
    }
  })

  it('says whether a key is missing, wrong, or of no use', () => {
    const bytes = hex(GAS.hex)
    assert.equal(shown(decodeWmbus(bytes)), 'key-missing')
    assert.equal(shown(decodeWmbus(bytes, new Map([[GAS.device, hex('00')]]))), 'key-missing')
    const wrong = new Map([[GAS.device, new Uint8Array(16)]])
    assert.equal(shown(decodeWmbus(bytes, wrong)), 'key-wrong')
    const mode7 = framed(`44 ${ADDRESS} 07 7a 2a 00 2007 ${'00'.repeat(32)}`)
    assert.equal(shown(decodeWmbus(mode7, KEYS)), 'unsupported')
  })

  it('takes a telegram that its receiver has decrypted already', () => {
    const bytes = framed(
      `44 ${ADDRESS} 07 7a 2a 00 1005 2f2f 0413 181e0000 023b 0000 ${'2f'.repeat(4)}`,
    )
    assert.deepEqual(shown(decodeWmbus(bytes)), {
      '8-0:1.0.0*255': '7.704 m³',
      '8-0:2.0.0*255': '0.000 m³/h',
    })
  })

  it('opens what is encrypted under any key and address', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.nat(99_999_999),
        fc.nat(255),
        (key, volume, access) => {
          const digits = volume.toString().padStart(8, '0').match(/../g) ?? []
          const text = hex(`2f2f 0c13 ${digits.toReversed().join('')} ${'2f'.repeat(8)}`)
          const vector = new Uint8Array(16).fill(access)
          vector.set(hex(`${ADDRESS} 07`))
          const cipher = createCipheriv('aes-128-cbc', key, vector).setAutoPadding(false)
          const secret = join(cipher.update(text), cipher.final())
          const head = hex(`44 ${ADDRESS} 07 7a ${access.toString(16).padStart(2, '0')} 00 1005`)
          const body = join(head, secret)
          const bytes = join(Uint8Array.of(body.length), body)
          const found = shown(decodeWmbus(bytes, new Map([['12345678', key]])))
          assert.equal(
            Number.parseFloat(typeof found === 'string' ? '' : (found['8-0:1.0.0*255'] ?? '')),
            volume / 1000,
          )
        },
      ),
    )
  })

  it('names heat, electricity in both directions with phases, and stored values', () => {
    assert.deepEqual(
      shown(
        decodeWmbus(plain('04', '0406 10270000 0414 39300000 022d 0f00 025a 5802 4406 e8030000')),
      ),
      {
        '6-0:1.0.0*255': '10000000 Wh',
        '6-0:2.0.0*255': '123.45 m³',
        '6-0:8.0.0*255': '1500 W',
        '6-0:10.0.0*255': '60.0 °C',
        '6-0:1.0.0*1': '1000000 Wh',
      },
    )
    assert.deepEqual(
      shown(
        decodeWmbus(
          plain(
            '02',
            '0c03 78563412 0c833c 21430000 0c13 00000000 0afdc9fc01 3502 0afdc9fc03 4002 8c1003 11000000',
          ),
        ),
      ),
      {
        '1-0:1.8.0*255': '12345678 Wh',
        '1-0:2.8.0*255': '4321 Wh',
        '1-0:32.7.0*255': '235 V',
        '1-0:72.7.0*255': '240 V',
        '1-0:1.8.1*255': '11 Wh',
      },
    )
  })

  it('reads a long header of a radio adapter under the number of the meter behind it', () => {
    const meter = '11223344 2d4d 05 07'
    const bytes = framed(`44 ${ADDRESS} 37 72 ${meter} 01 00 0000 0413 e8030000`)
    const outcome = decodeWmbus(bytes)
    assert.ok('reading' in outcome)
    assert.deepEqual([outcome.reading.device, outcome.medium], ['44332211', 'water'])
  })

  it('refuses what is no telegram', () => {
    for (const [bytes, reason] of [
      [hex(''), 'malformed'],
      [hex('05 44 2d4d 7856'), 'malformed'],
      [plain('07', '0c13 7856'), 'malformed'],
      [plain('07', ''), 'empty'],
      [plain('07', '0c13 785634aa'), 'empty'],
      [framed(`44 ${ADDRESS} 07 a0 0102`), 'unsupported'],
      [framed(`44 ${ADDRESS} 07 7a 2a 00 f005 0102`), 'malformed'],
    ] as const) {
      assert.equal(shown(decodeWmbus(bytes)), reason)
    }
  })

  it('never throws, whatever comes', () => {
    const body = fc.uint8Array({ maxLength: 120 })
    fc.assert(
      fc.property(body, fc.boolean(), (bytes, shaped) => {
        const head = hex(`44 ${ADDRESS} 07 7a 2a 00 0000`)
        const frame = shaped ? join(Uint8Array.of(head.length + bytes.length), head, bytes) : bytes
        decodeWmbus(frame, KEYS)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('records of EN 13757-3', () => {
  it('are bounded in number and in extensions', () => {
    assert.throws(
      () => decodeRecords(hex('0013'.repeat(WMBUS_RECORDS_MAX + 1))),
      (error) => error instanceof MeterError && error.code === 'too-many',
    )
    assert.throws(
      () => decodeRecords(hex(`84${'80'.repeat(WMBUS_EXTENSIONS_MAX)}00 13 00000000`)),
      (error) => error instanceof MeterError && error.code === 'malformed',
    )
  })

  it('count storage, tariff and subunit through all extensions', () => {
    const [record] = decodeRecords(hex('c4 d1 21 03 01000000'))
    assert.deepEqual(
      [record?.storage, record?.tariff, record?.subunit, record?.digits],
      [1 + 2 * 1 + 32 * 1, 1 + 4 * 2, 1, 1n],
    )
  })

  it('leave out values that are not there, signs and errors of BCD included', () => {
    const digits = (text: string): readonly unknown[] =>
      decodeRecords(hex(text)).map((one) => one.digits)
    assert.deepEqual(digits('0413 00000080 0213 ffff 0a13 12f0 0a13 34a2'), [
      undefined,
      -1n,
      -12n,
      undefined,
    ])
    assert.deepEqual(digits('0513 0000c03f'), [1_500n])
    assert.deepEqual(digits('0f 0413 01000000'), [])
    assert.deepEqual(digits('0d78 03 414243'), [undefined])
  })

  it('have the check value of their CRC-16', () => {
    assert.equal(crc16(new TextEncoder().encode('123456789')), 0xc2b7)
  })
})
