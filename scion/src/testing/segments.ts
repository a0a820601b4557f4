import type { IsdAs } from '../addr/isd-as.ts'
import { isdOf } from '../addr/isd-as.ts'
import type { Random } from '../clock.ts'
import { expTimeToMs } from '../path/expiry.ts'
import type { HopField } from '../path/fields.ts'
import type { HopMac } from '../path/mac.ts'
import { nextSegmentId } from '../path/mac.ts'
import type { Topology, TopologyLink } from './topology.ts'
import { formatEnd } from './topology.ts'

/** ASes in one segment. */
export const BEACON_HOPS_MAX = 10
/** Segments kept between one pair of ASes. */
export const SEGMENTS_PER_PAIR_MAX = 24

/** A peering entry: a second hop field of an AS, entered from a peer instead of from above. */
export interface SegmentPeer {
  readonly link: TopologyLink
  readonly hop: HopField
}

/** One AS's part in a segment. */
export interface SegmentEntry {
  readonly isdAs: IsdAs
  readonly hop: HopField
  /** The chaining value that this hop's MAC was made with. */
  readonly beta: number
  readonly peers: readonly SegmentPeer[]
}

/** A path segment as beaconing makes it: entries in construction order, origin first. */
export interface Segment {
  readonly kind: 'core' | 'down'
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly entries: readonly SegmentEntry[]
  /** Links between neighbouring entries: one less than entries. */
  readonly links: readonly TopologyLink[]
}

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
export function beacon(options: BeaconingOptions): readonly Segment[] {
  const made: Segment[] = []
  for (const as of options.topology.ases.values()) {
    if (!as.core) continue
    for (const kind of ['down', 'core'] as const) {
      for (const walk of walksFrom(as.isdAs, kind, options)) {
        made.push(construct(walk, kind, options))
      }
    }
  }
  return made
}

/** What makes two segments the same but for their age: their kind and interfaces. */
export function segmentKey(segment: Segment): string {
  const entries = segment.entries.map(
    ({ isdAs, hop }) => `${formatEnd({ isdAs, interface: hop.consIngress })}>${hop.consEgress}`,
  )
  return `${segment.kind} ${entries.join(' ')}`
}

/** When the first hop of a segment runs out, milliseconds since 1970. */
export function segmentExpiryMs(segment: Segment): number {
  const shortest = Math.min(...segment.entries.map((entry) => entry.hop.expTime))
  return segment.timestamp * 1000 + expTimeToMs(shortest)
}

/** Walks without a loop, shortest first, over child links (`down`) or core links (`core`). */
function walksFrom(
  origin: IsdAs,
  kind: Segment['kind'],
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
  kind: Segment['kind'],
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
function construct(walk: Walk, kind: Segment['kind'], options: BeaconingOptions): Segment {
  let beta = Math.floor(options.random() * 0x1_0000)
  const entries = walk.ases.map((isdAs, index): SegmentEntry => {
    const inLink = walk.links[index - 1]
    const outLink = walk.links[index]
    const key = options.keys.get(isdAs)
    if (key === undefined) throw new Error('beaconing: an AS without a key')
    const make = (own: number, consIngress: number): HopField => {
      const consEgress = outLink === undefined ? 0 : endAt(outLink, isdAs)
      const fields = { expTime: options.expTime, consIngress, consEgress }
      const mac = key.compute(own, options.timestamp, fields)
      return { ingressAlert: false, egressAlert: false, ...fields, mac }
    }
    const hop = make(beta, inLink === undefined ? 0 : endAt(inLink, isdAs))
    const own = beta
    beta = nextSegmentId(beta, hop.mac)
    // A peering hop is checked with the chaining value that follows the hop it stands in for.
    const after = beta
    const peers = kind === 'core' ? [] : peersOf(isdAs, options).map((link) => ({ link, hop: make(after, endAt(link, isdAs)) })) // prettier-ignore
    return { isdAs, hop, beta: own, peers }
  })
  return { kind, timestamp: options.timestamp, entries, links: walk.links }
}

function peersOf(isdAs: IsdAs, options: BeaconingOptions): readonly TopologyLink[] {
  return options.topology.links.filter(
    (link) =>
      link.kind === 'peer' &&
      options.isUp(link) &&
      (link.a.isdAs === isdAs || link.b.isdAs === isdAs),
  )
}

/** The interface that a link has in an AS that it touches. */
function endAt(link: TopologyLink, isdAs: IsdAs): number {
  return link.a.isdAs === isdAs ? link.a.interface : link.b.interface
}
