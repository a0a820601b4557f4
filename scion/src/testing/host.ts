import type { ScionAddress } from '../addr/endpoint.ts'
import { parseHost } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import type { Clock, Random } from '../clock.ts'
import type { PathSource } from '../path/source.ts'
import { openEchoResponder } from '../socket/echo-responder.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import { openScionSocket } from '../socket/scion-socket.ts'
import type { UnderlayFactory } from '../socket/underlay.ts'

/** What a host of a test network is made of. */
export interface TestHostParts {
  readonly ip: string
  readonly source: PathSource
  readonly underlay: UnderlayFactory
  /** Where the routers deliver what has no port of its own. */
  readonly endhostPort: number
  readonly clock: Clock
  readonly random: Random
}

/** A host in a test network: an IP address, and all that a program needs to use SCION from there. */
export class TestHost {
  readonly isdAs: IsdAs
  readonly address: ScionAddress
  /** Paths from here. */
  readonly source: PathSource
  readonly underlay: UnderlayFactory
  readonly clock: Clock
  readonly random: Random
  readonly #endhostPort: number

  constructor(parts: TestHostParts) {
    this.source = parts.source
    this.underlay = parts.underlay
    this.clock = parts.clock
    this.random = parts.random
    this.#endhostPort = parts.endhostPort
    this.isdAs = parts.source.local.isdAs
    this.address = { isdAs: this.isdAs, host: parseHost(parts.ip) }
  }

  /** A socket on this host; port 0 is any. */
  openSocket(port = 0): Promise<ScionSocket> {
    return openScionSocket(this.#options(port))
  }

  /** Makes the host answer echo requests. */
  openEchoResponder(): Promise<ScionSocket> {
    return openEchoResponder(this.#options(0), this.#endhostPort)
  }

  #options(port: number): Parameters<typeof openScionSocket>[0] {
    const { underlay, clock, random } = this
    const local = { ...this.address, port }
    return { local, localAs: this.source.local, underlay, clock, random }
  }
}
