import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { EMPTY_PATH, PATH_TYPE } from '../../src/path/dataplane.ts'
import type { DataplanePath } from '../../src/path/dataplane.ts'
import { HOP_FIELD_BYTES } from '../../src/path/fields.ts'
import { reverseStandardPath } from '../../src/path/reverse.ts'
import { encodeStandardPath, hopOffset, pathMeta } from '../../src/path/standard.ts'
import { isWayBack } from '../../src/socket/way-back.ts'
import { hopField, infoField } from '../support/arbitraries.ts'

const standardPath: fc.Arbitrary<DataplanePath> = fc
  .array(fc.record({ info: infoField, hops: fc.array(hopField, { minLength: 2, maxLength: 5 }) }), {
    minLength: 1,
    maxLength: 3,
  })
  .map((segments) => ({
    type: PATH_TYPE.scion,
    bytes: encodeStandardPath({ currInf: 0, currHf: 0, segments }),
  }))

describe('the way back of a path', () => {
  it('is known by its hop fields, whatever routers did to flags and segment identifiers', () => {
    fc.assert(
      fc.property(standardPath, fc.nat(255), (went, noise) => {
        const bytes = reverseStandardPath(went.bytes)
        const meta = pathMeta(bytes)
        for (let hop = 0; hop < meta.hopCount; hop++) bytes[hopOffset(meta, hop)] = noise & 3
        bytes[6] = noise
        assert.ok(isWayBack({ type: went.type, bytes }, went))
      }),
    )
  })

  it('is not that of a path with another MAC, expiry or interface', () => {
    fc.assert(
      fc.property(
        standardPath,
        fc.nat(1000),
        fc.integer({ min: 1, max: 255 }),
        (went, at, flip) => {
          const bytes = reverseStandardPath(went.bytes)
          const meta = pathMeta(bytes)
          const hop = hopOffset(meta, at % meta.hopCount)
          const byte = hop + 1 + (at % (HOP_FIELD_BYTES - 1))
          bytes[byte] = (bytes[byte] ?? 0) ^ flip
          assert.ok(!isWayBack({ type: went.type, bytes }, went))
        },
      ),
    )
  })

  it('is not that of another kind of path, nor rubbish', () => {
    fc.assert(
      fc.property(standardPath, fc.uint8Array({ maxLength: 60 }), (went, bytes) => {
        assert.ok(!isWayBack(EMPTY_PATH, went))
        assert.ok(!isWayBack({ type: went.type, bytes }, went))
        assert.ok(isWayBack(EMPTY_PATH, EMPTY_PATH))
      }),
    )
  })
})
