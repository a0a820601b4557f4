import { PathChanges, type PathMove } from '@s3mp/firmware'
import { formatIsdAs } from '@s3mp/scion'
import type { PathEvent, PathPilot, PathReport } from '@s3mp/scion'
import type { Network } from '@s3mp/scion/testing'
import type { Failover, NetworkAnswer, NetworkLink, NetworkPath } from '@s3mp/web/api'

/** Characters of a fingerprint that name a path everywhere: the eight bytes that records carry. */
const PATH_ID_CHARS = 16

/** The name of a path by its fingerprint. */
export function pathId(fingerprint: string): string {
  return fingerprint.slice(0, PATH_ID_CHARS)
}

/** What the map is drawn from, and what it listens to. */
export interface NetworkViewOptions {
  readonly network: Network
  readonly pilot: PathPilot
  readonly source: string
  readonly destination: string
  readonly nowMs: () => number
  /** Called when the map should be told anew. */
  readonly onChange: () => void
  /** Called when traffic has moved, once the gap is known. */
  readonly onFailover: (failover: Failover) => void
}

/** The network as the page draws it: links, paths, and how long each change of path took. */
export class NetworkView {
  readonly #options: NetworkViewOptions
  readonly #changes = new PathChanges()
  readonly #stops: readonly (() => void)[]

  constructor(options: NetworkViewOptions) {
    this.#options = options
    this.#stops = [
      options.pilot.observe((event) => {
        this.#pathEvent(event)
      }),
      options.network.observe((event) => {
        if (event.type === 'link') options.onChange()
      }),
    ]
  }

  /** An acknowledgement arrived at `atMs` over the path of that id. */
  acknowledged(path: string, atMs: number): void {
    const known = this.#changes.acknowledged(path, atMs)
    if (known === undefined) return
    this.#options.onFailover(failoverOf(known))
    this.#options.onChange()
  }

  /** Everything as it is now. */
  answer(): NetworkAnswer {
    const { network, pilot, source, destination, nowMs } = this.#options
    const reports = pilot.report()
    const paths = reports.map((report) => this.#path(report))
    const active = paths.find((path) => path.state === 'active')?.id
    return {
      atMs: nowMs(),
      source,
      destination,
      ases: [...network.topology.ases.values()].map((as) => {
        const ia = formatIsdAs(as.isdAs)
        return {
          ia,
          isd: Number(ia.split('-')[0]),
          core: as.core,
          hosts: ia === source ? ['meter'] : ia === destination ? ['headend'] : [],
          ...(as.name !== undefined && { name: as.name }),
        }
      }),
      links: network.links().map((link) => this.#link(link)),
      paths,
      active,
      failovers: this.#changes.moves.map(failoverOf),
    }
  }

  /** Stops listening. */
  close(): void {
    for (const stop of this.#stops) stop()
  }

  #pathEvent(event: PathEvent): void {
    if (event.type === 'switched') {
      const { atMs, from, to, cause } = event
      this.#changes.moved({
        atMs,
        cause,
        ...(from !== undefined && { from: pathId(from) }),
        ...(to !== undefined && { to: pathId(to) }),
      })
    }
    this.#options.onChange()
  }

  #link(link: ReturnType<Network['links']>[number]): NetworkLink {
    const { latencyMs, jitterMs, loss } = link.quality
    return {
      id: link.id,
      a: { ia: formatIsdAs(link.a.isdAs), interface: link.a.interface },
      b: { ia: formatIsdAs(link.b.isdAs), interface: link.b.interface },
      kind: link.kind === 'child' ? 'parent' : link.kind,
      up: link.up,
      switchable: true,
      latencyMs,
      jitterMs,
      lossPercent: loss * 100,
    }
  }

  #path(report: PathReport): NetworkPath {
    const interfaces = report.path.interfaces.map((each) => ({
      ia: formatIsdAs(each.isdAs),
      interface: each.id,
    }))
    return {
      id: pathId(report.fingerprint),
      interfaces,
      links: this.#linksOf(interfaces),
      state: report.state,
      reason: report.reason,
      mtu: report.mtu,
      expiresMs: report.expiryMs,
      ...(report.roundTripMs !== undefined && { roundTripMs: report.roundTripMs }),
      ...(report.jitterMs !== undefined && { jitterMs: report.jitterMs }),
      ...(report.loss !== undefined && { lossPercent: report.loss * 100 }),
    }
  }

  #linksOf(interfaces: readonly { ia: string; interface: number }[]): readonly string[] {
    const links = this.#options.network.links()
    // Interfaces come in pairs, out of one AS and into the next.
    return interfaces
      .filter((_, index) => index % 2 === 0)
      .flatMap((out) => {
        const link = links.find(({ a, b }) =>
          [a, b].some(
            (end) => formatIsdAs(end.isdAs) === out.ia && end.interface === out.interface,
          ),
        )
        return link === undefined ? [] : [link.id]
      })
  }
}

function failoverOf({ atMs, from, to, cause, gapMs }: PathMove): Failover {
  return {
    atMs,
    cause,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(gapMs !== undefined && { gapMs }),
  }
}
