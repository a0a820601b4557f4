import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { pathFingerprint, withoutDuplicates } from '../../src/path/fingerprint.ts'
import { HopMac, forwardingKey, nextSegmentId } from '../../src/path/mac.ts'
import type { Path } from '../../src/path/path.ts'
import { statedLatencyMs } from '../../src/path/path.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import { decodeStandardPath } from '../../src/path/standard.ts'
import { refuses } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface MacVectors {
  readonly hopFields: {
    cases: readonly {
      pathHopIndex: number
      key: string
      beta: number
      timestamp: number
      expTime: number
      consIngress: number
      consEgress: number
      mac: string
      nextBeta: number
    }[]
  }
  readonly keyDerivation: { cases: readonly { masterKey: string; hopFieldKey: string }[] }
}
interface FingerprintVectors {
  readonly cases: readonly { interfaces: readonly { ia: string; ifId: number }[]; want: string }[]
  readonly filterDuplicates: {
    cases: readonly {
      name: string
      paths: readonly { id: number; path: number; expiry: string }[]
      want: readonly number[]
    }[]
  }
}

const macs = vectors<MacVectors>('mac.json')
const fingerprints = vectors<FingerprintVectors>('fingerprint.json')
const packets = vectors<{ packets: readonly { id: string; bytes: string }[] }>('packets.json')

describe('hop field MAC', () => {
  for (const one of macs.hopFields.cases) {
    it(`makes the MAC of hop ${one.pathHopIndex} of a real packet`, () => {
      const mac = new HopMac(bytes(one.key)).compute(one.beta, one.timestamp, one)
      assert.equal(hex(mac), one.mac)
      assert.equal(nextSegmentId(one.beta, mac), one.nextBeta)
    })
  }

  it('verifies the hops of that packet, and no altered one', () => {
    const raw = packets.packets.find(({ id }) => id === 'cpp-udp-path')?.bytes ?? ''
    const path = decodeStandardPath(decodePacket(bytes(raw)).path.bytes)
    const hops = path.segments.flatMap((segment) =>
      segment.hops.map((hop) => ({ info: segment.info, hop })),
    )
    for (const { pathHopIndex, key, beta } of macs.hopFields.cases) {
      const found = hops[pathHopIndex]
      assert.ok(found)
      const info = { ...found.info, segmentId: beta }
      const mac = new HopMac(bytes(key))
      assert.ok(mac.verify(info, found.hop))
      assert.ok(!mac.verify({ ...info, segmentId: beta ^ 1 }, found.hop))
      assert.ok(!mac.verify({ ...info, timestamp: info.timestamp + 1 }, found.hop))
      assert.ok(!mac.verify(info, { ...found.hop, expTime: found.hop.expTime ^ 1 }))
      assert.ok(!mac.verify(info, { ...found.hop, consEgress: found.hop.consEgress ^ 1 }))
      assert.ok(!mac.verify(info, { ...found.hop, mac: found.hop.mac.subarray(0, 5) }))
    }
  })

  it('derives the forwarding key from the master key', () => {
    for (const { masterKey, hopFieldKey } of macs.keyDerivation.cases) {
      assert.equal(hex(forwardingKey(bytes(masterKey))), hopFieldKey)
    }
  })
})

describe('path fingerprint', () => {
  const known = fingerprints.cases.map(({ interfaces, want }) => ({
    want,
    interfaces: interfaces.map(({ ia, ifId }) => ({ isdAs: parseIsdAs(ia), id: ifId })),
  }))

  it('hashes the interface sequence', () => {
    for (const { interfaces, want } of known) assert.equal(pathFingerprint(interfaces), want)
    const [, first] = known
    assert.ok(first)
    const wrong = first.interfaces.map((one) => ({ ...one, id: 65536 }))
    refuses(() => pathFingerprint(wrong), 'ERR_SCION_TOO_LARGE')
  })

  for (const { name, paths, want } of fingerprints.filterDuplicates.cases) {
    it(`keeps one path of each fingerprint: ${name}`, () => {
      const sequences = known.filter(({ interfaces }) => interfaces.length > 0)
      const input = paths.map(({ id, path, expiry }) => ({
        id,
        fingerprint: sequences[path]?.want ?? '',
        expiryMs: expiry === 'early' ? 1000 : 2000,
      }))
      assert.deepEqual(
        withoutDuplicates(input).map(({ id }) => id),
        want,
      )
    })
  }
})

describe('stated latency', () => {
  const isdAs = parseIsdAs('1-ff00:0:110')
  const inside: Path = {
    source: isdAs,
    destination: isdAs,
    dataplane: EMPTY_PATH,
    interfaces: [],
    mtu: 1400,
    expiryMs: Infinity,
    fingerprint: '',
  }
  const metadata = {
    latenciesMs: [1, 2.5, 3],
    bandwidthsKbps: [],
    geo: [],
    linkTypes: [],
    internalHops: [],
    notes: [],
  }
  const outside = { ...inside, interfaces: [{ isdAs, id: 1 }], metadata }

  it('is the sum of all stretches, and unknown as soon as one is', () => {
    assert.equal(statedLatencyMs(inside), 0)
    assert.equal(statedLatencyMs(outside), 6.5)
    const gap = { ...metadata, latenciesMs: [1, undefined, 3] }
    assert.equal(statedLatencyMs({ ...outside, metadata: gap }), undefined)
    assert.equal(statedLatencyMs({ ...inside, interfaces: outside.interfaces }), undefined)
  })
})
