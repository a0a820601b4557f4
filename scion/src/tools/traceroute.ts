import { formatAddress } from '../addr/endpoint.ts'
import { formatHost } from '../addr/host.ts'
import { formatIsdAs } from '../addr/isd-as.ts'
import { ScionError } from '../errors.ts'
import type { Path } from '../path/path.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import type { ToolArguments } from './arguments.ts'
import { milliseconds, pathFields, pathLine, toJson, toYaml } from './output.ts'
import type { ToolWorld } from './session.ts'
import { choosePath, findPaths, openSocket, openSource, remoteOf } from './session.ts'

const PROBES_PER_HOP = 3

interface Hop {
  readonly isdAs: string
  readonly interfaceId: number
  /** The router's address, where it answered. */
  readonly ip: string | undefined
  /** Undefined for a probe that was not answered. */
  readonly roundTripsMs: readonly (number | undefined)[]
}

/** Asks every router on the way, three times each. Returns 0, or 1 when a packet was lost. */
export async function traceroute(tool: ToolArguments, world: ToolWorld): Promise<number> {
  const remote = await remoteOf(tool, world)
  const source = await openSource(tool, world)
  try {
    const { kept } = await findPaths(source, remote.isdAs, tool, world)
    const { socket, ip } = await openSocket(tool, source, world)
    const isHuman = tool.format === 'human'
    try {
      const path = await choosePath(socket, kept, tool, world)
      if (isHuman) world.write(`Using path:\n  [${pathLine(path)}] MTU: ${path.mtu}\n`)
      const hops: Hop[] = []
      for (const index of path.interfaces.keys()) {
        const hop = await probeHop(socket, path, index, tool, world)
        hops.push(hop)
        if (isHuman) world.write(hopLine(index, hop, formatAddress(remote)))
      }
      if (!isHuman) world.write(machine(path, ip, hops, tool))
      return hops.some(({ roundTripsMs }) => roundTripsMs.includes(undefined)) ? 1 : 0
    } finally {
      await socket.close()
    }
  } finally {
    await source.close()
  }
}

async function probeHop(
  socket: ScionSocket,
  path: Path,
  interfaceIndex: number,
  tool: ToolArguments,
  world: ToolWorld,
): Promise<Hop> {
  const expected = path.interfaces[interfaceIndex]
  const roundTripsMs: (number | undefined)[] = []
  let ip: string | undefined
  let answered = expected && { isdAs: expected.isdAs, interfaceId: expected.id }
  for (let turn = 0; turn < PROBES_PER_HOP; turn++) {
    try {
      const options = { timeoutMs: tool.timeoutMs, signal: world.signal, interfaceIndex }
      const answer = await socket.traceroute(path, options)
      answered = answer
      ip = formatHost(answer.router)
      roundTripsMs.push(answer.roundTripMs)
    } catch (error) {
      if (!(error instanceof ScionError)) throw error
      roundTripsMs.push(undefined)
    }
  }
  return {
    isdAs: answered === undefined ? '' : formatIsdAs(answered.isdAs),
    interfaceId: answered?.interfaceId ?? 0,
    ip,
    roundTripsMs,
  }
}

function hopLine(
  index: number,
  { isdAs, interfaceId, ip, roundTripsMs }: Hop,
  remote: string,
): string {
  const times = roundTripsMs.map((one) => (one === undefined ? '*' : milliseconds(one)))
  const head = index === 0 ? `traceroute to ${remote}\n` : ''
  return `${head}${index} ${isdAs},${ip ?? '*'} IfID=${interfaceId} ${times.join(' ')}\n`
}

function machine(path: Path, ip: string, hops: readonly Hop[], tool: ToolArguments): string {
  return (tool.format === 'json' ? toJson : toYaml)({
    path: { ...pathFields(path), local_ip: ip },
    hops: hops.map(({ isdAs, interfaceId, ip, roundTripsMs }) => ({
      interface_id: interfaceId,
      ip: ip ?? '',
      isd_as: isdAs,
      round_trip_times: roundTripsMs.flatMap((one) =>
        one === undefined ? [] : [Math.round(one * 1000) / 1000],
      ),
    })),
  })
}
