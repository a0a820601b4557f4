import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { formatIsdAs, isdAs, parseIsdAs } from '../../src/addr/isd-as.ts'
import { ProtoWriter } from '../../src/control/protobuf.ts'
import { HopMac } from '../../src/path/mac.ts'
import type { SignedSegment } from '../../src/segment/codec.ts'
import {
  decodeKeyId,
  decodeSegment,
  encodeEntryBody,
  encodeKeyId,
  encodeSegment,
  encodeSegmentInfo,
} from '../../src/segment/codec.ts'
import type { AsEntry, PathSegment, SegmentHop } from '../../src/segment/segment.ts'
import { betaAt, segmentExpiryMs, segmentName } from '../../src/segment/segment.ts'
import type { StaticInfoVector } from '../support/segment-vectors.ts'
import { staticInfoOf } from '../support/segment-vectors.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface HopVector {
  readonly ingress: number
  readonly egress: number
  readonly expTime: number
  readonly mac: string
  readonly beta?: number
}
interface SegmentVectors {
  readonly goldenSegment: { pathSegment: string }
  readonly endToEnd: {
    readonly pathSegment: string
    readonly forwardingKeys: Readonly<Record<string, string>>
    readonly id: string
    readonly segmentExpiry: string
    readonly decoded: {
      readonly segmentInfo: string
      readonly timestamp: number
      readonly segmentId: number
      readonly asEntries: readonly {
        readonly headerAndBody: string
        readonly signature: string
        readonly header: {
          readonly verificationKeyId: string
          readonly associatedDataLength: number
          readonly verificationKey: {
            isdAs: string
            subjectKeyId: string
            trcBase: number
            trcSerial: number
          }
        }
        readonly body: {
          readonly isdAs: string
          readonly nextIsdAs: string | null
          readonly hopField: HopVector
          readonly ingressMtu: number
          readonly mtu: number
          readonly peerEntries: readonly {
            peerIsdAs: string
            peerInterface: number
            peerMtu: number
            hopField: HopVector
          }[]
        }
      }[]
    }
  }
}

const { goldenSegment, endToEnd } = vectors<SegmentVectors>('segment.json')
const metadata = vectors<{
  cases: readonly { asEntries: readonly { staticInfo?: StaticInfoVector }[] }[]
}>('combinator-metadata.json')

function hopOf({ ingress, egress, expTime, mac }: HopVector): SegmentHop {
  return { consIngress: ingress, consEgress: egress, expTime, mac: bytes(mac) }
}

/** A segment message around entries, with empty signatures. */
function wrap(segment: PathSegment): Uint8Array {
  const header = new ProtoWriter().varint(1, 1).finish()
  const signed: SignedSegment['signed'] = segment.entries.map((entry) => ({
    headerAndBody: new ProtoWriter().bytes(1, header).bytes(2, encodeEntryBody(entry)).finish(),
    signature: new Uint8Array(0),
    hash: 'sha256',
    keyId: new Uint8Array(0),
    associatedDataLength: 0,
  }))
  return encodeSegment({ segment, segmentInfo: encodeSegmentInfo(segment), signed })
}

const whole = bytes(endToEnd.pathSegment)

describe('segment codec', () => {
  it('decodes a signed segment with everything in it', () => {
    const { segment, segmentInfo, signed } = decodeSegment(whole)
    const { decoded } = endToEnd
    assert.equal(segment.timestamp, decoded.timestamp)
    assert.equal(segment.segmentId, decoded.segmentId)
    assert.equal(hex(segmentInfo), decoded.segmentInfo)
    assert.deepEqual(
      segment.entries,
      decoded.asEntries.map(({ body }): AsEntry => ({
        isdAs: parseIsdAs(body.isdAs),
        nextIsdAs: body.nextIsdAs === null ? isdAs(0, 0) : parseIsdAs(body.nextIsdAs),
        mtu: body.mtu,
        hop: hopOf(body.hopField),
        ingressMtu: body.ingressMtu,
        peers: body.peerEntries.map((peer) => ({
          peerIsdAs: parseIsdAs(peer.peerIsdAs),
          peerInterface: peer.peerInterface,
          peerMtu: peer.peerMtu,
          hop: hopOf(peer.hopField),
        })),
      })),
    )
    for (const [index, { headerAndBody, signature, header }] of decoded.asEntries.entries()) {
      const found = signed[index]
      assert.ok(found)
      assert.equal(hex(found.headerAndBody), headerAndBody)
      assert.equal(hex(found.signature), signature)
      assert.equal(found.hash, 'sha256')
      assert.equal(found.associatedDataLength, header.associatedDataLength)
      const key = decodeKeyId(found.keyId)
      assert.equal(formatIsdAs(key.isdAs), header.verificationKey.isdAs)
      assert.equal(hex(key.subjectKeyId), header.verificationKey.subjectKeyId)
      assert.deepEqual([key.trcBase, key.trcSerial], [1n, 1n])
      assert.equal(hex(encodeKeyId(key)), header.verificationKeyId)
      assert.ok(headerAndBody.endsWith(hex(encodeEntryBody(entry(segment.entries, index)))))
    }
  })

  it('encodes a segment to the bytes that it came from', () => {
    assert.equal(hex(encodeSegment(decodeSegment(whole))), endToEnd.pathSegment)
  })

  it('knows name, expiry and hop field MACs of the segment', () => {
    const { segment } = decodeSegment(whole)
    assert.equal(segmentName(segment), endToEnd.id)
    assert.equal(new Date(segmentExpiryMs(segment)).toISOString(), endToEnd.segmentExpiry)
    for (const [index, entry] of segment.entries.entries()) {
      const mac = new HopMac(bytes(endToEnd.forwardingKeys[formatIsdAs(entry.isdAs)] ?? ''))
      const beta = betaAt(segment, index)
      assert.equal(beta, endToEnd.decoded.asEntries[index]?.body.hopField.beta)
      assert.deepEqual(mac.compute(beta, segment.timestamp, entry.hop), entry.hop.mac)
      for (const { hop } of entry.peers) {
        const peerBeta = betaAt(segment, index + 1)
        assert.deepEqual(mac.compute(peerBeta, segment.timestamp, hop), hop.mac)
      }
    }
  })

  it('refuses a beacon, which has no end yet', () => {
    refuses(() => decodeSegment(bytes(goldenSegment.pathSegment)), 'ERR_SCION_MALFORMED')
  })

  it('brings what ASes say about themselves through bytes', () => {
    const infos = metadata.cases.flatMap((one) => one.asEntries.map((entry) => entry.staticInfo))
    for (const info of infos) {
      if (info === undefined) continue
      const staticInfo = staticInfoOf(info)
      const { segment } = decodeSegment(whole)
      const entries = segment.entries.map((entry) => ({ ...entry, staticInfo }))
      const found = decodeSegment(wrap({ ...segment, entries })).segment.entries[0]?.staticInfo
      assert.deepEqual(found, staticInfo)
    }
  })

  const { segment: good } = decodeSegment(whole)
  const mistakes: [string, (entries: AsEntry[]) => unknown][] = [
    ['no entry', (entries) => entries.splice(0)],
    ['a single entry', (entries) => entries.splice(1)],
    ['an AS left out', (entries) => entries.splice(1, 1)],
    ['entries in the wrong order', (entries) => entries.reverse()],
    [
      'more entries than a path has hops',
      (entries) => entries.push(...Array<AsEntry>(64).fill(entry(good.entries, 1))),
    ],
    ['a wildcard AS', (entries) => change(entries, 1, { isdAs: isdAs(1, 0) })],
    ['an MTU of zero', (entries) => change(entries, 1, { mtu: 0 })],
    ['an entry without ingress', (entries) => changeHop(entries, 1, { consIngress: 0 })],
    ['a first entry with ingress', (entries) => changeHop(entries, 0, { consIngress: 5 })],
    ['a last entry with egress', (entries) => changeHop(entries, 2, { consEgress: 5 })],
    ['an interface beyond 16 bits', (entries) => changeHop(entries, 1, { consEgress: 65536 })],
    ['an ExpTime beyond 8 bits', (entries) => changeHop(entries, 1, { expTime: 256 })],
    ['a MAC of 5 bytes', (entries) => changeHop(entries, 1, { mac: new Uint8Array(5) })],
    [
      'a peering hop that leaves elsewhere',
      (entries) => {
        const [, middle] = entries
        const peers = middle?.peers.map((peer) => ({
          ...peer,
          hop: { ...peer.hop, consEgress: 9 },
        }))
        return change(entries, 1, { peers: peers ?? [] })
      },
    ],
  ]
  for (const [name, spoil] of mistakes) {
    it(`refuses ${name}`, () => {
      const entries = [...good.entries]
      spoil(entries)
      refuses(() => decodeSegment(wrap({ ...good, entries })), 'ERR_SCION_MALFORMED')
    })
  }

  it('refuses a signature of a kind that is not ECDSA', () => {
    const header = new ProtoWriter().varint(1, 7).finish()
    const headerAndBody = new ProtoWriter().bytes(1, header).finish()
    const entry = new ProtoWriter().message(1, (one) => one.bytes(1, headerAndBody)).finish()
    refuses(() => decodeSegment(new ProtoWriter().bytes(2, entry).finish()), 'ERR_SCION_MALFORMED')
  })

  it('throws nothing but ScionError on a segment with any byte changed, or cut', () => {
    for (let at = 0; at < whole.length; at++) {
      valueOrRefusal(() => decodeSegment(whole.subarray(0, at)))
    }
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
        const changed = whole.slice()
        changed[at] = value
        const segment = valueOrRefusal(() => decodeSegment(changed))
        for (const { keyId } of segment?.signed ?? []) valueOrRefusal(() => decodeKeyId(keyId))
      }),
      { numRuns: 3000 },
    )
  })
})

function entry(entries: readonly AsEntry[], index: number): AsEntry {
  const found = entries[index]
  assert.ok(found)
  return found
}

function change(entries: AsEntry[], index: number, fields: Partial<AsEntry>): AsEntry[] {
  entries[index] = { ...entry(entries, index), ...fields }
  return entries
}

function changeHop(entries: AsEntry[], index: number, fields: Partial<SegmentHop>): AsEntry[] {
  return change(entries, index, { hop: { ...entry(entries, index).hop, ...fields } })
}
