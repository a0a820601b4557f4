import type { IsdAs } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { DataplanePath } from './dataplane.ts'

export type { UnderlayAddress } from '../addr/underlay.ts'

/** An interface of an AS: one end of an inter-AS link. */
export interface PathInterface {
  readonly isdAs: IsdAs
  /** Interface number within the AS, 1 … 65535. */
  readonly id: number
}

/** A place on Earth, as the operator of a router states it. */
export interface GeoCoordinates {
  /** Degrees north. */
  readonly latitude: number
  /** Degrees east. */
  readonly longitude: number
  /** Civic address; empty where none is given. */
  readonly address: string
}

/** What carries an inter-AS link. */
export type LinkType = 'unset' | 'direct' | 'multi-hop' | 'open-net'

/**
 * What the operators along a path say about it; signed by them in the path segments, but measured
 * by nobody. Lists follow {@link Path.interfaces}: between interface `i` and `i + 1` lies entry `i`.
 */
export interface PathMetadata {
  /** Milliseconds for each of the N-1 stretches; undefined where unknown. */
  readonly latenciesMs: readonly (number | undefined)[]
  /** Kilobits per second for each of the N-1 stretches; undefined where unknown. */
  readonly bandwidthsKbps: readonly (number | undefined)[]
  /** One for each of the N interfaces; undefined where unknown. */
  readonly geo: readonly (GeoCoordinates | undefined)[]
  /** One for each of the N/2 inter-AS links. */
  readonly linkTypes: readonly LinkType[]
  /** AS-internal hops for each of the N/2-1 ASes in the middle; undefined where unknown. */
  readonly internalHops: readonly (number | undefined)[]
  /** One for each AS on the path; empty where none is given. */
  readonly notes: readonly string[]
}

/** Services that an AS names in its beacons; reached through the network, under its own numbers. */
export interface ServiceAddresses {
  readonly controlServices: readonly UnderlayAddress[]
  readonly discoveryServices: readonly UnderlayAddress[]
}

/** Keys of the EPIC-HP validation fields of a path (experimental). */
export interface EpicAuthenticators {
  /** 16 bytes, for the penultimate hop. */
  readonly penultimate: Uint8Array
  /** 16 bytes, for the last hop. */
  readonly last: Uint8Array
}

/** A way from one AS to another, with what is known about it. */
export interface Path {
  readonly source: IsdAs
  readonly destination: IsdAs
  /** What goes into the packet. */
  readonly dataplane: DataplanePath
  /**
   * The router of the own AS that takes the packet. Undefined inside one AS, where the datagram
   * goes straight to the destination host.
   */
  readonly nextHop?: UnderlayAddress
  /** The interfaces crossed, in travel order: leave, enter, leave, enter …; empty inside one AS. */
  readonly interfaces: readonly PathInterface[]
  /** Largest SCION packet (all headers included) that every link carries, in bytes. */
  readonly mtu: number
  /** Unix time in milliseconds at which the first hop field expires; Infinity inside one AS. */
  readonly expiryMs: number
  /** Name of the interface sequence, see {@link pathFingerprint}; empty inside one AS. */
  readonly fingerprint: string
  readonly metadata?: PathMetadata
  /** What the ASes on the way say about their services, where any does. */
  readonly services?: ReadonlyMap<IsdAs, ServiceAddresses>
  readonly epicAuthenticators?: EpicAuthenticators
}

/** The sum of the stated latencies in milliseconds, or undefined unless every stretch has one. */
export function statedLatencyMs(path: Path): number | undefined {
  const latencies = path.metadata?.latenciesMs
  if (latencies === undefined) return path.interfaces.length === 0 ? 0 : undefined
  return latencies.reduce<number | undefined>(
    (sum, one) => (sum === undefined || one === undefined ? undefined : sum + one),
    0,
  )
}
