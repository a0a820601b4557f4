import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { StandardPath } from '../../src/path/standard.ts'
import {
  decodeStandardPath,
  encodeStandardPath,
  pathMeta,
  unpackMeta,
} from '../../src/path/standard.ts'
import { PathCursor } from '../../src/path/cursor.ts'
import { replyPath, reverseStandardPath } from '../../src/path/reverse.ts'
import { PATH_TYPE } from '../../src/path/dataplane.ts'
import { standardPath } from '../support/arbitraries.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Fields {
  readonly path: {
    raw: string
    decoded: PathVector
    getInfoFieldOutOfRange: number
    getHopFieldOutOfRange: number
  }
  readonly metaHeaderErrors: readonly { metaHeader?: string; raw?: string; want: string }[]
}
interface PathVector {
  readonly currInf: number
  readonly currHf: number
  readonly segLens: readonly number[]
  readonly infos: readonly { peer: boolean; consDir: boolean; segId: number; timestamp: number }[]
  readonly hops: readonly {
    ingressAlert: boolean
    egressAlert: boolean
    expTime: number
    consIngress: number
    consEgress: number
    mac: string
  }[]
}
interface Reversal {
  readonly name: string
  readonly input: { raw: string; linksTraversed?: readonly (readonly number[])[] }
  readonly want: { raw: string; linksTraversed?: readonly (readonly number[])[] }
}
interface Reversals {
  readonly cases: readonly Reversal[]
  readonly otherGoldens: readonly Reversal[]
  readonly fullPaths: { cases: readonly Reversal[] }
  readonly errors: readonly { input: { raw: string } }[]
}

const fields = vectors<Fields>('fields.json')
const reversals = vectors<Reversals>('path-reverse.json')
const production = vectors<{ productionPath: { bytes: string; decoded: PathVector } }>(
  'packets.json',
).productionPath

/** A decoded path in the words of the vectors. */
function asVector(path: StandardPath): PathVector {
  const lengths = path.segments.map(({ hops }) => hops.length)
  return {
    currInf: path.currInf,
    currHf: path.currHf,
    segLens: [...lengths, 0, 0].slice(0, 3),
    infos: path.segments.map(({ info }) => ({
      peer: info.peering,
      consDir: info.consDir,
      segId: info.segmentId,
      timestamp: info.timestamp,
    })),
    hops: path.segments.flatMap(({ hops }) => hops.map((hop) => ({ ...hop, mac: hex(hop.mac) }))),
  }
}

/** The interfaces of a path as [left, entered] pairs, worked out from the flags alone. */
function linksOf(raw: Uint8Array): number[][] {
  const crossed = decodeStandardPath(raw).segments.flatMap(({ info, hops }, index, segments) =>
    hops.flatMap((hop, position) => {
      const [enter, leave] = info.consDir
        ? [hop.consIngress, hop.consEgress]
        : [hop.consEgress, hop.consIngress]
      const first = index === 0 && position === 0
      const last = index === segments.length - 1 && position === hops.length - 1
      // Where segments meet, only a peering hop uses the side that faces the other segment.
      const faces = (side: boolean): boolean => side && !info.peering
      const skipEnter = first || faces(position === 0 && index > 0)
      const skipLeave = last || faces(position === hops.length - 1 && index < segments.length - 1)
      return [...(skipEnter ? [] : [enter]), ...(skipLeave ? [] : [leave])]
    }),
  )
  return Array.from({ length: crossed.length / 2 }, (_, at) => crossed.slice(2 * at, 2 * at + 2))
}

describe('standard path', () => {
  for (const { bytes: raw, decoded } of [
    { bytes: fields.path.raw, decoded: fields.path.decoded },
    production,
  ]) {
    it(`decodes and encodes a path of ${decoded.hops.length} hops`, () => {
      const path = decodeStandardPath(bytes(raw))
      assert.deepEqual(asVector(path), decoded)
      assert.equal(hex(encodeStandardPath(path)), raw)
    })
  }

  for (const { metaHeader, raw, want } of fields.metaHeaderErrors) {
    it(`refuses a path header: ${want}`, () => {
      if (raw !== undefined) refuses(() => pathMeta(bytes(raw)))
      else refuses(() => unpackMeta(Number.parseInt(metaHeader ?? '', 16)))
    })
  }

  it('refuses indices beyond the fields', () => {
    const cursor = new PathCursor(bytes(fields.path.raw))
    refuses(() => cursor.infoField(fields.path.getInfoFieldOutOfRange), 'ERR_SCION_PATH')
    refuses(() => cursor.hopField(fields.path.getHopFieldOutOfRange), 'ERR_SCION_PATH')
    refuses(() => unpackMeta(0x8000_2080), 'ERR_SCION_MALFORMED')
    refuses(() => unpackMeta(0x0400_2080), 'ERR_SCION_MALFORMED')
  })

  it('refuses a path one byte longer or shorter than it says', () => {
    const raw = bytes(fields.path.raw)
    refuses(() => pathMeta(raw.subarray(0, raw.length - 1)), 'ERR_SCION_TRUNCATED')
    refuses(() => pathMeta(Uint8Array.of(...raw, 0)), 'ERR_SCION_MALFORMED')
  })

  it('refuses to encode what no router would take', () => {
    const path = decodeStandardPath(bytes(fields.path.raw))
    const [segment] = path.segments
    assert.ok(segment)
    const hop = segment.hops[0]
    assert.ok(hop)
    refuses(() => encodeStandardPath({ ...path, segments: [] }), 'ERR_SCION_MALFORMED')
    refuses(() => encodeStandardPath({ ...path, segments: Array(4).fill(segment) }))
    refuses(() => encodeStandardPath({ ...path, currHf: 4 }), 'ERR_SCION_MALFORMED')
    refuses(() => encodeStandardPath({ ...path, currHf: 64 }), 'ERR_SCION_TOO_LARGE')
    const tooLong = { ...segment, hops: Array(64).fill(hop) }
    refuses(() => encodeStandardPath({ ...path, segments: [tooLong] }), 'ERR_SCION_TOO_LARGE')
    const withHop = (wrong: object): StandardPath => ({
      currInf: 0,
      currHf: 0,
      segments: [{ ...segment, hops: [{ ...hop, ...wrong }] }],
    })
    refuses(() => encodeStandardPath(withHop({ mac: new Uint8Array(5) })), 'ERR_SCION_MALFORMED')
    refuses(() => encodeStandardPath(withHop({ expTime: 256 })), 'ERR_SCION_TOO_LARGE')
    refuses(() => encodeStandardPath(withHop({ consIngress: -1 })), 'ERR_SCION_TOO_LARGE')
  })

  it('survives the way through bytes', () => {
    fc.assert(
      fc.property(standardPath(), (path) => {
        assert.deepEqual(decodeStandardPath(encodeStandardPath(path)), path)
      }),
    )
  })

  it('throws nothing but ScionError on arbitrary bytes', () => {
    const shaped = fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(3), fc.nat(8))
    fc.assert(
      fc.property(shaped, ([meta, infos, hops]) => {
        const raw = new Uint8Array(4 + 8 * infos + 12 * hops)
        raw.set(meta)
        const path = valueOrRefusal(() => decodeStandardPath(raw))
        valueOrRefusal(() => replyPath({ type: PATH_TYPE.scion, bytes: raw }))
        if (path !== undefined) assert.equal(path.segments.length > 0, true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('path reversal', () => {
  for (const { name, input, want } of [...reversals.cases, ...reversals.otherGoldens]) {
    it(`reverses ${name} and back`, () => {
      const there = bytes(input.raw)
      const back = reverseStandardPath(there)
      assert.equal(hex(back), want.raw)
      assert.equal(hex(there), input.raw, 'the input must stay')
      assert.equal(hex(reverseStandardPath(back)), input.raw)
    })
  }

  for (const { name, input, want } of reversals.fullPaths.cases) {
    it(`crosses the same links backwards: ${name}`, () => {
      assert.equal(hex(reverseStandardPath(bytes(input.raw))), want.raw)
      assert.deepEqual(linksOf(bytes(input.raw)), input.linksTraversed)
      assert.deepEqual(linksOf(bytes(want.raw)), want.linksTraversed)
    })
  }

  for (const { input } of reversals.errors) {
    it(`refuses to reverse ${input.raw}`, () => {
      refuses(() => reverseStandardPath(bytes(input.raw)))
    })
  }

  it('answers a packet only at the end of its path', () => {
    const [first] = reversals.cases
    assert.ok(first)
    const atStart = { type: PATH_TYPE.scion, bytes: bytes(first.input.raw) }
    refuses(() => replyPath(atStart), 'ERR_SCION_PATH')
    const atEnd = bytes(first.input.raw)
    atEnd[0] = 1
    const reply = replyPath({ type: PATH_TYPE.scion, bytes: atEnd })
    assert.equal(decodeStandardPath(reply.bytes).currHf, 0)
    assert.equal(reply.type, PATH_TYPE.scion)
  })

  it('answers an empty path with an empty path, and refuses types that it does not know', () => {
    const empty = new Uint8Array(0)
    assert.equal(replyPath({ type: PATH_TYPE.empty, bytes: empty }).bytes.length, 0)
    refuses(() => replyPath({ type: PATH_TYPE.empty, bytes: new Uint8Array(4) }))
    refuses(() => replyPath({ type: 77, bytes: empty }), 'ERR_SCION_UNSUPPORTED')
  })

  it('is its own inverse on every path', () => {
    fc.assert(
      fc.property(standardPath(), (path) => {
        const raw = encodeStandardPath(path)
        assert.equal(hex(reverseStandardPath(reverseStandardPath(raw))), hex(raw))
      }),
    )
  })
})
