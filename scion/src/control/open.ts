import { join } from 'node:path'
import { parseUnderlay } from '../addr/underlay.ts'
import type { Clock } from '../clock.ts'
import { ScionError } from '../errors.ts'
import type { LocalAs, PathSource } from '../path/source.ts'
import { TrustStore } from '../trust/store.ts'
import type { SignedTrc } from '../trust/trc.ts'
import { ConnectTransport } from './connect.ts'
import { DaemonPathSource } from './daemon.ts'
import { GrpcTransport } from './grpc.ts'
import type { LookupReport } from './path-source.ts'
import { ControlPathSource } from './path-source.ts'
import { ControlServices } from './services.ts'
import { readTopology, readTrcs } from './topology.ts'

/** A daemon on this machine. */
export interface DaemonOptions {
  /** Its address, such as `127.0.0.1:30255`. */
  readonly daemon: string
  readonly signal?: AbortSignal
}

/** The control services of the own AS, with what is known about the AS from files. */
export interface StandaloneOptions {
  /** A folder with `topology.json` and `certs/*.trc`, as the reference implementation has it. */
  readonly configDir: string
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
  /** Hears of every TRC that was accepted after the start. */
  readonly onTrc?: (trc: SignedTrc) => void
  readonly onLookup?: (report: LookupReport) => void
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
  const { configDir, clock, onLookup } = options
  const topology = await readTopology(join(configDir, 'topology.json'))
  const addresses = options.controlServices?.map(parseUnderlay) ?? topology.controlServices
  const { localAddress } = options
  const services = new ControlServices(
    addresses.map(
      (one) => new ConnectTransport(one, localAddress === undefined ? {} : { localAddress }),
    ),
  )
  const trust = await openTrust(options, services, topology.local)
  return new ControlPathSource({
    local: topology.local,
    services,
    trust,
    clock,
    ...(onLookup === undefined ? {} : { onLookup }),
  })
}

async function openTrust(
  options: StandaloneOptions,
  material: ControlServices,
  local: LocalAs,
): Promise<TrustStore | 'insecure'> {
  const mode = options.trust ?? 'strict'
  if (mode === 'insecure') return 'insecure'
  const folder = join(options.configDir, 'certs')
  const anchors = await readTrcs(folder)
  const isd = Number(local.isdAs >> 48n)
  if (mode === 'strict' && !anchors.some(({ trc }) => trc.id.isd === isd)) {
    throw new ScionError('ERR_SCION_CONFIG', `${folder}: a TRC of ISD ${isd} (*.trc), found none`)
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
