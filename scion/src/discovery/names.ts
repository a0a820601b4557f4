import { readFile, stat } from 'node:fs/promises'
import { orAborted } from '../abort.ts'
import type { ScionAddress } from '../addr/endpoint.ts'
import { parseAddress } from '../addr/endpoint.ts'
import { printable } from '../control/rpc.ts'
import { ScionError } from '../errors.ts'
import type { DnsResolver } from './dns.ts'

/** The file that names SCION hosts of a machine. */
export const HOSTS_FILE = '/etc/scion/hosts'
/** Largest hosts file that is read, in bytes. */
export const HOSTS_BYTES_MAX = 1024 * 1024
/** Characters of a host name (RFC 1035 §2.3.4). */
export const HOST_NAME_CHARS_MAX = 255

/** How a name of a host is turned into its address. */
export interface NameOptions {
  readonly resolver: Pick<DnsResolver, 'resolveTxt'>
  /** Files in the form of `/etc/hosts` with SCION addresses; the first that has the name decides. */
  readonly hostsFiles?: readonly string[]
  readonly signal?: AbortSignal
}

/**
 * The SCION address behind a text: itself where it is one (`1-ff00:0:112,192.0.2.7`), else that of a
 * hosts file, else that of a DNS TXT record `scion=1-ff00:0:112,192.0.2.7`; an IP address may stand
 * in brackets. Throws `ERR_SCION_ADDRESS` with what each of them said where there is none.
 */
export async function resolveHost(text: string, options: NameOptions): Promise<ScionAddress> {
  if (text.includes(',') || !isHostName(text)) return parseAddress(text)
  const reasons: string[] = []
  for (const file of options.hostsFiles ?? [HOSTS_FILE]) {
    const found = await fromFile(file, text, reasons)
    if (found !== undefined) return found
  }
  const found = await fromDns(text, options, reasons)
  if (found !== undefined) return found
  throw new ScionError('ERR_SCION_ADDRESS', `${text}: a SCION address, found ${reasons.join('; ')}`)
}

function isHostName(text: string): boolean {
  return text.length <= HOST_NAME_CHARS_MAX && /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?$/i.test(text)
}

async function fromFile(
  file: string,
  name: string,
  reasons: string[],
): Promise<ScionAddress | undefined> {
  try {
    const { size } = await stat(file)
    if (size > HOSTS_BYTES_MAX) throw new Error(`at most ${HOSTS_BYTES_MAX} bytes, found ${size}`)
    const found = parseHosts(await readFile(file, 'utf8')).get(name.toLowerCase())
    if (found !== undefined) return found
    reasons.push(`${file}: not there`)
  } catch (error) {
    reasons.push(`${file}: ${printable(error instanceof Error ? error.message : String(error))}`)
  }
  return undefined
}

/**
 * Reads a hosts file: a SCION address and its names on each line, `#` before remarks. Of two lines
 * for one name the first counts; lines that are none, such as those of `/etc/hosts`, are passed over.
 */
export function parseHosts(text: string): ReadonlyMap<string, ScionAddress> {
  const hosts = new Map<string, ScionAddress>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (!address.includes(',')) continue
    const found = addressIn(address)
    if (found === undefined) continue
    for (const name of names) {
      const key = name.toLowerCase()
      if (!hosts.has(key)) hosts.set(key, found)
    }
  }
  return hosts
}

async function fromDns(
  name: string,
  { resolver, signal }: NameOptions,
  reasons: string[],
): Promise<ScionAddress | undefined> {
  try {
    const asked = resolver.resolveTxt(name.replace(/\.$/, ''))
    const records = await orAborted(asked, signal === undefined ? [] : [signal])
    for (const parts of records) {
      const match = /^scion=(.+)$/.exec(parts.join(''))
      const found = match?.[1] === undefined ? undefined : addressIn(match[1])
      if (found !== undefined) return found
    }
    reasons.push(`TXT ${printable(name)}: no record scion=ISD-AS,IP`)
  } catch (error) {
    signal?.throwIfAborted()
    const reason = error instanceof Error ? error.message : String(error)
    reasons.push(`TXT ${printable(name)}: ${printable(reason)}`)
  }
  return undefined
}

/** An address as records and files have it: `ISD-AS,IP`, the IP perhaps in brackets. */
function addressIn(text: string): ScionAddress | undefined {
  try {
    return parseAddress(text.trim().replace(/,\[([^\]]*)\]$/, ',$1'))
  } catch (error) {
    if (error instanceof ScionError) return undefined
    throw error
  }
}
