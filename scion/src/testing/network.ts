import { parseHost } from '../addr/host.ts'
import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
import type { Clock, Random } from '../clock.ts'
import { AesMac } from '../crypto/cmac.ts'
import { ScionError } from '../errors.ts'
import { Observers } from '../observers.ts'
import { msToExpTime } from '../path/expiry.ts'
import { forwardingKey, HopMac } from '../path/mac.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { LocalAs, PortRange } from '../path/source.ts'
import { ENDHOST_PORT } from '../socket/route.ts'
import type { UnderlayFactory } from '../socket/underlay.ts'
import { ControlPlane, NetworkPathSource } from './control-plane.ts'
import { claimLoopback } from './loopback.ts'
import type { LoopbackClaim } from './loopback.ts'
import { Link } from './link.ts'
import type { LinkState, PacketFate } from './link.ts'
import { TestHost } from './host.ts'
import { RouterAnswers } from './router-answers.ts'
import type { RouterInterface } from './router.ts'
import { BorderRouter } from './router.ts'
import { RunningRouter } from './running-router.ts'
import { ScmpAuthentication } from './scmp-authentication.ts'
import type { LinkQuality, Topology, TopologyAs, TopologyDescription } from './topology.ts'
import { linkAt, readTopology } from './topology.ts'

/** Hosts in one AS of a test network. */
export const HOSTS_PER_AS_MAX = 128

/** How to run a test network. */
export interface NetworkOptions {
  /** A virtual clock for virtual time, or the system's. */
  readonly clock: Clock
  /** Draws keys, losses and jitter; the same seed gives the same network. */
  readonly random: Random
  /** Sockets on loopback addresses, or a pretended network. */
  readonly underlay: UnderlayFactory
  /** Lifetime of new segments in milliseconds, 337.5 s … 24 h; 6 h where it is left out. */
  readonly pathLifetimeMs?: number
  /** Time between beacons in milliseconds; a minute where it is left out. */
  readonly beaconIntervalMs?: number
  /**
   * Port of the echo responder of every host, 30041 where it is left out. Real sockets are better
   * off with another: a dispatcher may hold 30041 on all addresses of the machine.
   */
  readonly endhostPort?: number
  /** Ports that routers deliver to directly; 1024 … 65535 where it is left out. */
  readonly dispatchedPorts?: PortRange
  /** Whether routers answer STUN, as those of v0.15 do and those before do not; true where left out. */
  readonly answersStun?: boolean
}

/** Something that happened in the network; stamped with wall-clock time. */
export type NetworkEvent =
  /** A router put a packet on a link. `delayMs` counts only where it is carried. */
  | {
      readonly type: 'packet'
      readonly atMs: number
      readonly link: string
      readonly from: IsdAs
      readonly to: IsdAs
      readonly bytes: number
      readonly fate: PacketFate
      readonly delayMs: number
    }
  /** A link was cut, mended or changed. */
  | { readonly type: 'link'; readonly atMs: number; readonly link: LinkState }
  /** A router answered a packet with SCMP, or dropped it. */
  | {
      readonly type: 'refused'
      readonly atMs: number
      readonly router: string
      readonly answered: boolean
      readonly reason: string
    }

const PATH_LIFETIME_MS = 21_600_000
const BEACON_INTERVAL_MS = 60_000
const DISPATCHED_PORTS: PortRange = { min: 1024, max: 65_535 }

/** Opens a network: binds every router and starts it. */
export async function openNetwork(
  description: TopologyDescription,
  options: NetworkOptions,
): Promise<Network> {
  const topology = readTopology(description)
  const claim = await claimLoopback(options.underlay, options.random)
  const network = new Network(topology, options, claim)
  try {
    await network.start()
  } catch (error) {
    await network.close()
    throw error
  }
  return network
}

/**
 * A SCION network in this process: MAC-checking border routers, links that can be cut and bent while
 * packets fly, a control plane, and hosts to put programs on. Made by {@link openNetwork}.
 */
export class Network {
  readonly topology: Topology
  readonly #options: NetworkOptions
  readonly #claim: LoopbackClaim
  readonly #links = new Map<string, Link>()
  readonly #routers: RunningRouter[] = []
  readonly #keys = new Map<IsdAs, HopMac>()
  readonly #hosts = new Map<IsdAs, number>()
  readonly #observers = new Observers<NetworkEvent>()
  readonly #plane: ControlPlane
  #closed = false

  /** Use {@link openNetwork}. */
  constructor(topology: Topology, options: NetworkOptions, claim: LoopbackClaim) {
    this.topology = topology
    this.#options = options
    this.#claim = claim
    for (const link of topology.links) this.#links.set(link.id, new Link(link))
    for (const isdAs of topology.ases.keys()) {
      this.#keys.set(isdAs, new HopMac(forwardingKey(this.#randomBytes(16))))
    }
    this.#plane = new ControlPlane({
      topology,
      keys: this.#keys,
      isUp: (link) => this.#links.get(link.id)?.up === true,
      expTime: msToExpTime(options.pathLifetimeMs ?? PATH_LIFETIME_MS),
      random: options.random,
      nowMs: () => options.clock.nowMs(),
      beaconIntervalMs: options.beaconIntervalMs ?? BEACON_INTERVAL_MS,
    })
  }

  /** Use {@link openNetwork}. */
  async start(): Promise<void> {
    for (const [index, as] of [...this.topology.ases.values()].entries()) {
      for (const [name, interfaces] of as.routers) {
        const number = this.#routers.filter((one) => one.isdAs === as.isdAs).length + 1
        const router = new RunningRouter(as.isdAs, name, {
          answersStun: this.#options.answersStun ?? true,
          carry: (...packet) => {
            this.#carry(...packet)
          },
          tell: (verdict) => {
            if (!('reason' in verdict)) return
            const { action, reason } = verdict
            this.#tell({
              type: 'refused',
              atMs: this.#options.clock.nowMs(),
              router: `${formatIsdAs(as.isdAs)} ${name}`,
              answered: action === 'answer',
              reason,
            })
          },
        })
        this.#routers.push(router)
        await router.bind(this.#options.underlay, this.#claim.host(index, number), interfaces)
      }
    }
    for (const router of this.#routers) this.#startRouter(router)
    this.#plane.beacon()
  }

  /** Hears of packets, link changes and refusals. */
  observe(listener: (event: NetworkEvent) => void): () => void {
    return this.#observers.add(listener)
  }

  /** All links as they are now, in the order of the description. */
  links(): readonly LinkState[] {
    return [...this.#links.values()].map((link) => link.state())
  }

  /**
   * Cuts a link, both directions. Its routers do not notice, and packets vanish, unless `scmp` is
   * true: then they notice after `detectMs` (at once where it is left out; BFD takes 600 ms) and
   * answer packets for it with "external interface down".
   */
  cut(id: string, how: { readonly scmp?: boolean; readonly detectMs?: number } = {}): void {
    const link = this.#link(id)
    link.setUp(false)
    const { cuts } = link
    if (how.scmp === true && (how.detectMs ?? 0) === 0) link.setBelievedUp(false)
    else if (how.scmp === true) {
      void this.#options.clock.sleep(how.detectMs ?? 0).then(() => {
        if (link.cuts === cuts) link.setBelievedUp(false)
      })
    }
    this.#tellLink(link)
  }

  /** Mends a link; its routers know at once. */
  mend(id: string): void {
    const link = this.#link(id)
    link.setUp(true)
    this.#tellLink(link)
  }

  /** Changes what a link does to packets; what is left out stays. */
  shape(id: string, quality: Partial<LinkQuality>): void {
    const link = this.#link(id)
    link.shape(quality)
    this.#tellLink(link)
  }

  /** Stops a router without a word, or starts it again: the failure that no SCMP tells of. */
  setRouterRunning(isdAs: IsdAs | string, name: string, running: boolean): void {
    const ia = typeof isdAs === 'string' ? parseIsdAs(isdAs) : isdAs
    const router = this.#routers.find((one) => one.isdAs === ia && one.name === name)
    if (router === undefined)
      throw new ScionError('ERR_SCION_CONFIG', `router: ${name}, found none`)
    router.setRunning(running)
  }

  /** Makes path lookups fail, or work again, everywhere. */
  setControlPlaneReachable(reachable: boolean): void {
    this.#plane.setReachable(reachable)
  }

  /** A new host in an AS, with an IP address of its own. */
  host(isdAs: IsdAs | string): TestHost {
    const ia = typeof isdAs === 'string' ? parseIsdAs(isdAs) : isdAs
    const index = [...this.topology.ases.keys()].indexOf(ia)
    const as = this.topology.ases.get(ia)
    if (as === undefined) throw new ScionError('ERR_SCION_CONFIG', `host: an AS, found ${formatIsdAs(ia)}`) // prettier-ignore
    const number = (this.#hosts.get(ia) ?? 0) + 1
    if (number > HOSTS_PER_AS_MAX) {
      throw new ScionError('ERR_SCION_CONFIG', `host: at most ${HOSTS_PER_AS_MAX} in one AS`)
    }
    this.#hosts.set(ia, number)
    const { clock } = this.#options
    const local = this.#localAs(as)
    return new TestHost({
      ip: this.#claim.host(index, HOSTS_PER_AS_MAX + number - 1),
      source: new NetworkPathSource(local, this.#plane),
      underlay: this.#options.underlay,
      endhostPort: this.#options.endhostPort ?? ENDHOST_PORT,
      clock,
      random: this.#options.random,
    })
  }

  /** Stops everything; may be called twice. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#routers.map((router) => router.close()), this.#claim.release()])
  }

  #startRouter(router: RunningRouter): void {
    const { clock } = this.#options
    const { isdAs } = router
    const hopMac = this.#keys.get(isdAs)
    const as = this.topology.ases.get(isdAs)
    if (hopMac === undefined || as === undefined) throw new Error('network: an AS without a key')
    const own = as.routers.get(router.name) ?? []
    const remotes = new Map<number, UnderlayAddress>()
    for (const id of own) {
      const remote = this.#remoteOf(isdAs, id)
      if (remote !== undefined) remotes.set(id, remote)
    }
    const key = new AesMac(this.#randomBytes(16))
    const authentication = new ScmpAuthentication({ key, nowMs: () => clock.nowMs() })
    const host = parseHost(router.internalAddress.host)
    router.start(
      new BorderRouter({
        isdAs,
        hopMac,
        interfaces: this.#interfacesOf(as, router),
        dispatchedPorts: this.#options.dispatchedPorts ?? DISPATCHED_PORTS,
        endhostPort: this.#options.endhostPort ?? ENDHOST_PORT,
        services: new Map(),
        isUp: (id) => !own.includes(id) || this.#linkOf(isdAs, id)?.believedUp !== false,
        nowMs: () => clock.nowMs(),
        answers: new RouterAnswers(isdAs, host, authentication),
      }),
      remotes,
    )
  }

  #interfacesOf(as: TopologyAs, router: RunningRouter): ReadonlyMap<number, RouterInterface> {
    const interfaces = new Map<number, RouterInterface>()
    for (const [name, ids] of as.routers) {
      const owner = this.#routers.find((one) => one.isdAs === as.isdAs && one.name === name)
      for (const id of ids) {
        const end = linkAt(this.topology, as.isdAs, id)
        if (end === undefined || owner === undefined) continue
        interfaces.set(id, {
          role: end.role,
          neighbour: end.there.isdAs,
          mtu: end.link.mtu,
          ...(owner === router ? {} : { sibling: owner.internalAddress }),
        })
      }
    }
    return interfaces
  }

  #localAs(as: TopologyAs): LocalAs {
    const borderRouters = new Map<number, UnderlayAddress>()
    for (const router of this.#routers) {
      if (router.isdAs !== as.isdAs) continue
      for (const id of as.routers.get(router.name) ?? []) {
        borderRouters.set(id, router.internalAddress)
      }
    }
    const { isdAs, core, mtu } = as
    const dispatchedPorts = this.#options.dispatchedPorts ?? DISPATCHED_PORTS
    return { isdAs, core, mtu, dispatchedPorts, borderRouters }
  }

  #remoteOf(isdAs: IsdAs, id: number): UnderlayAddress | undefined {
    const there = linkAt(this.topology, isdAs, id)?.there
    if (there === undefined) return undefined
    for (const router of this.#routers) {
      if (router.isdAs !== there.isdAs) continue
      const address = router.linkAddress(there.interface)
      if (address !== undefined) return address
    }
    return undefined
  }

  #carry(from: IsdAs, id: number, bytes: Uint8Array, arrive: () => void): void {
    const end = linkAt(this.topology, from, id)
    const link = this.#linkOf(from, id)
    if (end === undefined || link === undefined || this.#closed) return
    const { clock, random } = this.#options
    const direction = end.here === end.link.a ? 'ab' : 'ba'
    const { fate, delayMs } = link.take(direction, bytes.length, clock.monotonicMs(), random)
    const to = end.there.isdAs
    const atMs = clock.nowMs()
    this.#tell({ type: 'packet', atMs, link: end.link.id, from, to, bytes: bytes.length, fate, delayMs }) // prettier-ignore
    if (fate !== 'carried') return
    if (delayMs === 0) {
      arrive()
      return
    }
    const { cuts } = link
    void clock.sleep(delayMs).then(() => {
      // What is under way when a link is cut does not arrive either.
      if (link.cuts === cuts && !this.#closed) arrive()
    })
  }

  #link(id: string): Link {
    const link = this.#links.get(id)
    if (link === undefined) {
      const known = [...this.#links.keys()].join(', ')
      throw new ScionError('ERR_SCION_CONFIG', `link: one of ${known}, found ${id}`)
    }
    return link
  }

  #linkOf(isdAs: IsdAs, id: number): Link | undefined {
    const end = linkAt(this.topology, isdAs, id)
    return end === undefined ? undefined : this.#links.get(end.link.id)
  }

  #tell(event: NetworkEvent): void {
    this.#observers.tell(event)
  }

  #tellLink(link: Link): void {
    this.#tell({ type: 'link', atMs: this.#options.clock.nowMs(), link: link.state() })
  }

  #randomBytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#options.random() * 256))
  }
}
