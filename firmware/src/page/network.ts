import { toHex } from '@s3mp/envelope'
import type {
  Failover,
  LinkEnd,
  NetworkAnswer,
  NetworkAs,
  NetworkLink,
  NetworkPath,
  PolicyAnswer,
} from '@s3mp/web/api'

import type { NetworkPathReport, NetworkReport, PathChange } from '../channel/network.ts'

/**
 * The network as the page draws it, made of what the uplink tells of its paths: the ASes and links are
 * those that the paths name, and nothing is said of them that no path tells.
 */
export function networkAnswer(report: NetworkReport, atMs: number): NetworkAnswer {
  const { source, destination, changes } = report
  const paths = report.paths.map(pathView)
  const active = paths.find(({ state }) => state === 'active')?.id
  return {
    atMs,
    source,
    destination,
    ases: asesOf(report, paths),
    links: linksOf(report, paths),
    paths,
    ...(active !== undefined && { active }),
    failovers: changes.map(failover),
  }
}

/** The policy in the meter's configuration, and what it makes of each path. */
export function policyAnswer({ policy, paths }: NetworkReport): PolicyAnswer {
  return {
    choice: { kind: 'configured', name: policy },
    named: [],
    rulings: paths.map(({ fingerprint, ruling }) => ({ path: toHex(fingerprint), ...ruling })),
  }
}

function pathView(path: NetworkPathReport): NetworkPath {
  const { fingerprint, state, reason, roundTripMs, jitterMs, lossPercent, mtu, expiresMs } = path
  const interfaces = path.interfaces.map(linkEnd)
  return {
    id: toHex(fingerprint),
    interfaces,
    links: pairs(interfaces).map(([a, b]) => linkId(a, b)),
    state,
    reason,
    ...(roundTripMs !== undefined && { roundTripMs }),
    ...(jitterMs !== undefined && { jitterMs }),
    ...(lossPercent !== undefined && { lossPercent }),
    mtu,
    expiresMs,
  }
}

function asesOf(report: NetworkReport, paths: readonly NetworkPath[]): readonly NetworkAs[] {
  const { source, destination } = report
  const named = paths.flatMap(({ interfaces }) => interfaces.map(({ ia }) => ia))
  return [...new Set([source, ...named, destination])].map((ia) => ({
    ia,
    isd: Number(ia.slice(0, ia.indexOf('-'))),
    hosts: [
      ...(ia === source ? (['meter'] as const) : []),
      ...(ia === destination ? (['headend'] as const) : []),
    ],
  }))
}

function linksOf(report: NetworkReport, paths: readonly NetworkPath[]): readonly NetworkLink[] {
  const broken = brokenLinks(report, paths)
  const links = new Map<string, NetworkLink>()
  for (const [index, { interfaces }] of paths.entries()) {
    for (const [place, [a, b]] of pairs(interfaces).entries()) {
      const id = linkId(a, b)
      const latencyMs = links.get(id)?.latencyMs ?? report.paths[index]?.delaysMs[place]
      const delay = latencyMs !== undefined && { latencyMs }
      links.set(id, { id, a, b, up: !broken.has(id), switchable: false, ...delay })
    }
  }
  return [...links.values()]
}

/**
 * Links that are broken, as far as the paths tell: one that a router named, or that is all that a fallen
 * path has beyond the links of paths that work. Where there are several such, nobody knows which it is.
 */
function brokenLinks(report: NetworkReport, paths: readonly NetworkPath[]): ReadonlySet<string> {
  const works = ({ state }: NetworkPath): boolean => state === 'active' || state === 'alive'
  const sound = new Set(paths.filter(works).flatMap(({ links }) => links))
  const fallen = paths.filter(
    ({ state, reason }) => state === 'down' && (reason === 'silent' || reason === 'revoked'),
  )
  const suspects = fallen.map(({ links }) => links.filter((id) => !sound.has(id)))
  const named = report.paths.flatMap(({ brokenLink }, index) => {
    const id = brokenLink === undefined ? undefined : paths[index]?.links[brokenLink]
    return id === undefined ? [] : [id]
  })
  return new Set([...named, ...suspects.filter(({ length }) => length === 1).flat()])
}

/** Interfaces come in pairs, out of one AS and into the next. */
function pairs(interfaces: readonly LinkEnd[]): readonly (readonly [LinkEnd, LinkEnd])[] {
  return interfaces.flatMap((out, index) => {
    const into = interfaces[index + 1]
    return index % 2 === 0 && into !== undefined ? [[out, into] as const] : []
  })
}

/** The same from both sides. */
function linkId(a: LinkEnd, b: LinkEnd): string {
  return [a, b]
    .map((end) => `${end.ia}#${String(end.interface)}`)
    .sort()
    .join(' ')
}

function linkEnd(text: string): LinkEnd {
  const [ia = '', id = '0'] = text.split('#')
  return { ia, interface: Number(id) }
}

function failover({ atMs, from, to, cause, gapMs }: PathChange): Failover {
  return {
    atMs,
    cause,
    ...(from.length > 0 && { from: toHex(from) }),
    ...(to.length > 0 && { to: toHex(to) }),
    ...(gapMs !== undefined && { gapMs }),
  }
}
