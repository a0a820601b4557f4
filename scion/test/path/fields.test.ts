import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { PathCursor } from '../../src/path/cursor.ts'
import { EMPTY_PATH, PATH_TYPE, sameDataplanePath } from '../../src/path/dataplane.ts'
import { decodeEpicPath, encodeEpicPath } from '../../src/path/epic.ts'
import { expTimeToMs, msToExpTime, pathExpiryMs } from '../../src/path/expiry.ts'
import {
  readHopField,
  readInfoField,
  writeHopField,
  writeInfoField,
} from '../../src/path/fields.ts'
import { decodeOneHopPath, encodeOneHopPath, oneHopToStandard } from '../../src/path/one-hop.ts'
import { replyPath } from '../../src/path/reverse.ts'
import { decodeStandardPath, encodeStandardPath } from '../../src/path/standard.ts'
import { hopField, infoField } from '../support/arbitraries.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface HopVector {
  readonly ingressAlert: boolean
  readonly egressAlert: boolean
  readonly expTime: number
  readonly consIngress: number
  readonly consEgress: number
  readonly mac: string
}
interface InfoVector {
  readonly peer: boolean
  readonly consDir: boolean
  readonly segId: number
  readonly timestamp: number
}
interface Vectors {
  readonly infoField: { value: InfoVector; raw: string }
  readonly hopField: { value: HopVector; raw: string }
  readonly oneHopPath: {
    value: { info: InfoVector; first: HopVector; second: HopVector }
    raw: string
    asScionPath: { metaHeader: string }
  }
  readonly increment: {
    cases: readonly {
      name: string
      segLens: readonly number[]
      afterIncrement: string | { currInf: number; currHf: number }
      isXover: boolean
      isFirstHopAfterXover: boolean
      metaHeader: string
    }[]
  }
  readonly positions: Record<
    'penultimate' | 'last',
    readonly { currHf: number; numHops: number; want: boolean }[]
  >
  readonly expTime: {
    toDuration: readonly { expTime: number; ns: string }[]
    fromDurationNs: readonly { ns: string; want: number | 'error' }[]
  }
  readonly segmentExpiry: {
    cases: readonly { name: string; timestamp: number; expTimes: readonly number[]; want: number }[]
  }
}

const golden = vectors<Vectors>('fields.json')

function info(value: InfoVector): ReturnType<typeof readInfoField> {
  const { peer, consDir, segId, timestamp } = value
  return { peering: peer, consDir, segmentId: segId, timestamp }
}

function hop(value: HopVector): ReturnType<typeof readHopField> {
  return { ...value, mac: bytes(value.mac) }
}

/** A path with this header and zero fields. */
function withMeta(metaHeader: string, segLens: readonly number[]): Uint8Array {
  const infos = segLens.filter((length) => length > 0).length
  const hops = segLens.reduce((sum, length) => sum + length, 0)
  const raw = new Uint8Array(4 + 8 * infos + 12 * hops)
  raw.set(bytes(metaHeader))
  return raw
}

describe('info and hop fields', () => {
  it('decodes and encodes the goldens', () => {
    const infoRaw = bytes(golden.infoField.raw)
    assert.deepEqual(readInfoField(infoRaw, 0), info(golden.infoField.value))
    const hopRaw = bytes(golden.hopField.raw)
    assert.deepEqual(readHopField(hopRaw, 0), hop(golden.hopField.value))
    const written = new Uint8Array(20)
    writeInfoField(written, 0, info(golden.infoField.value))
    writeHopField(written, 8, hop(golden.hopField.value))
    assert.equal(hex(written), golden.infoField.raw + golden.hopField.raw)
  })

  it('survives the way through bytes', () => {
    fc.assert(
      fc.property(infoField, hopField, (anInfo, aHop) => {
        const raw = new Uint8Array(20)
        writeInfoField(raw, 0, anInfo)
        writeHopField(raw, 8, aHop)
        assert.deepEqual(readInfoField(raw, 0), anInfo)
        assert.deepEqual(readHopField(raw, 8), aHop)
      }),
    )
  })
})

describe('PathCursor', () => {
  for (const one of golden.increment.cases) {
    it(`moves on: ${one.name}`, () => {
      const raw = withMeta(one.metaHeader, one.segLens)
      const cursor = new PathCursor(raw)
      assert.equal(cursor.isCrossover, one.isXover)
      assert.equal(cursor.isAfterCrossover, one.isFirstHopAfterXover)
      assert.ok(cursor.isConsistent)
      assert.deepEqual(
        cursor.segmentLengths.filter((length) => length > 0),
        one.segLens.filter((length) => length > 0),
      )
      if (typeof one.afterIncrement === 'string') {
        refuses(() => {
          cursor.increment()
        }, 'ERR_SCION_PATH')
        return
      }
      cursor.increment()
      const { currInf, currHf } = new PathCursor(raw)
      assert.deepEqual({ currInf, currHf }, one.afterIncrement)
      assert.deepEqual({ currInf: cursor.currInf, currHf: cursor.currHf }, one.afterIncrement)
    })
  }

  it('knows the last and the penultimate hop', () => {
    for (const position of ['penultimate', 'last'] as const) {
      for (const { currHf, numHops, want } of golden.positions[position]) {
        if (currHf >= numHops) continue // Such a path is refused before anyone asks.
        const raw = withMeta('00000000', [numHops, 0, 0])
        raw.set([currHf, 0, numHops << 4, 0])
        const cursor = new PathCursor(raw)
        assert.equal(position === 'last' ? cursor.isLastHop : cursor.isPenultimateHop, want)
      }
    }
  })

  it('changes SegID and alert flags in the packet itself', () => {
    const raw = encodeStandardPath({
      currInf: 0,
      currHf: 0,
      segments: [{ info: info(golden.infoField.value), hops: [hop(golden.hopField.value)] }],
    })
    const cursor = new PathCursor(raw)
    cursor.updateSegmentId()
    assert.equal(cursor.infoField().segmentId, 0x0222 ^ 0x0102)
    cursor.setSegmentId(7)
    cursor.setAlert('ingress', false)
    const [segment] = decodeStandardPath(raw).segments
    assert.equal(segment?.info.segmentId, 7)
    assert.equal(segment.hops[0]?.ingressAlert, false)
    assert.equal(segment.hops[0].egressAlert, true)
    cursor.setAlert('egress', false)
    cursor.setAlert('ingress', true)
    assert.deepEqual([cursor.hopField().ingressAlert, cursor.hopField().egressAlert], [true, false])
    refuses(() => {
      cursor.setSegmentId(0x1_0000)
    }, 'ERR_SCION_TOO_LARGE')
    assert.ok(cursor.isLastHop && cursor.infoCount === 1 && cursor.hopCount === 1)
  })

  it('notices that CurrINF and CurrHF disagree', () => {
    const raw = withMeta('00002080', [2, 2, 0])
    raw[0] = 0x40
    assert.ok(!new PathCursor(raw).isConsistent)
  })
})

describe('one-hop path', () => {
  const { value, raw, asScionPath } = golden.oneHopPath
  const model = { info: info(value.info), first: hop(value.first), second: hop(value.second) }

  it('decodes and encodes the golden', () => {
    assert.deepEqual(decodeOneHopPath(bytes(raw)), model)
    assert.equal(hex(encodeOneHopPath(model)), raw)
  })

  it('becomes an ordinary path once both ends have filled it in', () => {
    const standard = oneHopToStandard(bytes(raw))
    assert.equal(hex(standard.subarray(1, 4)), asScionPath.metaHeader.slice(2))
    assert.equal(standard[0], 1, 'it stands at its last hop')
    assert.equal(hex(standard.subarray(4)), raw)
    const reply = replyPath({ type: PATH_TYPE.oneHop, bytes: bytes(raw) })
    const [segment] = decodeStandardPath(reply.bytes).segments
    assert.deepEqual(segment?.hops, [model.second, model.first])
  })

  it('is refused as an ordinary path while the far end is missing, and at any other length', () => {
    const half = bytes(raw)
    half.fill(0, 20)
    refuses(() => oneHopToStandard(half), 'ERR_SCION_PATH')
    refuses(() => decodeOneHopPath(new Uint8Array(31)), 'ERR_SCION_TRUNCATED')
    refuses(() => decodeOneHopPath(new Uint8Array(33)), 'ERR_SCION_MALFORMED')
  })
})

describe('EPIC path', () => {
  const epic = vectors<{
    raw: string
    pktTimestamp: number
    pktCounter: number
    phvf: string
    lhvf: string
    scionPath: string
  }>('epic-path.json')

  it('decodes and encodes the golden', () => {
    const path = decodeEpicPath(bytes(epic.raw))
    assert.equal(path.packetTimestamp, epic.pktTimestamp)
    assert.equal(path.packetCounter, epic.pktCounter)
    assert.deepEqual([hex(path.phvf), hex(path.lhvf)], [epic.phvf, epic.lhvf])
    assert.equal(hex(path.scionPath), epic.scionPath)
    assert.equal(hex(encodeEpicPath(path)), epic.raw)
  })

  it('is refused when a validation field or the path is missing', () => {
    const path = decodeEpicPath(bytes(epic.raw))
    refuses(() => encodeEpicPath({ ...path, phvf: new Uint8Array(3) }), 'ERR_SCION_MALFORMED')
    refuses(() => encodeEpicPath({ ...path, lhvf: new Uint8Array(5) }), 'ERR_SCION_MALFORMED')
    refuses(() => encodeEpicPath({ ...path, scionPath: new Uint8Array(0) }))
    refuses(() => decodeEpicPath(new Uint8Array(15)), 'ERR_SCION_TRUNCATED')
  })

  it('is answered on the SCION path inside it', () => {
    const raw = bytes(epic.raw)
    raw[16] = 0x43
    const reply = replyPath({ type: PATH_TYPE.epic, bytes: raw })
    assert.equal(reply.type, PATH_TYPE.scion)
    assert.equal(reply.bytes.length, raw.length - 16)
  })
})

describe('expiry', () => {
  it('converts ExpTime as the reference does', () => {
    for (const { expTime, ns } of golden.expTime.toDuration) {
      assert.equal(expTimeToMs(expTime), Number(BigInt(ns) / 1_000_000n))
    }
    for (const { ns, want } of golden.expTime.fromDurationNs) {
      const durationMs = Number(ns) / 1e6
      if (want === 'error') refuses(() => msToExpTime(durationMs), 'ERR_SCION_TOO_LARGE')
      else assert.equal(msToExpTime(durationMs), want)
    }
  })

  for (const { name, timestamp, expTimes, want } of golden.segmentExpiry.cases) {
    it(`takes the earliest end of a hop: ${name}`, () => {
      const blank = hop(golden.hopField.value)
      const path = encodeStandardPath({
        currInf: 0,
        currHf: 0,
        segments: [
          {
            info: { consDir: true, peering: false, segmentId: 0, timestamp },
            hops: expTimes.map((expTime) => ({ ...blank, expTime })),
          },
        ],
      })
      const expiryMs = pathExpiryMs({ type: PATH_TYPE.scion, bytes: path })
      assert.equal(Math.floor(expiryMs / 1000), want)
      const epic = encodeEpicPath({
        packetTimestamp: 0,
        packetCounter: 0,
        phvf: new Uint8Array(4),
        lhvf: new Uint8Array(4),
        scionPath: path,
      })
      assert.equal(pathExpiryMs({ type: PATH_TYPE.epic, bytes: epic }), expiryMs)
    })
  }

  it('takes the earliest end over all segments', () => {
    const { fullPaths } = vectors<{
      fullPaths: {
        cases: readonly { input: { raw: string } }[]
        expiryOfFirst: { unixSeconds: number }
      }
    }>('path-reverse.json')
    const raw = bytes(fullPaths.cases[0]?.input.raw ?? '')
    const expiryMs = pathExpiryMs({ type: PATH_TYPE.scion, bytes: raw })
    assert.equal(Math.floor(expiryMs / 1000), fullPaths.expiryOfFirst.unixSeconds)
  })

  it('never comes to the path inside an AS, and is unknown for other types', () => {
    assert.equal(pathExpiryMs(EMPTY_PATH), Infinity)
    refuses(() => pathExpiryMs({ type: 2, bytes: new Uint8Array(32) }), 'ERR_SCION_UNSUPPORTED')
    valueOrRefusal(() => pathExpiryMs({ type: 1, bytes: new Uint8Array(0) }))
    assert.ok(sameDataplanePath(EMPTY_PATH, { type: 0, bytes: new Uint8Array(0) }))
    assert.ok(!sameDataplanePath(EMPTY_PATH, { type: 1, bytes: new Uint8Array(0) }))
  })
})
