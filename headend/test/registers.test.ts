import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { HeadendError } from '../src/errors.ts'
import { packRegisters, registerAt, unpackRegisters } from '../src/store/registers.ts'

const register = fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))

describe('packed registers', () => {
  it('come back as they were, each by itself as well', () => {
    fc.assert(
      fc.property(fc.array(register, { maxLength: 64 }), (registers) => {
        const packed = packRegisters(registers)
        assert.deepEqual(unpackRegisters(packed), registers)
        for (const [index, value] of registers.entries()) {
          assert.equal(registerAt(packed, index), value)
        }
        assert.equal(registerAt(packed, registers.length), null)
      }),
    )
  })

  it('are refused when their length fits no count', () => {
    assert.throws(() => unpackRegisters(new Uint8Array(10)), HeadendError)
  })
})
