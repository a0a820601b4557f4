import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { isdAs, parseIsdAs } from '../../src/addr/isd-as.ts'
import { decodeChainsResponse, decodeTrcResponse } from '../../src/control/trust-messages.ts'
import { ScionError } from '../../src/errors.ts'
import type { SignedSegment } from '../../src/segment/codec.ts'
import { decodeKeyId, decodeSegment, encodeKeyId } from '../../src/segment/codec.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import {
  CHAINS_KEPT_MAX,
  CHAIN_PAUSE_MS,
  CHAIN_QUESTIONS_PER_MINUTE_MAX,
  TrustStore,
  isForgery,
} from '../../src/trust/store.ts'
import { TRC_PAUSE_MS, TrcStore } from '../../src/trust/trc-store.ts'
import type { SignedTrc } from '../../src/trust/trc.ts'
import { formatTrcId, parseTrc } from '../../src/trust/trc.ts'
import { refuses } from '../support/refusal.ts'
import { patched, trustFile } from '../support/trust-files.ts'
import { FileMaterial, signedWorld } from '../support/trust-world.ts'
import { hex } from '../support/vectors.ts'

function world(
  nowMs = signedWorld.nowMs,
  more: { material?: FileMaterial; anchors?: readonly SignedTrc[]; firstUse?: boolean } = {},
): { store: TrustStore; clock: VirtualClock; material: FileMaterial } {
  const clock = new VirtualClock(nowMs)
  const material = more.material ?? new FileMaterial(signedWorld.chainFiles)
  const anchors = more.anchors ?? [signedWorld.trc()]
  const store = new TrustStore({ clock, material, anchors, firstUse: more.firstUse ?? false })
  return { store, clock, material }
}

const untrusted = { code: 'ERR_SCION_UNTRUSTED' }
const good = decodeSegment(signedWorld.pathSegment)

/** The segment with the key of one entry exchanged, which the signature does not survive. */
function withKey(index: number, change: Partial<ReturnType<typeof decodeKeyId>>): SignedSegment {
  const signed = good.signed.map((one, at) => {
    if (at !== index) return one
    return { ...one, keyId: encodeKeyId({ ...decodeKeyId(one.keyId), ...change }) }
  })
  return { ...good, signed }
}

describe('TrustStore', () => {
  it('verifies a segment, asking for each certificate once', async () => {
    const { store, material } = world()
    await store.verifySegment(good)
    assert.equal(material.chainQuestions, 3)
    await store.verifySegment(good)
    await Promise.all([store.verifySegment(good), store.verifySegment(good)])
    assert.equal(material.chainQuestions, 3)
    assert.equal(material.trcQuestions, 0)
  })

  it('asks once although many segments wait for the same certificates', async () => {
    const { store, material } = world()
    await Promise.all(Array.from({ length: 20 }, () => store.verifySegment(good)))
    assert.equal(material.chainQuestions, 3)
  })

  for (const { name, patches, failingEntries } of signedWorld.tampered) {
    it(`refuses a tampered segment: ${name}`, async () => {
      const { store } = world()
      const segment = decodeSegment(patched(signedWorld.pathSegment, patches))
      await assert.rejects(store.verifySegment(segment), untrusted)
      // Entry by entry: those before the change still stand.
      for (const index of segment.signed.keys()) {
        const upTo = { ...segment, signed: segment.signed.slice(0, index + 1) }
        const failed = failingEntries.some((entry) => entry <= index)
        if (failed) await assert.rejects(store.verifySegment(upTo), untrusted)
        else await store.verifySegment(upTo)
      }
    })
  }

  it('refuses a segment signed by the wrong AS, or with a key of nobody', async () => {
    const { store } = world()
    const other = withKey(1, { isdAs: parseIsdAs('1-ff00:0:110') })
    await assert.rejects(store.verifySegment(other), /entry of 1-ff00:0:111: its own key/)
    await assert.rejects(store.verifySegment(withKey(1, { subjectKeyId: new Uint8Array(0) })))
    await assert.rejects(
      store.verifySegment(withKey(1, { subjectKeyId: Uint8Array.of(1) })),
      /none/,
    )
    await assert.rejects(store.verifySegment(withKey(1, { trcSerial: 2n ** 60n })), untrusted)
  })

  it('refuses a signature whose associated data is not what it says', async () => {
    const { store } = world()
    const signed = good.signed.map((one) => ({ ...one, associatedDataLength: 7 }))
    await assert.rejects(store.verifySegment({ ...good, signed }), /associated data/)
    await assert.rejects(store.verifySegment({ ...good, signed: [...good.signed, ...good.signed] }))
  })

  it('refuses everything before its TRC and certificates are valid, and after', async () => {
    for (const time of ['2025-01-01T00:00:00Z', '2030-01-01T00:00:00Z']) {
      await assert.rejects(world(Date.parse(time)).store.verifySegment(good), /valid now/)
    }
  })

  it('refuses an ISD without TRC unless it may believe the first one', async () => {
    const files = ['derived/ISD1-B1-S1.trc']
    const strict = world(signedWorld.nowMs, { anchors: [] })
    await assert.rejects(strict.store.verifySegment(good), /one of ISD 1, found none/)
    assert.equal(strict.store.isCore(signedWorld.source), undefined)
    const material = new FileMaterial(signedWorld.chainFiles, files)
    const trusting = world(signedWorld.nowMs, { anchors: [], firstUse: true, material })
    await trusting.store.verifySegment(good)
    assert.equal(material.trcQuestions, 1)
    assert.deepEqual(
      trusting.store.trcs().map(({ id }) => formatTrcId(id)),
      ['ISD1-B1-S1'],
    )
    assert.equal(trusting.store.isCore(signedWorld.source), true)
    assert.equal(trusting.store.isCore(signedWorld.destination), false)
  })

  it('does not ask again and again for a certificate that nobody has', async () => {
    const { store, clock, material } = world(signedWorld.nowMs, { material: new FileMaterial([]) })
    for (let turn = 0; turn < 5; turn++) await assert.rejects(store.verifySegment(good), untrusted)
    // Without the certificate of the last AS, those of the others are of no use.
    assert.equal(material.chainQuestions, 1)
    await clock.advance(CHAIN_PAUSE_MS)
    await assert.rejects(store.verifySegment(good), untrusted)
    assert.equal(material.chainQuestions, 2)
  })

  it('keeps the certificate that it has when a service has nothing better', async () => {
    const { store, clock, material } = world()
    await store.verifySegment(good)
    material.chains = () => Promise.resolve([])
    await clock.advance(CHAIN_PAUSE_MS)
    const { segment, segmentInfo, signed } = good
    const later = { ...segment, timestamp: segment.timestamp + 10 * 366 * 86_400 }
    await assert.rejects(store.verifySegment({ segment: later, segmentInfo, signed }), untrusted)
    await store.verifySegment(good)
  })

  it('asks for so many certificates in a minute and no more, and for those of good ones later', async () => {
    const { store, clock, material } = world()
    for (let number = 0; number < CHAIN_QUESTIONS_PER_MINUTE_MAX + 10; number++) {
      const subjectKeyId = Uint8Array.of(1, number >> 8, number & 255)
      await assert.rejects(store.verifySegment(withKey(2, { subjectKeyId })))
    }
    assert.equal(material.chainQuestions, CHAIN_QUESTIONS_PER_MINUTE_MAX)
    await assert.rejects(store.verifySegment(good), { code: 'ERR_SCION_TOO_LARGE' })
    await clock.advance(60_000)
    await store.verifySegment(good)
  })

  it('forgets no certificate for the sake of keys that nobody has', async () => {
    const { store, clock, material } = world()
    await store.verifySegment(good)
    for (let number = 0; number < CHAINS_KEPT_MAX + 1; number++) {
      if (number % 256 === 0) await clock.advance(60_000)
      const subjectKeyId = Uint8Array.of(1, number >> 8, number & 255)
      await assert.rejects(store.verifySegment(withKey(2, { subjectKeyId })))
    }
    const asked = material.chainQuestions
    await store.verifySegment(good)
    assert.equal(material.chainQuestions, asked)
  })

  it('knows a forgery from what lacks a certificate', async () => {
    const { store } = world()
    const reasonOf = async (segment: SignedSegment): Promise<ScionError> => {
      const reason = await store.verifySegment(segment).catch((error: unknown) => error)
      assert.ok(reason instanceof ScionError, String(reason))
      return reason
    }
    const forged = { ...good, segmentInfo: good.segmentInfo.map((byte) => byte ^ 1) }
    assert.equal(isForgery(await reasonOf(forged)), true)
    const unknown = withKey(2, { subjectKeyId: Uint8Array.of(1) })
    assert.equal(isForgery(await reasonOf(unknown)), false)
  })

  it('refuses a chain of another AS, however good', async () => {
    const material = new FileMaterial(signedWorld.chainFiles)
    const honest = await Promise.all(
      good.signed.map(({ keyId }) =>
        material.chains({ ...decodeKeyId(keyId), sinceMs: 0, untilMs: 0 }),
      ),
    )
    material.chains = () => Promise.resolve(honest[0] ?? [])
    await assert.rejects(
      world(signedWorld.nowMs, { material }).store.verifySegment(good),
      untrusted,
    )
  })

  it('reads chains and TRC as a control service sends them', () => {
    const [chain, ...others] = decodeChainsResponse(signedWorld.chainsResponse)
    assert.ok(chain)
    assert.equal(others.length, 0)
    const trc = parseTrc(decodeTrcResponse(signedWorld.trcResponse))
    assert.equal(hex(trc.raw), hex(signedWorld.trc().raw))
    refuses(() => decodeTrcResponse(new Uint8Array(0)), 'ERR_SCION_CONTROL')
  })
})

describe('TrcStore', () => {
  const [s1, s2, s3] = [1, 2, 3].map((serial) => `trc/ISD1-B1-S${serial}.trc`)
  const anchor = (file = s1): SignedTrc => parseTrc(trustFile(file ?? ''))
  const material = (...files: (string | undefined)[]): FileMaterial =>
    new FileMaterial(
      [],
      files.flatMap((file) => file ?? []),
    )
  const heard: string[] = []
  const clock = new VirtualClock()
  const storeOf = (
    anchors: readonly SignedTrc[],
    source: FileMaterial,
    firstUse = false,
  ): TrcStore =>
    new TrcStore({
      clock,
      anchors,
      firstUse,
      material: source,
      onTrc: ({ trc }) => heard.push(formatTrcId(trc.id)),
    })
  const names = (store: TrcStore): readonly string[] =>
    store.newest().map(({ id }) => formatTrcId(id))
  const id = (serial: number, base = 1): { isd: number; base: number; serial: number } => ({
    isd: 1,
    base,
    serial,
  })

  it('follows updates from its anchor, one by one, and tells of each', async () => {
    const source = material(s2, s3)
    const store = storeOf([anchor()], source)
    await store.notify(id(1))
    assert.equal(source.trcQuestions, 0)
    await Promise.all([store.notify(id(3)), store.notify(id(2)), store.notify(id(3))])
    assert.deepEqual(names(store), ['ISD1-B1-S3'])
    assert.equal(source.trcQuestions, 2)
    assert.deepEqual(heard, ['ISD1-B1-S2', 'ISD1-B1-S3'])
  })

  it('keeps what it has when an update cannot be had or does not verify', async () => {
    const store = storeOf([anchor()], material(s3))
    await assert.rejects(store.notify(id(3)), { code: 'ERR_SCION_CONTROL' })
    const forged = material()
    const raw = trustFile(s2 ?? '')
    raw[raw.length - 1] = (raw.at(-1) ?? 0) ^ 1
    forged.trc = () => Promise.resolve(raw)
    const other = storeOf([anchor()], forged)
    await assert.rejects(other.notify(id(2)), untrusted)
    assert.deepEqual([names(store), names(other)], [['ISD1-B1-S1'], ['ISD1-B1-S1']])
  })

  it('asks once for an update that nobody has, however many name it, and again after a while', async () => {
    const source = material(s2)
    const store = storeOf([anchor()], source)
    const named = Array.from({ length: 20 }, (_, number) => store.notify(id(3 + number)))
    const outcomes = await Promise.allSettled(named)
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
    // Serial 2 is there, serial 3 is not.
    assert.equal(source.trcQuestions, 2)
    await store.notify(id(2))
    await clock.advance(TRC_PAUSE_MS)
    await assert.rejects(store.notify(id(3)))
    assert.equal(source.trcQuestions, 3)
  })

  it('does not let a made-up base keep the right one out', async () => {
    const store = storeOf([], material(s1), true)
    await assert.rejects(store.notify(id(8, 7)))
    await store.notify(id(1))
    assert.deepEqual(names(store), ['ISD1-B1-S1'])
  })

  it('says which TRCs count', async () => {
    const store = storeOf([anchor(s2), anchor()], material(s3))
    const standing = (time: string): string => store.standing(Date.parse(time))
    assert.equal(standing('2020-06-06T00:00:00Z'), 'ISD1-B1-S2+ISD1-B1-S1')
    assert.equal(standing('2020-06-13T00:00:00Z'), 'ISD1-B1-S2')
    assert.equal(standing('2019-01-01T00:00:00Z'), 'ISD1 none')
    await store.notify(id(3))
    assert.match(standing('2020-06-13T00:00:00Z'), /S3|none/)
  })

  it('refuses another TRC than the one asked for, another base, and a leap of years', async () => {
    const wrong = material()
    wrong.trc = () => Promise.resolve(trustFile(s3 ?? ''))
    const store = storeOf([anchor()], wrong)
    await assert.rejects(store.notify(id(2)), /ISD1-B1-S2, found ISD1-B1-S3/)
    await assert.rejects(store.notify(id(7, 5)), /base 1 of ISD 1/)
    await assert.rejects(store.notify(id(1000)), /at most 64 updates/)
    await assert.rejects(store.notify({ isd: 9, base: 1, serial: 1 }), /one of ISD 9/)
  })

  it('accepts the one before during the grace period only', () => {
    const store = storeOf([anchor(s2), anchor()], material())
    const active = (time: string): readonly string[] =>
      store.active(1, Date.parse(time)).map((trc) => formatTrcId(trc.id))
    assert.deepEqual(active('2020-06-06T00:00:00Z'), ['ISD1-B1-S2', 'ISD1-B1-S1'])
    assert.deepEqual(active('2020-06-13T00:00:00Z'), ['ISD1-B1-S2'])
    refuses(() => active('2019-01-01T00:00:00Z'), 'ERR_SCION_VALIDITY')
  })

  it('takes anchors in any order, twice the same, and an update alone', () => {
    assert.deepEqual(names(storeOf([anchor(s3), anchor(), anchor(s2)], material())), ['ISD1-B1-S3'])
    assert.deepEqual(names(storeOf([anchor(), anchor()], material())), ['ISD1-B1-S1'])
    assert.deepEqual(names(storeOf([anchor(s3)], material())), ['ISD1-B1-S3'])
    assert.deepEqual(names(storeOf([anchor(), anchor('chain/ISD2-B1-S1.trc')], material())), [
      'ISD1-B1-S1',
      'ISD2-B1-S1',
    ])
  })

  it('refuses anchors that contradict each other or were tampered with', () => {
    refuses(
      () => storeOf([anchor(), anchor('chain/ISD1-B1-S1.trc')], material()),
      'ERR_SCION_UNTRUSTED',
    )
    const spoilt = patched(trustFile(s1 ?? ''), [{ offset: 7271, remove: 1, insert: '7e' }])
    refuses(() => storeOf([parseTrc(spoilt)], material()), 'ERR_SCION_UNTRUSTED')
    assert.equal(isdAs(1, 1) > 0n, true)
  })
})
