import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { formatUnderlay } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import { statedLatencyMs } from '../path/path.ts'
import type { Filtered } from '../policy/rules.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import type { ToolArguments } from './arguments.ts'
import type { Printable } from './output.ts'
import { milliseconds, oneLine, pathFields, pathLine, timestamp, toJson, toYaml } from './output.ts'
import type { ToolWorld } from './session.ts'
import type { ChosenPaths } from './session.ts'
import { findPaths, openSocket, openSource } from './session.ts'

/** What became of the question whether a path is alive. */
interface Liveness {
  readonly status: 'alive' | 'timeout' | 'scmp' | 'unknown'
  readonly info?: string
  readonly roundTripMs?: number
}

/**
 * Prints the paths to an AS. Returns 0; for people 1 when there is none or none is alive, which the
 * formats for programs say themselves, as the reference's do.
 */
export async function showPaths(tool: ToolArguments, world: ToolWorld): Promise<number> {
  const destination = parseIsdAs(tool.target ?? '')
  const source = await openSource(tool, world)
  try {
    const found = await findPaths(source, destination, tool, world)
    const paths = listed(found.kept.slice(0, tool.pathsMax), found.ordering)
    const isHuman = tool.format === 'human'
    const isLocal = destination === source.local.isdAs
    if (isHuman && isLocal) {
      world.write(`Empty path, destination is local AS ${formatIsdAs(destination)}\n`)
      return 0
    }
    const left = tool.explain ? leftOut(found, tool) : []
    if (isHuman && paths.length === 0) {
      world.write(left.length === 0 ? '' : explained(left))
      throw new ScionError('ERR_SCION_NO_PATH', 'no path found')
    }
    const isProbed = tool.probe && !isLocal && paths.length > 0
    const probed = isProbed ? await probe(paths, tool, source, world) : undefined
    const header = {
      local_isd_as: formatIsdAs(source.local.isdAs),
      destination: formatIsdAs(destination),
    }
    world.write(
      isHuman
        ? human(paths, probed, tool, { ...found, nowMs: world.clock.nowMs() }) +
            (tool.explain ? explained(left) : '')
        : (tool.format === 'json' ? toJson : toYaml)({
            ...header,
            paths:
              isLocal || paths.length === 0
                ? undefined
                : paths.map((path, index) => fields(path, probed?.ip, probed?.alive[index])),
            left_out: tool.explain
              ? left.map(({ path, reason }) => ({ ...pathFields(path), reason }))
              : undefined,
          }),
    )
    if (isHuman && probed?.alive.every(({ status }) => status !== 'alive') === true) {
      throw new ScionError('ERR_SCION_NO_PATH', 'no path alive')
    }
    return 0
  } finally {
    await source.close()
  }
}

/** The paths in the order of the reference's tool, unless another was asked for. */
function listed(paths: readonly Path[], ordering: ChosenPaths['ordering']): readonly Path[] {
  if (ordering.length > 0) return paths
  return paths.toSorted((a, b) => {
    const hops = a.interfaces.length - b.interfaces.length
    if (hops !== 0) return hops
    for (const [index, one] of a.interfaces.entries()) {
      const other = b.interfaces[index]
      if (other === undefined) break
      if (one.isdAs !== other.isdAs) return one.isdAs < other.isdAs ? -1 : 1
      if (one.id !== other.id) return one.id - other.id
    }
    return a.expiryMs - b.expiryMs
  })
}

/** Every path that is not shown, and why. */
function leftOut({ kept, refused }: Filtered, tool: ToolArguments): Filtered['refused'] {
  const reason = `more than the ${tool.pathsMax} paths of --maxpaths`
  return [...refused, ...kept.slice(tool.pathsMax).map((path) => ({ path, reason }))]
}

function explained(left: Filtered['refused']): string {
  if (left.length === 0) return 'No path is left out.\n'
  const lines = left.map(({ path, reason }) => `  [${pathLine(path)}] ${oneLine(reason)}\n`)
  return `Left out:\n${lines.join('')}`
}

/** Asks the last router of every path at the same time. */
async function probe(
  paths: readonly Path[],
  tool: ToolArguments,
  source: Parameters<typeof openSocket>[1],
  world: ToolWorld,
): Promise<{ readonly ip: string; readonly alive: readonly Liveness[] }> {
  const { socket, ip } = await openSocket(tool, source, world)
  try {
    const alive = await Promise.all(paths.map((path) => probeOne(socket, path, tool, world)))
    return { ip, alive }
  } finally {
    await socket.close()
  }
}

async function probeOne(
  socket: ScionSocket,
  path: Path,
  tool: ToolArguments,
  world: ToolWorld,
): Promise<Liveness> {
  try {
    const options = { timeoutMs: tool.timeoutMs, signal: world.signal }
    const { roundTripMs } = await socket.traceroute(path, options)
    return { status: 'alive', roundTripMs }
  } catch (error) {
    if (!(error instanceof ScionError)) throw error
    if (error.code === 'ERR_SCION_TIMEOUT') return { status: 'timeout' }
    const isReport = error.code === 'ERR_SCION_PATH' || error.code === 'ERR_SCION_PATH_EXPIRED'
    return { status: isReport ? 'scmp' : 'unknown', info: error.message }
  }
}

function fields(path: Path, ip: string | undefined, alive: Liveness | undefined): Printable {
  return {
    ...pathFields(path),
    fingerprint: path.fingerprint.slice(0, 16),
    expiry: timestamp(path.expiryMs),
    mtu: path.mtu,
    // Nanoseconds, -1 for unknown, as the reference prints its durations.
    latency: (path.metadata?.latenciesMs ?? []).map((one) =>
      one === undefined ? -1 : Math.round(one * 1e6),
    ),
    status: alive?.status,
    status_info: alive?.info,
    local_ip: alive === undefined ? undefined : ip,
    discovery: path.services && discovery(path.services),
  }
}

/** The services that ASes name, in the order of their numbers, as the reference prints them. */
function discovery(services: NonNullable<Path['services']>): Printable {
  const list = (addresses: readonly UnderlayAddress[]): readonly string[] | undefined =>
    addresses.length === 0 ? undefined : addresses.map(formatUnderlay)
  const ases = [...services].map(([isdAs, { controlServices, discoveryServices }]) => {
    const lists = {
      control_services: list(controlServices),
      discovery_services: list(discoveryServices),
    }
    return [formatIsdAs(isdAs), lists] as const
  })
  return Object.fromEntries(ases.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function human(
  paths: readonly Path[],
  probed: Awaited<ReturnType<typeof probe>> | undefined,
  tool: ToolArguments,
  { nowMs, ordering }: { readonly nowMs: number; readonly ordering: ChosenPaths['ordering'] },
): string {
  const [first] = paths
  if (first === undefined) return ''
  const width = String(paths.length - 1).length
  let text = `Available paths to ${formatIsdAs(first.destination)}\n`
  for (const [index, path] of paths.entries()) {
    const hops = path.interfaces.length
    if (index === 0 || paths[index - 1]?.interfaces.length !== hops) {
      text += `${hops / 2 + 1} Hops:\n`
    }
    const alive = probed?.alive[index]
    const parts = [
      `Hops: [${pathLine(path)}]`,
      `MTU: ${path.mtu}`,
      `NextHop: ${path.nextHop === undefined ? '' : formatUnderlay(path.nextHop)}`,
      ...(tool.extended ? extended(path, nowMs) : []),
      ...(tool.explain ? [`Why: ${why(index, ordering, alive)}`] : []),
      ...(alive === undefined ? [] : [`Status: ${alive.status}`, `LocalIP: ${probed?.ip ?? ''}`]),
    ]
    const separator = parts.length > 6 ? `\n${' '.repeat(width + 3)}` : ' '
    text += `[${String(index).padStart(width)}] ${parts.join(separator)}\n`
  }
  return text
}

/** Why a path is where it is in the list. */
function why(
  index: number,
  ordering: ChosenPaths['ordering'],
  alive: Liveness | undefined,
): string {
  const place =
    ordering.length > 0
      ? `number ${index + 1} by ${ordering.join(', ')}`
      : index === 0
        ? 'allowed, first by length'
        : 'allowed'
  if (alive === undefined) return `${place}, not probed`
  if (alive.roundTripMs === undefined) return `${place}, but ${alive.info ?? 'no answer'}`
  return `${place}, answered in ${milliseconds(alive.roundTripMs)}`
}

function extended(path: Path, nowMs: number): readonly string[] {
  const { metadata } = path
  const parts = [
    `Expires: ${timestamp(path.expiryMs)} (in ${Math.floor((path.expiryMs - nowMs) / 1000)} s)`,
  ]
  const latency = statedLatencyMs(path)
  if (latency !== undefined) parts.push(`Latency: ${milliseconds(latency)}`)
  const stated = metadata?.bandwidthsKbps.filter((one) => one !== undefined) ?? []
  if (stated.length > 0) parts.push(`Bandwidth: ${Math.min(...stated)}Kbit/s`)
  if (metadata?.geo.some((one) => one !== undefined) === true) {
    const places = metadata.geo.map((geo) =>
      geo === undefined ? 'N/A' : `${geo.latitude},${geo.longitude} ("${oneLine(geo.address)}")`,
    )
    parts.push(`Geo: [${places.join(' > ')}]`)
  }
  if (metadata?.linkTypes.some((one) => one !== 'unset') === true) {
    parts.push(`LinkType: [${metadata.linkTypes.join(', ')}]`)
  }
  const notes = metadata?.notes.filter((note) => note !== '').map(oneLine) ?? []
  if (notes.length > 0) parts.push(`Notes: [${notes.map((note) => `"${note}"`).join(', ')}]`)
  if (path.services !== undefined) {
    const ases = [...path.services].map(([isdAs, { controlServices, discoveryServices }]) => {
      const [control, found] = [controlServices, discoveryServices].map((list) =>
        list.map(formatUnderlay).join(', '),
      )
      return `${formatIsdAs(isdAs)}: {Control: ${control ?? ''}, Discovery: ${found ?? ''}}`
    })
    parts.push(`Discovery: {${ases.join(', ')}}`)
  }
  return parts
}
