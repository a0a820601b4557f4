import { parseIsdAs } from '../../src/addr/isd-as.ts'
import type { GeoCoordinates, LinkType } from '../../src/path/path.ts'
import type { AsEntry, PathSegment, StaticInfo } from '../../src/segment/segment.ts'
import { bytes } from './vectors.ts'

/** A hop field as the vectors spell it. */
interface HopVector {
  readonly consIngress: number
  readonly consEgress: number
  readonly expTime: number
  readonly mac: string
}

/** A segment as the vectors spell it. */
export interface SegmentVector {
  readonly segmentId: number
  readonly timestamp: number
  readonly asEntries: readonly {
    readonly ia: string
    readonly next: string
    readonly mtu: number
    readonly hop: HopVector & { readonly ingressMtu: number }
    readonly peers: readonly (HopVector & {
      readonly peerIA: string
      readonly peerIf: number
      readonly peerMtu: number
    })[]
  }[]
}

/** A map of JSON, by interface number. */
type ByInterface<T> = Readonly<Record<string, T>>

/** Static info as the vectors spell it. */
export interface StaticInfoVector {
  readonly latencyUs: { readonly intra: ByInterface<number>; readonly inter: ByInterface<number> }
  readonly bandwidthKbps: {
    readonly intra: ByInterface<number>
    readonly inter: ByInterface<number>
  }
  readonly geo: ByInterface<GeoCoordinates>
  readonly linkType: ByInterface<string>
  readonly internalHops: ByInterface<number>
  readonly note: string
}

/** Link types in the words of the reference. */
export const LINK_WORDS: Readonly<Record<string, LinkType>> = {
  direct: 'direct',
  multihop: 'multi-hop',
  opennet: 'open-net',
  unset: 'unset',
}

/** The segment that a vector means. */
export function segmentOf(vector: SegmentVector): PathSegment {
  return {
    timestamp: vector.timestamp,
    segmentId: vector.segmentId,
    entries: vector.asEntries.map((entry): AsEntry => ({
      isdAs: parseIsdAs(entry.ia),
      nextIsdAs: parseIsdAs(entry.next),
      mtu: entry.mtu,
      hop: hopOf(entry.hop),
      ingressMtu: entry.hop.ingressMtu,
      peers: entry.peers.map((peer) => ({
        peerIsdAs: parseIsdAs(peer.peerIA),
        peerInterface: peer.peerIf,
        peerMtu: peer.peerMtu,
        hop: hopOf(peer),
      })),
    })),
  }
}

/** The static info that a vector means. */
export function staticInfoOf(vector: StaticInfoVector): StaticInfo {
  return {
    latencyIntraMicros: byInterface(vector.latencyUs.intra),
    latencyInterMicros: byInterface(vector.latencyUs.inter),
    bandwidthIntraKbps: byInterface(vector.bandwidthKbps.intra),
    bandwidthInterKbps: byInterface(vector.bandwidthKbps.inter),
    geo: byInterface(vector.geo),
    linkTypes: new Map(
      [...byInterface(vector.linkType)].map(([id, word]) => [id, LINK_WORDS[word] ?? 'unset']),
    ),
    internalHops: byInterface(vector.internalHops),
    note: vector.note,
  }
}

function hopOf({ consIngress, consEgress, expTime, mac }: HopVector): AsEntry['hop'] {
  return { consIngress, consEgress, expTime, mac: bytes(mac) }
}

function byInterface<T>(values: ByInterface<T>): ReadonlyMap<number, T> {
  return new Map(Object.entries(values).map(([id, value]) => [Number(id), value]))
}
