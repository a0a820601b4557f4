import type { IsdAs } from '../addr/isd-as.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { pathExpiryMs } from '../path/expiry.ts'
import { nextSegmentId } from '../path/mac.ts'
import type { PathInterface } from '../path/path.ts'
import type { PathSegmentFields } from '../path/standard.ts'
import { encodeStandardPath } from '../path/standard.ts'
import type { Segment, SegmentEntry, SegmentPeer } from './segments.ts'
import type { TopologyLink } from './topology.ts'

/** Paths that are put together for one pair of ASes. */
export const COMBINATIONS_MAX = 64

/** An end-to-end path put together from segments. */
export interface Combination {
  readonly dataplane: DataplanePath
  readonly interfaces: readonly PathInterface[]
  /** Links in travel order. */
  readonly links: readonly TopologyLink[]
  /** ASes in travel order. */
  readonly ases: readonly IsdAs[]
}

/** A stretch of one segment as a packet travels it. */
interface Leg {
  readonly fields: PathSegmentFields
  readonly ases: readonly IsdAs[]
  readonly links: readonly TopologyLink[]
}

/**
 * All paths from one AS to another: up, core and down segments, shortcuts at a common AS, and
 * peering links, without those that see an AS twice; shortest first.
 */
export function combine(
  segments: readonly Segment[],
  from: IsdAs,
  to: IsdAs,
  isCore: (isdAs: IsdAs) => boolean,
): readonly Combination[] {
  const ending = (at: IsdAs): readonly (Segment | undefined)[] =>
    isCore(at) ? [undefined] : segments.filter((one) => one.kind === 'down' && lastOf(one) === at)
  const found: (readonly Leg[])[] = []
  for (const up of ending(from)) {
    for (const down of ending(to)) {
      found.push(...throughCore(segments, up, down, from, to))
      if (up !== undefined && down !== undefined) {
        found.push(...shortcuts(up, down), ...peerings(up, down))
      }
    }
  }
  const unique = new Map<string, Combination>()
  for (const one of found.map(join)) {
    if (new Set(one.ases).size !== one.ases.length) continue
    const key = one.interfaces.map(({ id }) => id).join() + one.ases.join()
    const other = unique.get(key)
    if (other === undefined || pathExpiryMs(other.dataplane) < pathExpiryMs(one.dataplane)) {
      unique.set(key, one)
    }
  }
  return [...unique.values()]
    .sort((a, b) => a.links.length - b.links.length)
    .slice(0, COMBINATIONS_MAX)
}

function throughCore(
  segments: readonly Segment[],
  up: Segment | undefined,
  down: Segment | undefined,
  from: IsdAs,
  to: IsdAs,
): (readonly Leg[])[] {
  const top = up === undefined ? from : originOf(up)
  const landing = down === undefined ? to : originOf(down)
  const outer = (core: readonly Leg[]): readonly Leg[] => [
    ...(up === undefined ? [] : [upwards(up, 0)]),
    ...core,
    ...(down === undefined ? [] : [downwards(down, 0)]),
  ]
  if (top === landing) return up === undefined && down === undefined ? [] : [outer([])]
  // A core segment is used against its construction direction: its origin is the far end.
  return segments
    .filter((one) => one.kind === 'core' && originOf(one) === landing && lastOf(one) === top)
    .map((core) => outer([upwards(core, 0)]))
}

/** The two segments cross in an AS below the core: the packet turns there. */
function shortcuts(up: Segment, down: Segment): (readonly Leg[])[] {
  const legs: (readonly Leg[])[] = []
  for (const [index, entry] of up.entries.entries()) {
    const other = down.entries.findIndex((one) => one.isdAs === entry.isdAs)
    if (index === 0 || other <= 0) continue
    const lastUp = index === up.entries.length - 1
    const lastDown = other === down.entries.length - 1
    if (lastUp && lastDown) continue
    if (lastUp) legs.push([downwards(down, other)])
    else if (lastDown) legs.push([upwards(up, index)])
    else legs.push([upwards(up, index), downwards(down, other)])
  }
  return legs
}

/** Two ASes of the segments are peers: the packet crosses from one to the other. */
function peerings(up: Segment, down: Segment): (readonly Leg[])[] {
  const legs: (readonly Leg[])[] = []
  for (const [index, entry] of up.entries.entries()) {
    for (const peer of entry.peers) {
      for (const [other, opposite] of down.entries.entries()) {
        const back = opposite.peers.find((one) => one.link.id === peer.link.id)
        if (back === undefined || opposite.isdAs === entry.isdAs) continue
        legs.push([upwards(up, index, peer), downwards(down, other, back)])
      }
    }
  }
  return legs
}

/** Against construction direction: from the segment's last AS to the one at `until`. */
function upwards(segment: Segment, until: number, peer?: SegmentPeer): Leg {
  const part = segment.entries.slice(until)
  const last = part.at(-1)
  const alone = part.length === 1 && peer !== undefined
  const segmentId =
    last === undefined ? 0 : alone ? nextSegmentId(last.beta, last.hop.mac) : last.beta
  return {
    fields: {
      info: {
        consDir: false,
        peering: peer !== undefined,
        segmentId,
        timestamp: segment.timestamp,
      },
      hops: hopsOf(part, peer).reverse(),
    },
    ases: part.map((entry) => entry.isdAs).reverse(),
    links: [...segment.links.slice(until).reverse(), ...(peer === undefined ? [] : [peer.link])],
  }
}

/** In construction direction: from the AS at `start` to the segment's last. */
function downwards(segment: Segment, start: number, peer?: SegmentPeer): Leg {
  const part = segment.entries.slice(start)
  const first = part[0]
  const beta = first?.beta ?? 0
  const segmentId =
    peer === undefined || first === undefined ? beta : nextSegmentId(beta, first.hop.mac)
  return {
    fields: {
      info: { consDir: true, peering: peer !== undefined, segmentId, timestamp: segment.timestamp },
      hops: hopsOf(part, peer),
    },
    ases: part.map((entry) => entry.isdAs),
    links: segment.links.slice(start), // The peering link is counted with the leg that goes up.
  }
}

/** The hop fields of a stretch; with a peer, the first is the one made for the peering link. */
function hopsOf(
  part: readonly SegmentEntry[],
  peer: SegmentPeer | undefined,
): SegmentEntry['hop'][] {
  return part.map((entry, index) => (index === 0 && peer !== undefined ? peer.hop : entry.hop))
}

function join(legs: readonly Leg[]): Combination {
  const links = legs.flatMap((leg) => leg.links)
  // Where two legs meet in one AS it stands in both; where they meet at a peering link it does not.
  const ases = legs
    .flatMap((leg) => leg.ases)
    .filter((isdAs, index, all) => index === 0 || all[index - 1] !== isdAs)
  const interfaces: PathInterface[] = []
  for (const [index, link] of links.entries()) {
    const [out, into] = link.a.isdAs === ases[index] ? [link.a, link.b] : [link.b, link.a]
    interfaces.push(
      { isdAs: out.isdAs, id: out.interface },
      { isdAs: into.isdAs, id: into.interface },
    )
  }
  const bytes = encodeStandardPath({
    currInf: 0,
    currHf: 0,
    segments: legs.map((leg) => leg.fields),
  })
  return { dataplane: { type: PATH_TYPE.scion, bytes }, interfaces, links, ases }
}

function originOf(segment: Segment): IsdAs | undefined {
  return segment.entries[0]?.isdAs
}

function lastOf(segment: Segment): IsdAs | undefined {
  return segment.entries.at(-1)?.isdAs
}
