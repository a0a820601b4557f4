import type { IsdAs } from '../addr/isd-as.ts'
import { isdOf } from '../addr/isd-as.ts'
import type { ConnectOptions } from '../control/connect.ts'
import { ConnectTransport } from '../control/connect.ts'
import { EndhostApis } from '../control/endhost-api.ts'
import { ENDHOST_GROUPS_MAX, decodeEndhostApisResponse } from '../control/endhost-messages.ts'
import { parseServerUrl } from '../control/http-server.ts'
import type { ControlOptions } from '../control/open.ts'
import { openTrust } from '../control/open.ts'
import { ControlPathSource } from '../control/path-source.ts'
import { ControlServices } from '../control/services.ts'
import { parseUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import type { SignedTrc } from '../trust/trc.ts'

const DISCOVERY = 'endhost.discovery.v1.EndhostApiDiscoveryService'

/** How to use endhost APIs as a source of paths. */
export interface EndhostSourceOptions extends ControlOptions {
  /** The AS of this host; only needed where an API serves several. */
  readonly isdAs?: IsdAs
  /** A bearer token for servers that ask for one. */
  readonly token?: string
  /** Certificates (PEM) of authorities that are believed instead of the system's. */
  readonly ca?: string
  readonly signal?: AbortSignal
}

/** Ordered groups of URLs of endhost APIs. */
export type EndhostGroups = readonly (readonly string[])[]

/** A source of paths, and what was not as it should be although it was opened. */
export interface OpenedEndhost {
  readonly source: ControlPathSource
  readonly problems: readonly string[]
}

/**
 * Asks a discovery service of endhost APIs (`endhost.discovery.v1`) where they are. URLs that are
 * none are left out. Throws `ERR_SCION_CONTROL` when nothing is left.
 */
export async function discoverEndhostApis(
  server: string,
  options: Pick<EndhostSourceOptions, 'token' | 'ca' | 'signal'> = {},
): Promise<{ readonly groups: EndhostGroups; readonly problems: readonly string[] }> {
  const { signal } = options
  const url = parseServerUrl(server, 'endhost API discovery')
  const transport = new ConnectTransport(url, httpOptions(options))
  const problems: string[] = []
  try {
    const request = new Uint8Array(0)
    const call = { service: DISCOVERY, method: 'GetEndhostApis', request, signal }
    const groups = decodeEndhostApisResponse(await transport.call(call))
      .map((group) => group.filter((address) => isServer(address, problems)))
      .filter((group) => group.length > 0)
    if (groups.length > 0) return { groups, problems }
    const found = problems.length === 0 ? 'none' : problems.join('; ')
    throw new ScionError('ERR_SCION_CONTROL', `${url.name}: endhost APIs, found ${found}`)
  } finally {
    await transport.close()
  }
}

function isServer(address: string, problems: string[]): boolean {
  try {
    parseServerUrl(address, 'endhost API')
    return true
  } catch (error) {
    if (!(error instanceof ScionError)) throw error
    problems.push(error.message)
    return false
  }
}

/**
 * Opens endhost APIs as a source of paths. The API gives segments but no certificates: those come
 * from `controlServices` where some are named, else from the same servers, as far as they have them.
 * Where neither has any, every segment is refused unless the trust is `insecure`.
 *
 * Throws as {@link EndhostApis.open} does, and `ERR_SCION_CONFIG` for `strict` trust without a TRC
 * of the ISD.
 */
export async function openEndhostApis(
  groups: EndhostGroups,
  anchors: { readonly trcs: readonly SignedTrc[]; readonly origin: string },
  options: EndhostSourceOptions,
): Promise<ControlPathSource> {
  const { clock, isdAs, signal, onLookup } = options
  const http = httpOptions(options)
  const transports = groups.map((group) =>
    group.map((one) => new ConnectTransport(parseServerUrl(one, 'endhost API'), http)),
  )
  try {
    const lookup = await EndhostApis.open(transports, {
      clock,
      ...(isdAs === undefined ? {} : { isdAs }),
      ...(signal === undefined ? {} : { signal }),
    })
    const material = new ControlServices(
      options.controlServices?.map((one) => new ConnectTransport(parseUnderlay(one), http)) ??
        transports.flat().slice(0, ENDHOST_GROUPS_MAX),
    )
    const isd = isdOf(lookup.local.isdAs)
    const trust = openTrust(
      { anchors: anchors.trcs, origin: anchors.origin, isd },
      options,
      material,
    )
    const close = async (): Promise<void> => {
      await Promise.all([lookup.close(), material.close()])
    }
    return new ControlPathSource({
      lookup: { lookUp: lookup.lookUp.bind(lookup), close, get local() { return lookup.local } }, // prettier-ignore
      trust,
      clock,
      ...(onLookup === undefined ? {} : { onLookup }),
    })
  } catch (error) {
    await Promise.all(transports.flat().map((one) => one.close()))
    throw error
  }
}

function httpOptions({ localAddress, token, ca }: Partial<EndhostSourceOptions>): ConnectOptions {
  return {
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
  }
}
