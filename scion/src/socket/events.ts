import type { ScionAddress, ScionEndpoint } from '../addr/endpoint.ts'
import type { HostAddress } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { ScionError } from '../errors.ts'
import type { ScmpError } from '../packet/scmp.ts'
import type { OutsideAddress } from './bindings.ts'
import type { Route } from './route.ts'

/** A datagram for the program. */
export interface ScionDatagram {
  /** As the packet says; nothing has authenticated it. */
  readonly from: ScionEndpoint
  readonly payload: Uint8Array
  /** The way back that this very packet opens. */
  readonly reply: Route
  /** Whether a packet authenticator proves `from`; a wrong one never gets here. */
  readonly authentic: boolean
}

/** What happens to a socket besides datagrams. */
export type SocketEvent =
  /** An SCMP error that quotes a packet which this socket sent a moment ago, on `route`. */
  | {
      readonly type: 'error-report'
      readonly route: Route
      readonly error: ScmpError
      readonly from: ScionAddress
    }
  /** An SCMP error that proves nothing: nobody may act on it but by looking for himself. */
  | { readonly type: 'unproven-report'; readonly error: ScmpError; readonly from: ScionAddress }
  /** The socket is known outside under another address than before, or it is known at last. */
  | { readonly type: 'outside-changed'; readonly outside: OutsideAddress }
  /** No border router says, or says any more, from where it sees this socket. */
  | { readonly type: 'outside-unknown'; readonly error: ScionError }
  /** The system refused to send. */
  | { readonly type: 'send-failed'; readonly route: Route; readonly error: ScionError }
  /** The system reported something about the socket itself. */
  | { readonly type: 'underlay-error'; readonly error: Error }

/** What a socket has seen so far. */
export interface SocketCounters {
  readonly sent: number
  readonly received: number
  /** Datagrams for which the program was too slow. */
  readonly overflowed: number
  /** Packets that were no SCION packet, not for this socket, or damaged. */
  readonly discarded: number
  readonly errorReports: number
  readonly unprovenReports: number
}

/** The answer of a router to a traceroute request. */
export interface TracerouteAnswer {
  readonly roundTripMs: number
  /** AS and interface, as the router says. */
  readonly isdAs: IsdAs
  readonly interfaceId: number
  /** The router's address inside its AS, as it says. */
  readonly router: HostAddress
}
