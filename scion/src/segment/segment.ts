import { createHash } from 'node:crypto'
import type { IsdAs } from '../addr/isd-as.ts'
import { byteAt } from '../reader.ts'
import { expTimeToMs } from '../path/expiry.ts'
import type { HopField } from '../path/fields.ts'
import type { GeoCoordinates, LinkType, ServiceAddresses } from '../path/path.ts'
import { putU16, putU64 } from '../writer.ts'

/** How a segment is used on a path: towards the core, within it, or away from it. */
export type SegmentType = 'up' | 'core' | 'down'

/** The hop field that an AS gives for its part of a segment; the alert flags come with the packet. */
export type SegmentHop = Pick<HopField, 'expTime' | 'consIngress' | 'consEgress' | 'mac'>

/** A peering link that an AS offers beside its place in the segment. */
export interface PeerEntry {
  /** The AS at the other end. */
  readonly peerIsdAs: IsdAs
  /** The interface at the other end. */
  readonly peerInterface: number
  /** Largest packet over the peering link in bytes; 0 where unknown. */
  readonly peerMtu: number
  /** Its `consIngress` is the own end of the peering link. */
  readonly hop: SegmentHop
}

/** What an AS says about its inside and its links, by its interface numbers. */
export interface StaticInfo {
  /** Microseconds from the egress interface of this entry to other interfaces of the AS. */
  readonly latencyIntraMicros: ReadonlyMap<number, number>
  /** Microseconds over the link behind an interface. */
  readonly latencyInterMicros: ReadonlyMap<number, number>
  /** Kilobits per second from the egress interface of this entry to other interfaces. */
  readonly bandwidthIntraKbps: ReadonlyMap<number, number>
  /** Kilobits per second of the link behind an interface. */
  readonly bandwidthInterKbps: ReadonlyMap<number, number>
  /** Where the routers stand. */
  readonly geo: ReadonlyMap<number, GeoCoordinates>
  readonly linkTypes: ReadonlyMap<number, LinkType>
  /** Routers on the way from the egress interface of this entry to other interfaces. */
  readonly internalHops: ReadonlyMap<number, number>
  readonly note: string
}

/** The part of one AS in a segment. */
export interface AsEntry {
  readonly isdAs: IsdAs
  /** The AS that the segment goes on to; 0-0 at the end. */
  readonly nextIsdAs: IsdAs
  /** Largest packet inside the AS, in bytes. */
  readonly mtu: number
  readonly hop: SegmentHop
  /** Largest packet over the link by which the segment enters the AS; 0 where there is none. */
  readonly ingressMtu: number
  readonly peers: readonly PeerEntry[]
  readonly staticInfo?: StaticInfo
  /** Services of the AS, where it names any. */
  readonly services?: ServiceAddresses
}

/**
 * A path segment: ASes in construction order, from the core outwards, however it is used. A core
 * segment begins at its far end.
 */
export interface PathSegment {
  /** Unix time in seconds at which it was begun. */
  readonly timestamp: number
  /** The chaining value with which its first hop field was made. */
  readonly segmentId: number
  /** Two or more. */
  readonly entries: readonly AsEntry[]
}

/**
 * The name of a segment: SHA-256 over ISD-AS, ingress and egress of every entry, in hexadecimal. Two
 * segments with one name differ in their age only (peering links left aside).
 */
export function segmentName({ entries }: PathSegment): string {
  const bytes = new Uint8Array(12 * entries.length)
  for (const [index, { isdAs, hop }] of entries.entries()) {
    putU64(bytes, 12 * index, isdAs)
    putU16(bytes, 12 * index + 8, hop.consIngress)
    putU16(bytes, 12 * index + 10, hop.consEgress)
  }
  return createHash('sha256').update(bytes).digest('hex')
}

/** Unix time in milliseconds at which the first hop field of a segment expires. */
export function segmentExpiryMs({ timestamp, entries }: PathSegment): number {
  const expTime = Math.min(...entries.map((entry) => entry.hop.expTime))
  return timestamp * 1000 + expTimeToMs(expTime)
}

/** The chaining value with which the hop field of entry `index` was made. */
export function betaAt({ segmentId, entries }: PathSegment, index: number): number {
  let beta = segmentId
  for (const { hop } of entries.slice(0, index)) {
    beta ^= (byteAt(hop.mac, 0) << 8) | byteAt(hop.mac, 1)
  }
  return beta
}

/** The AS at which a segment begins: the core end, or the far end of a core segment. */
export function firstAs({ entries }: PathSegment): IsdAs | undefined {
  return entries[0]?.isdAs
}

/** The AS at which a segment ends. */
export function lastAs({ entries }: PathSegment): IsdAs | undefined {
  return entries.at(-1)?.isdAs
}
