import { join } from 'node:path'
import { isdOf } from '../addr/isd-as.ts'
import { parseUnderlay } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { PathSource } from '../path/source.ts'
import type { KeepOptions } from '../trust/keep.ts'
import { withKeptTrcs } from '../trust/keep.ts'
import type { TrustMaterial } from '../trust/store.ts'
import { TrustStore } from '../trust/store.ts'
import type { SignedTrc } from '../trust/trc.ts'
import { ConnectTransport } from './connect.ts'
import { DaemonPathSource } from './daemon.ts'
import { GrpcTransport } from './grpc.ts'
import type { LookupReport } from './path-source.ts'
import { ControlPathSource } from './path-source.ts'
import { ControlLookup } from './segment-lookup.ts'
import { ControlServices } from './services.ts'
import type { TopologyFile } from './topology.ts'
import { readTopology, readTrcs } from './topology.ts'

/** A daemon on this machine. */
export interface DaemonOptions {
  /** Its address, such as `127.0.0.1:30255`. */
  readonly daemon: string
  readonly signal?: AbortSignal
}

/** How to ask the control services of the own AS, wherever the AS is known from. */
export interface ControlOptions extends KeepOptions {
  /** Control services to ask instead of those that the topology names. */
  readonly controlServices?: readonly string[]
  readonly clock: Clock
  /** The IP address to ask from. */
  readonly localAddress?: string
  /**
   * `strict`: only TRCs of the folder and their updates are believed. `first-use`: the first TRC
   * seen of an ISD, too. `insecure`: segments are not verified.
   */
  readonly trust?: 'strict' | 'first-use' | 'insecure'
  readonly onLookup?: (report: LookupReport) => void
}

/** The control services of the own AS, with what is known about the AS from files. */
export interface StandaloneOptions extends ControlOptions {
  /** A folder with `topology.json` and `certs/*.trc`, as the reference implementation has it. */
  readonly configDir: string
}

/** What has to be known of the own AS in order to ask its control services. */
export interface KnownAs {
  readonly topology: TopologyFile
  /** TRCs that are believed. */
  readonly anchors: readonly SignedTrc[]
  /** Where the anchors are from, for messages. */
  readonly origin: string
}

/** Opens the daemon at an address as a source of paths. */
export async function openDaemon(options: DaemonOptions): Promise<DaemonPathSource> {
  const transport = new GrpcTransport(parseUnderlay(options.daemon))
  try {
    return await DaemonPathSource.open(transport, options.signal)
  } catch (error) {
    await transport.close()
    throw error
  }
}

/** Opens the control services of the own AS as a source of paths; no daemon is needed. */
export async function openStandalone(options: StandaloneOptions): Promise<ControlPathSource> {
  const topology = await readTopology(join(options.configDir, 'topology.json'))
  const origin = join(options.configDir, 'certs')
  const { anchors, onTrc } = await withKeptTrcs(await readTrcs(origin), options)
  return openControl({ topology, anchors, origin }, { ...options, ...(onTrc && { onTrc }) })
}

/** Opens the control services of an AS that is known already. */
export function openControl(known: KnownAs, options: ControlOptions): ControlPathSource {
  const { clock, onLookup, localAddress } = options
  const { topology } = known
  const addresses = options.controlServices?.map(parseUnderlay) ?? topology.controlServices
  const services = new ControlServices(
    addresses.map(
      (one) => new ConnectTransport(one, localAddress === undefined ? {} : { localAddress }),
    ),
  )
  const isd = isdOf(topology.local.isdAs)
  const trust = openTrust({ anchors: known.anchors, origin: known.origin, isd }, options, services)
  return new ControlPathSource({
    lookup: new ControlLookup(topology.local, services),
    trust,
    clock,
    ...(onLookup === undefined ? {} : { onLookup }),
  })
}

/** What is believed of an ISD from the start. */
export interface TrustGround {
  readonly anchors: readonly SignedTrc[]
  /** Where the anchors are from, for messages. */
  readonly origin: string
  readonly isd: number
}

/** The trust that `options` ask for; throws `ERR_SCION_CONFIG` where it has nothing to start from. */
export function openTrust(
  { anchors, origin, isd }: TrustGround,
  options: ControlOptions,
  material: TrustMaterial,
): TrustStore | 'insecure' {
  const mode = options.trust ?? 'strict'
  if (mode === 'insecure') return 'insecure'
  if (mode === 'strict' && !anchors.some(({ trc }) => trc.id.isd === isd)) {
    throw new ScionError('ERR_SCION_CONFIG', `${origin}: a TRC of ISD ${isd} (*.trc), found none`)
  }
  const { clock, onTrc } = options
  const firstUse = mode === 'first-use'
  return new TrustStore({ clock, material, anchors, firstUse, ...(onTrc && { onTrc }) })
}

/** What {@link openPathSource} may be pointed at. */
export type PathSourceOptions = DaemonOptions | StandaloneOptions

/** Opens a source of paths: a daemon where one is named, else the control services. */
export async function openPathSource(options: PathSourceOptions): Promise<PathSource> {
  return 'daemon' in options ? await openDaemon(options) : await openStandalone(options)
}
