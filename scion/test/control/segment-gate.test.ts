import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { ProtoWriter, fieldsOf } from '../../src/control/protobuf.ts'
import {
  SEGMENTS_KEPT_MAX,
  SEGMENTS_MS_MAX,
  SEGMENTS_REFUSED_MAX,
  SEGMENTS_VERIFIED_MAX,
  SEGMENT_REFUSED_MS_MAX,
  SegmentGate,
} from '../../src/control/segment-gate.ts'
import type { Admitted } from '../../src/control/segment-gate.ts'
import type { RawSegment } from '../../src/control/segment-messages.ts'
import type { SignedSegment } from '../../src/segment/codec.ts'
import { SEGMENT_BYTES_MAX, decodeSegment } from '../../src/segment/codec.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { TrustStore } from '../../src/trust/store.ts'
import { whileTimePasses } from '../support/clock.ts'
import { FileMaterial, signedWorld } from '../support/trust-world.ts'

const { pathSegment } = signedWorld
const { segment } = decodeSegment(pathSegment)
const good: RawSegment = { type: 'down', message: pathSegment }
const open = new AbortController().signal

/** The good segment begun under another number: every signature of it is wrong. */
function forged(segmentId: number): RawSegment {
  const [, ...entries] = [...fieldsOf(pathSegment, 'PathSegment')]
  const writer = new ProtoWriter().message(1, (one) =>
    one.varint(1, segment.timestamp).varint(2, segmentId),
  )
  for (const entry of entries) writer.bytes(2, entry.bytes())
  return { type: 'down', message: writer.finish() }
}

function floodOf(count: number, from = 0): RawSegment[] {
  return Array.from({ length: count }, (_, number) => forged(from + number))
}

/** Verifies as the store does, and counts. */
class CountingStore extends TrustStore {
  looks = 0

  override async verifySegment(signed: SignedSegment, signal?: AbortSignal): Promise<void> {
    this.looks += 1
    await super.verifySegment(signed, signal)
  }
}

function world(): { gate: SegmentGate; clock: VirtualClock; trust: CountingStore } {
  const clock = new VirtualClock(signedWorld.nowMs)
  const material = new FileMaterial(signedWorld.chainFiles)
  const trust = new CountingStore({ clock, material, anchors: [signedWorld.trc()] })
  return { gate: new SegmentGate({ trust, clock }), clock, trust }
}

const namesOf = ({ segments }: Admitted): readonly number[] =>
  segments.map((one) => one.segment.segmentId)
const codesOf = ({ refusals }: Admitted): readonly string[] => [
  ...new Set(refusals.map(({ code }) => code)),
]

describe('SegmentGate', () => {
  it('verifies a segment once, and lets it pass from then on', async () => {
    const { gate, trust } = world()
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(namesOf(await gate.admit([good, good], open)), [segment.segmentId])
    }
    assert.equal(trust.looks, 1)
  })

  it('is not taken in by a copy of a good segment with another signature', async () => {
    const copy = pathSegment.slice()
    copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
    const bad = { ...good, message: copy }
    for (const offered of [
      [good, bad],
      [bad, good],
    ]) {
      const admitted = await world().gate.admit(offered, open)
      assert.deepEqual(namesOf(admitted), [segment.segmentId])
      assert.equal(admitted.refusals.length, 1)
    }
  })

  it('counts one segment once, whatever else its message holds', async () => {
    const wordy = { ...good, message: Uint8Array.from([...pathSegment, 0x78, 1]) }
    const admitted = await world().gate.admit([good, wordy], open)
    assert.equal(admitted.segments.length, 1)
    assert.equal(admitted.refusals.length, 0)
  })

  it('looks at each forgery of a thousand once, and again after a while only', async () => {
    const { gate, trust, clock } = world()
    const flood = floodOf(1000, 2000)
    const first = await gate.admit([...flood, good], open)
    assert.deepEqual(namesOf(first), [segment.segmentId])
    assert.equal(first.refusals.length, 1000)
    assert.deepEqual(codesOf(first), ['ERR_SCION_UNTRUSTED'])
    assert.equal(trust.looks, 1001)
    const second = await gate.admit([...flood, good], open)
    assert.deepEqual(namesOf(second), [segment.segmentId])
    assert.equal(second.refusals.length, 1000)
    assert.equal(trust.looks, 1001)
    await clock.advance(SEGMENT_REFUSED_MS_MAX)
    const { refusals } = await gate.admit(flood.slice(0, 3), open)
    assert.equal(refusals.length, 3)
    assert.equal(trust.looks, 1004)
  }).timeout(10_000)

  it('works off a flood that is larger than its limit in turns, so that good ones get theirs', async () => {
    const { gate, trust } = world()
    const offered = [...floodOf(SEGMENTS_VERIFIED_MAX + 50, 2000), good]
    const first = await gate.admit(offered, open)
    assert.deepEqual(namesOf(first), [])
    assert.equal(trust.looks, SEGMENTS_VERIFIED_MAX)
    assert.match(first.refusals.at(-1)?.message ?? '', /found 51 more/)
    assert.deepEqual(namesOf(await gate.admit(offered, open)), [segment.segmentId])
    assert.equal(trust.looks, offered.length)
  }).timeout(10_000)

  it('lets known good ones pass a flood that is new each time', async () => {
    const { gate } = world()
    await gate.admit([good], open)
    const flood = floodOf(SEGMENTS_VERIFIED_MAX + 1, 2000)
    assert.deepEqual(namesOf(await gate.admit([...flood, good], open)), [segment.segmentId])
  }).timeout(10_000)

  it('gives the rest a turn next time where certificates are slow to come', async () => {
    const clock = new VirtualClock(signedWorld.nowMs)
    const material = new FileMaterial(signedWorld.chainFiles)
    const trust = new TrustStore({
      clock,
      material: {
        trc: (id) => material.trc(id),
        chains: async (query, signal) => {
          await clock.sleep(3_000, signal)
          return material.chains(query)
        },
      },
      anchors: [signedWorld.trc()],
    })
    const gate = new SegmentGate({ trust, clock })
    // The last AS first, then the others side by side: six seconds in all.
    const admitted = await whileTimePasses(clock, gate.admit([good], open))
    assert.equal(admitted.segments.length, 1)
    const never = new TrustStore({
      clock,
      material: {
        trc: (id) => material.trc(id),
        chains: async (_, signal) => {
          await clock.sleep(1e9, signal)
          return []
        },
      },
      anchors: [signedWorld.trc()],
    })
    const late = new SegmentGate({ trust: never, clock })
    const startMs = clock.monotonicMs()
    const { refusals } = await whileTimePasses(clock, late.admit([good, forged(1000)], open))
    assert.match(refusals[0]?.message ?? '', /in 8000 ms, found 2 more/)
    assert.ok(clock.monotonicMs() - startMs < SEGMENTS_MS_MAX + 100)
  })

  it('leaves out what has expired, and looks again where the clock was wrong', async () => {
    const { trust } = world()
    const state = { nowMs: signedWorld.nowMs + 90 * 86_400_000 }
    const real = new VirtualClock()
    const clock = {
      nowMs: () => state.nowMs,
      monotonicMs: () => real.monotonicMs(),
      sleep: (ms: number, signal?: AbortSignal) => real.sleep(ms, signal),
    }
    const gate = new SegmentGate({ trust, clock })
    assert.deepEqual(await gate.admit([good], open), { segments: [], refusals: [] })
    state.nowMs = segment.timestamp * 1000 - 3_600_000
    assert.deepEqual(codesOf(await gate.admit([good], open)), ['ERR_SCION_CLOCK'])
    state.nowMs = signedWorld.nowMs
    assert.equal((await gate.admit([good], open)).segments.length, 1)
    state.nowMs += 90 * 86_400_000
    assert.deepEqual(await gate.admit([good], open), { segments: [], refusals: [] })
  })

  it('forgets what it knows when other TRCs count', async () => {
    const { gate, clock, trust } = world()
    await gate.admit([good], open)
    const standing = trust.standing()
    trust.standing = () => `${standing} ISD9-B1-S1`
    await gate.admit([good], open)
    assert.equal(trust.looks, 2)
    assert.equal(clock.nowMs(), signedWorld.nowMs)
  })

  it('remembers malformed segments, and refuses giants before reading them', async () => {
    const { gate } = world()
    const giant = new Uint8Array(SEGMENT_BYTES_MAX + 1)
    const bad = [Uint8Array.of(1, 2), giant].map((message): RawSegment => ({ ...good, message }))
    for (let turn = 0; turn < 2; turn++) {
      const admitted = await gate.admit([...bad, good], open)
      assert.deepEqual(namesOf(admitted), [segment.segmentId])
      assert.equal(admitted.refusals.length, 2)
      assert.match(admitted.refusals[1]?.message ?? '', /at most 131072 bytes/)
    }
  })

  it('holds no more than its limits', async () => {
    const clock = new VirtualClock(signedWorld.nowMs)
    const gate = new SegmentGate({ trust: 'insecure', clock })
    for (let from = 0; from <= SEGMENTS_KEPT_MAX; from += 1000) {
      const flood = floodOf(1000, 2000 + from)
      assert.equal((await gate.admit(flood, open)).segments.length, 1000)
    }
    for (let from = 0; from <= SEGMENTS_REFUSED_MAX; from += 1000) {
      const junk = Array.from({ length: 1000 }, (_, number) => {
        const message = Uint8Array.of(1, 2, (from + number) >> 8, (from + number) & 255)
        return { ...good, message }
      })
      assert.equal((await gate.admit(junk, open)).refusals.length, 1000)
    }
    assert.deepEqual(gate.sizes(), { verified: SEGMENTS_KEPT_MAX, refused: SEGMENTS_REFUSED_MAX })
  }).timeout(10_000)

  it('ends when it is told to', async () => {
    const { gate } = world()
    const over = new AbortController()
    const asked = gate.admit(floodOf(100), over.signal)
    over.abort(new Error('enough'))
    await assert.rejects(asked, /enough/)
  })
})
