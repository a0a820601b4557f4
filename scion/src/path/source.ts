import type { IsdAs } from '../addr/isd-as.ts'
import type { Path, UnderlayAddress } from './path.ts'

/** Ports to which the routers of an AS deliver directly (`dispatched_ports` of its topology). */
export interface PortRange {
  readonly min: number
  /** Inclusive. */
  readonly max: number
}

/** What a host has to know about the AS that it is in. */
export interface LocalAs {
  readonly isdAs: IsdAs
  readonly core: boolean
  /** Largest SCION packet inside the AS, in bytes. */
  readonly mtu: number
  /** Undefined where the AS names no range: routers then deliver to port 30041 only. */
  readonly dispatchedPorts?: PortRange
  /** The internal address of the router that owns each interface. */
  readonly borderRouters: ReadonlyMap<number, UnderlayAddress>
}

/** How to look paths up. */
export interface PathQuery {
  /** Ends the lookup; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Asks the network although a cached answer would do. */
  readonly refresh?: boolean
}

/**
 * Where paths come from: a daemon, control services, a file, or a network in the same process.
 *
 * Contract:
 * - `paths` resolves with usable paths in the source's order of preference, no two of them with the
 *   same fingerprint, and with an empty list when it is known that there are none.
 * - It rejects with `ScionError` when nothing could be found out; the reason of every attempt is in
 *   the message.
 * - For the own AS it resolves with one empty path.
 * - Paths that were handed out stay valid values: a source never changes them.
 * - `close` may be called twice; a lookup under way then rejects with `ERR_SCION_CLOSED`.
 */
export interface PathSource {
  readonly local: LocalAs
  paths(destination: IsdAs, query?: PathQuery): Promise<readonly Path[]>
  close(): Promise<void>
}
