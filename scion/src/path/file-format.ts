import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
import { formatUnderlay, parseUnderlay } from '../addr/underlay.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import { Json } from '../json.ts'
import { pathExpiryMs } from './expiry.ts'
import { pathFingerprint } from './fingerprint.ts'
import { formatInterface, parseInterface } from './interface-text.ts'
import type { GeoCoordinates, LinkType, Path, PathMetadata } from './path.ts'
import type { LocalAs, PortRange } from './source.ts'

/** What a path file holds. */
export interface PathFileContent {
  readonly local: LocalAs
  readonly paths: readonly Path[]
}

/** Most paths in a path file. */
export const PATH_FILE_PATHS_MAX = 4096
/** Most border router interfaces in a path file. */
export const PATH_FILE_ROUTERS_MAX = 4096
const VERSION = 1
const PATH_INTERFACES_MAX = 128
const LINK_TYPES: readonly LinkType[] = ['unset', 'direct', 'multi-hop', 'open-net']

/**
 * Reads the text of a path file. Expiry and fingerprint are not in it: they follow from the path.
 * Throws `ERR_SCION_CONFIG` that begins with `name` and the place of what is wrong.
 */
export function parsePathFile(text: string, name: string): PathFileContent {
  const file = Json.parse(text, name, 'ERR_SCION_CONFIG').only('version', 'local', 'paths')
  file.get('version').integer(VERSION, VERSION)
  const local = readLocal(file.get('local'))
  const paths = file.get('paths').array(PATH_FILE_PATHS_MAX)
  return { local, paths: paths.map((path) => readPath(path, local)) }
}

/** Writes the text of a path file. */
export function formatPathFile({ local, paths }: PathFileContent): string {
  const routers = [...local.borderRouters].map(([id, address]) => [id, formatUnderlay(address)])
  const document = {
    version: VERSION,
    local: {
      isdAs: formatIsdAs(local.isdAs),
      core: local.core,
      mtu: local.mtu,
      dispatchedPorts: local.dispatchedPorts && formatPortRange(local.dispatchedPorts),
      borderRouters: Object.fromEntries(routers) as unknown,
    },
    paths: paths.map((path) => ({
      destination: formatIsdAs(path.destination),
      type: path.dataplane.type,
      dataplane: Buffer.from(path.dataplane.bytes).toString('hex'),
      nextHop: path.nextHop && formatUnderlay(path.nextHop),
      interfaces: path.interfaces.map(formatInterface),
      mtu: path.mtu,
      metadata: path.metadata && { ...path.metadata },
    })),
  }
  return `${JSON.stringify(document, undefined, 1)}\n`
}

/** Reads `31000-32767`, `all`, or `-` for none, as `dispatched_ports` of a topology file. */
export function parsePortRange(text: string): PortRange | undefined {
  if (text === '-' || text === '') return undefined
  if (text === 'all') return { min: 1, max: 0xffff }
  const match = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(text)
  const [min, max] = [Number(match?.[1]), Number(match?.[2])]
  if (!(min >= 1 && min <= max && max <= 0xffff)) {
    throw new ScionError(
      'ERR_SCION_ADDRESS',
      `ports: min-max, all or -, found ${JSON.stringify(text)}`,
    )
  }
  return { min, max }
}

/** Writes a port range as a topology file has it. */
export function formatPortRange({ min, max }: PortRange): string {
  return `${min}-${max}`
}

function readLocal(local: Json): LocalAs {
  local.only('isdAs', 'core', 'mtu', 'dispatchedPorts', 'borderRouters')
  const routers = local.get('borderRouters').entries(PATH_FILE_ROUTERS_MAX)
  const ports = local.get('dispatchedPorts')
  const dispatchedPorts = ports.exists ? ports.parsed(parsePortRange) : undefined
  return {
    isdAs: local.get('isdAs').parsed(parseIsdAs),
    core: local.get('core').boolean(),
    mtu: local.get('mtu').integer(1, 0xffff),
    ...(dispatchedPorts === undefined ? {} : { dispatchedPorts }),
    borderRouters: new Map<number, UnderlayAddress>(
      routers.map(([id, address]) => {
        if (!/^[1-9][0-9]{0,4}$/.test(id)) throw address.wrong('an interface number as key', id)
        return [Number(id), address.parsed(parseUnderlay)]
      }),
    ),
  }
}

function readPath(path: Json, local: LocalAs): Path {
  path.only('destination', 'type', 'dataplane', 'nextHop', 'interfaces', 'mtu', 'metadata')
  const hex = path.get('dataplane')
  if (!/^(?:[0-9a-f]{8})+$/.test(hex.string())) throw hex.wrong('4-byte words in hexadecimal')
  const dataplane = {
    type: path.get('type').integer(1, 255),
    bytes: Uint8Array.from(Buffer.from(hex.string(), 'hex')),
  }
  const interfaces = path
    .get('interfaces')
    .array(PATH_INTERFACES_MAX)
    .map((one) => one.parsed(parseInterface))
  const destination = path.get('destination').parsed(parseIsdAs)
  const ends = [interfaces[0]?.isdAs, interfaces.at(-1)?.isdAs]
  if (interfaces.length % 2 !== 0 || ends[0] !== local.isdAs || ends[1] !== destination) {
    throw path.get('interfaces').wrong('pairs from the own AS to the destination')
  }
  const metadata = path.get('metadata')
  return {
    source: local.isdAs,
    destination,
    dataplane,
    nextHop: path.get('nextHop').parsed(parseUnderlay),
    interfaces,
    mtu: path.get('mtu').integer(1, 0xffff),
    expiryMs: hex.parsed(() => pathExpiryMs(dataplane)),
    fingerprint: pathFingerprint(interfaces),
    ...(metadata.exists ? { metadata: readMetadata(metadata, interfaces.length) } : {}),
  }
}

function readMetadata(metadata: Json, interfaces: number): PathMetadata {
  const lists = ['latenciesMs', 'bandwidthsKbps', 'geo', 'linkTypes', 'internalHops', 'notes']
  metadata.only(...lists)
  const list = <T>(name: string, length: number, read: (one: Json) => T): readonly T[] => {
    const found = metadata.get(name).array(PATH_INTERFACES_MAX)
    if (found.length !== length) throw metadata.get(name).wrong(`${length} elements`, found.length)
    return found.map(read)
  }
  const links = interfaces / 2
  const positive = (one: Json): number | undefined => {
    if (!one.exists) return undefined
    if (one.number() < 0) throw one.wrong('0 or more')
    return one.number()
  }
  return {
    latenciesMs: list('latenciesMs', interfaces - 1, positive),
    bandwidthsKbps: list('bandwidthsKbps', interfaces - 1, positive),
    geo: list('geo', interfaces, (one) => (one.exists ? readGeo(one) : undefined)),
    linkTypes: list('linkTypes', links, (one) => {
      const type = LINK_TYPES.find((known) => known === one.string())
      if (type === undefined) throw one.wrong(LINK_TYPES.join(', '))
      return type
    }),
    internalHops: list('internalHops', links - 1, positive),
    notes: list('notes', links + 1, (one) => one.string()),
  }
}

function readGeo(geo: Json): GeoCoordinates {
  geo.only('latitude', 'longitude', 'address')
  return {
    latitude: geo.get('latitude').number(),
    longitude: geo.get('longitude').number(),
    address: geo.get('address').string(),
  }
}
