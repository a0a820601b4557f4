import type { IsdAs } from '../addr/isd-as.ts'
import { EMPTY_PATH, PATH_TYPE } from '../path/dataplane.ts'
import { expTimeToMs } from '../path/expiry.ts'
import type { HopField } from '../path/fields.ts'
import { pathFingerprint, withoutDuplicates } from '../path/fingerprint.ts'
import type { Path, PathInterface } from '../path/path.ts'
import type { LocalAs } from '../path/source.ts'
import type { PathSegmentFields } from '../path/standard.ts'
import { HOP_FIELDS_MAX, encodeStandardPath } from '../path/standard.ts'
import type { Edge, SegmentSets, Solution } from './graph.ts'
import { findSolutions } from './graph.ts'
import { collectMetadata } from './metadata.ts'
import type { AsEntry, SegmentHop } from './segment.ts'
import { betaAt } from './segment.ts'
import { collectServices } from './services.ts'

/** A path put together from segments, which lacks only the address of its first router. */
export type CombinedPath = Omit<Path, 'nextHop'>

/**
 * Puts together all paths from `source` to `destination`: up, core and down segments with shortcuts
 * and peering links, best first, without loops and without two of one interface sequence. Equal to
 * the reference implementation's, which draft-dekater-scion-controlplane describes ("Path
 * Combination").
 */
export function combineSegments(
  source: IsdAs,
  destination: IsdAs,
  segments: SegmentSets,
): readonly CombinedPath[] {
  const drafts = findSolutions(source, destination, segments)
    .map((solution) => draftOf(source, destination, solution))
    .filter((draft) => draft !== undefined)
  const kept = withoutDuplicates(drafts.filter(({ interfaces }) => !visitsTwice(interfaces)))
  return kept.map((draft) => pathOf(source, destination, draft))
}

/**
 * Adds the router that owns the first interface. Undefined where no router of the AS does: the
 * segment is then newer or older than what is known of the AS.
 */
export function withNextHop(path: CombinedPath, local: LocalAs): Path | undefined {
  const [first] = path.interfaces
  if (first === undefined) return { ...path, dataplane: EMPTY_PATH }
  const nextHop = local.borderRouters.get(first.id)
  return nextHop === undefined ? undefined : { ...path, nextHop }
}

/** A stretch of one segment in travel order. */
interface Leg {
  readonly fields: PathSegmentFields
  readonly interfaces: readonly PathInterface[]
  readonly entries: readonly AsEntry[]
  readonly mtu: number
  readonly expiryMs: number
}

/** A path as far as it must be known to tell whether it is wanted. */
interface Draft {
  readonly legs: readonly Leg[]
  readonly interfaces: readonly PathInterface[]
  readonly expiryMs: number
  readonly fingerprint: string
}

function draftOf(source: IsdAs, destination: IsdAs, solution: Solution): Draft | undefined {
  const legs = solution.map(legOf)
  const hops = legs.reduce((sum, leg) => sum + leg.fields.hops.length, 0)
  const interfaces = legs.flatMap((leg) => leg.interfaces)
  // An odd list or ends elsewhere come of segments whose entries contradict each other.
  if (hops > HOP_FIELDS_MAX || interfaces.length === 0 || interfaces.length % 2 !== 0) {
    return undefined
  }
  if (interfaces[0]?.isdAs !== source || interfaces.at(-1)?.isdAs !== destination) return undefined
  const expiryMs = Math.min(...legs.map((leg) => leg.expiryMs))
  return { legs, interfaces, expiryMs, fingerprint: pathFingerprint(interfaces) }
}

function pathOf(source: IsdAs, destination: IsdAs, draft: Draft): CombinedPath {
  const { legs, interfaces, expiryMs, fingerprint } = draft
  const segments = legs.map((leg) => leg.fields)
  const bytes = encodeStandardPath({ currInf: 0, currHf: 0, segments })
  const entries = legs.flatMap((leg) => leg.entries)
  const services = collectServices(entries)
  return {
    source,
    destination,
    dataplane: { type: PATH_TYPE.scion, bytes },
    interfaces,
    mtu: Math.min(...legs.map((leg) => leg.mtu)),
    expiryMs,
    fingerprint,
    metadata: collectMetadata(interfaces, entries),
    ...(services === undefined ? {} : { services }),
  }
}

function legOf(edge: Edge): Leg {
  const { segment, turn, peer } = edge
  const hops: HopField[] = []
  const interfaces: PathInterface[] = []
  const entries = segment.entries.slice(turn).reverse()
  let mtu = 0xffff
  let expTime = 0xff
  // From the outer end inwards: travel order of an up segment.
  for (const [index, entry] of entries.entries()) {
    const turnsHere = index === entries.length - 1
    const peerEntry = turnsHere && peer !== undefined ? entry.peers[peer] : undefined
    const hop = peerEntry?.hop ?? entry.hop
    const isShortcut = turnsHere && turn > 0 && peerEntry === undefined
    hops.push(freshHop(hop))
    if (hop.consEgress !== 0) interfaces.push({ isdAs: entry.isdAs, id: hop.consEgress })
    // A packet that turns at a shortcut does not cross the AS to the side of the core.
    if (hop.consIngress !== 0 && !isShortcut) {
      interfaces.push({ isdAs: entry.isdAs, id: hop.consIngress })
    }
    const linkMtu = peerEntry?.peerMtu ?? (isShortcut ? 0 : entry.ingressMtu)
    mtu = Math.min(mtu, entry.mtu, linkMtu === 0 ? mtu : linkMtu)
    expTime = Math.min(expTime, hop.expTime)
  }
  if (edge.type === 'down') for (const list of [hops, interfaces, entries]) list.reverse()
  const { timestamp } = segment
  const info = {
    consDir: edge.type === 'down',
    peering: peer !== undefined,
    segmentId: segmentIdOf(edge),
    timestamp,
  }
  const expiryMs = timestamp * 1000 + expTimeToMs(expTime)
  return { fields: { info, hops }, interfaces, entries, mtu, expiryMs }
}

function freshHop({ expTime, consIngress, consEgress, mac }: SegmentHop): HopField {
  return { ingressAlert: false, egressAlert: false, expTime, consIngress, consEgress, mac }
}

/**
 * The SegID to start with. In construction direction that is the chaining value of the first hop
 * used; against it, the value after all hops but the outermost. A peering hop is verified with the
 * value of the hop after it, and routers leave the SegID alone there.
 */
function segmentIdOf({ segment, type, turn, peer }: Edge): number {
  const last = segment.entries.length - 1
  const start = type === 'down' ? turn : last
  return betaAt(segment, peer !== undefined && start === turn ? start + 1 : start)
}

/** Whether an AS occurs with more than two interfaces: the path has a loop. */
function visitsTwice(interfaces: readonly PathInterface[]): boolean {
  const counts = new Map<IsdAs, number>()
  for (const { isdAs } of interfaces) {
    const count = (counts.get(isdAs) ?? 0) + 1
    if (count > 2) return true
    counts.set(isdAs, count)
  }
  return false
}
