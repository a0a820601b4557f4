import type { IsdAs } from '../addr/isd-as.ts'
import { isdAsOf } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { parseUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import { PATH_TYPE } from '../path/dataplane.ts'
import { pathFingerprint } from '../path/fingerprint.ts'
import type {
  GeoCoordinates,
  LinkType,
  Path,
  PathInterface,
  PathMetadata,
  ServiceAddresses,
} from '../path/path.ts'
import type { LocalAs, PortRange } from '../path/source.ts'
import { pathMeta } from '../path/standard.ts'
import { readServiceLists } from '../segment/services.ts'
import type { ProtoField } from './protobuf.ts'
import { ProtoWriter, fieldsOf } from './protobuf.ts'
import { readTimestamp } from './trust-messages.ts'

/** Most paths taken from one answer of a daemon. */
export const DAEMON_PATHS_MAX = 1024
const INTERFACES_MAX = 128

/** A question for paths. */
export interface PathsRequest {
  readonly source: IsdAs
  readonly destination: IsdAs
  /** Asks the control service although the daemon has paths. */
  readonly refresh: boolean
  /** Asks for hidden paths of the groups that the daemon knows. */
  readonly hidden: boolean
}

/** Writes a PathsRequest. */
export function encodePathsRequest(request: PathsRequest): Uint8Array {
  return new ProtoWriter()
    .varint(1, request.source)
    .varint(2, request.destination)
    .varint(3, request.refresh)
    .varint(4, request.hidden)
    .finish()
}

/**
 * Reads a PathsResponse. A path that leads nowhere is left out; where there is no other, it is an error
 * of the daemon.
 */
export function decodePathsResponse(message: Uint8Array, request: PathsRequest): readonly Path[] {
  const paths: Path[] = []
  const refused: ScionError[] = []
  for (const field of fieldsOf(message, 'PathsResponse')) {
    if (field.number !== 1) continue
    if (paths.length + refused.length === DAEMON_PATHS_MAX) break
    try {
      paths.push(readPath(field, request))
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      refused.push(error)
    }
  }
  const [first] = refused
  if (paths.length === 0 && first !== undefined) throw first
  return paths
}

interface PathFields {
  raw: Uint8Array
  nextHop: UnderlayAddress | undefined
  interfaces: PathInterface[]
  mtu: number
  expiryMs: number
  latencies: (number | undefined)[]
  bandwidths: (number | undefined)[]
  geo: (GeoCoordinates | undefined)[]
  linkTypes: LinkType[]
  internalHops: (number | undefined)[]
  notes: string[]
  epic: Path['epicAuthenticators']
  services: Map<IsdAs, ServiceAddresses>
}

function readPath(message: ProtoField, request: PathsRequest): Path {
  const fields = readFields(message)
  const { interfaces, raw, nextHop } = fields
  const ends = [interfaces[0]?.isdAs, interfaces.at(-1)?.isdAs]
  if (
    interfaces.length % 2 !== 0 ||
    ends[0] !== request.source ||
    ends[1] !== request.destination
  ) {
    throw nonsense('interfaces: pairs from source to destination')
  }
  if (nextHop === undefined) throw nonsense('interface.address: a router, found none')
  pathMeta(raw)
  return {
    source: request.source,
    destination: request.destination,
    dataplane: { type: PATH_TYPE.scion, bytes: raw },
    nextHop,
    interfaces,
    mtu: fields.mtu,
    expiryMs: fields.expiryMs,
    fingerprint: pathFingerprint(interfaces),
    metadata: metadataOf(fields),
    ...(fields.services.size === 0 ? {} : { services: fields.services }),
    ...(fields.epic === undefined ? {} : { epicAuthenticators: fields.epic }),
  }
}

function readFields(message: ProtoField): PathFields {
  const found: PathFields = {
    ...{ raw: new Uint8Array(0), nextHop: undefined, interfaces: [], mtu: 0, expiryMs: 0 },
    ...{ latencies: [], bandwidths: [], geo: [], linkTypes: [], internalHops: [], notes: [] },
    epic: undefined,
    services: new Map(),
  }
  for (const field of message.fields('Path')) {
    readField(field, found)
    if (found.interfaces.length > INTERFACES_MAX)
      throw nonsense(`at most ${INTERFACES_MAX} interfaces`)
  }
  return found
}

function readField(field: ProtoField, found: PathFields): void {
  switch (field.number) {
    case 1:
      found.raw = field.bytes().slice()
      break
    case 2:
      found.nextHop = readInterfaceAddress(field)
      break
    case 3:
      found.interfaces.push(readInterface(field))
      break
    case 4:
      found.mtu = field.uint(0xffff)
      break
    case 5:
      found.expiryMs = readTimestamp(field)
      break
    case 6: {
      const latencyMs = readTimestamp(field)
      found.latencies.push(latencyMs < 0 ? undefined : latencyMs)
      break
    }
    case 7:
      for (const one of field.packed(Number.MAX_SAFE_INTEGER))
        found.bandwidths.push(one || undefined)
      break
    case 8:
      found.geo.push(readGeo(field))
      break
    case 9:
      for (const one of field.packed(0xffff)) found.linkTypes.push(LINK_TYPES[one] ?? 'unset')
      break
    case 10:
      for (const one of field.packed(0xffff_ffff)) found.internalHops.push(one || undefined)
      break
    case 11:
      found.notes.push(field.string())
      break
    case 12:
      found.epic = readEpic(field)
      break
    case 13:
      readServicesEntry(field, found.services)
      break
  }
}

const LINK_TYPES: readonly LinkType[] = ['unset', 'direct', 'multi-hop', 'open-net']

/** Lists that the daemon left out, or of another length than the interfaces ask for, say nothing. */
function metadataOf(fields: PathFields): PathMetadata {
  const count = fields.interfaces.length
  const exact = <T>(list: readonly T[], length: number, blank: T): readonly T[] =>
    list.length === length ? list : new Array<T>(length).fill(blank)
  return {
    latenciesMs: exact(fields.latencies, count - 1, undefined),
    bandwidthsKbps: exact(fields.bandwidths, count - 1, undefined),
    geo: exact(fields.geo, count, undefined),
    linkTypes: exact<LinkType>(fields.linkTypes, count / 2, 'unset'),
    internalHops: exact(fields.internalHops, count / 2 - 1, undefined),
    notes: exact(fields.notes, count / 2 + 1, ''),
  }
}

function readInterface(message: ProtoField): PathInterface {
  let isdAs = isdAsOf(0n)
  let id = 0
  for (const field of message.fields('PathInterface')) {
    if (field.number === 1) isdAs = isdAsOf(field.u64())
    if (field.number === 2) id = field.uint(0xffff)
  }
  return { isdAs, id }
}

function readInterfaceAddress(message: ProtoField): UnderlayAddress | undefined {
  for (const field of message.fields('Interface')) {
    if (field.number !== 1) continue
    for (const one of field.fields('Underlay')) {
      if (one.number === 1) return parseUnderlay(one.string())
    }
  }
  return undefined
}

function readGeo(message: ProtoField): GeoCoordinates | undefined {
  let latitude = 0
  let longitude = 0
  let address = ''
  for (const field of message.fields('GeoCoordinates')) {
    if (field.number === 1) latitude = field.float()
    if (field.number === 2) longitude = field.float()
    if (field.number === 3) address = field.string()
  }
  const isBlank = latitude === 0 && longitude === 0 && address === ''
  return isBlank ? undefined : { latitude, longitude, address }
}

function readServicesEntry(entry: ProtoField, services: Map<IsdAs, ServiceAddresses>): void {
  let isdAs = isdAsOf(0n)
  let addresses: ServiceAddresses | undefined
  for (const field of entry.fields('Path.discovery_information')) {
    if (field.number === 1) isdAs = isdAsOf(field.u64())
    if (field.number === 2) addresses = readServiceLists(field, 1, 2)
  }
  if (addresses !== undefined && services.size < INTERFACES_MAX) services.set(isdAs, addresses)
}

function readEpic(message: ProtoField): Path['epicAuthenticators'] {
  let penultimate: Uint8Array | undefined
  let last: Uint8Array | undefined
  for (const field of message.fields('EpicAuths')) {
    if (field.number === 1) penultimate = field.bytes().slice()
    if (field.number === 2) last = field.bytes().slice()
  }
  return penultimate?.length === 16 && last?.length === 16 ? { penultimate, last } : undefined
}

/** Reads an ASResponse, an InterfacesResponse and a PortRangeResponse into what a host must know. */
export function decodeLocalAs(as: Uint8Array, interfaces: Uint8Array, ports: Uint8Array): LocalAs {
  let isdAs = isdAsOf(0n)
  let core = false
  let mtu = 0
  for (const field of fieldsOf(as, 'ASResponse')) {
    if (field.number === 1) isdAs = isdAsOf(field.u64())
    if (field.number === 2) core = field.boolean()
    if (field.number === 3) mtu = field.uint(0xffff)
  }
  const dispatchedPorts = readPorts(ports)
  return {
    isdAs,
    core,
    mtu,
    ...(dispatchedPorts === undefined ? {} : { dispatchedPorts }),
    borderRouters: readRouters(interfaces),
  }
}

function readPorts(message: Uint8Array): PortRange | undefined {
  let [min, max] = [0, 0]
  for (const field of fieldsOf(message, 'PortRangeResponse')) {
    if (field.number === 1) min = field.uint(0xffff)
    if (field.number === 2) max = field.uint(0xffff)
  }
  return min > 0 && max >= min ? { min, max } : undefined
}

function readRouters(message: Uint8Array): ReadonlyMap<number, UnderlayAddress> {
  const routers = new Map<number, UnderlayAddress>()
  for (const field of fieldsOf(message, 'InterfacesResponse')) {
    if (field.number !== 1) continue
    let id = 0
    let address: UnderlayAddress | undefined
    for (const one of field.fields('InterfacesResponse.entry')) {
      if (one.number === 1) id = one.uint(0xffff)
      if (one.number === 2) address = readInterfaceAddress(one)
    }
    if (address !== undefined) routers.set(id, address)
  }
  return routers
}

/** Writes an ASRequest; 0-0 asks for the daemon's own AS. */
export function encodeAsRequest(isdAs: IsdAs): Uint8Array {
  return new ProtoWriter().varint(1, isdAs).finish()
}

/** Writes a NotifyInterfaceDownRequest. */
export function encodeInterfaceDown({ isdAs, id }: PathInterface): Uint8Array {
  return new ProtoWriter().varint(1, isdAs).varint(2, id).finish()
}

function nonsense(expected: string): ScionError {
  return new ScionError('ERR_SCION_CONTROL', `daemon Path.${expected}`)
}
