import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ScionAddress } from '../addr/endpoint.ts'
import { parseIsdAs } from '../addr/isd-as.ts'
import { parseIp } from '../addr/host.ts'
import type { Clock } from '../clock.ts'
import type { NetworkPlace } from '../discovery/find.ts'
import { findNetwork } from '../discovery/find.ts'
import { resolveHost } from '../discovery/names.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import type { PathSource } from '../path/source.ts'
import { Acl } from '../policy/acl.ts'
import type { PolicyEnds } from '../policy/document.ts'
import { parsePolicyDocument } from '../policy/document.ts'
import { POLICY_DOCUMENT_CHARS_MAX } from '../policy/json.ts'
import type { PathOrdering } from '../policy/requirements.ts'
import { orderPaths, parseOrdering } from '../policy/requirements.ts'
import type { Filtered } from '../policy/rules.ts'
import { applyRules } from '../policy/rules.ts'
import type { FlowPolicy } from '../policy/scitra.ts'
import { applyFlowPolicy } from '../policy/scitra.ts'
import { Sequence } from '../policy/sequence.ts'
import { nodeUnderlay } from '../socket/node-underlay.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import { openScionSocket } from '../socket/scion-socket.ts'
import type { ToolArguments } from './arguments.ts'
import { daemonAddress, daemonOfEnvironment } from './environment.ts'

const CONFIG_DIR = '/etc/scion'

/** What a tool works with besides its arguments. */
export interface ToolWorld {
  readonly clock: Clock
  readonly random: () => number
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Writes to standard output. */
  readonly write: (text: string) => void
  /** Aborts when the person has enough. */
  readonly signal: AbortSignal
}

/** Opens the source of paths that the arguments and the environment point at. */
export async function openSource(tool: ToolArguments, world: ToolWorld): Promise<PathSource> {
  const { clock, random, signal } = world
  const { control, trcs } = tool
  const { source } = await findNetwork(await placesOf(tool, world), {
    clock,
    random,
    signal,
    trust: tool.insecure ? 'insecure' : 'strict',
    ...(trcs === undefined ? {} : { keepDir: trcs }),
    ...(control.length === 0 ? {} : { controlServices: control }),
  })
  return source
}

/**
 * Where to look for the network. A folder of the operator is all that is believed; a server is
 * believed on first use unless there is a folder of TRCs, and then only where that is asked for.
 */
async function placesOf(
  tool: ToolArguments,
  { environment }: ToolWorld,
): Promise<readonly NetworkPlace[]> {
  const isTrusting = !tool.insecure && (tool.trcs === undefined || tool.firstUse)
  const isdAs = tool.isdAs === undefined ? {} : { isdAs: parseIsdAs(tool.isdAs) }
  const trust = isTrusting ? { trust: 'first-use' as const } : {}
  const places: readonly NetworkPlace[] = [
    ...(tool.sciond === undefined ? [] : [{ daemon: daemonAddress(tool.sciond) }]),
    ...(tool.configDir === undefined ? [] : [{ configDir: tool.configDir }]),
    ...tool.discovery.map((discovery) => ({ discovery, ...trust })),
    ...tool.domain.map((domain) => ({ domain, ...trust })),
    ...(tool.discover ? [{ here: true as const, ...trust }] : []),
    ...(tool.endhostApi.length === 0 ? [] : [{ endhostApis: tool.endhostApi, ...isdAs, ...trust }]),
    ...tool.endhostDiscovery.map((endhostDiscovery) => ({ endhostDiscovery, ...isdAs, ...trust })),
  ]
  if (places.length > 0) return places
  const daemon = await daemonOfEnvironment({ variables: environment, isdAs: tool.isdAs })
  if (daemon !== undefined) return [{ daemon }]
  if (existsSync(join(CONFIG_DIR, 'topology.json'))) return [{ configDir: CONFIG_DIR }]
  const cure = 'name a daemon (--sciond), the folder of your AS (--config-dir), or see --help'
  const message = `no daemon is named, and there is no ${CONFIG_DIR}/topology.json; ${cure}`
  throw new ScionError('ERR_SCION_CONFIG', message)
}

/** Paths in the source's order, and those that the wishes of the command line leave out. */
export async function findPaths(
  source: PathSource,
  destination: Path['destination'],
  tool: ToolArguments,
  world: ToolWorld,
): Promise<ChosenPaths> {
  const { signal, clock, random } = world
  const wishes = {
    ...(tool.sequence === '' ? {} : { sequence: Sequence.parse(tool.sequence) }),
    ...(tool.acl.length === 0 ? {} : { acl: Acl.parse(tool.acl) }),
  }
  const ends = { source: { isdAs: source.local.isdAs }, destination: { isdAs: destination } }
  const policy = tool.policy === undefined ? undefined : await readPolicyFile(tool.policy, ends)
  const paths = await source.paths(destination, { signal, refresh: tool.refresh })
  const asked = applyRules(wishes, paths, clock.nowMs())
  const ruled =
    policy === undefined
      ? { kept: asked.kept, refused: [] }
      : applyFlowPolicy(policy, asked.kept, clock.nowMs(), random)
  const own = tool.ordering.map(parseOrdering)
  return {
    kept: own.length === 0 ? ruled.kept : orderPaths(ruled.kept, own, random),
    refused: [
      ...asked.refused,
      ...ruled.refused.map(({ path, reason }) => ({ path, reason: `policy: ${reason}` })),
    ],
    ordering: own.length === 0 ? (policy?.ordering ?? []) : own,
  }
}

/** What is left of the paths, and the order that it is in; no order is that of the source. */
export interface ChosenPaths extends Filtered {
  readonly ordering: readonly PathOrdering[]
}

async function readPolicyFile(file: string, ends: PolicyEnds): Promise<FlowPolicy> {
  try {
    const { size } = await stat(file)
    const limit = 4 * POLICY_DOCUMENT_CHARS_MAX
    if (size > limit) throw new Error(`at most ${limit} bytes, found ${size}`)
    return parsePolicyDocument(await readFile(file, 'utf8'), ends)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ScionError('ERR_SCION_CONFIG', `--policy ${file}: ${reason}`, { cause })
  }
}

/** The host that a tool is pointed at, by address or by name. */
export async function remoteOf(tool: ToolArguments, world: ToolWorld): Promise<ScionAddress> {
  const { signal, environment } = world
  const hosts = environment.SCION_HOSTS_FILE
  return await resolveHost(tool.target ?? '', {
    resolver: new Resolver({ timeout: 2000, tries: 2 }),
    signal,
    ...(hosts === undefined ? {} : { hostsFiles: [hosts] }),
  })
}

/**
 * The path for a tool that needs one: the first, or the first that is alive if only such will do.
 * Throws `ERR_SCION_NO_PATH`.
 */
export async function choosePath(
  socket: ScionSocket,
  paths: readonly Path[],
  tool: ToolArguments,
  { signal }: ToolWorld,
): Promise<Path> {
  const [first] = paths
  if (first === undefined) throw new ScionError('ERR_SCION_NO_PATH', 'no path found')
  if (!tool.healthyOnly || first.interfaces.length === 0) return first
  for (const path of paths) {
    try {
      await socket.traceroute(path, { timeoutMs: tool.timeoutMs, signal })
      return path
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
    }
  }
  throw new ScionError('ERR_SCION_NO_PATH', `no path alive of ${paths.length}`)
}

/** The IP address of this host: the given one, else the one that it uses towards a router. */
export async function localAddress(
  tool: ToolArguments,
  source: PathSource,
  world: ToolWorld,
): Promise<string> {
  const given = tool.local ?? world.environment.SCION_LOCAL_ADDR
  if (given !== undefined) return given
  const [router] = source.local.borderRouters.values()
  if (router === undefined) {
    throw new ScionError('ERR_SCION_CONFIG', '--local: an address, for the AS has no router')
  }
  const socket = createSocket(router.host.includes(':') ? 'udp6' : 'udp4')
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.connect(router.port, router.host, resolve)
    })
    return socket.address().address
  } catch (cause) {
    throw new ScionError('ERR_SCION_IO', `no way to the router ${router.host}`, { cause })
  } finally {
    socket.close()
  }
}

/** Opens a socket of this host in the AS of the source. */
export async function openSocket(
  tool: ToolArguments,
  source: PathSource,
  world: ToolWorld,
): Promise<{ readonly socket: ScionSocket; readonly ip: string }> {
  const ip = await localAddress(tool, source, world)
  const socket = await openScionSocket({
    local: { isdAs: source.local.isdAs, host: parseIp(ip), port: 0 },
    localAs: source.local,
    underlay: nodeUnderlay,
    clock: world.clock,
    random: world.random,
  })
  return { socket, ip }
}
