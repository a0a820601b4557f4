import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { describe, it } from 'mocha'
import type { DecoderOptions, Reading } from '../../src/index.ts'
import { createDecoder, decimal, explainDlms } from '../../src/index.ts'
import { isDateTime } from '../../src/dlms/clock.ts'
import {
  arrayData,
  encodeData,
  join,
  numberData,
  octetData,
  structureData,
  u32,
} from '../../src/dlms/encode.ts'
import type { Data } from '../../src/dlms/axdr.ts'
import { seal } from '../../src/dlms/ciphering.ts'
import { DLMS_STYLES, frameApdu } from '../../src/simulator/index.ts'
import { decodeAll, hex } from '../support/telegrams.ts'

/** A Thursday in October, before and after its meter lost the time. */
const CLOCK = '07ea0a0f04113a1e00ff8880'
const UNSURE = '07ea0a0f04113a1eff800001'
const KEY = hex('000102030405060708090a0b0c0d0e0f')

const double = (value: number): Data => numberData(6, value)
const long = (value: number): Data => numberData(18, value)
const text = (letters: string): Data =>
  octetData(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)))
/** Values that tell their places apart. */
const doubles = (count: number): readonly Data[] =>
  Array.from({ length: count }, (_, index) => double(1_001 + index))
const longs = (count: number): readonly Data[] =>
  Array.from({ length: count }, (_, index) => long(2_301 + index))

function readApdu(apdu: Uint8Array, key?: Uint8Array): Reading | undefined {
  const decoder = createDecoder('dlms', key === undefined ? {} : { key })
  const [event] = decodeAll(decoder, frameApdu(apdu, DLMS_STYLES.described))
  return event?.type === 'reading' ? event.reading : undefined
}

/** The reading of a notification with this list as its body. */
function read(...items: readonly Data[]): Reading | undefined {
  return readApdu(join(hex('0f0000000100'), encodeData(structureData(...items))))
}

function values(reading: Reading | undefined): readonly string[] {
  const registers = reading?.registers.filter(({ derived }) => derived !== true) ?? []
  return registers.map((one) => `${one.obis.slice(4, -4)} ${decimal(one)} ${one.unit}`.trim())
}

const VIENNA = [
  '1.8.0 1001 Wh',
  '2.8.0 1002 Wh',
  '3.8.0 1003 varh',
  '4.8.0 1004 varh',
  '1.7.0 1005 W',
  '2.7.0 1006 W',
  '3.7.0 1007 var',
  '4.7.0 1008 var',
]
const VOLTS = ['32.7.0 230.1 V', '52.7.0 230.2 V', '72.7.0 230.3 V']
const AMPERES = ['31.7.0 23.04 A', '51.7.0 23.05 A', '71.7.0 23.06 A']

describe('lists of meters that nobody here has held in hands', () => {
  it('are read although their clock says of itself that it is wrong', () => {
    for (const clock of [CLOCK, UNSURE]) {
      const reading = read(octetData(hex(clock)), ...doubles(8))
      assert.deepEqual(values(reading), VIENNA)
      assert.equal(reading?.meterTime !== undefined, clock === CLOCK)
    }
  })

  it('may have the number of the meter before the clock, which then tells them from tariffs', () => {
    const named = read(text('SMS1030700000001'), octetData(hex(CLOCK)), ...doubles(8))
    assert.deepEqual(values(named), VIENNA)
    assert.equal(named?.device, 'SMS1030700000001')
    const tariffs = read(text('ISK1030700000001'), text('00000001'), ...doubles(8))
    assert.deepEqual(values(tariffs).slice(0, 3), [
      '1.8.1 1001 Wh',
      '1.8.2 1002 Wh',
      '2.8.1 1003 Wh',
    ])
    assert.equal(values(tariffs).at(-1), '4.8.2 1008 varh')
    assert.equal(read(text('XYZ1030700000001'), text('00000001'), ...doubles(8)), undefined)
  })

  it('may begin with voltages and currents, of three phases and of one', () => {
    const powers = ['1.7.0 1001 W', '2.7.0 1002 W', '3.7.0 1003 var', '4.7.0 1004 var']
    const three = read(text('ISK1030700000001'), text('1'), ...longs(6), ...doubles(4))
    assert.deepEqual(values(three), [...VOLTS, ...AMPERES, ...powers])
    const one = read(text('ISK1030700000001'), text('1'), ...longs(2), ...doubles(4))
    assert.deepEqual(values(one), ['32.7.0 230.1 V', '31.7.0 23.02 A', ...powers])
  })

  it('may say whether the supply is connected, as enumeration or boolean', () => {
    for (const connected of [numberData(22, 1), numberData(3, 1)]) {
      for (const tariff of [text('0001'), numberData(17, 1)]) {
        const reading = read(text('ISK1'), text('1'), connected, tariff, ...doubles(8))
        assert.equal(values(reading)[0], '1.8.0 1001 Wh')
        assert.equal(values(reading).at(-1), '4.8.0 1008 varh')
      }
    }
    assert.equal(read(text('ISK1'), text('1'), text('0001'), ...doubles(8)), undefined)
  })

  it('may leave out reactive energy, or the voltage of a phase', () => {
    const tail = [long(1), numberData(22, 1), numberData(17, 2), text('x'), double(9)]
    const head = [text('ISK1'), text('1'), text('2')]
    const without = read(...head, ...doubles(14), ...longs(6), ...tail)
    assert.deepEqual(values(without).slice(5, 9), [
      '2.8.2 1006 Wh',
      '1.7.0 1007 W',
      '2.7.0 1008 W',
      '21.7.0 1009 W',
    ])
    assert.deepEqual(values(without).slice(-6), [...VOLTS, ...AMPERES])
    const clock = octetData(hex(CLOCK))
    const two = read(...doubles(6), text(''), clock, double(7), double(8), ...longs(5))
    assert.deepEqual(values(two).slice(6, 8), ['2.7.0 7 W', '1.7.0 8 W'])
    assert.deepEqual(values(two).slice(-2), ['32.7.0 230.4 V', '72.7.0 230.5 V'])
  })

  it('may write their codes out, with marks or with points', () => {
    const unit = structureData(numberData(15, -1), numberData(22, 35))
    for (const code of ['1-0:32.7.0*255', '1.0.32.7.0.255']) {
      assert.deepEqual(values(read(text(code), long(2_301), unit)), ['32.7.0 230.1 V'])
    }
    for (const code of ['1.0.32.7.0', '1-0:32.7.0*256', '10.11.2026']) {
      assert.equal(read(text(code), long(2_301), unit), undefined)
    }
  })

  it('may have value and unit of a pushed object in one structure', () => {
    const name = octetData(hex('0100200700ff'))
    const object = structureData(long(3), name, numberData(15, 2), long(0))
    const unit = structureData(numberData(15, -1), numberData(22, 35))
    const reading = read(arrayData([object]), structureData(long(2_301), unit))
    assert.deepEqual(values(reading), ['32.7.0 230.1 V'])
  })
})

describe('other shapes of what a meter says by itself', () => {
  it('is an event with the attribute that it is about', () => {
    const attribute = hex('0003 0100010700ff 02'.replace(/ /g, ''))
    for (const time of ['00', `010c${CLOCK}`, `0c${CLOCK}`]) {
      const reading = readApdu(join(hex(`c2${time}`), attribute, encodeData(double(517))))
      assert.deepEqual(values(reading), ['1.7.0 517 W'])
      assert.equal(reading?.meterTime !== undefined, time !== '00')
    }
    assert.equal(readApdu(join(hex('c200'), attribute)), undefined)
    assert.equal(
      readApdu(join(hex('c200'), attribute, encodeData(double(1)), hex('00'))),
      undefined,
    )
  })

  it('is ciphered under a title with the tag of an octet string before it', () => {
    const code = octetData(hex('0100010800ff'))
    const body = encodeData(structureData(code, double(517)))
    const systemTitle = hex('4b464d1234567890')
    const content = seal(join(hex('0f0000000100'), body), {
      control: 0x30,
      systemTitle,
      counter: 7,
      encryptionKey: KEY,
      authenticationKey: KEY,
    })
    for (const head of ['db08', 'db0908']) {
      const apdu = join(hex(head), systemTitle, [content.length], content)
      assert.deepEqual(values(readApdu(apdu, KEY)), ['1.8.0 517 Wh'])
      const fields = explainDlms(frameApdu(apdu, DLMS_STYLES.described), { encryptionKey: KEY })
      assert.equal(fields.find(({ label }) => label === 'invocation counter')?.value, '7')
    }
  })
})

describe('an APDU enciphered block by block', () => {
  const body = structureData(octetData(hex('0100010700ff')), double(1_268))
  const plain = join(hex('0f40000000'), hex(`090c${CLOCK}`), encodeData(body))

  /** As the meter sends it: zeros up to a whole block, and nothing around it. */
  function blocks(apdu: Uint8Array): Uint8Array {
    const cipher = createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false)
    const zeros = new Uint8Array((16 - (apdu.length % 16)) % 16)
    return new Uint8Array(cipher.update(join(apdu, zeros)))
  }

  it('is read with the key, and says that nobody vouches for it', () => {
    const reading = readApdu(blocks(plain), KEY)
    assert.deepEqual(values(reading), ['1.7.0 1268 W'])
    assert.deepEqual(reading?.flags, ['unauthenticated', 'scale-assumed'])
    assert.equal(readApdu(blocks(plain)), undefined)
    assert.equal(readApdu(blocks(plain), hex('00'.repeat(16))), undefined)
  })

  it('is read whatever its first byte looks like', () => {
    for (let invoke = 0; invoke < 600; invoke++) {
      const filled = octetData(new Uint8Array(invoke % 17))
      const apdu = join(
        hex('0f'),
        u32(invoke),
        hex('00'),
        encodeData(structureData(octetData(hex('0100010700ff')), double(invoke), filled)),
      )
      assert.equal(readApdu(blocks(apdu), KEY)?.registers[0]?.digits, BigInt(invoke))
    }
  })

  it('gives nothing when more than a block of zeros follows, or bytes that are none', () => {
    assert.equal(readApdu(blocks(join(plain, new Uint8Array(32))), KEY), undefined)
    assert.equal(readApdu(blocks(join(plain, [7])), KEY), undefined)
  })
})

describe('energies without their scale', () => {
  const body = structureData(
    text('Kamstrup_V0001'),
    ...[octetData(hex('0101010800ff')), double(2_306_012)],
    ...[octetData(hex('0101030800ff')), double(517)],
    ...[octetData(hex('0101010700ff')), double(1_468)],
  )
  const telegram = frameApdu(join(hex('0f0000000100'), encodeData(body)), DLMS_STYLES.described)

  function energies(options: DecoderOptions): readonly string[] {
    const [event] = decodeAll(createDecoder('dlms', options), telegram)
    assert.ok(event?.type === 'reading' && event.reading.flags.includes('scale-assumed'))
    return values(event.reading)
  }

  it('have that of their maker, or of an owner who has looked at the display', () => {
    const power = '1.7.0 1468 W'
    assert.deepEqual(energies({}), ['1.8.0 23060120 Wh', '3.8.0 5170 varh', power])
    const watched = energies({ energyScaler: 0 })
    assert.deepEqual(watched, ['1.8.0 2306012 Wh', '3.8.0 517 varh', power])
  })
})

describe('the form of a date-time', () => {
  it('bears what is open, and nothing that no clock shows', () => {
    for (const form of [
      CLOCK,
      UNSURE,
      'ffffffffffffffffff8000ff',
      '07eafefe ff ff ff ff ff 0000 00',
    ]) {
      assert.ok(isDateTime(hex(form.replace(/ /g, ''))), form)
    }
    for (const form of ['07ea0d0f04113a1e00ff8880', '07ea0a0f04183a1e00ff8880', '07ea0a0f0411']) {
      assert.ok(!isDateTime(hex(form)), form)
    }
    assert.ok(!isDateTime(join(u32(12_937), u32(0), u32(1))))
  })
})
