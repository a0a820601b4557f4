import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  ackBitmap,
  acknowledges,
  decodeAck,
  encodeAck,
  encodeCbor,
  EnvelopeError,
  type Ack,
} from '@s3mp/envelope'
import { refuses } from './support/refuses.ts'
import { NOW_MS } from './support/world.ts'

const HASH = new Uint8Array(8).fill(5)

const streams = fc.uniqueArray(fc.nat(65_535), { maxLength: 16 }).chain((numbers) =>
  fc.tuple(
    ...numbers
      .sort((left, right) => left - right)
      .map((stream) =>
        fc
          .tuple(fc.nat(1_000_000), fc.array(fc.integer({ min: 2, max: 256 }), { maxLength: 20 }))
          .map(([cumulative, beyond]) => ({
            stream,
            cumulative,
            bitmap: ackBitmap(
              cumulative,
              beyond.map((offset) => cumulative + offset),
            ),
            headHash8: HASH,
          })),
      ),
  ),
)

describe('an ack', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(
        streams,
        fc.nat(3_600_000),
        fc.option(fc.nat(2 ** 20 - 1)),
        (list, paceMs, echo) => {
          const ack: Ack = { timeMs: NOW_MS, paceMs, echo, streams: list }
          assert.deepEqual(decodeAck(encodeAck(ack)), ack)
        },
      ),
    )
  })

  it('names exactly what was stored', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.uniqueArray(fc.integer({ min: 2, max: 256 })),
        (cumulative, beyond) => {
          const stored = new Set(beyond.map((offset) => cumulative + offset))
          const bitmap = ackBitmap(cumulative, stored)
          const stream = { stream: 1, cumulative, bitmap, headHash8: HASH }
          for (let seq = 1; seq < cumulative + 300; seq++) {
            assert.equal(acknowledges(stream, seq), seq <= cumulative || stored.has(seq))
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('leaves out what the bitmap cannot reach', () => {
    assert.deepEqual(ackBitmap(10, [5, 10, 11, 10 + 257]), new Uint8Array(0))
    assert.equal(ackBitmap(10, [10 + 256]).length, 32)
  })

  it('has one form', () => {
    const entry = (stream: number, bitmap: number[], hash = HASH): (number | Uint8Array)[] => [
      stream,
      9,
      Uint8Array.from(bitmap),
      hash,
    ]
    const bad = [
      [NOW_MS, 0, null, [entry(1, [1])]],
      [NOW_MS, 0, null, [entry(1, [2, 0])]],
      [NOW_MS, 0, null, [entry(2, []), entry(2, [])]],
      [NOW_MS, 0, null, [entry(2, []), entry(1, [])]],
      [NOW_MS, 0, null, [entry(1, [], new Uint8Array(9))]],
      [
        NOW_MS,
        0,
        null,
        [
          entry(
            1,
            Array.from({ length: 33 }, () => 2),
          ),
        ],
      ],
      [NOW_MS, 3_600_001, null, []],
      [NOW_MS, 0, 2 ** 20, []],
      [NOW_MS, 0, null, Array.from({ length: 17 }, (_, index) => entry(index, []))],
      [NOW_MS, 0, null],
    ]
    for (const items of bad) refuses(() => decodeAck(encodeCbor(items)), 'bad-field')
    decodeAck(encodeCbor([NOW_MS, 0, null, [entry(1, [2]), entry(2, [])]]))
  })

  it('throws nothing but EnvelopeError on arbitrary bytes', () => {
    const good = encodeAck({ timeMs: NOW_MS, paceMs: 0, echo: 3, streams: [] })
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (position, byte) => {
        const bytes = Uint8Array.from(good)
        bytes[position % bytes.length] = byte
        try {
          decodeAck(bytes)
        } catch (error) {
          assert.ok(error instanceof EnvelopeError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
