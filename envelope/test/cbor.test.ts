import assert from 'node:assert/strict'
import { decode as decodeOther, encode as encodeOther, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  CBOR_BYTES_MAX,
  CBOR_DEPTH_MAX,
  CBOR_ITEMS_MAX,
  decodeCbor,
  decodeCborPrefix,
  encodeCbor,
  EnvelopeError,
  fromHex,
  scanCbor,
  toHex,
  type CborValue,
  type EnvelopeReason,
} from '@s3mp/envelope'
import { refuses } from './support/refuses.ts'
import { vectors } from './support/vectors.ts'

interface GateCase {
  readonly hex: string
  readonly expected: 'malformed' | 'invalid' | 'deterministic' | 'not-deterministic'
  readonly why?: string
}

interface AppendixCase {
  readonly hex: string
  readonly roundtrip: boolean
}

/** Whether a vector is a tag, a float, `undefined` or an unassigned simple value; none hides inside. */
function outsideProfile(hex: string): boolean {
  return /^(c|d|e|f)/.test(hex) && !/^f[456]/.test(hex)
}

const value = fc.letrec<{ item: CborValue; map: CborValue; leaf: CborValue }>((tie) => ({
  leaf: fc.oneof(
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(1n << 64n) + 1n, max: (1n << 64n) - 1n }),
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.boolean(),
    fc.constant(null),
  ),
  map: fc
    .array(fc.tuple(fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' })), tie('item')), {
      maxLength: 30,
    })
    .map((entries) => new Map(entries)),
  item: fc.oneof(
    { maxDepth: CBOR_DEPTH_MAX - 2 },
    tie('leaf'),
    fc.array(tie('item'), { maxLength: 6 }),
    tie('map'),
  ),
})).item

/** The value with every integer as BigInt, so that two libraries' choices compare as equal. */
function normal(item: unknown): unknown {
  if (typeof item === 'number') return BigInt(item)
  if (item instanceof Uint8Array) return Uint8Array.from(item)
  if (Array.isArray(item)) return item.map(normal)
  if (item instanceof Map) return new Map([...item].map(([key, entry]) => [key, normal(entry)]))
  return item
}

describe('the CBOR gate', () => {
  for (const { hex, expected, why } of vectors<GateCase>('cbor-gate').cases) {
    const lets = expected === 'deterministic' && !outsideProfile(hex)
    it(`${lets ? 'lets' : 'does not let'} ${hex || 'nothing'} through (${why ?? expected})`, () => {
      if (lets) assert.equal(scanCbor(fromHex(hex)), hex.length / 2)
      else refuses(() => scanCbor(fromHex(hex)))
    })
  }

  it('lets through the examples of RFC 8949 appendix A that it may, and encodes them alike', () => {
    let passed = 0
    for (const { hex, roundtrip } of vectors<AppendixCase>('cbor-appendix-a').cases) {
      if (roundtrip && !outsideProfile(hex) && hex !== '3bffffffffffffffff') {
        assert.equal(toHex(encodeCbor(decodeCbor(fromHex(hex)))), hex)
        passed += 1
      } else if (hex !== '3bffffffffffffffff') refuses(() => scanCbor(fromHex(hex)))
    }
    assert.equal(passed, 36)
  })

  const REASONS: readonly (readonly [string, EnvelopeReason, string])[] = [
    ['1801', 'not-canonical', 'a head that could be shorter'],
    ['1b0000000000000001', 'not-canonical', 'a small integer in eight bytes'],
    ['1b00000000ffffffff', 'not-canonical', '2^32 − 1 in eight bytes'],
    ['9f01ff', 'not-canonical', 'an array without length'],
    ['5f4100ff', 'not-canonical', 'a byte string without length'],
    ['a2020101', 'truncated', 'a map that ends early'],
    ['a202010102', 'not-canonical', 'keys out of order'],
    ['a201010101', 'not-canonical', 'a key twice'],
    ['a2616101616102', 'not-canonical', 'a text key twice'],
    ['a220010002', 'not-canonical', 'a negative key before a positive one'],
    ['c11a514b67b0', 'forbidden', 'a date tag'],
    ['81d81c8101', 'forbidden', 'a tag inside'],
    ['f93c00', 'forbidden', 'a half float'],
    ['fb3ff199999999999a', 'forbidden', 'a double'],
    ['f7', 'forbidden', 'undefined'],
    ['f0', 'forbidden', 'an unassigned simple value'],
    ['f8ff', 'forbidden', 'a simple value in two bytes'],
    ['ff', 'malformed', 'a break on its own'],
    ['1c', 'malformed', 'reserved additional information'],
    ['61ff', 'malformed', 'text that is not UTF-8'],
    ['63eda080', 'malformed', 'text with half a surrogate pair'],
    ['0000', 'extended', 'a second item'],
    ['', 'truncated', 'no bytes'],
    ['4201', 'truncated', 'a byte string cut short'],
    ['5bffffffffffffffff00', 'truncated', 'a byte string that claims 2^64 − 1 bytes'],
    ['9bffffffffffffffff00', 'truncated', 'an array that claims 2^64 − 1 items'],
    ['9a0fffffff', 'truncated', 'an array that claims 2^28 items'],
    ['bb7fffffffffffffff00', 'truncated', 'a map that claims 2^63 − 1 pairs'],
    ['a14001', 'forbidden', 'a byte string as map key'],
    ['a1f401', 'forbidden', 'a boolean as map key'],
    ['3bffffffffffffffff', 'forbidden', '−2^64'],
  ]
  for (const [hex, code, what] of REASONS) {
    it(`refuses ${what} as ${code}`, () => {
      refuses(() => decodeCbor(fromHex(hex)), code)
    })
  }

  it('bounds depth, size and number of items', () => {
    const nested = (depth: number): Uint8Array =>
      Uint8Array.from([...Array.from({ length: depth }, () => 0x81), 0x00])
    scanCbor(nested(CBOR_DEPTH_MAX))
    refuses(() => scanCbor(nested(CBOR_DEPTH_MAX + 1)), 'too-deep')
    refuses(() => scanCbor(nested(60_000)), 'too-deep')
    refuses(() => scanCbor(new Uint8Array(CBOR_BYTES_MAX + 1)), 'too-large')
    const zeros = (count: number): Uint8Array =>
      Uint8Array.from([0x99, count >> 8, count & 0xff, ...new Uint8Array(count)])
    scanCbor(zeros(CBOR_ITEMS_MAX))
    refuses(() => scanCbor(zeros(CBOR_ITEMS_MAX + 1)), 'too-large')
  })

  it('lets a tag stand in front only where the caller names it', () => {
    assert.equal(decodeCbor(fromHex('d201'), { tags: [18] }), 1)
    assert.equal(decodeCbor(fromHex('01'), { tags: [18] }), 1)
    refuses(() => decodeCbor(fromHex('d101'), { tags: [18] }), 'forbidden')
    refuses(() => decodeCbor(fromHex('d2d201'), { tags: [18] }), 'forbidden')
    refuses(() => decodeCbor(fromHex('d201')), 'forbidden')
  })

  it('can refuse simple values altogether', () => {
    assert.equal(scanCbor(fromHex('f6')), 1)
    refuses(() => scanCbor(fromHex('81f6'), { simple: false }), 'forbidden')
  })

  it('says where the first item of a sequence ends', () => {
    assert.deepEqual(decodeCborPrefix(fromHex('190100f6')), { value: 256, end: 3 })
  })

  it('throws nothing but EnvelopeError on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeCbor(bytes)
        } catch (error) {
          assert.ok(error instanceof EnvelopeError)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('lets through exactly what another strict decoder lets through, and reads it alike', () => {
    const strict = {
      strict: true,
      useMaps: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
      rejectDuplicateMapKeys: true,
    }
    let agreed = 0
    fc.assert(
      fc.property(value, fc.nat(), fc.nat(255), fc.boolean(), (item, position, byte, broken) => {
        const bytes = encodeCbor(item)
        if (broken) bytes[position % bytes.length] = byte
        let ours: unknown
        try {
          ours = decodeCbor(bytes)
        } catch {
          return
        }
        // The other one does not look at order of keys or at UTF-8, so it may only be more lenient.
        assert.deepEqual(normal(ours), normal(decodeOther(bytes, strict)))
        agreed += 1
      }),
      { numRuns: 2000 },
    )
    assert.ok(agreed > 1000)
  })
})

describe('encodeCbor', () => {
  it('gives what it is given back, in one form only', () => {
    fc.assert(
      fc.property(value, (item) => {
        const bytes = encodeCbor(item)
        const decoded = decodeCbor(bytes)
        assert.deepEqual(normal(decoded), normal(item))
        assert.deepEqual(encodeCbor(decoded), bytes)
      }),
      { numRuns: 1000 },
    )
  })

  it('writes what another deterministic encoder writes', () => {
    fc.assert(
      fc.property(value, (item) => {
        assert.equal(toHex(encodeCbor(item)), toHex(encodeOther(item, rfc8949EncodeOptions)))
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses what has no form here', () => {
    const lone = 'a\ud800b'
    const bad: CborValue[] = [1.5, Number.NaN, 2 ** 53, 1n << 64n, -(1n << 64n), lone]
    for (const item of bad) refuses(() => encodeCbor(item), 'bad-field')
    assert.equal(toHex(encodeCbor(-0)), '00')
  })

  it('hands out byte strings that do not alias the input', () => {
    const bytes = fromHex('43010203')
    const decoded = decodeCbor(bytes)
    bytes.fill(0)
    assert.deepEqual(decoded, Uint8Array.of(1, 2, 3))
  })
})
