import { readFile } from 'node:fs/promises'
import type { LeaseFolder } from './leases.ts'
import { leaseHints } from './leases.ts'
import type { MdnsOptions } from './mdns.ts'
import { mdnsHints } from './mdns.ts'
import { discoveryUrlOf } from './server.ts'

/** Search domains that are taken from the resolver's configuration. */
export const SEARCH_DOMAINS_MAX = 6

/** Where to look for hints; the places of this system unless given. */
export interface HereOptions {
  readonly leases?: readonly LeaseFolder[]
  readonly resolvConf?: string
  readonly mdns?: Omit<MdnsOptions, 'signal'>
  readonly signal?: AbortSignal
}

/** What the network that this host stands in hints at. */
export type HereHint = { readonly discovery: string } | { readonly domain: string }

/**
 * Asks this host and the network around it for discovery servers, as the bootstrapping design of the
 * reference has it, without privileges: the leases of its DHCP client, then the search domains of its
 * resolver (which come by DHCP, or by IPv6 router advertisements, RFC 8106), then multicast DNS.
 */
export async function hintsHere(options: HereOptions = {}): Promise<readonly HereHint[]> {
  const { signal } = options
  const [leases, domains, link] = await Promise.all([
    leaseHints(options.leases),
    searchDomains(options.resolvConf ?? '/etc/resolv.conf'),
    mdnsHints({ ...options.mdns, ...(signal && { signal }) }),
  ])
  return [
    ...leases.map((one) => ({ discovery: discoveryUrlOf(one) })),
    ...domains.map((domain) => ({ domain })),
    ...link.map((one) => ({ discovery: discoveryUrlOf(one) })),
  ]
}

/** The search domains of a resolver's configuration; the last line that names some counts. */
async function searchDomains(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = [...text.matchAll(/^(?:search|domain)[ \t]+(.+)$/gm)].map(([, rest = '']) => rest)
  const names = (lines.at(-1) ?? '').trim().split(/\s+/)
  return names.filter((name) => /^[a-z0-9.-]{2,255}$/i.test(name)).slice(0, SEARCH_DOMAINS_MAX)
}
