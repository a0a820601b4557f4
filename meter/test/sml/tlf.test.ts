import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { MeterError } from '../../src/index.ts'
import { TLF_TYPE, TlfReader } from '../../src/sml/tlf.ts'
import { SmlWriter } from '../../src/simulator/index.ts'
import { hex } from '../support/telegrams.ts'

describe('TlfReader', () => {
  it('counts the TL bytes into the length of all but lists', () => {
    const reader = new TlfReader(hex('83 02' + 'aa'.repeat(48)))
    reader.octets('key')
    assert.equal(reader.length, 48)
    assert.ok(reader.done)
    const many = new TlfReader(hex('f1 04'))
    assert.equal(many.list('entries'), 20)
  })

  it('reads integers of every width from one to eight bytes with their sign', () => {
    fc.assert(
      fc.property(
        fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        fc.integer({ min: 1, max: 8 }),
        (value, width) => {
          const writer = new SmlWriter()
          const digits = BigInt.asIntN(8 * width, value)
          writer.signedOf(digits, width)
          const reader = new TlfReader(writer.body())
          reader.head('value')
          assert.equal(reader.type, TLF_TYPE.signed)
          assert.equal(reader.length, width)
          assert.equal(reader.integer('value'), digits)
        },
      ),
    )
  })

  it('takes octet strings of every length with one to three TL bytes', () => {
    for (const length of [0, 1, 14, 15, 16, 253, 254, 255, 4000, 4092, 4093, 4094, 5000]) {
      const writer = new SmlWriter()
      writer.octets(new Uint8Array(length).fill(0xa5))
      const reader = new TlfReader(writer.body())
      reader.octets('text')
      assert.equal(reader.length, length)
      assert.ok(reader.done)
    }
  })

  const broken: Readonly<Record<string, readonly [string, (reader: TlfReader) => void]>> = {
    'a length beyond the end': [
      '0f 01',
      (reader) => {
        reader.octets('id')
      },
    ],
    'a length below its own TL bytes': [
      '80 01',
      (reader) => {
        reader.octets('id')
      },
    ],
    'more TL bytes than any telegram needs': [
      '8f 8f 8f 8f 0f',
      (reader) => {
        reader.octets('id')
      },
    ],
    'TL bytes that do not end': [
      '81 81',
      (reader) => {
        reader.octets('id')
      },
    ],
    'nothing at all': [
      '',
      (reader) => {
        reader.octets('id')
      },
    ],
    'the end of a message': [
      '00',
      (reader) => {
        reader.octets('id')
      },
    ],
    'an integer without bytes': [
      '61',
      (reader) => {
        reader.unsigned('n', 255)
      },
    ],
    'an integer of nine bytes': [
      '6a' + '01'.repeat(9),
      (reader) => {
        reader.unsigned('n', 255)
      },
    ],
    'an integer above its range': [
      '63 01 00',
      (reader) => {
        reader.unsigned('n', 255)
      },
    ],
    'a scaler beyond Integer8': [
      '53 00 80',
      (reader) => {
        reader.signed('scaler', 127)
      },
    ],
    'a string where a number belongs': [
      '02 41',
      (reader) => {
        reader.unsigned('n', 255)
      },
    ],
    'a number where a list belongs': [
      '62 01',
      (reader) => {
        reader.list('entries')
      },
    ],
    'a list of another length': [
      '72 01 01',
      (reader) => {
        reader.listOf(3, 'entry')
      },
    ],
    'a list whose elements are missing': [
      'ff ff ff 0f 01',
      (reader) => {
        reader.skip('tree')
      },
    ],
  }
  for (const [name, [bytes, read]] of Object.entries(broken)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => {
        read(new TlfReader(hex(bytes)))
      }, MeterError)
    })
  }

  it('passes over lists nested as deep as the bytes go, without recursion', () => {
    const reader = new TlfReader(Uint8Array.of(...new Uint8Array(15_000).fill(0x71), 0x01))
    reader.skip('tree')
    assert.ok(reader.done)
  })

  it('throws nothing but MeterError on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const reader = new TlfReader(bytes)
        try {
          while (!reader.done) reader.skip('element')
        } catch (error) {
          assert.ok(error instanceof MeterError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
