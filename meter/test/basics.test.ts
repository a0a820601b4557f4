import assert from 'node:assert/strict'
import fc from 'fast-check'
import { existsSync } from 'node:fs'
import { describe, it } from 'mocha'
import { Reader, printable, signedBigAt, toHex, unsignedBigAt } from '../src/bytes.ts'
import { crc16Arc, crc16Kermit, crc16X25 } from '../src/crc16.ts'
import {
  MeterError,
  QUIRKS,
  UNIT,
  UNIT_NONE,
  decimal,
  formatObis,
  obisName,
  parseObis,
  unitCode,
  unitName,
} from '../src/index.ts'
import { mayHave } from '../src/quirks.ts'

describe('Reader', () => {
  it('names the field and the shortage when bytes are missing', () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3))
    reader.u16('head')
    assert.throws(() => reader.u32('length'), {
      code: 'short',
      message: 'length: expected 4 bytes, found 1',
    })
  })

  it('stays where it was after a refused read', () => {
    const reader = new Reader(Uint8Array.of(7))
    assert.throws(() => reader.u16('word'))
    assert.equal(reader.u8('byte'), 7)
    assert.equal(reader.peek(), -1)
  })

  it('throws nothing but MeterError, whatever is asked of it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 16 }),
        fc.integer({ min: -3, max: 32 }),
        (bytes, n) => {
          const reader = new Reader(bytes)
          try {
            reader.skip(n, 'some')
            assert.equal(reader.remaining, bytes.length - n)
            assert.equal(reader.bytes(reader.remaining, 'rest').length, bytes.length - n)
          } catch (error) {
            assert.ok(error instanceof MeterError)
          }
        },
      ),
    )
  })
})

describe('integers of any width', () => {
  it('are read like BigInt reads hex, with and without sign', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
        const value = BigInt(`0x${toHex(bytes)}`)
        assert.equal(unsignedBigAt(bytes, 0, bytes.length), value)
        assert.equal(signedBigAt(bytes, 0, bytes.length), BigInt.asIntN(8 * bytes.length, value))
      }),
    )
  })
})

describe('printable', () => {
  it('is text for ASCII and nothing for all else', () => {
    assert.equal(printable(new TextEncoder().encode('EMH 1')), 'EMH 1')
    assert.equal(printable(Uint8Array.of(0x45, 0x0a)), undefined)
    assert.equal(printable(new Uint8Array()), undefined)
  })
})

describe('CRC-16', () => {
  // The check values of the catalogue of parametrised CRC algorithms.
  const digits = new TextEncoder().encode('123456789')

  it('X-25 of 123456789 is 906E', () => {
    assert.equal(crc16X25(digits), 0x906e)
  })

  it('KERMIT of 123456789 is 2189', () => {
    assert.equal(crc16Kermit(digits), 0x2189)
  })

  it('ARC of 123456789 is BB3D', () => {
    assert.equal(crc16Arc(digits), 0xbb3d)
  })

  it('covers just the part it is told to', () => {
    const padded = Uint8Array.of(1, ...digits, 2)
    assert.equal(crc16X25(padded, 1, 10), 0x906e)
  })
})

describe('decimal', () => {
  it('writes digits and scaler out, rounding nothing', () => {
    assert.equal(decimal({ digits: 50700n, scaler: -2 }), '507.00')
    assert.equal(decimal({ digits: -5n, scaler: -3 }), '-0.005')
    assert.equal(decimal({ digits: 13391n, scaler: 3 }), '13391000')
    assert.equal(decimal({ digits: 0n, scaler: 3 }), '0')
    assert.equal(decimal({ digits: 0n, scaler: -1 }), '0.0')
    assert.equal(decimal({ digits: 2n ** 64n - 1n, scaler: -4 }), '1844674407370955.1615')
  })

  it('means the same number as digits times ten to the scaler', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n), fc.integer({ min: -20, max: 20 }), (d, s) => {
        const [whole = '', part = ''] = decimal({ digits: d, scaler: s }).split('.')
        assert.equal(part.length, Math.max(0, -s))
        assert.equal(BigInt(whole + part), s > 0 ? d * 10n ** BigInt(s) : d)
      }),
    )
  })
})

describe('OBIS codes', () => {
  it('have a text and come back from it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (code) => {
        assert.deepEqual(parseObis(formatObis(code)), [...code])
      }),
    )
  })

  it('of another length show as hex', () => {
    assert.equal(formatObis(Uint8Array.of(1, 0, 255)), 'x:0100ff')
  })

  it('without their last part mean the present value', () => {
    assert.deepEqual(parseObis('1-0:1.8.0'), [1, 0, 1, 8, 0, 255])
  })

  it('that are none are refused', () => {
    for (const text of ['', '1.8.0', '1-0:1.8', '1-0:256.8.0', '1-0:1.8.0*']) {
      assert.equal(parseObis(text), undefined, text)
    }
  })

  it('say in words what they stand for', () => {
    assert.equal(obisName('1-0:1.8.0*255'), 'energy imported')
    assert.equal(obisName('1-0:2.8.2*255'), 'energy exported, tariff 2')
    assert.equal(obisName('1-0:1.8.0*97'), 'energy imported, last 7 days')
    assert.equal(obisName('1-0:76.7.0*255'), 'power, import − export L3')
    assert.equal(obisName('1-0:52.7.0*255'), 'voltage L2')
    assert.equal(obisName('1-0:14.7.0*255'), 'frequency')
    assert.equal(obisName('1-0:199.7.0*255'), '')
    assert.equal(obisName('x:00'), '')
  })
})

describe('units', () => {
  it('have the names of the DLMS table', () => {
    assert.equal(unitName(UNIT.wattHour), 'Wh')
    assert.equal(unitName(UNIT.hertz), 'Hz')
    assert.equal(unitName(UNIT_NONE), '')
    assert.equal(unitName(200), '')
  })

  it('are found by name', () => {
    for (const code of Object.values(UNIT)) assert.equal(unitCode(unitName(code)), code)
    assert.equal(unitCode('furlong'), UNIT_NONE)
  })
})

describe('quirks', () => {
  it('each say what happens, what is done, and where it was seen', () => {
    for (const [name, quirk] of Object.entries(QUIRKS)) {
      assert.ok(quirk.what.length > 20 && quirk.cure.length > 20, name)
      assert.ok(quirk.evidence.length > 0, name)
      assert.ok(existsSync(new URL(`../src/${quirk.where}`, import.meta.url)), quirk.where)
    }
  })

  it('hold for their makers, for telegrams that name none, and for no others', () => {
    assert.ok(mayHave(QUIRKS.int16Power, 'DZG'))
    assert.ok(mayHave(QUIRKS.int16Power, undefined))
    assert.ok(!mayHave(QUIRKS.int16Power, 'ISK'))
    assert.ok(mayHave(QUIRKS.crcKermit, 'ISK'))
  })
})
