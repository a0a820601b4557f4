import { isIP } from 'node:net'
import { orAborted } from '../abort.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import type { Random } from '../clock.ts'
import { printable } from '../control/rpc.ts'
import { ScionError } from '../errors.ts'
import { DISCOVERY_PORT } from './server.ts'

/** Questions put to the DNS for one domain: a chain of records that goes on for ever ends here. */
export const DNS_QUESTIONS_MAX = 48
/** Addresses of discovery servers taken from the DNS for one domain. */
export const DNS_HINTS_MAX = 16

/** The questions that {@link dnsHints} asks; the resolvers of `node:dns/promises` answer them. */
export interface DnsResolver {
  resolveSrv(name: string): Promise<readonly SrvAnswer[]>
  resolveNaptr(name: string): Promise<readonly NaptrAnswer[]>
  resolvePtr(name: string): Promise<readonly string[]>
  resolveTxt(name: string): Promise<readonly (readonly string[])[]>
  resolve4(name: string): Promise<readonly string[]>
  resolve6(name: string): Promise<readonly string[]>
}

/** An SRV record (RFC 2782). */
export interface SrvAnswer {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** A NAPTR record (RFC 3403). */
export interface NaptrAnswer {
  readonly flags: string
  readonly service: string
  readonly replacement: string
  readonly order: number
  readonly preference: number
}

/** What the DNS says about discovery servers. */
export interface DnsHints {
  /** In the order in which they should be tried. */
  readonly addresses: readonly UnderlayAddress[]
  /** What was not there or could not be read, in words. */
  readonly problems: readonly string[]
}

/** What {@link dnsHints} needs beside a domain. */
export interface DnsOptions {
  readonly resolver: DnsResolver
  /** Chooses among SRV records of equal priority by their weights. */
  readonly random: Random
  readonly signal?: AbortSignal
}

const SERVICE_NAME = '_sciondiscovery._tcp'
const NAPTR_SERVICE = 'x-sciondiscovery:tcp'
const TXT_PORT = /^x-sciondiscovery=([0-9]{1,5})$/

/**
 * Looks for discovery servers in the DNS of a domain, in the ways of the end host bootstrapping
 * design: SRV and PTR records of `_sciondiscovery._tcp`, and NAPTR records of
 * `x-sciondiscovery:tcp` (RFC 3958), which lead to SRV records or to a host whose port a TXT record
 * `x-sciondiscovery=PORT` may name.
 *
 * The DNS is believed in nothing but where to ask. Rejects only when `signal` aborts.
 */
export async function dnsHints(domain: string, options: DnsOptions): Promise<DnsHints> {
  const search = new DnsSearch(options)
  const name = domain.replace(/\.$/, '')
  await search.service(`${SERVICE_NAME}.${name}`)
  for (const instance of await search.pointers(`${SERVICE_NAME}.${name}`)) {
    await search.service(instance)
  }
  await search.authority(name)
  return { addresses: search.addresses, problems: search.problems }
}

class DnsSearch {
  readonly addresses: UnderlayAddress[] = []
  readonly problems: string[] = []
  readonly #options: DnsOptions
  #questions = 0

  constructor(options: DnsOptions) {
    this.#options = options
  }

  /** Follows the SRV records of a name. */
  async service(name: string): Promise<void> {
    const { resolver, random } = this.#options
    const records = await this.#ask('SRV', name, () => resolver.resolveSrv(name))
    for (const { name: host, port } of inOrder(records, random)) await this.#host(host, port)
  }

  /** The instances that PTR records name (RFC 6763). */
  async pointers(name: string): Promise<readonly string[]> {
    return await this.#ask('PTR', name, () => this.#options.resolver.resolvePtr(name))
  }

  /** Follows the NAPTR records of a name. */
  async authority(name: string): Promise<void> {
    const { resolver } = this.#options
    const records = await this.#ask('NAPTR', name, () => resolver.resolveNaptr(name))
    const ours = records.filter(({ service }) => service.toLowerCase() === NAPTR_SERVICE)
    ours.sort((a, b) => a.order - b.order || a.preference - b.preference)
    for (const { flags, replacement } of ours) {
      const flag = flags.toLowerCase()
      if (flag === '') await this.authority(replacement)
      else if (flag === 's') await this.service(replacement)
      else if (flag === 'a') await this.#host(replacement, await this.#textPort(name))
      else this.problems.push(`NAPTR ${name}: flags "", S or A, found ${printable(flags)}`)
    }
  }

  async #textPort(name: string): Promise<number> {
    const { resolver } = this.#options
    const records = await this.#ask('TXT', name, () => resolver.resolveTxt(name))
    for (const parts of records) {
      const port = Number(TXT_PORT.exec(parts.join(''))?.[1])
      if (isPort(port)) return port
    }
    return DISCOVERY_PORT
  }

  async #host(host: string, port: number): Promise<void> {
    const { resolver } = this.#options
    if (!isPort(port)) {
      this.problems.push(`${printable(host)}: port 1 … 65535, found ${port}`)
      return
    }
    const ips = [
      ...(await this.#ask('AAAA', host, () => resolver.resolve6(host))),
      ...(await this.#ask('A', host, () => resolver.resolve4(host))),
    ]
    for (const ip of ips) {
      const isNew = !this.addresses.some((one) => one.host === ip && one.port === port)
      if (isIP(ip) !== 0 && isNew && this.addresses.length < DNS_HINTS_MAX) {
        this.addresses.push({ host: ip, port })
      }
    }
  }

  async #ask<T>(type: string, name: string, ask: () => Promise<readonly T[]>): Promise<T[]> {
    const { signal } = this.#options
    signal?.throwIfAborted()
    if (this.#questions >= DNS_QUESTIONS_MAX || this.addresses.length >= DNS_HINTS_MAX) return []
    this.#questions += 1
    if (this.#questions === DNS_QUESTIONS_MAX) {
      this.problems.push(`DNS: at most ${DNS_QUESTIONS_MAX} questions, found more to ask`)
    }
    try {
      return [...(await orAborted(ask(), signal === undefined ? [] : [signal]))]
    } catch (error) {
      signal?.throwIfAborted()
      const reason = error instanceof Error ? error.message : String(error)
      this.problems.push(`${type} ${printable(name)}: ${printable(reason)}`)
      return []
    }
  }
}

/** SRV records in the order of RFC 2782: by priority, among equals by chance according to weight. */
function inOrder(records: readonly SrvAnswer[], random: Random): readonly SrvAnswer[] {
  // Keys of an exponential distribution give the order of repeated weighted drawing.
  const key = ({ weight }: SrvAnswer): number => -Math.log(1 - random()) / (weight + 0.01)
  return records
    .map((record) => ({ record, key: key(record) }))
    .sort((a, b) => a.record.priority - b.record.priority || a.key - b.key)
    .map(({ record }) => record)
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 0xffff
}

/** The addresses of discovery servers of a domain; throws `ERR_SCION_CONTROL` where there are none. */
export async function requireHints(
  domain: string,
  options: DnsOptions,
): Promise<readonly UnderlayAddress[]> {
  const { addresses, problems } = await dnsHints(domain, options)
  if (addresses.length > 0) return addresses
  const reasons = problems.length === 0 ? 'no record of them' : problems.join('; ')
  throw new ScionError('ERR_SCION_CONTROL', `DNS of ${printable(domain)}: ${reasons}`)
}
