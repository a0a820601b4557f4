import { ScionError } from '../errors.ts'
import type { HostAddress } from './host.ts'
import { formatHost, parseHost, parseIp, sameHost } from './host.ts'
import type { IsdAs } from './isd-as.ts'
import { formatIsdAs, parseIsdAs } from './isd-as.ts'
import { quote, textLimit } from './text.ts'

/** A host and the AS that it is in. */
export interface ScionAddress {
  readonly isdAs: IsdAs
  readonly host: HostAddress
}

/** A port of a host: what a socket is bound to and what a datagram is sent to. */
export interface ScionEndpoint extends ScionAddress {
  /** 0 … 65535; 0 where none was given. */
  readonly port: number
}

/** Parses `1-ff00:0:110,192.0.2.1`: an AS and any kind of host. */
export function parseAddress(text: string): ScionAddress {
  textLimit(text, 'address')
  const comma = text.indexOf(',')
  if (comma < 0) {
    throw new ScionError('ERR_SCION_ADDRESS', `address: ISD-AS,host, found ${quote(text)}`)
  }
  return { isdAs: parseIsdAs(text.slice(0, comma)), host: parseHost(text.slice(comma + 1)) }
}

/** Writes `1-ff00:0:110,192.0.2.1`. */
export function formatAddress(address: ScionAddress): string {
  return `${formatIsdAs(address.isdAs)},${formatHost(address.host)}`
}

/**
 * Parses an endpoint in any notation in use: `[1-ff00:0:110,192.0.2.1]:80` (service hosts too), and
 * the older `1-ff00:0:110,192.0.2.1:80` and `1-ff00:0:110,[2001:db8::1]:80`, which take IP hosts
 * only. In the older forms a missing port means 0; an IPv6 host with a port needs its brackets.
 */
export function parseEndpoint(text: string): ScionEndpoint {
  textLimit(text, 'endpoint')
  return text.startsWith('[') ? parseBracketed(text) : parseLegacy(text)
}

/** Writes `[1-ff00:0:110,192.0.2.1]:80`, the form that everything reads. */
export function formatEndpoint(endpoint: ScionEndpoint): string {
  return `[${formatAddress(endpoint)}]:${endpoint.port}`
}

/** Whether two addresses name the same host of the same AS. */
export function sameAddress(a: ScionAddress, b: ScionAddress): boolean {
  return a.isdAs === b.isdAs && sameHost(a.host, b.host)
}

/** Whether two endpoints are the same port of the same host. */
export function sameEndpoint(a: ScionEndpoint, b: ScionEndpoint): boolean {
  return a.port === b.port && sameAddress(a, b)
}

function parseBracketed(text: string): ScionEndpoint {
  const match = /^\[([^[\]]*)\]:([0-9]+)$/.exec(text)
  if (match === null) throw notAnEndpoint(text)
  const [, address = '', port = ''] = match
  return { ...parseAddress(address), port: parsePort(port, text) }
}

function parseLegacy(text: string): ScionEndpoint {
  const comma = text.indexOf(',')
  if (comma < 0) throw notAnEndpoint(text)
  const isdAs = parseIsdAs(text.slice(0, comma))
  const rest = text.slice(comma + 1)
  const bracketed = /^\[([^[\]]*)\](?::([0-9]+))?$/.exec(rest)
  // One colon at most: a bare IPv6 address cannot be told from one with a port.
  const plain = bracketed ?? /^([^:[\]]+)(?::([0-9]+))?$/.exec(rest)
  if (plain === null) return { isdAs, host: parseIp(rest), port: 0 }
  const [, host = '', port] = plain
  return { isdAs, host: parseIp(host), port: port === undefined ? 0 : parsePort(port, text) }
}

function parsePort(digits: string, text: string): number {
  const port = Number(digits)
  if (!(port <= 0xffff)) throw notAnEndpoint(text)
  return port
}

function notAnEndpoint(text: string): ScionError {
  return new ScionError(
    'ERR_SCION_ADDRESS',
    `endpoint: [ISD-AS,host]:port with a port up to 65535, found ${quote(text)}`,
  )
}
