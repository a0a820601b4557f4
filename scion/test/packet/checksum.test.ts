import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { addWords, foldSum, sumOfParts, upperLayerChecksum } from '../../src/packet/checksum.ts'
import { SIMD_BYTES_MAX, openSimdSum } from '../../src/packet/simd-sum.ts'
import { bytes, vectors } from '../support/vectors.ts'

interface Vectors {
  readonly cases: readonly {
    name: string
    addressHeader: string
    protocol: number
    upperLayer: string
    want: number
  }[]
  readonly plainSum: readonly { data: string; want: number }[]
}

const golden = vectors<Vectors>('checksum.json')

/** RFC 1071 by the letter, word by word. */
function slowSum(data: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < data.length; at += 2) {
    sum += (data[at] ?? 0) * 256 + (data[at + 1] ?? 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return sum
}

describe('checksum', () => {
  for (const { name, addressHeader, protocol, upperLayer, want } of golden.cases) {
    it(`sums pseudo header and upper layer: ${name}`, () => {
      const upper = bytes(upperLayer)
      assert.equal(upperLayerChecksum(bytes(addressHeader), protocol, upper), want)
      upper.set([want >> 8, want])
      assert.equal(upperLayerChecksum(bytes(addressHeader), protocol, upper), 0)
    })
  }

  it('sums words with end-around carry', () => {
    for (const { data, want } of golden.plainSum) {
      const raw = bytes(data)
      assert.equal(~foldSum(addWords(0, raw, 0, raw.length)) & 0xffff, want)
    }
  })

  it('agrees with the slow sum on any bytes, and on the largest packet full of ones', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (data) => {
        assert.equal(foldSum(addWords(0, data, 0, data.length)), slowSum(data))
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9), (data, skipped) => {
        const start = Math.min(skipped, data.length)
        const sum = addWords(7, data, start, data.length)
        assert.equal(foldSum(sum), foldSum(7 + slowSum(data.subarray(start))))
      }),
    )
    const ones = new Uint8Array(65535).fill(255)
    assert.equal(foldSum(addWords(0, ones, 0, ones.length)), slowSum(ones))
  })

  it('sums address header and upper layer of a packet as if they were one, wherever they are', () => {
    const byte = fc.oneof(fc.constantFrom(0, 255), fc.nat(255))
    const packets = fc.array(byte, { minLength: 16, maxLength: 700 })
    fc.assert(
      fc.property(packets, fc.nat(40), fc.nat(16), fc.nat(64), (data, start, words, gap) => {
        const packet = Uint8Array.from(data)
        const from = Math.min(start, packet.length)
        const to = Math.min(from + 2 * words, packet.length - ((packet.length - from) % 2))
        const upper = Math.min(to + gap, packet.length)
        const both = [...packet.subarray(from, to), ...packet.subarray(upper)]
        assert.equal(sumOfParts(packet, from, to, upper), slowSum(Uint8Array.from(both)))
      }),
    )
  })

  it('comes out the same beyond what vectors are used for, and where there are none', () => {
    const large = new Uint8Array(SIMD_BYTES_MAX + 1).map((_, index) => index * 7)
    assert.equal(foldSum(addWords(0, large, 0, large.length)), slowSum(large))
    assert.equal(sumOfParts(large, 12, 36, 36), slowSum(large.subarray(12)))
    const found = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly')
    assert.ok(found)
    try {
      Reflect.deleteProperty(globalThis, 'WebAssembly')
      assert.equal(openSimdSum(), undefined)
      const refusing = { Module: Uint8Array, Instance: Uint8Array }
      Object.defineProperty(globalThis, 'WebAssembly', { configurable: true, value: refusing })
      assert.equal(openSimdSum(), undefined)
    } finally {
      Object.defineProperty(globalThis, 'WebAssembly', found)
    }
    assert.ok(openSimdSum())
  })

  it('looks at no byte behind the end, whatever an earlier packet left there', () => {
    const simd = openSimdSum()
    assert.ok(simd)
    simd.memory.fill(255)
    simd.memory.set([1, 2, 3], 100)
    assert.equal(simd.sum(100, 103, 0, 0), 0x0201 + 3)
    assert.equal(simd.sum(0, 0, 100, 102), 0x0201)
    assert.equal(simd.sum(102, 102, 100, 101), 1)
  })
})
