import { randomInt } from 'node:crypto'
import {
  FallbackPathSource,
  formatHost,
  nodeUnderlay,
  openDaemon,
  openDrkeys,
  openScionSocket,
  openStandalone,
  parseHost,
  parseIsdAs,
  ScionError,
  type LocalAs,
  type OpenDrkeys,
  type PathSource,
  type ScionEndpoint,
  type SourceCandidate,
} from '@s3mp/scion'
import { systemClock } from '../clock.ts'
import type { ScionConfig } from '../config.ts'
import { HeadendError } from '../errors.ts'
import type { Log } from '../log.ts'
import { ScionTransport } from '../transport/scion.ts'

/** Largest packet taken to fit inside the own AS, where nothing says more. */
const MTU_INSIDE = 1472
const RANDOM_STEPS = 2 ** 40

/**
 * The SCION host that the configuration describes. To answer, the head-end needs no paths of its own:
 * every datagram brings its way back, and the router that brought it takes the answer. A daemon or
 * the folder of its AS tell it more: the MTU, the names of paths, the keys of packets.
 *
 * @throws HeadendError `ERR_HEADEND_CONFIG`
 */
export async function openScionTransport(config: ScionConfig, log: Log): Promise<ScionTransport> {
  const local = {
    isdAs: parseIsdAs(config.isdAs),
    host: parseHost(config.host),
    port: config.port,
  }
  const opened: { close(): Promise<void> }[] = []
  const onClose = async (): Promise<void> => {
    await Promise.all(opened.map((one) => one.close()))
  }
  try {
    const source = await sourceOf(config, local, log)
    if (source !== undefined) opened.push(source)
    const keys = await keysOf(config, local)
    if (keys !== undefined) opened.push(keys)
    const { drkeyProtocol: protocol, authentication } = config
    const isRequired = authentication === 'require'
    const proof = keys && { keys, local, protocol, isRequired, clock: systemClock }
    return new ScionTransport({
      open: (proofs) => openSocket(local, config.listen, source?.local ?? bareAs(local), proofs),
      ...(source === undefined ? {} : { source }),
      ...(proof === undefined ? {} : { proof }),
      onClose,
    })
  } catch (cause) {
    await onClose()
    if (!(cause instanceof ScionError)) throw cause
    throw new HeadendError('ERR_HEADEND_CONFIG', `scion: ${cause.message}`, { cause })
  }
}

/**
 * Listens on the address that this machine has. Where meters know the head-end by another one, as
 * behind a NAT that forwards to it, answers leave under that one: a meter hears nobody else.
 */
async function openSocket(
  local: ScionEndpoint,
  listen: string,
  localAs: LocalAs,
  authentication: Parameters<ConstructorParameters<typeof ScionTransport>[0]['open']>[0],
): ReturnType<typeof openScionSocket> {
  const socket = await openScionSocket({
    local: { ...local, host: parseHost(listen) },
    localAs,
    underlay: nodeUnderlay,
    clock: systemClock,
    random: () => randomInt(RANDOM_STEPS) / RANDOM_STEPS,
    echo: true,
    ...(authentication === undefined ? {} : { authentication }),
  })
  const host = formatHost(local.host)
  if (host !== formatHost(socket.local.host)) socket.fixOutside({ host, port: socket.local.port })
  return socket
}

/** An AS of which nothing is known but its number. */
function bareAs({ isdAs }: ScionEndpoint): LocalAs {
  return {
    isdAs,
    core: false,
    mtu: MTU_INSIDE,
    dispatchedPorts: { min: 1024, max: 65_535 },
    borderRouters: new Map(),
  }
}

async function sourceOf(
  { daemon, configFolder, control, trust }: ScionConfig,
  { host }: ScionEndpoint,
  log: Log,
): Promise<PathSource | undefined> {
  const candidates: SourceCandidate[] = []
  if (daemon !== undefined) {
    candidates.push({ name: `daemon ${daemon}`, open: () => openDaemon({ daemon }) })
  }
  if (configFolder !== undefined) {
    const options = {
      configDir: configFolder,
      clock: systemClock,
      localAddress: formatHost(host),
      trust,
      ...(control === undefined ? {} : { controlServices: control }),
    }
    candidates.push({ name: `control ${configFolder}`, open: () => openStandalone(options) })
  }
  if (candidates.length === 0) return undefined
  const told = new Map<string, string>()
  return FallbackPathSource.open(candidates, ({ name, reason }) => {
    if (told.get(name) === reason) return
    told.set(name, reason)
    log.warn('paths.source-failed', { source: name, reason })
  })
}

/** Keys come from the daemon where one is named, and from the control services where it fails. */
async function keysOf(
  { authentication, daemon, configFolder, control }: ScionConfig,
  { host }: ScionEndpoint,
): Promise<OpenDrkeys | undefined> {
  if (authentication === 'off') return undefined
  const controlServices = control === undefined ? {} : { controlServices: control }
  const localAddress = formatHost(host)
  const [first, ...others] = [
    ...(daemon === undefined ? [] : [{ daemon }]),
    ...(configFolder === undefined
      ? []
      : [{ configDir: configFolder, localAddress, ...controlServices }]),
  ]
  return first && openDrkeys(first, ...others)
}
