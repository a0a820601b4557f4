import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'

/** ASes in one topology: what a laptop simulates without effort. */
export const TOPOLOGY_ASES_MAX = 64
/** Links in one topology. */
export const TOPOLOGY_LINKS_MAX = 256
/** MTU of an AS or a link that names none, in bytes: Ethernet less room for tunnels. */
export const TOPOLOGY_MTU = 1472

/** An AS as one writes it down. */
export interface AsDescription {
  /** For people: shown on maps. */
  readonly name?: string
  /** Core ASes begin segments; each ISD needs one. */
  readonly core?: boolean
  /** Largest SCION packet inside the AS, in bytes. */
  readonly mtu?: number
  /**
   * Interfaces by router, where there is more than one router: `{ a: [1, 2], b: [3] }`. Interfaces
   * that are named nowhere belong to a router of the name `br`.
   */
  readonly routers?: Readonly<Record<string, readonly number[]>>
}

/** What a link does to packets; each field can be changed while the network runs. */
export interface LinkQuality {
  /** One-way delay, milliseconds. */
  readonly latencyMs: number
  /** Up to so many milliseconds more, evenly spread, drawn for each packet. */
  readonly jitterMs: number
  /** Share of packets that vanish, 0 … 1. */
  readonly loss: number
  /** Rate in kilobits a second; 0 is without limit. Packets queue up before they are dropped. */
  readonly bandwidthKbps: number
}

/** A link as one writes it down. */
export interface LinkDescription extends Partial<LinkQuality> {
  /** How it is called in `cut` and `mend`; default `a--b`. */
  readonly id?: string
  /** One end, `1-ff00:0:110#2`; of a `child` link the parent's end. */
  readonly a: string
  /** The other end; of a `child` link the child's. */
  readonly b: string
  /** `child`: `b` buys from `a`. */
  readonly kind: 'core' | 'child' | 'peer'
  /** Largest SCION packet over the link, in bytes. */
  readonly mtu?: number
  /** False for a link that is cut from the start. */
  readonly up?: boolean
}

/** A network as one writes it down: plain JSON. */
export interface TopologyDescription {
  /** By ISD-AS: `'1-ff00:0:110'`. */
  readonly ases: Readonly<Record<string, AsDescription>>
  readonly links: readonly LinkDescription[]
}

/** One end of a link. */
export interface LinkEnd {
  readonly isdAs: IsdAs
  /** Interface id, 1 … 65535, unique in its AS. */
  readonly interface: number
}

/** What lies behind an interface, seen from its own AS. */
export type LinkRole = 'core' | 'parent' | 'child' | 'peer'

/** A link, checked. */
export interface TopologyLink extends LinkQuality {
  readonly id: string
  /** Of a child link, the parent. */
  readonly a: LinkEnd
  readonly b: LinkEnd
  readonly kind: 'core' | 'child' | 'peer'
  readonly mtu: number
  readonly up: boolean
}

/** An AS, checked. */
export interface TopologyAs {
  readonly isdAs: IsdAs
  readonly name?: string
  readonly core: boolean
  readonly mtu: number
  /** Interfaces of each router, by its name. */
  readonly routers: ReadonlyMap<string, readonly number[]>
}

/** A network, checked: every link ends in two of its ASes, no interface is used twice. */
export interface Topology {
  readonly ases: ReadonlyMap<IsdAs, TopologyAs>
  readonly links: readonly TopologyLink[]
}

/** Checks a description; throws `ERR_SCION_CONFIG` with the place that is wrong. */
export function readTopology(description: TopologyDescription): Topology {
  const entries = Object.entries(description.ases)
  atMost(entries.length, TOPOLOGY_ASES_MAX, 'ases')
  atMost(description.links.length, TOPOLOGY_LINKS_MAX, 'links')
  const known = new Set(entries.map(([text]) => parseIsdAs(text)))
  const taken = new Set<string>()
  const ids = new Set<string>()
  const links = description.links.map((link) => readLink(link, known, taken, ids))
  const ases = new Map<IsdAs, TopologyAs>()
  for (const [text, as] of entries) {
    const isdAs = parseIsdAs(text)
    ases.set(isdAs, readAs(isdAs, as, links))
  }
  for (const link of links) checkCores(link, ases)
  return { ases, links }
}

/** Writes one end of a link, `1-ff00:0:110#2`. */
export function formatEnd(end: LinkEnd): string {
  return `${formatIsdAs(end.isdAs)}#${end.interface}`
}

/** The link at an interface, with what the other side is to this one. */
export function linkAt(
  topology: Topology,
  isdAs: IsdAs,
  id: number,
): { link: TopologyLink; role: LinkRole; here: LinkEnd; there: LinkEnd } | undefined {
  for (const link of topology.links) {
    for (const [here, there] of [
      [link.a, link.b],
      [link.b, link.a],
    ] as const) {
      if (here.isdAs !== isdAs || here.interface !== id) continue
      const role = link.kind !== 'child' ? link.kind : here === link.a ? 'child' : 'parent'
      return { link, role, here, there }
    }
  }
  return undefined
}

function readLink(
  link: LinkDescription,
  known: ReadonlySet<IsdAs>,
  taken: Set<string>,
  ids: Set<string>,
): TopologyLink {
  const id = link.id ?? `${link.a}--${link.b}`
  if (ids.has(id)) throw wrong(`link ${id}`, 'an id of its own', 'one used before')
  ids.add(id)
  const end = (text: string): LinkEnd => {
    const [as = '', digits = ''] = text.split('#')
    const isdAs = parseIsdAs(as)
    const number = Number(digits)
    if (!known.has(isdAs)) throw wrong(`link ${id}`, 'an AS of this topology', as)
    if (!Number.isInteger(number) || number < 1 || number > 0xffff) {
      throw wrong(`link ${id}`, 'an interface 1 … 65535', text)
    }
    const found = { isdAs, interface: number }
    const key = formatEnd(found)
    if (taken.has(key)) throw wrong(`link ${id}`, 'an interface of its own', text)
    taken.add(key)
    return found
  }
  return {
    id,
    a: end(link.a),
    b: end(link.b),
    kind: link.kind,
    mtu: link.mtu ?? TOPOLOGY_MTU,
    up: link.up ?? true,
    ...readQuality(link),
  }
}

/** Fills in what a description leaves out: a perfect link. Throws for what no link can do. */
export function readQuality(quality: Partial<LinkQuality>): LinkQuality {
  const { latencyMs = 0, jitterMs = 0, loss = 0, bandwidthKbps = 0 } = quality
  for (const [field, value] of Object.entries({ latencyMs, jitterMs, loss, bandwidthKbps })) {
    if (!(value >= 0 && Number.isFinite(value))) throw wrong(field, '0 or more', String(value))
  }
  if (loss > 1) throw wrong('loss', '0 … 1', String(loss))
  return { latencyMs, jitterMs, loss, bandwidthKbps }
}

function readAs(isdAs: IsdAs, as: AsDescription, links: readonly TopologyLink[]): TopologyAs {
  const ends = links.flatMap((link) => [link.a, link.b]).filter((end) => end.isdAs === isdAs)
  const routers = new Map(Object.entries(as.routers ?? {}))
  const placed = new Set([...routers.values()].flat())
  const rest = ends.map((end) => end.interface).filter((id) => !placed.has(id))
  if (rest.length > 0 || routers.size === 0) routers.set('br', rest)
  return {
    isdAs,
    ...(as.name === undefined ? {} : { name: as.name }),
    core: as.core ?? false,
    mtu: as.mtu ?? TOPOLOGY_MTU,
    routers,
  }
}

function checkCores(link: TopologyLink, ases: ReadonlyMap<IsdAs, TopologyAs>): void {
  const cores = [link.a, link.b].filter((end) => ases.get(end.isdAs)?.core === true).length
  if (link.kind === 'core' && cores !== 2) throw wrong(`link ${link.id}`, 'two core ASes', 'less')
  if (link.kind === 'child' && ases.get(link.b.isdAs)?.core === true) {
    throw wrong(`link ${link.id}`, 'a child that is no core AS', formatEnd(link.b))
  }
}

function atMost(found: number, most: number, field: string): void {
  if (found > most) throw wrong(field, `at most ${most}`, String(found))
}

function wrong(field: string, expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_CONFIG', `${field}: ${expected}, found ${found}`)
}
