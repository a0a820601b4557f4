import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Reading } from '../../src/index.ts'
import { MeterError, createDecoder, decimal } from '../../src/index.ts'
import { decodeNotification } from '../../src/dlms/apdu.ts'
import { AXDR_DEPTH_MAX, AXDR_ELEMENTS_MAX, decodeData } from '../../src/dlms/axdr.ts'
import { Reader } from '../../src/bytes.ts'
import { decodeDateTime } from '../../src/dlms/clock.ts'
import { POSITIONAL_LISTS } from '../../src/dlms/lists.ts'
import { DLMS_STYLES, frameApdu } from '../../src/simulator/index.ts'
import { decodeAll, hex, join } from '../support/telegrams.ts'

const NOON = '07ea030601 0c0000 00ffc400'.replace(/ /g, '')

function text(letters: string): string {
  const bytes = Array.from(letters, (letter) => letter.charCodeAt(0).toString(16))
  return `09${letters.length.toString(16).padStart(2, '0')}${bytes.join('')}`
}
const u32 = (value: number): string => `06${value.toString(16).padStart(8, '0')}`
const u16 = (value: number): string => `12${value.toString(16).padStart(4, '0')}`
const obis = (code: string): string => `0906${code}`
const struct = (...items: readonly string[]): string =>
  `02${items.length.toString(16).padStart(2, '0')}${items.join('')}`
const array = (...items: readonly string[]): string =>
  `01${items.length.toString(16).padStart(2, '0')}${items.join('')}`

/** The reading of a notification with this body, over HDLC; undefined where there is none. */
function read(body: string, date = '00'): Reading | undefined {
  const apdu = join(hex('0f00000001'), hex(date), hex(body))
  const [event] = decodeAll(createDecoder('dlms'), frameApdu(apdu, DLMS_STYLES.described))
  return event?.type === 'reading' ? event.reading : undefined
}

function values(reading: Reading | undefined): readonly string[] {
  const registers = reading?.registers.filter(({ derived }) => derived !== true) ?? []
  return registers.map((one) => `${one.obis} ${decimal(one)} ${one.unit}`.trim())
}

describe('the body of a notification', () => {
  it('may be pairs in one list, with or without scaler and unit', () => {
    const body = struct(
      `090c${NOON}`,
      ...[obis('0100010800ff'), u32(12937), struct('0f03', '161e')],
      ...[obis('0100200700ff'), u16(2337), struct('0fff', '1623')],
      ...[obis('0100010700ff'), u32(5)],
      text('181220000009'),
    )
    const reading = read(body)
    assert.deepEqual(values(reading), [
      '1-0:1.8.0*255 12937000 Wh',
      '1-0:32.7.0*255 233.7 V',
      '1-0:1.7.0*255 5 W',
    ])
    assert.equal(reading?.device, '181220000009')
    assert.equal(reading.meterTime?.seconds, Date.UTC(2026, 2, 6, 11) / 1_000)
    assert.deepEqual(reading.flags, ['scale-assumed'])
  })

  it('may be a list of small lists', () => {
    const body = array(
      struct(obis('0000600100ff'), text('7359000000000001')),
      struct(obis('0100020700ff'), u32(250), struct('0f00', '161b')),
      struct(obis('01001f0700ff'), '10fffb', struct('0fff', '1621')),
      struct(obis('0000010000ff'), `090c${NOON}`),
    )
    const reading = read(body)
    assert.deepEqual(values(reading), ['1-0:2.7.0*255 250 W', '1-0:31.7.0*255 -0.5 A'])
    assert.equal(reading?.device, '7359000000000001')
    assert.equal(reading.meterTime?.kind, 'local')
    assert.deepEqual(reading.flags, [])
  })

  it('may be a push list that counts itself, with scaler and unit as values of their own', () => {
    const object = (classId: number, code: string, attribute: number): string =>
      struct(u16(classId), obis(code), `0f0${attribute}`, u16(0))
    const body = struct(
      array(
        object(40, '0008190900ff', 2),
        object(40, '0008190900ff', 1),
        object(1, '00002a0000ff', 2),
        object(3, '0101010800ff', 2),
        object(3, '0101010800ff', 3),
        object(3, '0100480700ff', 2),
      ),
      obis('0008190900ff'),
      text('LGZ1030000000001'),
      u32(4912),
      struct('0f03', '161e'),
      u16(0x08fc),
    )
    const reading = read(body)
    assert.deepEqual(values(reading), ['1-1:1.8.0*255 4912000 Wh', '1-0:72.7.0*255 230.0 V'])
    assert.equal(reading?.device, 'LGZ1030000000001')
    assert.equal(reading.manufacturer, 'LGZ')
  })

  it('may name values by descriptors in bare bytes', () => {
    const entry = (classId: string, code: string, attribute: string, value: string): string =>
      `0202${classId}${code}${attribute}${value}`
    const body = `02021601 0103
      ${entry('0001', '0000600101ff', '02', text('5100005149'))}
      ${entry('0046', '0000600a0aff', '03', '1601')}
      ${entry('0003', '0100010700ff', '02', u32(1956))}`.replace(/\s/g, '')
    const reading = read(body)
    assert.deepEqual(values(reading), ['0-0:96.10.10*255 1', '1-0:1.7.0*255 1956 W'])
    assert.equal(reading?.device, '5100005149')
  })

  it('may imply the scale of its maker', () => {
    const pair = (code: string, value: string): string => `${obis(code)}${value}`
    const kamstrup = `0209${text('Kamstrup_V0001').replace(/^09/, '0a')}${pair(
      '0101010800ff',
      u32(100),
    )}${pair('01011f0700ff', u32(189))}${pair('0101200700ff', u16(236))}${pair('01010d0700ff', u16(98))}`
    assert.deepEqual(values(read(kamstrup)), [
      '1-1:1.8.0*255 1000 Wh',
      '1-1:31.7.0*255 1.89 A',
      '1-1:32.7.0*255 236 V',
      '1-1:13.7.0*255 0.98',
    ])
  })

  it('may be a documented list without codes', () => {
    const kaifa = struct(
      ...['KFM_001', '6970000000000001', 'MA304H3E'].map(text),
      ...[4097, 0, 195, 0, 12056, 5754, 13412, 2392, 0, 2397].map(u32),
    )
    const reading = read(kaifa, `090c${NOON}`)
    assert.deepEqual(values(reading).slice(0, 8), [
      '1-0:1.7.0*255 4097 W',
      '1-0:2.7.0*255 0 W',
      '1-0:3.7.0*255 195 var',
      '1-0:4.7.0*255 0 var',
      '1-0:31.7.0*255 12.056 A',
      '1-0:51.7.0*255 5.754 A',
      '1-0:71.7.0*255 13.412 A',
      '1-0:32.7.0*255 239.2 V',
    ])
    assert.equal(reading?.device, '6970000000000001')
    assert.equal(reading.manufacturer, 'KFM')
    const slovenia = struct(text('84600000'), '1100', u32(7924792), u32(0))
    assert.deepEqual(values(read(slovenia)), ['1-0:1.8.0*255 7924792 Wh', '1-0:2.8.0*255 0 Wh'])
  })

  it('tells lists of the same types by what stands at their places', () => {
    const numbers = [20_870_819, 0, 96_027, 1_216, 412, 0, 0, 138].map(u32)
    const vienna = read(struct(`090c${NOON}`, ...numbers))
    assert.deepEqual(values(vienna), [
      '1-0:1.8.0*255 20870819 Wh',
      '1-0:2.8.0*255 0 Wh',
      '1-0:3.8.0*255 96027 varh',
      '1-0:4.8.0*255 1216 varh',
      '1-0:1.7.0*255 412 W',
      '1-0:2.7.0*255 0 W',
      '1-0:3.7.0*255 0 var',
      '1-0:4.7.0*255 138 var',
    ])
    const slovenia = read(struct(text('84600000'), ...numbers))
    assert.equal(slovenia?.device, '84600000')
    assert.equal(values(slovenia)[0], '1-0:1.7.0*255 20870819 W')
    assert.equal(read(struct('090400ff0102', ...numbers)), undefined)
    // Push setup, number, time and date in front, two empty texts behind.
    const front = [obis('0006190900ff'), text('2221202033801'), '09040e372100', '090507e5030707']
    const iskra = read(struct(...front, ...numbers.slice(0, 6), '0900', '0900'))
    assert.equal(iskra?.device, '2221202033801')
    assert.equal(values(iskra)[4], '1-0:1.7.0*255 412 W')
  })

  it('is nothing where no documented list fits', () => {
    assert.equal(read(struct(u32(1), u32(2), u32(3))), undefined)
    assert.equal(read(text('only text here')), undefined)
    assert.equal(read(struct(obis('0000600100ff'), text('1234'))), undefined)
  })

  it('gets one net power where the meter sends both directions', () => {
    const body = struct(obis('0100010700ff'), u32(0), obis('0100020700ff'), u32(528))
    const net = read(body)?.registers.at(-1)
    assert.equal(net?.obis, '1-0:16.7.0*255')
    assert.equal(net.digits, -528n)
    assert.equal(net.derived, true)
  })

  it('leaves no documented list with more places than its pattern has room for', () => {
    for (const { name, places, evidence } of POSITIONAL_LISTS) {
      const named = places.includes('device') || places.includes('clock')
      assert.ok(evidence.length > 0 && named !== (name === 'kaifa-1'), name)
    }
  })
})

describe('decodeData', () => {
  it('reads compact arrays as the arrays that they are short for', () => {
    const read = (bytes: string): unknown => decodeData(new Reader(hex(bytes)))
    assert.deepEqual(read('13 12 04 00010002'), read('0102 120001 120002'))
    const rows = '13 0202 06 09 0c 00000001 02aabb 00000002 00'
    assert.deepEqual(read(rows), read('0102 0202 0600000001 0902aabb 0202 0600000002 0900'))
    assert.deepEqual(read('13 01 0002 11 04 01020304'), read('0102 0102 1101 1102 0102 1103 1104'))
    assert.deepEqual(read('13 06 00'), read('0100'))
    assert.throws(() => read('13 00 01 00'), { code: 'malformed' })
    assert.throws(() => read('13 0200 01 00'), { code: 'malformed' })
    assert.throws(() => read('13 06 03 000000'), { code: 'short' })
    assert.throws(() => read(`13${'01ffff'.repeat(8)}06 04 00000000`), MeterError)
    assert.throws(() => read(`13${'0201'.repeat(20)}06 04 00000000`), { code: 'depth' })
  })

  it('reads every type of number exactly', () => {
    const number = (bytes: string): string => {
      const data = decodeData(new Reader(hex(bytes)))
      return data.type === 'number' ? `${data.digits}e${data.scaler}` : data.type
    }
    assert.equal(number('14ffffffffffffffff'), '-1e0')
    assert.equal(number('15ffffffffffffffff'), '18446744073709551615e0')
    assert.equal(number('0580000000'), '-2147483648e0')
    assert.equal(number('17435c4000'), '22025e-2')
    assert.equal(number('18c06ccccccccccccd'), '-2304e-1')
    assert.equal(number('0301'), '1e0')
    assert.throws(() => number('177fc00000'), MeterError)
  })

  it('refuses depth, number of elements and lengths beyond the limits, allocating nothing', () => {
    const deep = hex(`${'0101'.repeat(AXDR_DEPTH_MAX + 1)}00`)
    assert.throws(() => decodeData(new Reader(deep)), { code: 'depth' })
    const many = new Uint8Array(AXDR_ELEMENTS_MAX + 10)
    many.set(hex('0184ffffffff'))
    assert.throws(() => decodeData(new Reader(many)), { code: 'too-many' })
    assert.throws(() => decodeData(new Reader(hex('0984ffffffff00'))), { code: 'short' })
    assert.throws(() => decodeData(new Reader(hex('0985ffffffffff00'))), { code: 'malformed' })
  })

  it('throws nothing but MeterError on shaped random bytes', () => {
    const tag = fc.constantFrom(0, 1, 2, 4, 6, 9, 10, 15, 16, 18, 22, 23, 25, 0x81)
    fc.assert(
      fc.property(fc.array(fc.oneof(tag, fc.nat(255)), { maxLength: 80 }), (bytes) => {
        try {
          decodeNotification(Uint8Array.from([0x0f, 0, 0, 0, 1, 0, ...bytes]))
        } catch (error) {
          assert.ok(error instanceof MeterError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('decodeDateTime', () => {
  it('reads deviation and season', () => {
    const at = (digits: string): unknown => decodeDateTime(hex(digits))
    assert.deepEqual(at('07ea0706010c000000ff8880'), {
      kind: 'local',
      seconds: Date.UTC(2026, 6, 6, 10) / 1_000,
      offsetMinutes: 60,
      seasonMinutes: 60,
    })
    const wall = { kind: 'wall', seconds: Date.UTC(2026, 6, 6, 12) / 1_000 }
    assert.deepEqual(at('07ea0706010c0000ff800000'), wall)
    assert.deepEqual(at('07ea0706010c00ffff8000ff'), wall)
  })

  it('makes no date of what is none', () => {
    for (const digits of [
      'ffff0706010c000000000000',
      '07ea0d06010c000000000000',
      '07ea021e010c000000000000',
      '07ea070601180000 00000000',
      '07ea0706010c000000000001',
      '07ea0706010c0000',
    ]) {
      assert.equal(decodeDateTime(hex(digits)), undefined, digits)
    }
  })
})
