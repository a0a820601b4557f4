import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import { EMPTY_PATH } from '../path/dataplane.ts'
import type { Path } from '../path/path.ts'
import type { LocalAs, PathQuery, PathSource } from '../path/source.ts'
import type { CombinedPath } from '../segment/combinator.ts'
import { combineSegments, withNextHop } from '../segment/combinator.ts'
import type { PathSegment } from '../segment/segment.ts'
import { lastAs, segmentExpiryMs, segmentName } from '../segment/segment.ts'
import type { BeaconingOptions, Beaconed } from './segments.ts'
import { beacon } from './segments.ts'

/** Paths that one lookup brings, best first. */
export const LOOKUP_PATHS_MAX = 64

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
  readonly #segments = new Map<string, Beaconed>()
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
  paths(from: IsdAs, to: IsdAs): readonly CombinedPath[] {
    this.beacon()
    const all = [...this.#segments.values()]
    const nowMs = this.#options.nowMs()
    const below = (end: IsdAs): readonly PathSegment[] =>
      all.flatMap(({ kind, segment }) =>
        kind === 'down' && lastAs(segment) === end ? [segment] : [],
      )
    const core = all.flatMap(({ kind, segment }) => (kind === 'core' ? [segment] : []))
    return combineSegments(from, to, { up: below(from), core, down: below(to) })
      .filter((path) => path.expiryMs > nowMs)
      .slice(0, LOOKUP_PATHS_MAX)
  }

  /** Sends beacons round, where it is time. */
  beacon(): void {
    const nowMs = this.#options.nowMs()
    if (nowMs - this.#beaconedMs < this.#options.beaconIntervalMs) return
    this.#beaconedMs = nowMs
    for (const [key, { segment }] of this.#segments) {
      if (segmentExpiryMs(segment) <= nowMs) this.#segments.delete(key)
    }
    const timestamp = Math.floor(nowMs / 1000)
    for (const made of beacon({ ...this.#options, timestamp })) {
      this.#segments.set(`${made.kind} ${segmentName(made.segment)}`, made)
    }
  }
}

/** The paths that hosts of one AS get from the {@link ControlPlane}. */
export class NetworkPathSource implements PathSource {
  readonly local: LocalAs
  readonly #plane: ControlPlane
  #closed = false

  constructor(local: LocalAs, plane: ControlPlane) {
    this.local = local
    this.#plane = plane
  }

  async paths(destination: IsdAs, query: PathQuery = {}): Promise<readonly Path[]> {
    await Promise.resolve()
    query.signal?.throwIfAborted()
    if (this.#closed) throw new ScionError('ERR_SCION_CLOSED', 'path source: open, found closed')
    if (destination === this.local.isdAs) return [this.#emptyPath()]
    if (!this.#plane.reachable) {
      throw new ScionError('ERR_SCION_CONTROL', `paths to ${formatIsdAs(destination)}: no answer`)
    }
    return this.#plane
      .paths(this.local.isdAs, destination)
      .flatMap((path) => withNextHop(path, this.local) ?? [])
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
}
