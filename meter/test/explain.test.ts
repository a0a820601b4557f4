import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { TelegramField } from '../src/index.ts'
import { createDecoder, decimal, explainTelegram } from '../src/index.ts'
import { explainText } from '../src/iec62056-21/explain.ts'
import { explainModbus } from '../src/modbus/explain.ts'
import {
  D0_STYLES,
  DSMR_STYLES,
  encodeD0,
  encodeDsmr,
  encodeSml,
  withEvenParity,
} from '../src/simulator/index.ts'
import { encodeRequest, withCrc } from '../src/modbus/frame.ts'
import { decodeAll, hex, houseState, join } from './support/telegrams.ts'

const D0 = Object.values(D0_STYLES).map((style) => encodeD0(houseState(), style))
const P1 = Object.values(DSMR_STYLES).map((style) => encodeDsmr(houseState(), style))

function assertCovers(fields: readonly TelegramField[], length: number): void {
  let next = 0
  for (const { start, end } of fields) {
    assert.equal(start, next)
    assert.ok(end > start)
    next = end
  }
  assert.equal(next, length)
}

function labels(fields: readonly TelegramField[]): readonly string[] {
  return fields.map(({ kind, label }) => `${kind}: ${label}`)
}

describe('an explained telegram', () => {
  it('is covered without gaps, and points to every register that was sent', () => {
    for (const telegram of [...D0, ...P1, withEvenParity(D0[1] ?? new Uint8Array())]) {
      const fields = explainText(telegram)
      assertCovers(fields, telegram.length)
      const [event] = decodeAll(createDecoder('d0'), telegram)
      assert.ok(event?.type === 'reading')
      const pointed = fields.flatMap(({ register, value }) =>
        register === undefined ? [] : [[register, value]],
      )
      const sent = event.reading.registers.flatMap((one, index) =>
        one.derived === true ? [] : [[index, decimal(one)]],
      )
      // Gas values of versions 2 and 3 stand under another code and are not pointed to.
      assert.ok(sent.length - pointed.length <= 1)
      for (const pair of pointed)
        assert.ok(sent.some(([at, value]) => at === pair[0] && value === pair[1]))
    }
  })

  it('names manufacturer, units, checksums', () => {
    const p1 = labels(explainTelegram('dsmr', P1[2] ?? new Uint8Array()))
    for (const label of [
      'identity: manufacturer',
      'unit: unit',
      'checksum: CRC-16',
      'time: text',
    ]) {
      assert.ok(p1.includes(label), label)
    }
    const block = labels(explainTelegram('d0', D0[2] ?? new Uint8Array()))
    for (const label of ['frame: STX', 'name: energy imported', 'checksum: block check']) {
      assert.ok(block.includes(label), label)
    }
  })

  it('is a Modbus message, request or answer, over RTU or TCP', () => {
    const request = { unit: 1, function: 3, address: 107, count: 3, transaction: 1 } as const
    for (const bytes of [
      encodeRequest({ ...request, transport: 'rtu' }),
      encodeRequest({ ...request, transport: 'tcp' }),
      withCrc([1, 3, 4, 0, 1, 2, 3]),
      withCrc([1, 0x83, 2]),
      hex('0001 0000 0005 01 03 02 00 ff'),
    ]) {
      const fields = explainTelegram('modbus', bytes)
      assert.ok(fields.length > 3)
      assertCovers(fields, bytes.length)
    }
    assert.deepEqual(explainModbus(withCrc([1, 6, 0, 1, 0, 1])), [])
    const round = join(
      withCrc([1, 3, 4, 0, 1, 2, 3]),
      withCrc([1, 0x83, 2]),
      withCrc([1, 4, 2, 0, 9]),
    )
    assertCovers(explainTelegram('modbus', round), round.length)
    assert.equal(
      labels(explainTelegram('modbus', round)).filter((one) => one === 'checksum: CRC-16').length,
      3,
    )
  })

  it('is one part where nothing is known of it', () => {
    for (const protocol of ['s0', 'adapter', 'sml', 'd0', 'modbus'] as const) {
      assert.deepEqual(explainTelegram(protocol, hex('0102')), [
        { start: 0, end: 2, kind: 'frame', label: 'telegram' },
      ])
    }
    assert.deepEqual(explainTelegram('d0', new Uint8Array()), [])
    const sml = encodeSml(houseState())
    assertCovers(explainTelegram('sml', sml), sml.length)
  })

  it('never throws, and covers whatever it is given', () => {
    const telegram = fc.constantFrom(...D0, ...P1)
    const damaged = fc
      .tuple(telegram, fc.nat(900), fc.nat(255))
      .map(([bytes, at, value]) => bytes.map((byte, index) => (index === at ? value : byte)))
    fc.assert(
      fc.property(
        fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })),
        fc.constantFrom('d0' as const, 'dsmr' as const, 'modbus' as const),
        (bytes, protocol) => {
          assertCovers(explainTelegram(protocol, bytes), bytes.length)
        },
      ),
    )
  })
})
