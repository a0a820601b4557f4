import type { Topology } from './topology.ts'

/** An underlay address: IP and UDP or TCP port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** The addresses of one AS. */
export interface AsAddresses {
  readonly router: Endpoint
  readonly control: Endpoint
  readonly daemon: Endpoint
  /** IP for our own hosts in this AS; any port of the dispatched range is free there. */
  readonly host: string
  /** IP for a SCION-IP gateway; it is not on this machine's loopback, but in a namespace. */
  readonly gateway: string
}

/**
 * Where a network on IPv4 stands. `loopback` needs nothing. `benchmark` is 198.18.0.0/16 (RFC 2544),
 * which other network namespaces can be given a route to; there is one such network at a time, and
 * adding its addresses needs root.
 */
export type Ground = 'loopback' | 'benchmark'

/** The four ends of a link with a relay in its middle: a ⇄ (towardsA, towardsB) ⇄ b. */
export interface LinkAddresses {
  readonly a: Endpoint
  /** What `a` believes to be its neighbour. */
  readonly towardsA: Endpoint
  /** What `b` believes to be its neighbour. */
  readonly towardsB: Endpoint
  readonly b: Endpoint
}

/** Ports that end hosts and the control services use in every AS. */
export const DISPATCHED_PORTS = '31000-32767'

const ROUTER_PORT = 30042
const CONTROL_PORT = 31000
const DAEMON_PORT = 30255
const LINK_PORT = 50000
/** Links count from here in the third part of the address, ASes below. */
const FIRST_LINK = 100

/**
 * Gives every part of a network its own loopback address, so that nothing collides and no address
 * has to be configured. Several networks stand beside each other under different slots.
 */
export class AddressPlan {
  readonly #topology: Topology
  readonly #slot: number
  readonly #ground: Ground

  constructor(topology: Topology, slot: number, ground: Ground = 'loopback') {
    if (topology.ases.length >= FIRST_LINK) throw new Error('too many ASes for one address plan')
    this.#topology = topology
    this.#slot = slot
    this.#ground = ground
  }

  /** The addresses in the AS `isdAs`. */
  as(isdAs: string): AsAddresses {
    const index = this.#topology.ases.findIndex((as) => as.isdAs === isdAs)
    if (index < 0) throw new Error(`no AS ${isdAs} in this network`)
    const host = (part: number): string => this.#ip(index + 1, part)
    return {
      router: { host: host(1), port: ROUTER_PORT },
      control: { host: host(2), port: CONTROL_PORT },
      daemon: { host: host(3), port: DAEMON_PORT },
      host: host(9),
      gateway: host(5),
    }
  }

  /** The addresses along the link called `name`. */
  link(name: string): LinkAddresses {
    const index = this.#topology.links.findIndex((link) => link.name === name)
    if (index < 0) throw new Error(`no link ${name} in this network`)
    const end = (part: number): Endpoint => ({
      host: this.#ip(FIRST_LINK + index, part),
      port: LINK_PORT,
    })
    return { a: end(1), towardsA: end(3), towardsB: end(4), b: end(2) }
  }

  /** Every address that must be added before the network starts; none on the IPv4 loopback. */
  addressesToAdd(): readonly string[] {
    if (!this.#topology.ipv6 && this.#ground === 'loopback') return []
    const ofAs = this.#topology.ases.flatMap((as) => {
      const { router, control, daemon, host } = this.as(as.isdAs)
      return [router.host, control.host, daemon.host, host]
    })
    const ofLinks = this.#topology.links.flatMap((link) =>
      Object.values(this.link(link.name) as unknown as Record<string, Endpoint>).map(
        (end) => end.host,
      ),
    )
    return [...ofAs, ...ofLinks]
  }

  #ip(net: number, host: number): string {
    if (this.#topology.ipv6) {
      return `fd53:${this.#slot.toString(16)}:${net.toString(16)}::${host.toString(16)}`
    }
    return this.#ground === 'benchmark'
      ? `198.18.${net}.${host}`
      : `127.${this.#slot}.${net}.${host}`
  }
}

/** `host:port`, with brackets around an IPv6 address. */
export function text({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
