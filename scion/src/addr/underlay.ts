import { ScionError } from '../errors.ts'
import { formatHost, parseIp } from './host.ts'
import { quote } from './text.ts'

/** Where a datagram goes on the IP network inside an AS. */
export interface UnderlayAddress {
  /** An IP address in text form. */
  readonly host: string
  readonly port: number
}

/** Parses `192.0.2.1:30042` or `[2001:db8::1]:30042`. */
export function parseUnderlay(text: string): UnderlayAddress {
  const match = /^(?:\[([^[\]]{1,100})\]|([^:[\]]{1,100})):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 0xffff) {
    throw new ScionError('ERR_SCION_ADDRESS', `underlay: IP:port, found ${quote(text)}`)
  }
  return { host: formatHost(parseIp(match[1] ?? match[2] ?? '')), port }
}

/** Writes `192.0.2.1:30042` or `[2001:db8::1]:30042`. */
export function formatUnderlay({ host, port }: UnderlayAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
