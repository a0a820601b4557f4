import { formatHost } from '../addr/host.ts'
import type { ScionEndpoint } from '../addr/endpoint.ts'
import { ScionError } from '../errors.ts'
import type { Departure } from './departures.ts'
import type { Packet } from '../packet/packet.ts'
import { SCMP_ERROR_PACKET_BYTES_MAX } from '../packet/scmp-codec.ts'
import type { DataplanePath } from '../path/dataplane.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { PathInterface } from '../path/path.ts'
import { replyPath } from '../path/reverse.ts'
import type { LocalAs } from '../path/source.ts'
import { decodeStandardPath } from '../path/standard.ts'

/** Port of what has no port of its own, and of the dispatcher where an AS still runs one. */
export const ENDHOST_PORT = 30_041

/**
 * A packet that fits every link there may be, in bytes, for routes whose MTU is not known: IPv6's
 * smallest MTU of 1280 less the headers of IPv6 and UDP. SCMP keeps to it as well.
 */
export const SAFE_PACKET_BYTES = SCMP_ERROR_PACKET_BYTES_MAX

/** All that sending needs to know of a way; every `Path` is one, and so is a way back. */
export interface Route {
  readonly dataplane: DataplanePath
  /** The first router; undefined inside one AS. */
  readonly nextHop?: UnderlayAddress
  /** Largest packet in bytes; {@link SAFE_PACKET_BYTES} where it is not known. */
  readonly mtu?: number
  /** Unix time in milliseconds. */
  readonly expiryMs?: number
  /** Interfaces in travel order, where they are known. */
  readonly interfaces?: readonly PathInterface[]
}

/** A way back, with what the socket that made it keeps for the answer. */
export class ReturnRoute implements Route {
  readonly dataplane: DataplanePath
  readonly nextHop?: UnderlayAddress
  readonly mtu?: number
  /** For the socket alone. */
  departure: Departure | undefined

  constructor({ dataplane, nextHop, mtu }: Route) {
    this.dataplane = dataplane
    if (nextHop !== undefined) this.nextHop = nextHop
    if (mtu !== undefined) this.mtu = mtu
  }
}

/**
 * The way back to the sender of a packet, from nothing but the packet itself and where it came from;
 * throws what {@link replyPath} throws for a path that does not end here.
 *
 * The first router of the way back follows from the path where the AS's routers are known, else it
 * is whoever handed the packet over. A dispatcher on the own machine is not: it hands over only.
 */
export function routeBack(packet: Packet, from: UnderlayAddress, localAs: LocalAs): Route {
  const dataplane = replyPath(packet.path)
  if (dataplane.type === PATH_TYPE.empty) {
    if (packet.source.isdAs === localAs.isdAs) return { dataplane, mtu: localAs.mtu }
    throw new ScionError('ERR_SCION_PATH', 'path: one to another AS, found an empty one')
  }
  const router = localAs.borderRouters.get(firstInterface(dataplane))
  const nextHop = router ?? (isDispatcher(from) ? undefined : from)
  if (nextHop === undefined) {
    throw new ScionError('ERR_SCION_PATH', 'path: a first router that is known, found none')
  }
  return { dataplane, nextHop }
}

/** Where a packet goes on the local network: to the first router, or to the host itself. */
export function underlayOf(to: ScionEndpoint, route: Route, localAs: LocalAs): UnderlayAddress {
  if (route.nextHop !== undefined) return route.nextHop
  if (route.dataplane.type !== PATH_TYPE.empty || to.isdAs !== localAs.isdAs) {
    throw new ScionError('ERR_SCION_PATH', 'route.nextHop: the first router, found none')
  }
  if (to.host.type !== 'ipv4' && to.host.type !== 'ipv6') {
    throw new ScionError('ERR_SCION_ADDRESS', 'destination: an IP host in the own AS')
  }
  const range = localAs.dispatchedPorts
  const direct = range !== undefined && to.port >= range.min && to.port <= range.max
  return { host: formatHost(to.host), port: direct ? to.port : ENDHOST_PORT }
}

/** The interface by which a packet on a SCION path leaves the first AS. */
function firstInterface(dataplane: DataplanePath): number {
  const [segment] = decodeStandardPath(dataplane.bytes).segments
  const hop = segment?.hops[0]
  if (segment === undefined || hop === undefined) return 0
  return segment.info.consDir ? hop.consEgress : hop.consIngress
}

function isDispatcher(from: UnderlayAddress): boolean {
  return from.port === ENDHOST_PORT
}
