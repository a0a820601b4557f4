import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { ScionError } from '../src/errors.ts'
import { Reader } from '../src/reader.ts'
import { Writer, allocate } from '../src/writer.ts'
import { refuses } from './support/refusal.ts'

describe('Reader and Writer', () => {
  it('bring numbers of every width through bytes', () => {
    const u48 = fc.nat({ max: 2 ** 48 - 1 })
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const numbers = fc.tuple(fc.nat(255), fc.nat(65535), fc.nat(0xffff_ffff), u48, u64)
    fc.assert(
      fc.property(numbers, fc.uint8Array({ maxLength: 9 }), ([a, b, c, d, e], tail) => {
        const writer = new Writer(24 + tail.length)
        writer.u8(a, 'a')
        writer.u16(b, 'b')
        writer.u32(c, 'c')
        writer.u48(d, 'd')
        writer.u64(e, 'e')
        writer.zeros(3, 'gap')
        assert.equal(writer.offset, 24)
        writer.bytes(tail, 'tail')
        const reader = new Reader(writer.finish())
        assert.deepEqual(
          [reader.u8('a'), reader.u16('b'), reader.u32('c'), reader.u48('d'), reader.u64('e')],
          [a, b, c, d, e],
        )
        assert.deepEqual(reader.bytes(3, 'gap'), new Uint8Array(3))
        assert.equal(reader.offset, 24)
        assert.equal(reader.remaining, tail.length)
        assert.deepEqual(reader.rest(), tail)
      }),
    )
  })

  it('name the field that does not fit', () => {
    const reader = new Reader(new Uint8Array(10), 2, 5)
    assert.throws(() => reader.u32('udp.length'), /udp\.length: needs 4 bytes at offset 2, found 3/)
    refuses(() => reader.bytes(-1, 'x'), 'ERR_SCION_TRUNCATED')
    refuses(() => reader.bytes(NaN, 'x'), 'ERR_SCION_TRUNCATED')
    assert.throws(
      () => {
        new Writer(1).u16(1, 'udp.length')
      },
      (error) => error instanceof ScionError && error.message.startsWith('udp.length'),
    )
    for (const value of [256, -1, 0.5, NaN]) {
      refuses(() => {
        new Writer(8).u8(value, 'x')
      }, 'ERR_SCION_TOO_LARGE')
    }
    refuses(() => {
      new Writer(8).u64(-1n, 'x')
    }, 'ERR_SCION_TOO_LARGE')
    refuses(() => new Writer(3).finish(), 'ERR_SCION_MALFORMED')
  })

  it('write behind what is already there', () => {
    const target = new Uint8Array(4)
    const writer = new Writer(target, 2)
    writer.u16(0x0102, 'x')
    assert.deepEqual([...writer.finish()], [1, 2])
    assert.deepEqual([...target], [0, 0, 1, 2])
  })

  it('hand out arrays that never overlap', () => {
    const arrays = Array.from({ length: 200 }, (_, index) => allocate(700 + index))
    for (const [index, array] of arrays.entries()) array.fill(index)
    for (const [index, array] of arrays.entries()) {
      assert.equal(array.length, 700 + index)
      assert.ok(array.every((byte) => byte === index))
    }
    assert.equal(allocate(5000).length, 5000)
  })

  it('throws nothing but ScionError on arbitrary input', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 16 }),
        fc.integer({ min: -5, max: 32 }),
        (raw, length) => {
          try {
            assert.equal(new Reader(raw).bytes(length, 'payload').length, length)
          } catch (error) {
            assert.ok(error instanceof ScionError)
          }
        },
      ),
    )
  })
})
