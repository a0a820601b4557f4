import { formatIsdAs, parseIsdAs } from '../addr/isd-as.ts'
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
import { findPaths, openSocket, openSource } from './session.ts'

/** What became of the question whether a path is alive. */
interface Liveness {
  readonly status: 'alive' | 'timeout' | 'error'
  readonly info?: string
  readonly roundTripMs?: number
}

/** Prints the paths to an AS. Returns 0, or 1 when there is none or none is alive. */
export async function showPaths(tool: ToolArguments, world: ToolWorld): Promise<number> {
  const destination = parseIsdAs(tool.target ?? '')
  const source = await openSource(tool, world)
  try {
    const found = await findPaths(source, destination, tool, world)
    const paths = found.kept.slice(0, tool.pathsMax)
    if (destination === source.local.isdAs) {
      world.write('Empty path, destination is local AS\n')
      return 0
    }
    const left = tool.explain ? leftOut(found, tool) : []
    if (paths.length === 0) {
      world.write(left.length === 0 || tool.format !== 'human' ? '' : explained(left))
      throw new ScionError('ERR_SCION_NO_PATH', 'no path found')
    }
    const probed = tool.probe ? await probe(paths, tool, source, world) : undefined
    const header = {
      local_isd_as: formatIsdAs(source.local.isdAs),
      destination: formatIsdAs(destination),
    }
    world.write(
      tool.format === 'human'
        ? human(paths, probed, tool, world.clock.nowMs()) + (tool.explain ? explained(left) : '')
        : (tool.format === 'json' ? toJson : toYaml)({
            ...header,
            paths: paths.map((path, index) => fields(path, probed?.ip, probed?.alive[index])),
            left_out: tool.explain
              ? left.map(({ path, reason }) => ({ ...pathFields(path), reason }))
              : undefined,
          }),
    )
    if (probed?.alive.every(({ status }) => status !== 'alive') === true) {
      throw new ScionError('ERR_SCION_NO_PATH', 'no path alive')
    }
    return 0
  } finally {
    await source.close()
  }
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
    return { status: 'error', info: error.message }
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
  }
}

function human(
  paths: readonly Path[],
  probed: Awaited<ReturnType<typeof probe>> | undefined,
  tool: ToolArguments,
  nowMs: number,
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
      ...(tool.explain ? [`Why: ${why(index, alive)}`] : []),
      ...(alive === undefined ? [] : [`Status: ${alive.status}`, `LocalIP: ${probed?.ip ?? ''}`]),
    ]
    const separator = parts.length > 6 ? `\n${' '.repeat(width + 3)}` : ' '
    text += `[${String(index).padStart(width)}] ${parts.join(separator)}\n`
  }
  return text
}

/** Why a path is where it is in the list. */
function why(index: number, alive: Liveness | undefined): string {
  const place = index === 0 ? 'first in the order of its source' : 'allowed'
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
  return parts
}
