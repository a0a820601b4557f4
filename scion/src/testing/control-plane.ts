import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import { EMPTY_PATH } from '../path/dataplane.ts'
import { pathExpiryMs } from '../path/expiry.ts'
import { pathFingerprint } from '../path/fingerprint.ts'
import type { Path } from '../path/path.ts'
import type { LocalAs, PathQuery, PathSource } from '../path/source.ts'
import type { Combination } from './combine.ts'
import { combine } from './combine.ts'
import type { BeaconingOptions, Segment } from './segments.ts'
import { beacon, segmentExpiryMs, segmentKey } from './segments.ts'
import type { Topology } from './topology.ts'

/** How the control plane of a test network behaves. */
export interface ControlPlaneOptions extends Omit<BeaconingOptions, 'timestamp'> {
  /** Wall clock. */
  readonly nowMs: () => number
  /** Time between two rounds of beacons, in milliseconds. */
  readonly beaconIntervalMs: number
}

/**
 * All control services of a test network in one: makes segments round by round and keeps each until
 * it expires, also when a link of it was cut since; a lookup tells what was once true.
 */
export class ControlPlane {
  readonly #options: ControlPlaneOptions
  readonly #segments = new Map<string, Segment>()
  #beaconedMs = -Infinity
  #reachable = true

  constructor(options: ControlPlaneOptions) {
    this.#options = options
  }

  /** Whether lookups are answered. */
  get reachable(): boolean {
    return this.#reachable
  }

  /** Makes lookups fail, or work again. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable
  }

  /** Paths from one AS to another as they can be put together now. */
  combinations(from: IsdAs, to: IsdAs): readonly Combination[] {
    this.beacon()
    const isCore = (isdAs: IsdAs): boolean => this.#options.topology.ases.get(isdAs)?.core === true
    return combine([...this.#segments.values()], from, to, isCore)
  }

  /** Sends beacons round, where it is time. */
  beacon(): void {
    const nowMs = this.#options.nowMs()
    if (nowMs - this.#beaconedMs < this.#options.beaconIntervalMs) return
    this.#beaconedMs = nowMs
    for (const [key, segment] of this.#segments) {
      if (segmentExpiryMs(segment) <= nowMs) this.#segments.delete(key)
    }
    const timestamp = Math.floor(nowMs / 1000)
    for (const segment of beacon({ ...this.#options, timestamp })) {
      this.#segments.set(segmentKey(segment), segment)
    }
  }
}

/** The paths that hosts of one AS get from the {@link ControlPlane}. */
export class NetworkPathSource implements PathSource {
  readonly local: LocalAs
  readonly #plane: ControlPlane
  readonly #topology: Topology
  readonly #nowMs: () => number
  #closed = false

  constructor(local: LocalAs, plane: ControlPlane, topology: Topology, nowMs: () => number) {
    this.local = local
    this.#plane = plane
    this.#topology = topology
    this.#nowMs = nowMs
  }

  async paths(destination: IsdAs, query: PathQuery = {}): Promise<readonly Path[]> {
    await Promise.resolve()
    query.signal?.throwIfAborted()
    if (this.#closed) throw new ScionError('ERR_SCION_CLOSED', 'path source: open, found closed')
    if (destination === this.local.isdAs) return [this.#emptyPath()]
    if (!this.#plane.reachable) {
      throw new ScionError('ERR_SCION_CONTROL', `paths to ${formatIsdAs(destination)}: no answer`)
    }
    const nowMs = this.#nowMs()
    return this.#plane
      .combinations(this.local.isdAs, destination)
      .map((one) => this.#describe(one, destination))
      .filter((path) => path.expiryMs > nowMs)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #emptyPath(): Path {
    const { isdAs, mtu } = this.local
    const rest = { interfaces: [], mtu, expiryMs: Infinity, fingerprint: '' }
    return { source: isdAs, destination: isdAs, dataplane: EMPTY_PATH, ...rest }
  }

  #describe(one: Combination, destination: IsdAs): Path {
    const nextHop = this.local.borderRouters.get(one.interfaces[0]?.id ?? 0)
    const mtus = [
      ...one.links.map((link) => link.mtu),
      ...one.ases.map((isdAs) => this.#topology.ases.get(isdAs)?.mtu ?? 0),
    ]
    // Between two links lies an AS, whose own latency nobody states here: it is next to nothing.
    const latenciesMs = one.links.flatMap((link, index) =>
      index === 0 ? [link.latencyMs] : [0, link.latencyMs],
    )
    return {
      source: this.local.isdAs,
      destination,
      dataplane: one.dataplane,
      ...(nextHop === undefined ? {} : { nextHop }),
      interfaces: one.interfaces,
      mtu: Math.min(...mtus),
      expiryMs: pathExpiryMs(one.dataplane),
      fingerprint: pathFingerprint(one.interfaces),
      metadata: {
        latenciesMs,
        bandwidthsKbps: latenciesMs.map(() => undefined),
        geo: one.interfaces.map(() => undefined),
        linkTypes: one.links.map(() => 'direct' as const),
        internalHops: one.links.slice(1).map(() => 0),
        notes: one.ases.map((isdAs) => this.#topology.ases.get(isdAs)?.name ?? ''),
      },
    }
  }
}
