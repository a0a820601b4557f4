import assert from 'node:assert/strict'

import fc from 'fast-check'
import { describe, it } from 'mocha'

import { RawRing } from '../src/raw-ring.ts'

describe('the ring of raw bytes', () => {
  it('holds exactly the last bytes, however they came', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }),
        (size, chunks) => {
          const ring = new RawRing(size)
          for (const chunk of chunks) ring.push(chunk)
          const all = chunks.flatMap((chunk) => [...chunk])
          assert.deepEqual([...ring.snapshot()], all.slice(-size))
        },
      ),
    )
  })
})
