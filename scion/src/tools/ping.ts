import { formatAddress, parseAddress } from '../addr/endpoint.ts'
import { parseIp } from '../addr/host.ts'
import { ScionError } from '../errors.ts'
import { encodeScmpPacket } from '../packet/scmp-codec.ts'
import type { Path } from '../path/path.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import type { ToolArguments } from './arguments.ts'
import { milliseconds, pathFields, pathLine, toJson, toYaml } from './output.ts'
import type { ToolWorld } from './session.ts'
import { findPaths, openSocket, openSource } from './session.ts'

/** Replies that are kept for the result of a ping without end. */
export const PING_REPLIES_MAX = 10_000

interface Reply {
  readonly sequence: number
  readonly roundTripMs: number
}

/** Asks a host for answers. Returns 0 when it answered at all, else 1. */
export async function ping(tool: ToolArguments, world: ToolWorld): Promise<number> {
  const remote = parseAddress(tool.target ?? '')
  const source = await openSource(tool, world)
  try {
    const [path] = await findPaths(source, remote.isdAs, tool, world.signal)
    if (path === undefined) throw new ScionError('ERR_SCION_NO_PATH', 'no path found')
    const { socket, ip } = await openSocket(tool, source, world)
    try {
      if (tool.format === 'human') {
        world.write(`Using path:\n  [${pathLine(path)}] MTU: ${path.mtu}\n`)
        world.write(`PING ${formatAddress(remote)}\n`)
      }
      const startedMs = world.clock.monotonicMs()
      const { sent, replies } = await pingAll(socket, path, tool, world)
      const timeMs = world.clock.monotonicMs() - startedMs
      world.write(report(path, ip, sent, replies, timeMs, tool))
      return replies.length > 0 ? 0 : 1
    } finally {
      await socket.close()
    }
  } finally {
    await source.close()
  }
}

async function pingAll(
  socket: ScionSocket,
  path: Path,
  tool: ToolArguments,
  world: ToolWorld,
): Promise<{ readonly sent: number; readonly replies: readonly Reply[] }> {
  const remote = parseAddress(tool.target ?? '')
  const { clock, signal } = world
  const replies: Reply[] = []
  let sequence = 0
  for (; (tool.count === 0 || sequence < tool.count) && !signal.aborted; sequence++) {
    const startedMs = clock.monotonicMs()
    try {
      const roundTripMs = await socket.echo(remote, path, { timeoutMs: tool.timeoutMs, signal })
      if (replies.length < PING_REPLIES_MAX) replies.push({ sequence, roundTripMs })
      if (tool.format === 'human') {
        world.write(
          `from ${formatAddress(remote)}: scmp_seq=${sequence} time=${milliseconds(roundTripMs)}\n`,
        )
      }
    } catch (error) {
      if (!(error instanceof ScionError)) {
        if (error === signal.reason) break
        throw error
      }
      if (tool.format === 'human') world.write(`scmp_seq=${sequence} ${error.message}\n`)
    }
    const isLast = tool.count > 0 && sequence === tool.count - 1
    const restMs = tool.intervalMs - (clock.monotonicMs() - startedMs)
    if (!isLast && restMs > 0) await clock.sleep(restMs, signal).catch(() => undefined)
  }
  return { sent: sequence, replies }
}

function report(
  path: Path,
  ip: string,
  sent: number,
  replies: readonly Reply[],
  timeMs: number,
  tool: ToolArguments,
): string {
  const times = replies.map(({ roundTripMs }) => roundTripMs)
  const loss = sent === 0 ? 0 : Math.round((100 * (sent - replies.length)) / sent)
  const average = times.reduce((sum, one) => sum + one, 0) / Math.max(1, times.length)
  const spread =
    times.reduce((sum, one) => sum + (one - average) ** 2, 0) / Math.max(1, times.length)
  const [min, max] = [Math.min(...times), Math.max(...times)].map((one) =>
    times.length > 0 ? one : 0,
  )
  const statistics = {
    sent,
    received: replies.length,
    packet_loss: loss,
    time: round(timeMs),
    min_rtt: round(min ?? 0),
    avg_rtt: round(average),
    max_rtt: round(max ?? 0),
    mdev_rtt: round(Math.sqrt(spread)),
  }
  const remote = parseAddress(tool.target ?? '')
  const empty = { type: 'echo-request', code: 0, identifier: 0, sequence: 0 } as const
  const source = { isdAs: path.source, host: parseIp(ip) }
  const packetBytes = encodeScmpPacket(
    { trafficClass: 0, flowId: 1, source, destination: remote, path: path.dataplane },
    { ...empty, data: new Uint8Array(0) },
  ).length
  if (tool.format === 'human') {
    const rtt = [statistics.min_rtt, statistics.avg_rtt, statistics.max_rtt, statistics.mdev_rtt]
    const rttLine = `rtt min/avg/max/mdev = ${rtt.join('/')} ms\n`
    return (
      `\n--- ${tool.target ?? ''} statistics ---\n` +
      `${sent} packets transmitted, ${replies.length} received, ${loss}% packet loss, time ${statistics.time}ms\n` +
      (replies.length > 0 ? rttLine : '')
    )
  }
  return (tool.format === 'json' ? toJson : toYaml)({
    path: { ...pathFields(path), local_ip: ip },
    payload_size: 0,
    scion_packet_size: packetBytes,
    replies: replies.map(({ sequence, roundTripMs }) => ({
      scion_packet_size: packetBytes,
      source: tool.target ?? '',
      scmp_seq: sequence,
      round_trip_time: round(roundTripMs),
      state: 'success',
    })),
    statistics,
  })
}

/** Milliseconds with three decimals, as the reference's tools give them. */
function round(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000
}
