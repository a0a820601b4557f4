import { Resolver } from 'node:dns/promises'
import type { IsdAs } from '../addr/isd-as.ts'
import type { Random } from '../clock.ts'
import type { ControlOptions } from '../control/open.ts'
import { openControl, openDaemon, openStandalone } from '../control/open.ts'
import { readTrcs } from '../control/topology.ts'
import { ScionError } from '../errors.ts'
import type { PathSource } from '../path/source.ts'
import { withKeptTrcs } from '../trust/keep.ts'
import type { SignedTrc } from '../trust/trc.ts'
import type { DnsResolver } from './dns.ts'
import { requireHints } from './dns.ts'
import type { EndhostGroups } from './endhost.ts'
import { discoverEndhostApis, openEndhostApis } from './endhost.ts'
import type { HereOptions } from './here.ts'
import { hintsHere } from './here.ts'
import { DISCOVERY_MS_MAX, askDiscoveryServer, discoveryUrlOf } from './server.ts'

/** Places that are tried one after the other. */
export const NETWORK_PLACES_MAX = 16

/** Where the network may be found. */
export type NetworkPlace =
  /** A daemon, such as `127.0.0.1:30255`. */
  | { readonly daemon: string }
  /** A folder with `topology.json` and `certs/*.trc`. */
  | { readonly configDir: string }
  /** A discovery server: a URL, or `HOST`, or `HOST:PORT`; perhaps with a trust of its own. */
  | { readonly discovery: string; readonly trust?: ControlOptions['trust'] }
  /** Endhost APIs by URL; several of them stand in for each other. */
  | {
      readonly endhostApis: readonly string[]
      readonly isdAs?: IsdAs
      readonly trust?: ControlOptions['trust']
    }
  /** The URL of a discovery service of endhost APIs. */
  | {
      readonly endhostDiscovery: string
      readonly isdAs?: IsdAs
      readonly trust?: ControlOptions['trust']
    }
  /** Whatever this host and the network around it hint at: leases, search domains, multicast DNS. */
  | { readonly here: true; readonly trust?: ControlOptions['trust'] }
  /** A domain whose DNS names discovery servers. */
  | { readonly domain: string; readonly trust?: ControlOptions['trust'] }

/** How to look for the network. */
export interface FindOptions extends ControlOptions {
  readonly random: Random
  /**
   * TRCs (`*.trc`) that are believed when a discovery server or an endhost API tells of the AS.
   * `strict` demands one of its ISD here, and `first-use` believes those that the server offers, too.
   */
  readonly anchorDir?: string
  /** A bearer token for endhost APIs that ask for one. */
  readonly token?: string
  /** Certificates (PEM) of authorities that are believed instead of the system's, for endhost APIs. */
  readonly ca?: string
  readonly signal?: AbortSignal
  /** Where this host is asked for hints. */
  readonly hints?: HereOptions
  /** Answers about domains; the system's own unless given. */
  readonly resolver?: DnsResolver
}

/** A place that did not lead to the network. */
export interface PlaceFailure {
  /** What was tried, such as `daemon 127.0.0.1:30255`. */
  readonly place: string
  readonly error: ScionError
}

/** The network, and how it was found. */
export interface FoundNetwork {
  readonly source: PathSource
  /** The place that led to it. */
  readonly place: string
  /** The places that were tried before it, in order. */
  readonly failures: readonly PlaceFailure[]
  /** What was not as it should be although the network was found. */
  readonly problems: readonly string[]
}

/**
 * Looks for the network in several places, in their order, and opens a source of paths at the first
 * that leads to it. Throws `ERR_SCION_CONTROL` with the reason of every place when none does, and
 * the reason of `signal` when that aborts.
 */
export async function findNetwork(
  places: readonly NetworkPlace[],
  options: FindOptions,
): Promise<FoundNetwork> {
  if (places.length === 0 || places.length > NETWORK_PLACES_MAX) {
    throw new ScionError(
      'ERR_SCION_CONFIG',
      `places: 1 … ${NETWORK_PLACES_MAX}, found ${places.length}`,
    )
  }
  const failures: PlaceFailure[] = []
  for (const place of places) {
    options.signal?.throwIfAborted()
    const name = nameOf(place)
    try {
      return { ...(await open(place, options)), place: name, failures }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!(error instanceof ScionError)) throw error
      failures.push({ place: name, error })
    }
  }
  const [first, ...others] = failures
  if (first !== undefined && others.length === 0) throw first.error
  const reasons = failures.map(({ place, error }) => `${place}: ${error.message}`).join('; ')
  throw new ScionError('ERR_SCION_CONTROL', `no network found: ${reasons}`)
}

/** A place in words, such as `daemon 127.0.0.1:30255`. */
function nameOf(place: NetworkPlace): string {
  if ('daemon' in place) return `daemon ${place.daemon}`
  if ('configDir' in place) return `folder ${place.configDir}`
  if ('discovery' in place) return `discovery server ${place.discovery}`
  if ('here' in place) return 'hints of this host'
  if ('endhostApis' in place) return `endhost API ${place.endhostApis.join(', ')}`
  if ('endhostDiscovery' in place) return `endhost API discovery ${place.endhostDiscovery}`
  return `domain ${place.domain}`
}

type Opened = Pick<FoundNetwork, 'source' | 'problems'>

async function open(place: NetworkPlace, options: FindOptions): Promise<Opened> {
  const { signal } = options
  if ('daemon' in place) {
    const source = await openDaemon({ daemon: place.daemon, ...(signal && { signal }) })
    return { source, problems: [] }
  }
  if ('configDir' in place) {
    return { source: await openStandalone({ ...options, ...place }), problems: [] }
  }
  const trusting = place.trust === undefined ? options : { ...options, trust: place.trust }
  if ('discovery' in place) return await openDiscovered(place.discovery, trusting)
  if ('here' in place) return await openHere(trusting)
  if ('endhostApis' in place) return await openEndhost([place.endhostApis], place, trusting)
  if ('endhostDiscovery' in place) {
    const { groups, problems } = await discoverEndhostApis(place.endhostDiscovery, trusting)
    const { source } = await openEndhost(groups, place, trusting)
    return { source, problems }
  }
  return await openDomain(place.domain, trusting)
}

async function openDiscovered(server: string, options: FindOptions): Promise<Opened> {
  const { topology, trcs, problems } = await askDiscoveryServer(server, options)
  const own = await ownTrcs(options)
  // Of an ISD that is known already only updates are believed, and those have to be voted for.
  const known = new Set(own.anchors.map(({ trc }) => trc.id.isd))
  const isFirstUse = options.trust === 'first-use'
  const offered = isFirstUse ? trcs.filter(({ trc }) => !known.has(trc.id.isd)) : []
  const anchors = [...own.anchors, ...offered]
  const source = openControl({ topology, anchors, origin: originOf(options) }, own.options)
  for (const trc of offered) own.options.onTrc?.(trc)
  return { source, problems }
}

/** The TRCs that are this host's own, and the options with which new ones join them. */
async function ownTrcs(
  options: FindOptions,
): Promise<{ readonly anchors: readonly SignedTrc[]; readonly options: FindOptions }> {
  const given = options.anchorDir === undefined ? [] : await readTrcs(options.anchorDir)
  const { anchors, onTrc } = await withKeptTrcs(given, options)
  return { anchors, options: { ...options, ...(onTrc && { onTrc }) } }
}

function originOf({ anchorDir, keepDir }: FindOptions): string {
  return anchorDir ?? keepDir ?? 'anchorDir'
}

/** Follows the hints of this host, one after the other. */
async function openHere(options: FindOptions): Promise<Opened> {
  const { hints, signal } = options
  const reasons: string[] = []
  for (const hint of await hintsHere({ ...hints, ...(signal && { signal }) })) {
    try {
      const opened =
        'domain' in hint
          ? await openDomain(hint.domain, options)
          : await openDiscovered(hint.discovery, options)
      return { ...opened, problems: [...reasons, ...opened.problems] }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof ScionError)) throw error
      reasons.push(error.message)
    }
  }
  const found = reasons.length === 0 ? 'no lease, search domain or service on the link' : reasons.join('; ') // prettier-ignore
  throw new ScionError('ERR_SCION_CONTROL', `hints: a discovery server, found ${found}`)
}

async function openEndhost(
  groups: EndhostGroups,
  { isdAs }: { readonly isdAs?: IsdAs },
  options: FindOptions,
): Promise<Opened> {
  const own = await ownTrcs(options)
  const source = await openEndhostApis(
    groups,
    { trcs: own.anchors, origin: originOf(options) },
    { ...own.options, ...(isdAs === undefined ? {} : { isdAs }) },
  )
  return { source, problems: [] }
}

/** Asks the servers that the DNS names, one after the other. */
async function openDomain(domain: string, options: FindOptions): Promise<Opened> {
  const { random } = options
  const deadline = AbortSignal.timeout(DISCOVERY_MS_MAX)
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline
  const resolver = options.resolver ?? new Resolver({ timeout: 2000, tries: 2 })
  const addresses = await askInTime(deadline, options.signal, domain, () =>
    requireHints(domain, { resolver, random, signal }),
  )
  const reasons: string[] = []
  for (const address of addresses) {
    try {
      const opened = await openDiscovered(discoveryUrlOf(address), options)
      return { ...opened, problems: [...reasons, ...opened.problems] }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!(error instanceof ScionError)) throw error
      reasons.push(error.message)
    }
  }
  throw new ScionError('ERR_SCION_CONTROL', reasons.join('; '))
}

async function askInTime<T>(
  deadline: AbortSignal,
  signal: AbortSignal | undefined,
  domain: string,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    signal?.throwIfAborted()
    if (!deadline.aborted) throw cause
    const message = `DNS of ${domain}: an answer in ${DISCOVERY_MS_MAX} ms`
    throw new ScionError('ERR_SCION_TIMEOUT', message, { cause })
  }
}
