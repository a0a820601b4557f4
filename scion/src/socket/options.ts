import type { ScionEndpoint } from '../addr/endpoint.ts'
import { formatHost } from '../addr/host.ts'
import type { Clock, Random } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { LocalAs } from '../path/source.ts'
import type { DrkeyAuthentication } from '../spao/authentication.ts'
import type { Underlay, UnderlayFactory, UnderlayListener } from './underlay.ts'

/** Ports that are tried inside the range of the AS before binding fails. */
export const PORT_TRIES_MAX = 32

/** How to open a socket. */
export interface ScionSocketOptions {
  /** The own address: a concrete IP; port 0 takes a free one that routers deliver to. */
  readonly local: ScionEndpoint
  /** What a path source says of the own AS. */
  readonly localAs: LocalAs
  readonly underlay: UnderlayFactory
  readonly clock: Clock
  /** Unpredictable in earnest use: it guards against forged answers. */
  readonly random: Random
  /** Whether to answer echo and traceroute requests of others that arrive here. */
  readonly echo?: boolean
  /** Authenticates what is sent, and judges what arrives; without it nothing is authenticated. */
  readonly authentication?: DrkeyAuthentication
}

/** Binds the port that a socket asks for; for port 0 a free one that routers deliver to. */
export function bindFor(
  options: ScionSocketOptions,
  listener: UnderlayListener,
): Promise<Underlay> {
  const { local, localAs, underlay } = options
  if (local.host.type !== 'ipv4' && local.host.type !== 'ipv6') {
    throw new ScionError('ERR_SCION_CONFIG', 'local: an IP address, found another host')
  }
  if (local.isdAs !== localAs.isdAs) {
    throw new ScionError('ERR_SCION_CONFIG', 'local: an address in the own AS, found another AS')
  }
  const host = formatHost(local.host)
  const bind = (port: number): Promise<Underlay> => underlay.bind({ host, port }, listener)
  return local.port === 0 ? bindWithin(bind, options) : bind(local.port)
}

/** Binds a free port that routers deliver to: what the system offers, else one of the AS's range. */
async function bindWithin(
  bind: (port: number) => Promise<Underlay>,
  { localAs: { dispatchedPorts: range }, random }: ScionSocketOptions,
): Promise<Underlay> {
  const offered = await bind(0)
  const { port } = offered.local
  if (range === undefined || (port >= range.min && port <= range.max)) return offered
  await offered.close()
  for (let tried = 1; ; tried += 1) {
    const width = range.max - range.min + 1
    try {
      return await bind(range.min + Math.floor(random() * width))
    } catch (error) {
      if (tried >= PORT_TRIES_MAX) throw error
    }
  }
}
