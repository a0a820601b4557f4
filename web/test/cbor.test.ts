import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeCbor, EnvelopeError, fromHex, scanCbor, toHex } from '@s3mp/envelope'
import { Decoder as LargeDecoder, Encoder as LargeEncoder } from 'cbor-x/index-no-eval'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { Decoder, Encoder } from '../src/page/logic/cbor.ts'

const OPTIONS = {
  useRecords: false,
  mapsAsObjects: false,
  tagUint8Array: false,
  variableMapSize: true,
} as const

/** The library behind the gate on the server, set up as the gate sets it up. */
const large = { decoder: new LargeDecoder(OPTIONS), encoder: new LargeEncoder(OPTIONS) }
const small = { decoder: new Decoder(), encoder: new Encoder() }

const integer = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(1n << 64n) + 1n, max: (1n << 64n) - 1n }),
)
const text = fc.string({ unit: 'grapheme' })
const { item } = fc.letrec((tie) => ({
  item: fc.oneof(
    { maxDepth: 5 },
    integer,
    text,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie('item'), { maxLength: 6 }),
    fc
      .uniqueArray(fc.tuple(fc.oneof(fc.integer(), text), tie('item')), {
        selector: ([key]) => key,
        maxLength: 6,
      })
      .map((entries) => new Map(entries)),
  ),
}))

/** Whether the gate lets these bytes through. */
function passes(bytes: Uint8Array): boolean {
  try {
    scanCbor(bytes)
    return true
  } catch (error) {
    assert.ok(error instanceof EnvelopeError)
    return false
  }
}

/** Every hex text of the envelope’s vectors, however deep it stands. */
function hexIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return /^([0-9a-f]{2})+$/.test(value) ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(hexIn)
}

describe('CBOR in the browser', () => {
  it('reads every vector that the gate lets through as the library on the server does', () => {
    const folder = join(import.meta.dirname, '../../envelope/test/vectors')
    const all = readdirSync(folder)
      .flatMap((name) => hexIn(JSON.parse(readFileSync(join(folder, name), 'utf8'))))
      .map((hex) => fromHex(hex))
      .filter(passes)
    assert.ok(all.length > 100, String(all.length))
    for (const bytes of all) {
      const value = small.decoder.decode(bytes)
      assert.deepEqual(value, large.decoder.decode(bytes), toHex(bytes))
      assert.equal(toHex(small.encoder.encode(value)), toHex(bytes))
    }
  })

  it('reads and writes whatever the gate may see or ask for, byte by byte the same', () => {
    fc.assert(
      fc.property(item, (value) => {
        // The gate has put integers and keys into the form that it writes.
        const bytes = encodeCbor(value as never)
        const read = small.decoder.decode(bytes)
        assert.deepEqual(read, large.decoder.decode(bytes))
        assert.equal(toHex(small.encoder.encode(read)), toHex(bytes))
      }),
    )
  })

  it('ends with an error of its own for what ends too early, and for what is no item', () => {
    fc.assert(
      fc.property(item, fc.nat(), (value, cut) => {
        const bytes = encodeCbor(value as never)
        assert.throws(() => small.decoder.decode(bytes.subarray(0, cut % bytes.length)), RangeError)
      }),
    )
    assert.throws(() => small.encoder.encode(undefined), TypeError)
    assert.throws(() => small.encoder.encode({}), TypeError)
  })
})
