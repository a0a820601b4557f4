import type { ScionAddress } from '../addr/endpoint.ts'
import { formatAddress } from '../addr/endpoint.ts'
import { parseIp } from '../addr/host.ts'
import { ScionError } from '../errors.ts'
import { encodeScmpPacket } from '../packet/scmp-codec.ts'
import type { Path } from '../path/path.ts'
import { ECHO_PAYLOAD_BYTES_MIN } from '../socket/questions.ts'
import type { ScionSocket } from '../socket/scion-socket.ts'
import type { ToolArguments } from './arguments.ts'
import { milliseconds, pathFields, pathLine, toJson, toYaml } from './output.ts'
import type { ToolWorld } from './session.ts'
import { Tally } from './tally.ts'
import { choosePath, findPaths, openSocket, openSource, remoteOf } from './session.ts'

/** Replies that are kept for the result of a ping without end. */
export const PING_REPLIES_MAX = 10_000

interface Reply {
  readonly sequence: number
  readonly roundTripMs: number
}

/** Asks a host for answers. Returns 0 when it answered at all, else 1. */
export async function ping(tool: ToolArguments, world: ToolWorld): Promise<number> {
  const remote = await remoteOf(tool, world)
  const source = await openSource(tool, world)
  try {
    const { kept } = await findPaths(source, remote.isdAs, tool, world)
    const { socket, ip } = await openSocket(tool, source, world)
    try {
      const path = await choosePath(socket, kept, tool, world)
      const size = sizeOf(path, ip, remote, tool)
      if (tool.format === 'human') {
        world.write(`Using path:\n  [${pathLine(path)}] MTU: ${path.mtu}\n`)
        const sizes = `pld=${size.payloadBytes}B scion_pkt=${size.packetBytes}B`
        world.write(`PING ${formatAddress(remote)} ${sizes}\n`)
      }
      const startedMs = world.clock.monotonicMs()
      const pinged = await pingAll({ socket, remote, path, size }, tool, world)
      const timeMs = world.clock.monotonicMs() - startedMs
      world.write(report({ path, ip, remote, size, ...pinged, timeMs }, tool))
      return pinged.tally.count > 0 ? 0 : 1
    } finally {
      await socket.close()
    }
  } finally {
    await source.close()
  }
}

/** How large the packets are. */
interface Size {
  readonly payloadBytes: number
  readonly packetBytes: number
}

/** The sizes that are asked for. Throws `ERR_SCION_CONFIG` where the path carries no such packet. */
function sizeOf(path: Path, ip: string, destination: ScionAddress, tool: ToolArguments): Size {
  const source = { isdAs: path.source, host: parseIp(ip) }
  const empty = { type: 'echo-request', code: 0, identifier: 0, sequence: 0 } as const
  const headerBytes = encodeScmpPacket(
    { trafficClass: 0, flowId: 1, source, destination, path: path.dataplane },
    { ...empty, data: new Uint8Array(0) },
  ).length
  const most = path.mtu - headerBytes
  const asked = tool.packetBytes === undefined ? tool.payloadBytes : tool.packetBytes - headerBytes
  const isWhole = tool.packetBytes !== undefined
  const payloadBytes = tool.maxMtu
    ? most
    : isWhole
      ? asked
      : Math.max(ECHO_PAYLOAD_BYTES_MIN, asked)
  if (payloadBytes > most || payloadBytes < ECHO_PAYLOAD_BYTES_MIN) {
    const range = `${ECHO_PAYLOAD_BYTES_MIN} … ${most}`
    throw new ScionError('ERR_SCION_CONFIG', `--payload-size: ${range}, found ${payloadBytes}`)
  }
  return { payloadBytes, packetBytes: headerBytes + payloadBytes }
}

/** What is pinged, and how. */
interface Course {
  readonly socket: ScionSocket
  readonly remote: ScionAddress
  readonly path: Path
  readonly size: Size
}

async function pingAll(
  { socket, remote, path, size: { payloadBytes } }: Course,
  tool: ToolArguments,
  world: ToolWorld,
): Promise<Pick<Outcome, 'sent' | 'replies' | 'tally'>> {
  const { clock, signal } = world
  const tally = new Tally()
  const replies: Reply[] = []
  let sequence = 0
  for (; (tool.count === 0 || sequence < tool.count) && !signal.aborted; sequence++) {
    const startedMs = clock.monotonicMs()
    try {
      const roundTripMs = await socket.echo(remote, path, {
        timeoutMs: tool.timeoutMs,
        signal,
        payloadBytes,
      })
      tally.add(roundTripMs)
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
  return { sent: sequence, replies, tally }
}

/** What came of it. */
interface Outcome {
  readonly path: Path
  readonly ip: string
  readonly remote: ScionAddress
  readonly size: Size
  readonly sent: number
  /** The first {@link PING_REPLIES_MAX}. */
  readonly replies: readonly Reply[]
  /** All of them. */
  readonly tally: Tally
  readonly timeMs: number
}

function report(outcome: Outcome, tool: ToolArguments): string {
  const { path, ip, remote, sent, replies, tally, timeMs } = outcome
  const { payloadBytes, packetBytes } = outcome.size
  const received = tally.count
  const loss = sent === 0 ? 0 : Math.round((100 * (sent - received)) / sent)
  const { min, avg, max, mdev } = tally.summary()
  const statistics = {
    sent,
    received,
    packet_loss: loss,
    time: round(timeMs),
    min_rtt: round(min),
    avg_rtt: round(avg),
    max_rtt: round(max),
    mdev_rtt: round(mdev),
  }
  if (tool.format === 'human') {
    const rtt = [statistics.min_rtt, statistics.avg_rtt, statistics.max_rtt, statistics.mdev_rtt]
    const rttLine = `rtt min/avg/max/mdev = ${rtt.join('/')} ms\n`
    return (
      `\n--- ${formatAddress(remote)} statistics ---\n` +
      `${sent} packets transmitted, ${received} received, ${loss}% packet loss, time ${statistics.time}ms\n` +
      (received > 0 ? rttLine : '')
    )
  }
  return (tool.format === 'json' ? toJson : toYaml)({
    path: { ...pathFields(path), local_ip: ip },
    payload_size: payloadBytes,
    scion_packet_size: packetBytes,
    replies: replies.map(({ sequence, roundTripMs }) => ({
      scion_packet_size: packetBytes,
      source: formatAddress(remote),
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
