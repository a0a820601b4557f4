import { readFileSync } from 'node:fs'
import { parseIsdAs } from '@s3mp/scion'

/** What the neighbour at the other end is, seen along a link from `a` to `b`. */
export type LinkKind = 'core' | 'child' | 'peer'

/** One AS of a test network. */
export interface TestAs {
  /** "1-ff00:0:110" */
  readonly isdAs: string
  readonly core: boolean
  /** The core AS that signs its certificate; itself for a core AS. */
  readonly issuer: string
  /** Static metadata of the AS, written as its control service's staticInfoConfig.json. */
  readonly staticInfo?: Readonly<Record<string, unknown>>
}

/** One link between two ASes; `kind` says what `b` is to `a`. */
export interface TestLink {
  readonly name: string
  readonly kind: LinkKind
  readonly a: LinkEnd
  readonly b: LinkEnd
  readonly mtu: number
}

/** An AS's end of a link. */
export interface LinkEnd {
  readonly isdAs: string
  /** Interface id, 1..65535, unique in its AS. */
  readonly interfaceId: number
}

/** A small network: its ASes and links, in the order of the file. */
export interface Topology {
  readonly ases: readonly TestAs[]
  readonly links: readonly TestLink[]
  /** Whether hosts, routers and links stand on IPv6 addresses. */
  readonly ipv6: boolean
}

const MTU_DEFAULT = 1400

interface TopologyFile {
  readonly ipv6?: boolean
  readonly ases: Readonly<
    Record<string, { core?: boolean; issuer?: string; staticInfo?: Record<string, unknown> }>
  >
  readonly links: readonly { name?: string; kind: LinkKind; a: string; b: string; mtu?: number }[]
}

/** Reads a topology file; throws an Error that names what is wrong with it. */
export function readTopology(path: string): Topology {
  const file = JSON.parse(readFileSync(path, 'utf8')) as TopologyFile
  const ases = Object.entries(file.ases).map(([isdAs, as]) => testAs(path, isdAs, as))
  const known = new Set(ases.map((as) => as.isdAs))
  const links = file.links.map((link) => {
    const [a, b] = [linkEnd(path, link.a), linkEnd(path, link.b)]
    for (const end of [a, b]) {
      if (!known.has(end.isdAs)) throw new Error(`${path}: link to unknown AS ${end.isdAs}`)
    }
    return { ...link, name: link.name ?? `${link.a} ${link.b}`, a, b, mtu: link.mtu ?? MTU_DEFAULT }
  })
  return { ases, links, ipv6: file.ipv6 ?? false }
}

function testAs(path: string, isdAs: string, as: TopologyFile['ases'][string]): TestAs {
  parseIsdAs(isdAs)
  const core = as.core ?? false
  const issuer = core ? isdAs : as.issuer
  if (issuer === undefined) throw new Error(`${path}: ${isdAs} needs "core": true or an "issuer"`)
  return {
    isdAs,
    core,
    issuer,
    ...(as.staticInfo === undefined ? {} : { staticInfo: as.staticInfo }),
  }
}

function linkEnd(path: string, text: string): LinkEnd {
  const match = /^(.+)#([0-9]{1,5})$/.exec(text)
  const [, isdAs = '', id = ''] = match ?? []
  if (match === null) throw new Error(`${path}: a link's end is ISD-AS#INTERFACE, not ${text}`)
  return { isdAs, interfaceId: Number(id) }
}
