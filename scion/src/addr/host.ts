import { ScionError } from '../errors.ts'
import { formatIpv4, formatIpv6, isMappedIpv4, parseIpv4, parseIpv6 } from './ip.ts'
import { quote, textLimit } from './text.ts'

/** Numbers of SCION service addresses (assigned numbers of the SCION registries). */
export const SERVICE = {
  /** Discovery service. */
  discovery: 0x0001,
  /** Control service. */
  control: 0x0002,
  /** Any service. */
  wildcard: 0x0010,
  /** No service. */
  none: 0xffff,
} as const

/** Flag in a service number: all instances of the service, not just one. */
export const SERVICE_MULTICAST = 0x8000

/** An IPv4 host. */
export interface Ipv4Host {
  readonly type: 'ipv4'
  /** Four bytes in network order. */
  readonly bytes: Uint8Array
}

/** An IPv6 host. */
export interface Ipv6Host {
  readonly type: 'ipv6'
  /** Sixteen bytes in network order. */
  readonly bytes: Uint8Array
  /** Scope of a link-local address, such as `eth0`; local knowledge that is never sent. */
  readonly zone?: string
}

/** A service of an AS, resolved to a host by the last router. */
export interface ServiceHost {
  readonly type: 'service'
  /** One of {@link SERVICE}, perhaps with {@link SERVICE_MULTICAST}. */
  readonly service: number
}

/**
 * A host address that is carried but not understood: an unassigned type, a service address with
 * something in its reserved half, or an IPv4-mapped IPv6 address (which routers refuse).
 */
export interface OpaqueHost {
  readonly type: 'opaque'
  /** The four type and length bits of the common header. */
  readonly typeLength: number
  /** 4 · (1 + (`typeLength` & 3)) bytes. */
  readonly bytes: Uint8Array
}

/** A host within an AS. */
export type HostAddress = Ipv4Host | Ipv6Host | ServiceHost | OpaqueHost

/** The four type and length bits of the host addresses that are assigned. */
export const HOST_TYPE = { ipv4: 0b0000, ipv6: 0b0011, service: 0b0100 } as const

const SERVICE_NAMES: Readonly<Record<string, number>> = {
  DS: SERVICE.discovery,
  CS: SERVICE.control,
  Wildcard: SERVICE.wildcard,
}

/** Makes a host of four bytes (IPv4) or sixteen (IPv6). */
export function ipHost(bytes: Uint8Array): Ipv4Host | Ipv6Host {
  if (bytes.length === 4) return { type: 'ipv4', bytes }
  if (bytes.length === 16) return { type: 'ipv6', bytes }
  throw new ScionError('ERR_SCION_ADDRESS', `host: 4 or 16 bytes, found ${bytes.length}`)
}

/** Makes a service address. */
export function serviceHost(service: number): ServiceHost {
  return { type: 'service', service }
}

/** Parses an IPv4 or IPv6 address or the name of a service (`CS`, `DS_A`, `Wildcard_M`). */
export function parseHost(text: string): HostAddress {
  const host = tryParseIp(text) ?? tryParseService(text)
  if (host === undefined) {
    throw new ScionError(
      'ERR_SCION_ADDRESS',
      `host: IPv4, IPv6 or service address, found ${quote(text)}`,
    )
  }
  return host
}

/** Parses an IPv4 or IPv6 address, the latter perhaps with a zone. */
export function parseIp(text: string): Ipv4Host | Ipv6Host {
  const host = tryParseIp(text)
  if (host === undefined) {
    throw new ScionError('ERR_SCION_ADDRESS', `host: IP address, found ${quote(text)}`)
  }
  return host
}

/** Parses the name of a service: `CS`, `CS_A` (any instance) or `CS_M` (all instances). */
export function parseService(text: string): ServiceHost {
  const host = tryParseService(text)
  if (host === undefined) {
    throw new ScionError('ERR_SCION_ADDRESS', `service: CS, DS or Wildcard, found ${quote(text)}`)
  }
  return host
}

/** Writes a host as people write it; IPv6 in the form of RFC 5952. */
export function formatHost(host: HostAddress): string {
  switch (host.type) {
    case 'ipv4':
      return formatIpv4(host.bytes)
    case 'ipv6':
      return formatIpv6(host.bytes) + (host.zone === undefined ? '' : `%${host.zone}`)
    case 'service':
      return formatService(host.service)
    case 'opaque': {
      const hex = Array.from(host.bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
      return `<type ${host.typeLength}: 0x${hex}>`
    }
  }
}

/** Writes a service number: `CS`, `CS_M`, or `<SVC:0x0abc>` for one without a name. */
export function formatService(service: number): string {
  const base = service & ~SERVICE_MULTICAST
  const name = Object.keys(SERVICE_NAMES).find((one) => SERVICE_NAMES[one] === base)
  if (name === undefined) return `<SVC:0x${service.toString(16).padStart(4, '0')}>`
  return service === base ? name : `${name}_M`
}

/** Whether two hosts are the same on the wire; zones do not count. */
export function sameHost(a: HostAddress, b: HostAddress): boolean {
  if (a.type === 'service' || b.type === 'service') {
    return a.type === 'service' && b.type === 'service' && a.service === b.service
  }
  if (a.type !== b.type || a.bytes.length !== b.bytes.length) return false
  if (a.type === 'opaque' && b.type === 'opaque' && a.typeLength !== b.typeLength) return false
  return a.bytes.every((byte, index) => byte === b.bytes[index])
}

/** Whether the host is the unspecified address (`0.0.0.0` or `::`), to which nobody can send. */
export function isUnspecified(host: HostAddress): boolean {
  return (host.type === 'ipv4' || host.type === 'ipv6') && host.bytes.every((byte) => byte === 0)
}

/** A host as two header fields. */
export interface HostField {
  /** The four type and length bits. */
  readonly typeLength: number
  readonly bytes: Uint8Array
}

/**
 * The header fields of a host. An IPv4-mapped IPv6 address goes out as IPv4, because routers
 * refuse the mapped form.
 */
export function packHost(host: HostAddress): HostField {
  switch (host.type) {
    case 'ipv4':
      return { typeLength: HOST_TYPE.ipv4, bytes: host.bytes }
    case 'ipv6':
      return isMappedIpv4(host.bytes)
        ? { typeLength: HOST_TYPE.ipv4, bytes: host.bytes.subarray(12) }
        : { typeLength: HOST_TYPE.ipv6, bytes: host.bytes }
    case 'service':
      return {
        typeLength: HOST_TYPE.service,
        bytes: Uint8Array.of(host.service >> 8, host.service & 0xff, 0, 0),
      }
    case 'opaque':
      return host
  }
}

/** Length in bytes of a host address with these type and length bits. */
export function hostLength(typeLength: number): number {
  return 4 * (1 + (typeLength & 3))
}

/** Reads a host from its header fields; what is not understood comes back as `opaque`. */
export function unpackHost(typeLength: number, bytes: Uint8Array): HostAddress {
  if (bytes.length !== hostLength(typeLength)) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `host: ${hostLength(typeLength)} bytes for type ${typeLength}, found ${bytes.length}`,
    )
  }
  if (typeLength === HOST_TYPE.ipv4) return { type: 'ipv4', bytes }
  if (typeLength === HOST_TYPE.ipv6 && !isMappedIpv4(bytes)) return { type: 'ipv6', bytes }
  if (typeLength === HOST_TYPE.service && bytes[2] === 0 && bytes[3] === 0) {
    return { type: 'service', service: ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0) }
  }
  return { type: 'opaque', typeLength, bytes }
}

function tryParseIp(text: string): Ipv4Host | Ipv6Host | undefined {
  textLimit(text, 'host')
  const v4 = parseIpv4(text)
  if (v4 !== undefined) return { type: 'ipv4', bytes: v4 }
  const percent = text.indexOf('%')
  const bytes = parseIpv6(percent < 0 ? text : text.slice(0, percent))
  if (bytes === undefined) return undefined
  if (percent < 0) return { type: 'ipv6', bytes }
  const zone = text.slice(percent + 1)
  return /^[\w.:~-]+$/.test(zone) ? { type: 'ipv6', bytes, zone } : undefined
}

function tryParseService(text: string): ServiceHost | undefined {
  textLimit(text, 'service')
  const match = /^(DS|CS|Wildcard)(_A|_M)?$/.exec(text)
  const base = SERVICE_NAMES[match?.[1] ?? '']
  if (base === undefined) return undefined
  return serviceHost(match?.[2] === '_M' ? base | SERVICE_MULTICAST : base)
}
