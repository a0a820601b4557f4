import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { ProtoField } from '../../src/control/protobuf.ts'
import { MESSAGE_BYTES_MAX, ProtoWriter, fieldsOf } from '../../src/control/protobuf.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex } from '../support/vectors.ts'

function only(message: Uint8Array): ProtoField {
  const [field, ...others] = [...fieldsOf(message, 'Test')]
  assert.ok(field)
  assert.equal(others.length, 0)
  return field
}

describe('protobuf', () => {
  it('writes and reads the examples of the format description', () => {
    // https://protobuf.dev/programming-guides/encoding: 150, "testing", a nested message, -2.
    assert.equal(hex(new ProtoWriter().varint(1, 150).finish()), '089601')
    assert.equal(hex(new ProtoWriter().string(2, 'testing').finish()), '120774657374696e67')
    const nested = new ProtoWriter().message(3, (inner) => inner.varint(1, 150)).finish()
    assert.equal(hex(nested), '1a03089601')
    assert.equal(hex(new ProtoWriter().varint(1, -2n).finish()), '08feffffffffffffffff01')
    assert.equal(only(bytes('089601')).uint(150), 150)
    assert.equal(only(bytes('120774657374696e67')).string(), 'testing')
    const [inner] = [...only(nested).fields('Inner')]
    assert.equal(inner?.uint(200), 150)
    assert.equal(only(bytes('08feffffffffffffffff01')).i64(), -2n)
    assert.equal(only(bytes('08feffffffffffffffff01')).i32(), -2)
  })

  it('survives the way through bytes', () => {
    const u64 = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })
    const float = fc.float({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0)
    const text = fc.string({ minLength: 1, unit: 'grapheme' })
    fc.assert(
      fc.property(u64, float, text, fc.uint8Array(), (number, real, word, raw) => {
        const message = new ProtoWriter()
          .varint(1, number)
          .float(2, real)
          .string(300, word)
          .bytes(4, raw)
          .finish()
        const [a, b, c, d] = [...fieldsOf(message, 'Test')]
        assert.equal(a?.u64(), number)
        assert.equal(b?.float(), real)
        assert.equal(c?.string(), word)
        assert.deepEqual(d?.bytes(), raw)
        assert.deepEqual([a.number, b.number, c.number, d.number], [1, 2, 300, 4])
      }),
    )
  })

  it('leaves out what proto3 leaves out', () => {
    const message = new ProtoWriter()
      .varint(1, 0)
      .varint(2, false)
      .float(3, 0)
      .string(4, '')
      .optionalBytes(5, new Uint8Array(0))
      .finish()
    assert.equal(message.length, 0)
    assert.equal(hex(new ProtoWriter().bytes(5, new Uint8Array(0)).finish()), '2a00')
  })

  it('passes over fields of every wire type', () => {
    const numbers = [...fieldsOf(bytes('08010900000000000000001200150000000018ff01'), 'Test')]
    assert.deepEqual(
      numbers.map((field) => field.number),
      [1, 1, 2, 2, 3],
    )
  })

  it('refuses what is cut, too long, or of another type', () => {
    const all = (text: string) => () => [...fieldsOf(bytes(text), 'Test')]
    refuses(all('08'), 'ERR_SCION_MALFORMED')
    refuses(all('0880'), 'ERR_SCION_MALFORMED')
    refuses(all('1205aa'), 'ERR_SCION_MALFORMED')
    refuses(all('09000000'), 'ERR_SCION_MALFORMED')
    refuses(all('0001'), 'ERR_SCION_MALFORMED')
    refuses(all('0b'), 'ERR_SCION_MALFORMED')
    refuses(all('08ffffffffffffffffff02'), 'ERR_SCION_MALFORMED')
    refuses(all('08ffffffffffffffffffff01'), 'ERR_SCION_MALFORMED')
    refuses(all('12ffffffffffffffff7f'), 'ERR_SCION_MALFORMED')
    refuses(() => only(bytes('089601')).bytes())
    refuses(() => only(bytes('089601')).float())
    refuses(() => only(bytes('089601')).uint(149))
    refuses(() => only(bytes('1200')).u64())
    refuses(() => only(bytes('1201ff')).string())
    refuses(() => only(bytes('0d0000c07f')).float())
    refuses(() => only(bytes('08ffffffff0f')).i32())
    const long = new Uint8Array(MESSAGE_BYTES_MAX + 1)
    refuses(() => [...fieldsOf(long, 'Test')], 'ERR_SCION_MALFORMED')
    assert.equal(only(bytes('0801')).boolean(), true)
  })

  it('throws nothing but ScionError on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (message) => {
        valueOrRefusal(() =>
          [...fieldsOf(message, 'Test')].map((field) => [
            valueOrRefusal(() => field.u64()),
            valueOrRefusal(() => field.string()),
            valueOrRefusal(() => field.float()),
            valueOrRefusal(() => [...field.fields('Inner')]),
          ]),
        )
      }),
      { numRuns: 3000 },
    )
  })
})
