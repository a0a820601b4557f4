import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { addWords, foldSum, upperLayerChecksum } from '../../src/packet/checksum.ts'
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
})
