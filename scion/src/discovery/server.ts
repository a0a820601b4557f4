import { get as getPlain } from 'node:http'
import { get as getSecure } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { orAborted } from '../abort.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { readBody } from '../control/connect.ts'
import { printable } from '../control/rpc.ts'
import type { TopologyFile } from '../control/topology.ts'
import { TOPOLOGY_BYTES_MAX, parseTopology } from '../control/topology.ts'
import { ScionError } from '../errors.ts'
import { Json } from '../json.ts'
import type { SignedTrc, TrcId } from '../trust/trc.ts'
import { TRC_BYTES_MAX, formatTrcId, parseTrc } from '../trust/trc.ts'

/** Port of a discovery server where its address names none. */
export const DISCOVERY_PORT = 8041
/** Patience with all answers of one discovery server together. */
export const DISCOVERY_MS_MAX = 10_000
/** TRCs taken from one discovery server. */
export const DISCOVERY_TRCS_MAX = 64
/** Bytes of the list of TRCs that a discovery server offers. */
export const DISCOVERY_LIST_BYTES_MAX = 256 * 1024

/** What a discovery server says about the AS that it stands in. */
export interface DiscoveredAs {
  readonly topology: TopologyFile
  /** As offered: nobody has verified that they are the right ones. */
  readonly trcs: readonly SignedTrc[]
  /** TRCs that could not be had, in words; the others are good without them. */
  readonly problems: readonly string[]
}

/** How to ask a discovery server. */
export interface DiscoveryQuery {
  readonly signal?: AbortSignal
  /** Patience with the whole; {@link DISCOVERY_MS_MAX} unless given. */
  readonly timeoutMs?: number
}

/**
 * Asks a discovery server (end host bootstrapping design of the reference implementation) for
 * `/topology` and the TRCs listed under `/trcs`.
 *
 * @param server an `http:` or `https:` URL, or `HOST` or `HOST:PORT`
 *
 * Throws `ERR_SCION_CONFIG` for a server that cannot be one or a topology that is wrong,
 * `ERR_SCION_IO` where it cannot be reached, `ERR_SCION_TIMEOUT`, and `ERR_SCION_CONTROL` for any
 * other answer than was asked for. Redirections are not followed.
 */
export async function askDiscoveryServer(
  server: string,
  query: DiscoveryQuery = {},
): Promise<DiscoveredAs> {
  const base = discoveryUrl(server)
  const timeoutMs = query.timeoutMs ?? DISCOVERY_MS_MAX
  const deadline = AbortSignal.timeout(timeoutMs)
  const signal = query.signal === undefined ? deadline : AbortSignal.any([deadline, query.signal])
  try {
    const topologyUrl = `${base}/topology`
    const topologyText = await fetchText(topologyUrl, TOPOLOGY_BYTES_MAX, signal)
    const topology = parseTopology(topologyText, topologyUrl)
    return { topology, ...(await fetchTrcs(base, signal)) }
  } catch (cause) {
    query.signal?.throwIfAborted()
    if (!deadline.aborted) throw cause
    throw new ScionError('ERR_SCION_TIMEOUT', `${base}: an answer in ${timeoutMs} ms`, { cause })
  }
}

/** The URL of a discovery server without a slash at the end. */
export function discoveryUrl(server: string): string {
  const hasScheme = /^[a-z]+:\/\//i.test(server)
  const text = hasScheme ? server : `http://${server}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.search === '' && url.hash === '' && url.username === ''
  if (!isPlain || (url.protocol !== 'http:' && url.protocol !== 'https:') || server.length > 2048) {
    const found = printable(server.slice(0, 80))
    throw new ScionError('ERR_SCION_CONFIG', `discovery: a URL or HOST:PORT, found "${found}"`)
  }
  if (!hasScheme && url.port === '' && !server.endsWith(':80')) url.port = String(DISCOVERY_PORT)
  return url.href.replace(/\/+$/, '')
}

/** The URL of the discovery server at an address that was found in the network. */
export function discoveryUrlOf(address: UnderlayAddress): string {
  return `http://${formatUnderlay(address)}`
}

async function fetchTrcs(
  base: string,
  signal: AbortSignal,
): Promise<Omit<DiscoveredAs, 'topology'>> {
  const listUrl = `${base}/trcs`
  const text = await fetchText(listUrl, DISCOVERY_LIST_BYTES_MAX, signal)
  const list = Json.parse(text, listUrl, 'ERR_SCION_CONTROL').array(DISCOVERY_TRCS_MAX)
  const ids = list.map((entry) => readTrcId(entry.get('id')))
  const trcs: SignedTrc[] = []
  const problems: string[] = []
  for (const id of ids) {
    try {
      trcs.push(await fetchTrc(base, id, signal))
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ScionError)) throw error
      problems.push(error.message)
    }
  }
  return { trcs, problems }
}

function readTrcId(id: Json): TrcId {
  return {
    isd: id.get('isd').integer(1, 0xffff),
    base: id.get('base_number').integer(1, Number.MAX_SAFE_INTEGER),
    serial: id.get('serial_number').integer(1, Number.MAX_SAFE_INTEGER),
  }
}

async function fetchTrc(base: string, id: TrcId, signal: AbortSignal): Promise<SignedTrc> {
  const url = `${base}/trcs/isd${id.isd}-b${id.base}-s${id.serial}/blob`
  const bytes = await fetchBytes(url, TRC_BYTES_MAX, signal)
  try {
    const trc = parseTrc(bytes)
    const found = formatTrcId(trc.trc.id)
    if (found === formatTrcId(id)) return trc
    throw new ScionError('ERR_SCION_CONTROL', `trc: ${formatTrcId(id)}, found ${found}`)
  } catch (cause) {
    if (!(cause instanceof ScionError)) throw cause
    throw new ScionError('ERR_SCION_CONTROL', `${url}: ${cause.message}`, { cause })
  }
}

async function fetchText(url: string, limit: number, signal: AbortSignal): Promise<string> {
  const bytes = await fetchBytes(url, limit, signal)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ScionError('ERR_SCION_CONTROL', `${url}: UTF-8, found other bytes`, { cause })
  }
}

async function fetchBytes(url: string, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  try {
    const response = await request(url, signal)
    if (response.statusCode !== 200) {
      response.destroy()
      const found = String(response.statusCode)
      throw new ScionError('ERR_SCION_CONTROL', `${url}: status 200, found ${found}`)
    }
    return await orAborted(readBody(response, limit), [signal])
  } catch (cause) {
    if (signal.aborted || (cause instanceof ScionError && cause.message.startsWith(url))) {
      throw cause
    }
    if (cause instanceof ScionError) {
      throw new ScionError(cause.code, `${url}: ${cause.message}`, { cause })
    }
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_IO', `${url}: ${reason}`, { cause })
  }
}

function request(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  const get = url.startsWith('https:') ? getSecure : getPlain
  return new Promise((resolve, reject) => {
    // A connection of its own: bootstrapping happens once.
    const sent = get(url, { agent: false, signal })
    sent.once('response', resolve)
    sent.once('error', reject)
  })
}
