import type { ScionAddress } from '../addr/endpoint.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { PARAMETER_CODE } from '../packet/scmp.ts'
import type { ScmpError } from '../packet/scmp.ts'
import type { Path } from '../path/path.ts'
import type { Route } from '../socket/route.ts'
import type { SocketEvent } from '../socket/events.ts'
import type { PathSelector } from './selector.ts'

/** Codes of "parameter problem" that say that the path itself is of no use any more. */
const PATH_FAULTS: readonly number[] = [
  PARAMETER_CODE.invalidPath,
  PARAMETER_CODE.unknownHopIngress,
  PARAMETER_CODE.unknownHopEgress,
  PARAMETER_CODE.invalidHopMac,
  PARAMETER_CODE.pathExpired,
  PARAMETER_CODE.invalidSegmentChange,
]

/**
 * Lets a selector act on what a socket heard; true where paths should be looked up anew.
 *
 * An error is believed only if it quotes a packet that was sent on the path a moment ago, if the AS
 * that sends it is on that path, and if it speaks of itself. Anything else is at most a hint.
 */
export function applySocketEvent(
  selector: PathSelector,
  destination: IsdAs,
  event: SocketEvent,
): boolean {
  switch (event.type) {
    case 'error-report': {
      const path = pathOf(event.route, destination)
      return path !== undefined && applyReport(selector, path, event.error, event.from)
    }
    case 'unproven-report':
      if (event.error.type === 'external-interface-down') {
        selector.hintInterface(event.error.isdAs, event.error.interfaceId)
      }
      return false
    case 'send-failed': {
      const path = pathOf(event.route, destination)
      if (path !== undefined) selector.unreachable(path)
      return false
    }
    case 'underlay-error':
    case 'outside-changed':
    case 'outside-unknown':
      return false
  }
}

function applyReport(
  selector: PathSelector,
  path: Path,
  error: ScmpError,
  from: ScionAddress,
): boolean {
  const isOnPath =
    from.isdAs === path.source || path.interfaces.some((one) => one.isdAs === from.isdAs)
  if (!isOnPath) {
    selector.hint(path.fingerprint)
    return false
  }
  switch (error.type) {
    case 'external-interface-down':
      if (error.isdAs !== from.isdAs || !selector.interfaceDown(path, error.isdAs, error.interfaceId)) selector.hint(path.fingerprint) // prettier-ignore
      return false
    case 'internal-connectivity-down':
      if (error.isdAs !== from.isdAs || !selector.crossingDown(path, error.isdAs, error.ingressId, error.egressId)) selector.hint(path.fingerprint) // prettier-ignore
      return false
    case 'packet-too-big':
      selector.tooBig(path, error.mtu)
      return false
    case 'parameter-problem':
      if (!PATH_FAULTS.includes(error.code)) return false
      selector.faulty(path)
      return true
    case 'destination-unreachable':
    case 'unknown-error':
      return false // About the host, or beyond understanding: no word about the path.
  }
}

/** The path that a route is, or was made from; undefined for ways back and other destinations. */
function pathOf(route: Route, destination: IsdAs): Path | undefined {
  return isPath(route) && route.destination === destination ? route : undefined
}

function isPath(route: Route): route is Path {
  return 'fingerprint' in route && 'destination' in route
}
