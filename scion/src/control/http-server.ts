import type { UnderlayAddress } from '../addr/underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import { printable } from './rpc.ts'

/** Characters of a URL that names a server. */
export const SERVER_URL_CHARS_MAX = 2048

/** A server that is asked by HTTP. */
export interface HttpServer {
  /** For people and messages. */
  readonly name: string
  readonly secure: boolean
  /** A name or an IP address; an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** What comes before the path of a question, without a slash at its end. */
  readonly prefix: string
}

/** The server at an address inside the AS; those speak plain HTTP. */
export function serverAt(address: UnderlayAddress): HttpServer {
  return { name: formatUnderlay(address), secure: false, ...address, prefix: '' }
}

/**
 * The server that an `http:` or `https:` URL names. Throws `ERR_SCION_CONFIG`, with `what` as the
 * place, for anything else and for a URL with a question, a fragment or a password.
 */
export function parseServerUrl(text: string, what: string): HttpServer {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  const isPlain = url?.search === '' && url.hash === '' && url.username === ''
  if (url === undefined || !isHttp || !isPlain || text.length > SERVER_URL_CHARS_MAX) {
    const found = printable(text.slice(0, 80))
    throw new ScionError('ERR_SCION_CONFIG', `${what}: an http: or https: URL, found "${found}"`)
  }
  const secure = url.protocol === 'https:'
  return {
    name: url.href.replace(/\/+$/, ''),
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    prefix: url.pathname.replace(/\/+$/, ''),
  }
}
