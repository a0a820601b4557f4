import type { IsdAs } from '../addr/isd-as.ts'
import { isdAs, isdOf } from '../addr/isd-as.ts'
import type { Random } from '../clock.ts'
import type { HopMac } from '../path/mac.ts'
import { nextSegmentId } from '../path/mac.ts'
import type { AsEntry, PathSegment, PeerEntry, SegmentHop, StaticInfo } from '../segment/segment.ts'
import type { Topology, TopologyLink } from './topology.ts'

/** ASes in one segment. */
export const BEACON_HOPS_MAX = 10
/** Segments kept between one pair of ASes. */
export const SEGMENTS_PER_PAIR_MAX = 24

/** A segment, and between which ASes it leads: down from a core AS, or from core to core. */
export interface Beaconed {
  readonly kind: 'core' | 'down'
  readonly segment: PathSegment
}

const NOWHERE = isdAs(0, 0)

/** What beaconing needs to know. */
export interface BeaconingOptions {
  readonly topology: Topology
  /** The hop-field key of each AS. */
  readonly keys: ReadonlyMap<IsdAs, HopMac>
  /** Links that carry beacons now: a cut link makes no new segments. */
  readonly isUp: (link: TopologyLink) => boolean
  readonly timestamp: number
  readonly expTime: number
  /** Draws the first chaining value of each segment. */
  readonly random: Random
}

/** A walk over the links from an origin: a segment before any MAC is made. */
interface Walk {
  readonly ases: readonly IsdAs[]
  readonly links: readonly TopologyLink[]
}

/**
 * Makes all segments of a topology at one moment, as its beaconing would in the end: from every
 * core AS down to every AS below it in its ISD, and between every two core ASes both ways.
 */
export function beacon(options: BeaconingOptions): readonly Beaconed[] {
  const made: Beaconed[] = []
  for (const as of options.topology.ases.values()) {
    if (!as.core) continue
    for (const kind of ['down', 'core'] as const) {
      for (const walk of walksFrom(as.isdAs, kind, options)) {
        made.push({ kind, segment: construct(walk, kind, options) })
      }
    }
  }
  return made
}

/** Walks without a loop, shortest first, over child links (`down`) or core links (`core`). */
function walksFrom(
  origin: IsdAs,
  kind: Beaconed['kind'],
  options: BeaconingOptions,
): readonly Walk[] {
  const found: Walk[] = []
  const perEnd = new Map<IsdAs, number>()
  let edge: Walk[] = [{ ases: [origin], links: [] }]
  while (edge.length > 0) {
    const grown: Walk[] = []
    for (const walk of edge) {
      for (const [link, next] of stepsFrom(walk, kind, options)) {
        const count = perEnd.get(next) ?? 0
        if (count >= SEGMENTS_PER_PAIR_MAX) continue
        perEnd.set(next, count + 1)
        grown.push({ ases: [...walk.ases, next], links: [...walk.links, link] })
      }
    }
    found.push(...grown)
    edge = grown.filter((walk) => walk.ases.length < BEACON_HOPS_MAX)
  }
  return found
}

function stepsFrom(
  walk: Walk,
  kind: Beaconed['kind'],
  options: BeaconingOptions,
): readonly (readonly [TopologyLink, IsdAs])[] {
  const here = walk.ases.at(-1)
  const steps: (readonly [TopologyLink, IsdAs])[] = []
  for (const link of options.topology.links) {
    if (!options.isUp(link) || link.kind !== (kind === 'down' ? 'child' : 'core')) continue
    const directions = [[link.a, link.b] as const]
    if (kind === 'core') directions.push([link.b, link.a])
    for (const [from, to] of directions) {
      if (from.isdAs !== here || walk.ases.includes(to.isdAs)) continue
      // Intra-ISD beacons stay in their ISD even where a child link leaves it.
      if (kind === 'down' && isdOf(to.isdAs) !== isdOf(from.isdAs)) continue
      steps.push([link, to.isdAs])
    }
  }
  return steps
}

/** Adds the hop fields to a walk, each MAC chained to the one before. */
function construct(walk: Walk, kind: Beaconed['kind'], options: BeaconingOptions): PathSegment {
  const segmentId = Math.floor(options.random() * 0x1_0000)
  let beta = segmentId
  const entries = walk.ases.map((isdAs, index): AsEntry => {
    const inLink = walk.links[index - 1]
    const consEgress = endAt(walk.links[index], isdAs)
    const make = (chained: number, consIngress: number): SegmentHop =>
      makeHop(options, isdAs, chained, consIngress, consEgress)
    const hop = make(beta, endAt(inLink, isdAs))
    beta = nextSegmentId(beta, hop.mac)
    const peers = kind === 'core' ? [] : peersOf(isdAs, options)
    return {
      isdAs,
      nextIsdAs: walk.ases[index + 1] ?? NOWHERE,
      mtu: options.topology.ases.get(isdAs)?.mtu ?? 0,
      hop,
      ingressMtu: inLink?.mtu ?? 0,
      peers: peers.map((link): PeerEntry => {
        const there = link.a.isdAs === isdAs ? link.b : link.a
        // A peering hop is checked with the chaining value that follows the hop it stands in for.
        const peerHop = make(beta, endAt(link, isdAs))
        const { isdAs: peerIsdAs, interface: peerInterface } = there
        return { peerIsdAs, peerInterface, peerMtu: link.mtu, hop: peerHop }
      }),
      staticInfo: staticInfoOf(isdAs, options.topology),
    }
  })
  return { timestamp: options.timestamp, segmentId, entries }
}

function makeHop(
  options: BeaconingOptions,
  isdAs: IsdAs,
  beta: number,
  consIngress: number,
  consEgress: number,
): SegmentHop {
  const key = options.keys.get(isdAs)
  if (key === undefined) throw new Error('beaconing: an AS without a key')
  const fields = { expTime: options.expTime, consIngress, consEgress }
  return { ...fields, mac: key.compute(beta, options.timestamp, fields) }
}

/** What an AS says of itself: the latencies that its links were built with, and its name. */
function staticInfoOf(isdAs: IsdAs, topology: Topology): StaticInfo {
  const inter = new Map<number, number>()
  const intra = new Map<number, number>()
  for (const link of topology.links) {
    const id = endAt(link, isdAs)
    if (id === 0) continue
    inter.set(id, Math.round(link.latencyMs * 1000))
    intra.set(id, 0)
  }
  return {
    latencyIntraMicros: intra,
    latencyInterMicros: inter,
    bandwidthIntraKbps: new Map(),
    bandwidthInterKbps: new Map(),
    geo: new Map(),
    linkTypes: new Map(),
    internalHops: new Map(),
    note: topology.ases.get(isdAs)?.name ?? '',
  }
}

function peersOf(isdAs: IsdAs, options: BeaconingOptions): readonly TopologyLink[] {
  return options.topology.links.filter(
    (link) => link.kind === 'peer' && options.isUp(link) && endAt(link, isdAs) !== 0,
  )
}

/** The interface that a link has in an AS; 0 where there is no such link. */
function endAt(link: TopologyLink | undefined, isdAs: IsdAs): number {
  if (link?.a.isdAs === isdAs) return link.a.interface
  return link?.b.isdAs === isdAs ? link.b.interface : 0
}
