import type { IsdAs } from '../addr/isd-as.ts'
import type { PathSegment, SegmentType } from './segment.ts'
import { firstAs, lastAs, segmentName } from './segment.ts'

/** A segment with what is asked of it again and again. */
export interface GraphSegment {
  readonly segment: PathSegment
  readonly type: SegmentType
  readonly name: string
}

/**
 * One way to use one segment: from an AS or over a peering link to another. A place is the text of
 * an ISD-AS, or of the two ends of a peering link, upward end first.
 */
export interface Edge extends GraphSegment {
  readonly from: string
  readonly to: string
  /** Inter-AS links on this stretch; a peering link counts with the segment that leads down. */
  readonly links: number
  /** Index of the entry nearest to the core that is used: 0 for the whole segment. */
  readonly turn: number
  /** Index of the peer entry by which the segment is left or entered at `turn`, if it is. */
  readonly peer: number | undefined
}

/** At most one up, one core and one down segment, in this order. */
export type Solution = readonly Edge[]

/** Segments to combine. */
export interface SegmentSets {
  readonly up: readonly PathSegment[]
  readonly core: readonly PathSegment[]
  readonly down: readonly PathSegment[]
}

/** Most combinations kept at each step for one pair of ASes, those of fewest links first. */
export const COMBINATIONS_MAX = 4096

/**
 * All ways to get from `source` to `destination` by at most one up, one core and one down segment,
 * shortcuts and peering links included: fewest links first, then fewest segments, then by the names
 * of the segments and by where they turn, which is the order of the reference implementation.
 */
export function findSolutions(
  source: IsdAs,
  destination: IsdAs,
  sets: SegmentSets,
): readonly Solution[] {
  const start = source.toString()
  const goal = destination.toString()
  const ups = edgesOf(sets.up, 'up').filter((edge) => edge.from === start)
  const cores = groupByFrom(edgesOf(sets.core, 'core'))
  const downs = groupByFrom(edgesOf(sets.down, 'down').filter((edge) => edge.to === goal))
  const stretches = prefixes(start, goal, ups, cores)
  return [...stretches, ...extend(stretches, goal, downs)]
    .filter(({ at, edges }) => at === goal && edges.length > 0)
    .map(({ edges }) => edges)
    .sort(compareSolutions)
}

/** A way from the source to some place. */
interface Stretch {
  readonly edges: Solution
  readonly at: string
  readonly links: number
}

/** Up and core stretches from the source: nothing, up, core, or up and core; fewest links first. */
function prefixes(
  start: string,
  goal: string,
  ups: readonly Edge[],
  cores: ReadonlyMap<string, readonly Edge[]>,
): readonly Stretch[] {
  const source: Stretch = { edges: [], at: start, links: 0 }
  const firsts = [source, ...extend([source], goal, new Map([[start, ups]]))]
  return [...firsts, ...extend(firsts, goal, cores)]
}

/**
 * Every stretch with every edge that goes on from its end, unless it is at the goal already. In
 * order of their total links, so that the limit on combinations cuts off the longest.
 */
function extend(
  stretches: readonly Stretch[],
  goal: string,
  edges: ReadonlyMap<string, readonly Edge[]>,
): readonly Stretch[] {
  const extended: Stretch[] = []
  const longest =
    Math.max(0, ...stretches.map(({ links }) => links)) +
    Math.max(0, ...[...edges.values()].flat().map(({ links }) => links))
  for (let links = 0; links <= longest; links++) {
    for (const stretch of stretches) {
      if (stretch.at === goal) continue
      for (const edge of edges.get(stretch.at) ?? []) {
        if (stretch.links + edge.links !== links) continue
        if (extended.length >= COMBINATIONS_MAX) return extended
        extended.push({ edges: [...stretch.edges, edge], at: edge.to, links })
      }
    }
  }
  return extended
}

function edgesOf(segments: readonly PathSegment[], type: SegmentType): readonly Edge[] {
  return segments.flatMap((segment) => {
    const one = { segment, type, name: segmentName(segment) }
    return type === 'core' ? coreEdge(one) : turningEdges(one)
  })
}

/** A core segment is used whole, from its end to its beginning. */
function coreEdge(one: GraphSegment): readonly Edge[] {
  const [from, to] = [lastAs(one.segment), firstAs(one.segment)]
  if (from === undefined || to === undefined) return []
  const links = one.segment.entries.length - 1
  return [{ ...one, from: from.toString(), to: to.toString(), links, turn: 0, peer: undefined }]
}

/** An up or down segment may be left or entered at every AS, and at every peering link of each. */
function turningEdges(one: GraphSegment): readonly Edge[] {
  const { entries } = one.segment
  const outer = lastAs(one.segment)?.toString() ?? ''
  const edges: Edge[] = []
  const isDown = one.type === 'down'
  for (const [turn, entry] of entries.entries()) {
    const links = entries.length - 1 - turn
    const add = (inner: string, peer: number | undefined): void => {
      const [from, to] = isDown ? [inner, outer] : [outer, inner]
      const peering = isDown && peer !== undefined ? 1 : 0
      edges.push({ ...one, from, to, links: links + peering, turn, peer })
    }
    if (links > 0) add(entry.isdAs.toString(), undefined)
    for (const [peer, { peerIsdAs, peerInterface, hop }] of entry.peers.entries()) {
      const here = `${entry.isdAs.toString()}#${hop.consIngress}`
      const there = `${peerIsdAs.toString()}#${peerInterface}`
      add(isDown ? `${there} ${here}` : `${here} ${there}`, peer)
    }
  }
  return edges
}

function groupByFrom(edges: readonly Edge[]): ReadonlyMap<string, readonly Edge[]> {
  const groups = new Map<string, Edge[]>()
  for (const edge of edges) {
    const group = groups.get(edge.from)
    if (group === undefined) groups.set(edge.from, [edge])
    else group.push(edge)
  }
  return groups
}

function compareSolutions(a: Solution, b: Solution): number {
  const difference = linksOf(a) - linksOf(b) || a.length - b.length
  if (difference !== 0) return difference
  for (const [index, edge] of a.entries()) {
    const other = b[index]
    if (other === undefined) break
    if (edge.name !== other.name) return edge.name < other.name ? -1 : 1
    const turned = edge.turn - other.turn || (edge.peer ?? -1) - (other.peer ?? -1)
    if (turned !== 0) return turned
  }
  return 0
}

function linksOf(solution: Solution): number {
  return solution.reduce((sum, edge) => sum + edge.links, 0)
}
