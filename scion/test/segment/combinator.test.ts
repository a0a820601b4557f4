import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { formatInterface, parseInterface } from '../../src/path/interface-text.ts'
import type { GeoCoordinates, PathInterface } from '../../src/path/path.ts'
import type { LocalAs } from '../../src/path/source.ts'
import { decodeStandardPath } from '../../src/path/standard.ts'
import { combineSegments, withNextHop } from '../../src/segment/combinator.ts'
import { COMBINATIONS_MAX } from '../../src/segment/graph.ts'
import { collectMetadata } from '../../src/segment/metadata.ts'
import type { AsEntry, PathSegment } from '../../src/segment/segment.ts'
import { segmentExpiryMs, segmentName } from '../../src/segment/segment.ts'
import type { SegmentVector, StaticInfoVector } from '../support/segment-vectors.ts'
import { LINK_WORDS, segmentOf, staticInfoOf } from '../support/segment-vectors.ts'
import { hex, vectors } from '../support/vectors.ts'

interface Case {
  readonly name: string
  readonly src: string
  readonly dst: string
  readonly up: readonly string[]
  readonly core: readonly string[]
  readonly down: readonly string[]
  readonly paths: readonly {
    readonly weight: number
    readonly segments: readonly {
      readonly consDir: boolean
      readonly peer: boolean
      readonly hops: readonly (readonly [number, number])[]
    }[]
    readonly interfaces: readonly string[]
    readonly derived: {
      readonly segIds: readonly number[]
      readonly mtu: number
      readonly rawPath: string
      readonly fingerprint: string
    }
  }[]
}
interface MtuCase {
  readonly name: string
  readonly src: string
  readonly dst: string
  readonly up: readonly SegmentVector[]
  readonly core: readonly SegmentVector[]
  readonly down: readonly SegmentVector[]
  readonly wantPaths: number
  readonly wantMtu: number
}
interface MetadataCase {
  readonly name: string
  readonly interfaces: readonly string[]
  readonly asEntries: readonly {
    readonly ia: string
    readonly consIngress: number
    readonly consEgress: number
    readonly staticInfo?: StaticInfoVector
  }[]
  readonly want: {
    readonly latencyUs: readonly number[]
    readonly bandwidthKbps: readonly number[]
    readonly geo: readonly GeoCoordinates[]
    readonly linkType: readonly string[]
    readonly internalHops: readonly number[]
    readonly notes: readonly string[]
  }
}

const { segments: named } = vectors<{
  segments: Readonly<Record<string, SegmentVector & { id: string }>>
}>('combinator-segments.json')
const { cases } = vectors<{ cases: readonly Case[] }>('combinator-cases.json')
const { cases: mtuCases } = vectors<{ cases: readonly MtuCase[] }>('combinator-mtu.json')
const { cases: metadataCases } = vectors<{ cases: readonly MetadataCase[] }>(
  'combinator-metadata.json',
)
const { links } = vectors<{
  links: readonly { a: string; aIf: number; b: string; bIf: number }[]
}>('combinator-graph.json')

function pick(names: readonly string[]): readonly PathSegment[] {
  return names.map((name) => {
    const vector = named[name]
    assert.ok(vector)
    return segmentOf(vector)
  })
}

const linked = new Set(
  links.flatMap(({ a, aIf, b, bIf }) => [`${a}#${aIf} ${b}#${bIf}`, `${b}#${bIf} ${a}#${aIf}`]),
)

/** Whether every leaving interface and the entering one after it are two ends of one link. */
function followsLinks(interfaces: readonly PathInterface[]): boolean {
  const texts = interfaces.map(formatInterface)
  return texts.every((text, index) => index % 2 === 1 || linked.has(`${text} ${texts[index + 1]}`))
}

describe('combineSegments', () => {
  it('names segments as the reference does', () => {
    for (const vector of Object.values(named))
      assert.equal(segmentName(segmentOf(vector)), vector.id)
  })

  for (const { name, src, dst, up, core, down, paths: want } of cases) {
    it(`finds the paths of the reference, in its order: ${name}`, () => {
      const sets = { up: pick(up), core: pick(core), down: pick(down) }
      const paths = combineSegments(parseIsdAs(src), parseIsdAs(dst), sets)
      const found = paths.map((path) => {
        const { segments } = decodeStandardPath(path.dataplane.bytes)
        return {
          weight: path.interfaces.length / 2,
          segments: segments.map(({ info, hops }) => ({
            consDir: info.consDir,
            peer: info.peering,
            hops: hops.map((hop) => [hop.consIngress, hop.consEgress]),
          })),
          interfaces: path.interfaces.map(formatInterface),
          derived: {
            segIds: segments.map(({ info }) => info.segmentId),
            mtu: path.mtu,
            rawPath: hex(path.dataplane.bytes),
            fingerprint: path.fingerprint,
          },
        }
      })
      assert.deepEqual(found, want)
      if (!name.includes('peering')) {
        assert.ok(paths.every((path) => followsLinks(path.interfaces)))
      }
    })
  }

  for (const { name, src, dst, up, core, down, wantPaths, wantMtu } of mtuCases) {
    it(`takes the least MTU that the path meets: ${name}`, () => {
      const sets = { up: up.map(segmentOf), core: core.map(segmentOf), down: down.map(segmentOf) }
      const paths = combineSegments(parseIsdAs(src), parseIsdAs(dst), sets)
      assert.equal(paths.length, wantPaths)
      assert.equal(paths[0]?.mtu, wantMtu)
    })
  }

  it('expires with its first hop, and keeps the longest-lived of equal paths', () => {
    const [segment] = pick(['S10'])
    assert.ok(segment)
    const aged = (timestamp: number): PathSegment => ({ ...segment, timestamp })
    const sets = { up: [aged(1000), aged(3000), aged(2000)], core: [], down: [] }
    const paths = combineSegments(parseIsdAs('1-ff00:0:131'), parseIsdAs('1-ff00:0:130'), sets)
    assert.equal(paths.length, 1)
    assert.equal(paths[0]?.expiryMs, segmentExpiryMs(aged(3000)))
  })

  it('gives a path the router that owns its first interface, or none', () => {
    const [first] = cases
    assert.ok(first)
    const sets = { up: pick(first.up), core: pick(first.core), down: pick(first.down) }
    const [path] = combineSegments(parseIsdAs(first.src), parseIsdAs(first.dst), sets)
    assert.ok(path)
    const router = { host: '127.0.0.1', port: 30042 }
    const local: LocalAs = {
      isdAs: path.source,
      core: false,
      mtu: 1400,
      borderRouters: new Map([[path.interfaces[0]?.id ?? 0, router]]),
    }
    assert.deepEqual(withNextHop(path, local)?.nextHop, router)
    assert.equal(withNextHop(path, { ...local, borderRouters: new Map() }), undefined)
  })

  it('does bounded work for a thousand segments, and finds the short paths among them', () => {
    const hop = { consIngress: 0, consEgress: 0, expTime: 63, mac: new Uint8Array(6) }
    const entry = (ia: string, consIngress: number, consEgress: number): AsEntry => ({
      isdAs: parseIsdAs(ia),
      nextIsdAs: parseIsdAs('0-0'),
      mtu: 1400,
      ingressMtu: 1400,
      hop: { ...hop, consIngress, consEgress },
      peers: [],
    })
    const chain = (
      from: string,
      to: string,
      base: number,
      id: number,
      length: number,
    ): PathSegment => ({
      timestamp: 1_700_000_000,
      segmentId: id,
      entries: [
        entry(from, 0, id),
        ...Array.from({ length }, (_, at) => entry(`1-${base + 10 * id + at}`, 1, 2)),
        entry(to, id, 0),
      ],
    })
    const many = (from: string, to: string, base: number): readonly PathSegment[] =>
      Array.from({ length: 334 }, (_, id) => chain(from, to, base, id + 1, 1 + (id % 7)))
    const sets = {
      up: many('1-1', '1-10', 10_000),
      core: many('1-2', '1-1', 20_000),
      down: many('1-2', '1-20', 30_000),
    }
    const paths = combineSegments(parseIsdAs('1-10'), parseIsdAs('1-20'), sets)
    assert.ok(paths.length > 0 && paths.length <= COMBINATIONS_MAX)
    assert.equal(paths[0]?.interfaces.length, 12)
    const lengths = paths.map((path) => path.interfaces.length)
    assert.deepEqual(
      lengths,
      lengths.toSorted((a, b) => a - b),
    )
  }).timeout(20_000)

  it('drops what contradicts itself instead of building it', () => {
    const [segment] = pick(['S10'])
    assert.ok(segment)
    const [first, ...rest] = segment.entries
    assert.ok(first)
    const halfLink = { ...first, hop: { ...first.hop, consEgress: 0 } }
    const sets = { up: [{ ...segment, entries: [halfLink, ...rest] }], core: [], down: [] }
    assert.deepEqual(
      combineSegments(parseIsdAs('1-ff00:0:131'), parseIsdAs('1-ff00:0:130'), sets),
      [],
    )
    const empty = { up: [{ ...segment, entries: [] }], core: [], down: [] }
    assert.deepEqual(combineSegments(parseIsdAs('1-1'), parseIsdAs('1-2'), empty), [])
  })
})

describe('path metadata', () => {
  for (const { name, interfaces, asEntries, want } of metadataCases) {
    it(`is what the reference gathers: ${name}`, () => {
      const entries = asEntries.map(({ ia, consIngress, consEgress, staticInfo }): AsEntry => {
        const hop = { consIngress, consEgress, expTime: 63, mac: new Uint8Array(6) }
        const isdAs = parseIsdAs(ia)
        const entry = { isdAs, nextIsdAs: isdAs, mtu: 1400, ingressMtu: 0, peers: [], hop }
        return staticInfo === undefined ? entry : { ...entry, staticInfo: staticInfoOf(staticInfo) }
      })
      const found = collectMetadata(interfaces.map(parseInterface), entries)
      const micros = (ms: number | undefined): number => (ms === undefined ? -1 : ms * 1000)
      assert.deepEqual(found.latenciesMs.map(micros).map(Math.round), want.latencyUs)
      assert.deepEqual(
        found.bandwidthsKbps.map((one) => one ?? 0),
        want.bandwidthKbps,
      )
      assert.deepEqual(found.geo, want.geo)
      assert.deepEqual(
        found.linkTypes,
        want.linkType.map((word) => LINK_WORDS[word]),
      )
      assert.deepEqual(
        found.internalHops.map((one) => one ?? 0),
        want.internalHops,
      )
      assert.deepEqual(found.notes, want.notes)
    })
  }

  it('says nothing where nothing was said, and nothing of two link types that differ', () => {
    const interfaces = ['1-1#1', '1-2#2'].map(parseInterface)
    const nothing = collectMetadata(interfaces, [])
    assert.deepEqual(nothing, {
      latenciesMs: [undefined],
      bandwidthsKbps: [undefined],
      geo: [undefined, undefined],
      linkTypes: ['unset'],
      internalHops: [],
      notes: ['', ''],
    })
  })
})
