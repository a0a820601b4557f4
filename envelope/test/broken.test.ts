import assert from 'node:assert/strict'
import fc from 'fast-check'
import { before, describe, it } from 'mocha'
import {
  acceptEpoch,
  classify,
  EnvelopeError,
  openDatagram,
  sealAck,
  toHex,
  verifyPlatform,
} from '@s3mp/envelope'
import { concatBytes } from '../src/bytes.ts'
import { verifyObject } from '../src/sign1.ts'
import { refuses, rejects } from './support/refuses.ts'
import { makeWorld, oneOfEach, type MadeRecord, type World } from './support/world.ts'

/** Every way to break bytes a little: each bit flipped, cut at each length, longer, a byte twice. */
function* breakages(bytes: Uint8Array, bits: readonly number[]): Generator<Uint8Array> {
  for (let index = 0; index < bytes.length; index++) {
    for (const bit of bits) {
      const flipped = Uint8Array.from(bytes)
      flipped[index] = (flipped[index] ?? 0) ^ bit
      yield flipped
    }
    yield bytes.slice(0, index)
    yield bytes.slice(index + 1)
    const [before, after] = [bytes.subarray(0, index), bytes.subarray(index)]
    yield concatBytes(before, bytes.subarray(index, index + 1), after)
    yield concatBytes(before, after.subarray(1))
  }
  for (const byte of [0x00, 0x40, 0xf6, 0xff]) yield concatBytes(bytes, Uint8Array.of(byte))
  yield concatBytes(bytes, bytes)
}

const ALL_BITS = [1, 2, 4, 8, 16, 32, 64, 128]
// A public-key operation for each: two bits a byte are enough there.
const TWO_BITS = [1, 0x20]

/** Breaks bytes in every way; everything must be refused with our error, or be the same bytes. */
function breaksAll(
  bytes: Uint8Array,
  bits: readonly number[],
  open: (bytes: Uint8Array) => unknown,
): number {
  let refused = 0
  for (const broken of breakages(bytes, bits)) {
    if (toHex(broken) === toHex(bytes)) continue
    refuses(() => open(broken))
    refused += 1
  }
  return refused
}

describe('broken objects', () => {
  let world: World
  let records: readonly MadeRecord[]

  before(async () => {
    world = await makeWorld({ seed: 'broken' })
    records = await oneOfEach(world)
  })

  it('of every kind are refused in a datagram: 0 accepted', () => {
    let refused = 0
    for (const { kind, object } of records) {
      const datagram = world.epoch.seal(kind, object, 0)
      refused += breaksAll(datagram, ALL_BITS, (broken) =>
        openDatagram(broken, world.index.lookup, verifyPlatform),
      )
    }
    assert.ok(refused > 15_000, `${refused}`)
  }).timeout(20_000)

  it('of every kind are refused as stored evidence: 0 accepted', () => {
    const { device, recipient } = world
    for (const { kind, object } of records) {
      if (kind === 'fast') continue
      const context = { kind, ueid: device.ueid, recipientId: recipient.ueid }
      breaksAll(object, TWO_BITS, (broken) => verifyObject(broken, device, context, verifyPlatform))
    }
  }).timeout(20_000)

  it('that are acks are refused: 0 accepted', () => {
    const streams = [
      { stream: 1, cumulative: 7, bitmap: Uint8Array.of(6), headHash8: new Uint8Array(8) },
    ]
    const datagram = sealAck(
      world.received,
      { timeMs: 1, paceMs: 0, echo: 0, streams },
      world.random,
    )
    breaksAll(datagram, ALL_BITS, (broken) => world.epoch.openAck(broken))
    world.epoch.openAck(datagram)
  })

  it('that open an epoch are refused: 0 accepted', async () => {
    const open = async (bytes: Uint8Array): Promise<void> => {
      await acceptEpoch(bytes, world.accepting)
    }
    await open(world.epochDatagram)
    for (const broken of breakages(world.epochDatagram, TWO_BITS)) {
      if (toHex(broken) !== toHex(world.epochDatagram)) await rejects(open(broken))
    }
  }).timeout(20_000)

  it('never make anything but our error, whatever the bytes', () => {
    const sample = world.epoch.seal('fast', Uint8Array.of(0), 0)
    const shaped = fc
      .tuple(fc.nat(sample.length), fc.uint8Array({ maxLength: 40 }))
      .map(([keep, tail]) => concatBytes(sample.subarray(0, keep), tail))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), shaped), (bytes) => {
        for (const open of [
          () => openDatagram(bytes, world.index.lookup, verifyPlatform),
          () => openDatagram(bytes, () => world.received, verifyPlatform),
          () => world.epoch.openAck(bytes),
          () => classify(bytes),
        ]) {
          try {
            open()
          } catch (error) {
            assert.ok(error instanceof EnvelopeError, String(error))
          }
        }
      }),
      { numRuns: 2000 },
    )
  })
})
