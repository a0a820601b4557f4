import { setTimeout as sleep } from 'node:timers/promises'
import { Gateway } from '../testnet/gateway.ts'
import { whyNoNamespaces } from '../testnet/namespaces.ts'
import { Testnet } from '../testnet/network.ts'
import type { Version } from '../testnet/programs.ts'
import { programs } from '../testnet/programs.ts'
import type { RelayCounts } from '../testnet/relay.ts'
import { PERFECT } from '../testnet/relay.ts'
import type { Topology } from '../testnet/topology.ts'
import type { OpenRequest, Variant } from './variants.ts'
import { Worker } from './worker.ts'

/** The AS of the meter. */
export const METER = '1-ff00:0:111'
/** The AS of the head-end. */
export const HEADEND = '1-ff00:0:112'
/** The links that leave the meter's AS; every packet of its readings crosses one of them. */
export const METER_LINKS = ['meter-110', 'meter-120'] as const
/** The AS in the middle behind each of them. */
const TRANSIT: Readonly<Record<string, string>> = {
  'meter-110': '1-ff00:0:110',
  'meter-120': '1-ff00:0:120',
}

/** How long the traffic is watched to tell which link it uses. */
const WATCH_MS = 300
/** BFD needs three quiet intervals to believe in a link again. */
const SETTLE_MS = 1500
const ROUTER_SETTLE_MS = 2500

/** What the lab stands on. */
export interface LabOptions {
  readonly topology: Topology
  readonly version: Version
  readonly slot: number
  readonly signal: AbortSignal
}

/**
 * The diamond of the reference implementation with a head-end in one leaf, gateways at both where
 * the machine can have them, and a place for a meter in the other leaf.
 */
export class Lab {
  /** Why there are no gateways, or undefined. */
  readonly gatewayExcuse: string | undefined
  readonly #options: LabOptions
  readonly #closing: (() => Promise<void>)[] = []
  readonly #deadRouters = new Set<string>()
  readonly #workers = new Set<Worker>()
  #net: Testnet | undefined
  #meterGateway: Gateway | undefined
  #headendGateway: Gateway | undefined
  #servers: { readonly scion: Worker; readonly ip: Worker | undefined } | undefined

  /** Nothing runs before `start`. */
  constructor(options: LabOptions) {
    this.#options = options
    this.gatewayExcuse = whyNoNamespaces()
    options.signal.addEventListener('abort', () => {
      for (const worker of this.#workers) void worker.end()
    })
  }

  /** Starts the network and the head-end, and waits for all four paths. */
  async start(): Promise<void> {
    const { topology, version, slot, signal } = this.#options
    const gateways = this.gatewayExcuse === undefined
    const net = await Testnet.start(topology, {
      ...{ version, slot },
      ...(gateways ? { ground: 'benchmark', gateways: [METER, HEADEND] } : {}),
    })
    this.#net = net
    this.#closing.push(() => net.stop())
    await net.waitForPaths(METER, HEADEND, 4, signal)
    if (gateways) await this.#makeGateways(net)
    this.#servers = { scion: this.worker(), ip: gateways ? this.#ipWorker(HEADEND) : undefined }
    await this.#servers.scion.ask('serve', this.#request('single', HEADEND, METER))
    await this.#servers.ip?.ask('serve', this.#request('gateway', HEADEND, METER))
  }

  /** Ends and removes everything; safe to call twice and after a failed start. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.end()))
    for (const close of this.#closing.splice(0).reverse()) await close()
  }

  /** Starts an agent; `close` ends it where nobody did. */
  worker(gateway?: Gateway): Worker {
    this.#options.signal.throwIfAborted()
    const worker = new Worker(gateway?.namespace)
    this.#workers.add(worker)
    return worker
  }

  /** Starts the agent of a meter that sends in the way `variant`. */
  meter(variant: Variant): Worker {
    return variant === 'gateway' ? this.#ipWorker(METER) : this.worker()
  }

  /** What `open` of a meter's agent is asked for. */
  request(variant: Variant): OpenRequest {
    return this.#request(variant, METER, HEADEND)
  }

  /** The head-end that hears the readings of `variant`. */
  server(variant: Variant): Worker {
    const server = variant === 'gateway' ? this.#servers?.ip : this.#servers?.scion
    if (server === undefined) throw new Error('the lab has no such head-end')
    return server
  }

  /** Starts the head-end's gateway; the meter's is started by `startMeterGateway`. */
  startHeadendGateway(): void {
    this.#headendGateway?.start()
  }

  /** Starts the meter's gateway. */
  startMeterGateway(): void {
    this.#meterGateway?.start()
  }

  /** Ends both gateways, whose probes would disturb other measurements. */
  async stopGateways(): Promise<void> {
    await Promise.all([this.#meterGateway?.stop(), this.#headendGateway?.stop()])
  }

  /** Processor time of the meter's gateway so far, in microseconds. */
  gatewayCpuMicros(): number {
    return this.#meterGateway?.cpuMicros() ?? 0
  }

  /** Mends everything; every link delays by `delayMs` from now on. Waits until routers agree. */
  async heal(delayMs: number): Promise<void> {
    const dead = [...this.#deadRouters]
    for (const isdAs of dead) this.#network.startService(isdAs, 'router')
    this.#deadRouters.clear()
    for (const { name } of this.#network.topology.links) {
      this.#network.impair(name, { ...PERFECT, delayMs })
    }
    await this.sleep(dead.length > 0 ? ROUTER_SETTLE_MS : SETTLE_MS)
  }

  /** The meter's link that carries the most just now. */
  async linkInUse(): Promise<string> {
    const before = METER_LINKS.map((name) => this.#network.counts(name).bytes)
    await this.sleep(WATCH_MS)
    const [a = 0, b = 0] = METER_LINKS.map(
      (name, index) => this.#network.counts(name).bytes - (before[index] ?? 0),
    )
    return METER_LINKS[a >= b ? 0 : 1]
  }

  /** What crossed the meter's links so far, together. */
  meterCounts(): Pick<RelayCounts, 'bytes' | 'forwarded'> {
    const counts = METER_LINKS.map((name) => this.#network.counts(name))
    return {
      bytes: counts.reduce((sum, one) => sum + one.bytes, 0),
      forwarded: counts.reduce((sum, one) => sum + one.forwarded, 0),
    }
  }

  /** Changes a link. */
  impair(...change: Parameters<Testnet['impair']>): void {
    this.#network.impair(...change)
  }

  /** Kills the router behind one of the meter's links, as a crash would. */
  async killRouterBehind(link: string): Promise<void> {
    const isdAs = TRANSIT[link] ?? ''
    this.#deadRouters.add(isdAs)
    await this.#network.kill(isdAs, 'router')
  }

  /** Waits, unless the evaluation is called off. */
  async sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.signal })
  }

  get #network(): Testnet {
    if (this.#net === undefined) throw new Error('the lab was not started')
    return this.#net
  }

  #ipWorker(isdAs: string): Worker {
    return this.worker(isdAs === METER ? this.#meterGateway : this.#headendGateway)
  }

  async #makeGateways(net: Testnet): Promise<void> {
    const program = `${programs(this.#options.version)}/gateway`
    const make = async (isdAs: string, remote: string, side: number): Promise<Gateway> => {
      const options = { isdAs, remote, side, remoteSide: 7 - side, program }
      const gateway = await Gateway.create(net, options)
      this.#closing.push(() => gateway.remove())
      return gateway
    }
    this.#meterGateway = await make(METER, HEADEND, 3)
    this.#headendGateway = await make(HEADEND, METER, 4)
  }

  #request(variant: Variant, isdAs: string, remoteIsdAs: string): OpenRequest {
    if (variant === 'gateway') {
      const own = isdAs === METER ? this.#meterGateway : this.#headendGateway
      const other = isdAs === METER ? this.#headendGateway : this.#meterGateway
      const [host, remoteHost] = [own?.host ?? '', other?.host ?? '']
      return { variant, place: { kind: 'ip' }, host, remoteHost, remoteIsdAs: '' }
    }
    const place = { kind: 'scion', configDir: this.#network.configDir(isdAs), isdAs } as const
    const host = this.#network.addresses(isdAs).host
    const remoteHost = this.#network.addresses(remoteIsdAs).host
    return { variant, place, host, remoteHost, remoteIsdAs }
  }
}
