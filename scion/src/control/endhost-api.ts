import type { IsdAs } from '../addr/isd-as.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { parseUnderlay } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { LocalAs, PortRange } from '../path/source.ts'
import type { EndhostRouter } from './endhost-messages.ts'
import {
  ENDHOST_APIS_MAX,
  ENDHOST_GROUPS_MAX,
  decodeListSegmentsResponse,
  decodeUnderlaysResponse,
  encodeListSegmentsRequest,
  encodeUnderlaysRequest,
} from './endhost-messages.ts'
import type { RpcTransport } from './rpc.ts'
import { printable } from './rpc.ts'
import type { FoundSegments, SegmentLookup } from './segment-lookup.ts'
import { asScionError } from './segment-lookup.ts'
import type { RawSegment, SegmentsAnswer } from './segment-messages.ts'
import { SEGMENTS_ANSWERED_MAX } from './segment-messages.ts'

const UNDERLAYS = 'scion.endhost.v1.UnderlayService'
/** The services that list segments: the one of today, and the one that older servers have. */
const LISTINGS = [
  { service: 'scion.endhost.v1.SegmentsService', method: 'ListSegments' },
  { service: 'scion.endhost.v1.PathService', method: 'ListPaths' },
] as const

/** Pages of segments that are read for one lookup. */
export const SEGMENT_PAGES_MAX = 32
/** Age, in milliseconds, after which the routers are asked for again before a lookup. */
export const UNDERLAYS_AGE_MS_MAX = 300_000
/**
 * The MTU inside an AS that is known by its endhost API only, which does not state it, in bytes: the
 * least that any IPv6 link carries (RFC 8200 §5).
 */
export const ENDHOST_AS_MTU = 1280
/**
 * Ports to which routers of such an AS are taken to deliver: the API states no range, and the hosts
 * that it was made for rely on any.
 */
export const ENDHOST_PORTS: PortRange = { min: 1024, max: 65_535 }

/** How to use endhost APIs. */
export interface EndhostOptions {
  readonly clock: Clock
  /** The AS of this host; only needed where an API serves several. */
  readonly isdAs?: IsdAs
  readonly signal?: AbortSignal
}

/**
 * Endhost APIs in groups, as their discovery names them. A question goes to the API that answered
 * last; where that fails to the others of its group, then to the next groups, whose routers are
 * asked for anew. When all fail, the error holds the reason of each.
 */
export class EndhostApis implements SegmentLookup {
  readonly #groups: readonly (readonly RpcTransport[])[]
  readonly #clock: Clock
  #local: LocalAs
  #group: number
  #preferred = 0
  /** Monotonic time of the newest list of routers. */
  #listedMs: number

  private constructor(groups: readonly (readonly RpcTransport[])[], clock: Clock, found: Found) {
    this.#groups = groups
    this.#clock = clock
    this.#local = found.local
    this.#group = found.group
    this.#preferred = found.api
    this.#listedMs = clock.monotonicMs()
  }

  /**
   * Asks for the routers of the AS, group after group. Throws `ERR_SCION_CONFIG` for no or too many
   * APIs, and for several ASes of which none is named; `ERR_SCION_UNSUPPORTED` where there are only
   * tunnels; otherwise the reasons of all.
   */
  static async open(
    groups: readonly (readonly RpcTransport[])[],
    { clock, isdAs, signal }: EndhostOptions,
  ): Promise<EndhostApis> {
    const most = Math.max(0, ...groups.map((group) => group.length))
    const least = Math.min(ENDHOST_APIS_MAX, ...groups.map((group) => group.length))
    if (groups.length === 0 || groups.length > ENDHOST_GROUPS_MAX || least === 0) {
      throw new ScionError('ERR_SCION_CONFIG', 'endhost APIs: 1 at least, found none or too many')
    }
    if (most > ENDHOST_APIS_MAX) {
      throw new ScionError('ERR_SCION_CONFIG', `endhost APIs: at most ${ENDHOST_APIS_MAX} a group`)
    }
    const failures: ScionError[] = []
    for (const group of groups.keys()) {
      const found = await findIn(groups, group, isdAs, failures, signal)
      if (found !== undefined) return new EndhostApis(groups, clock, found)
    }
    throw combined(failures)
  }

  get local(): LocalAs {
    return this.#local
  }

  async lookUp(
    destination: IsdAs,
    _isCore: boolean | undefined,
    signal: AbortSignal,
  ): Promise<FoundSegments> {
    const failures: ScionError[] = []
    const isOld = this.#clock.monotonicMs() - this.#listedMs > UNDERLAYS_AGE_MS_MAX
    // Routers that were known before are better than none: a failure is told and forgotten.
    if (isOld) await this.#list(this.#group, failures, signal)
    const list = async (api: RpcTransport): Promise<SegmentsAnswer> =>
      await listSegments(api, this.#local.isdAs, destination, signal)
    const known = this.#group
    let answer = await this.#askGroup(list, failures, signal)
    for (let turn = 1; answer === undefined && turn < this.#groups.length; turn++) {
      const group = (known + turn) % this.#groups.length
      if (!(await this.#list(group, failures, signal))) continue
      answer = await this.#askGroup(list, failures, signal)
    }
    return {
      segments: answer?.segments ?? [],
      failures: [...failures, ...(answer?.refused ?? [])],
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#groups.flat().map((api) => api.close()))
  }

  /** The answer of the first API of the group in use that gives one. */
  async #askGroup<T>(
    ask: (api: RpcTransport) => Promise<T>,
    failures: ScionError[],
    signal: AbortSignal,
  ): Promise<T | undefined> {
    const group = this.#groups[this.#group] ?? []
    const start = this.#preferred
    for (const turn of group.keys()) {
      const index = (start + turn) % group.length
      const api = group[index]
      if (api === undefined) break
      try {
        const answer = await ask(api)
        this.#preferred = index
        return answer
      } catch (error) {
        signal.throwIfAborted()
        failures.push(asScionError(error))
      }
    }
    return undefined
  }

  /** Asks a group for the routers and makes it the one in use; whether it answered. */
  async #list(group: number, failures: ScionError[], signal: AbortSignal): Promise<boolean> {
    const found = await findIn(this.#groups, group, this.#local.isdAs, failures, signal)
    if (found === undefined) return false
    this.#local = found.local
    this.#group = group
    this.#preferred = found.api
    this.#listedMs = this.#clock.monotonicMs()
    return true
  }
}

interface Found {
  readonly local: LocalAs
  readonly group: number
  readonly api: number
}

/** The AS as the first API of a group tells it that gives an answer. */
async function findIn(
  groups: readonly (readonly RpcTransport[])[],
  group: number,
  isdAs: IsdAs | undefined,
  failures: ScionError[],
  signal: AbortSignal | undefined,
): Promise<Found | undefined> {
  for (const [api, transport] of (groups[group] ?? []).entries()) {
    try {
      const request = encodeUnderlaysRequest(isdAs)
      const call = { service: UNDERLAYS, method: 'ListUnderlays', request, signal }
      const { routers, tunnels } = decodeUnderlaysResponse(await transport.call(call))
      return { local: localAsOf(routers, tunnels, isdAs, transport.name), group, api }
    } catch (error) {
      signal?.throwIfAborted()
      failures.push(asScionError(error))
    }
  }
  return undefined
}

function localAsOf(
  routers: readonly EndhostRouter[],
  tunnels: number,
  wanted: IsdAs | undefined,
  name: string,
): LocalAs {
  const ases = [...new Set(routers.map((router) => router.isdAs))]
  const isdAs = wanted ?? ases[0]
  const own = routers.filter((router) => router.isdAs === isdAs)
  if (isdAs === undefined || own.length === 0) {
    const place = wanted === undefined ? '' : ` of ${formatIsdAs(wanted)}`
    const found = tunnels > 0 ? `only ${tunnels} tunnels` : 'none'
    const code = tunnels > 0 ? 'ERR_SCION_UNSUPPORTED' : 'ERR_SCION_CONTROL'
    throw new ScionError(code, `${name} ListUnderlays: routers${place}, found ${found}`)
  }
  if (wanted === undefined && ases.length > 1) {
    const found = ases.map((one) => formatIsdAs(one)).join(', ')
    throw new ScionError('ERR_SCION_CONFIG', `${name}: one AS must be named, found ${found}`)
  }
  const borderRouters = new Map<number, UnderlayAddress>()
  for (const { address, interfaces } of own) {
    const internal = parseUnderlay(address)
    for (const id of interfaces) if (id > 0) borderRouters.set(id, internal)
  }
  const dispatchedPorts = ENDHOST_PORTS
  return { isdAs, core: false, mtu: ENDHOST_AS_MTU, dispatchedPorts, borderRouters }
}

/** All segments between two ASes, page by page. */
async function listSegments(
  api: RpcTransport,
  source: IsdAs,
  destination: IsdAs,
  signal: AbortSignal,
): Promise<SegmentsAnswer> {
  const segments: RawSegment[] = []
  const refused: ScionError[] = []
  let page: string | undefined
  for (let count = 0; count < SEGMENT_PAGES_MAX; count++) {
    const request = encodeListSegmentsRequest(source, destination, page)
    const answer = decodeListSegmentsResponse(await ask(api, request, signal))
    segments.push(...answer.segments.slice(0, SEGMENTS_ANSWERED_MAX - segments.length))
    if (answer.nextPage === undefined || segments.length === SEGMENTS_ANSWERED_MAX) {
      return { segments, refused }
    }
    if (answer.nextPage === page) {
      const found = printable(page).slice(0, 40)
      const place = `${api.name} ListSegments`
      throw new ScionError('ERR_SCION_CONTROL', `${place}: another page, found ${found} again`)
    }
    page = answer.nextPage
  }
  refused.push(
    new ScionError('ERR_SCION_CONTROL', `${api.name}: at most ${SEGMENT_PAGES_MAX} pages`),
  )
  return { segments, refused }
}

/** Asks the service of today; where the server does not know it, the one before. */
async function ask(
  api: RpcTransport,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const [today, before] = LISTINGS
  try {
    return await api.call({ ...today, request, signal })
  } catch (error) {
    const isUnknown =
      error instanceof ScionError &&
      error.code === 'ERR_SCION_CONTROL' &&
      /status 404|unimplemented/.test(error.message)
    if (!isUnknown) throw error
    return await api.call({ ...before, request, signal })
  }
}

function combined(failures: readonly ScionError[]): ScionError {
  const [first, ...others] = failures
  if (first !== undefined && others.length === 0) return first
  const reasons = failures.map(({ message }) => message).join('; ')
  return new ScionError('ERR_SCION_CONTROL', `no endhost API answers: ${reasons}`)
}
