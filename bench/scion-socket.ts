/**
 * The SCION socket beside a bare UDP socket, and the gap that a cut link leaves in acknowledged
 * traffic, on loopback sockets with the routers of the test network.
 */
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import type { ScionEndpoint } from '../scion/src/index.ts'
import { ScionError, nodeUnderlay, parseAddress } from '../scion/src/index.ts'
import { openScionSocket } from '../scion/src/socket/scion-socket.ts'
import type { ScionSocket } from '../scion/src/socket/scion-socket.ts'
import { EMPTY_PATH } from '../scion/src/path/dataplane.ts'
import { realClock } from '../scion/test/support/clock.ts'
import {
  acknowledge,
  linkIds,
  longestGapMs,
  startTraffic,
  udpWorld,
} from '../scion/test/support/world.ts'
import type { Bench, Figure } from './table.ts'
import { median } from './table.ts'

const PAYLOAD_BYTES = 300
/** What a packet has around its payload inside one AS: headers of 36 and 8 bytes. */
const HEADER_BYTES = 44
const ECHOES = 4_000
const RUNS = 5
const SEND_EVERY_MS = 20
const CUTS = 5
/** Two round trips and 20 ms, and one sending interval, for what is measured are acknowledgements. */
const GAP_MS_MAX = 2 * 25 + 20 + SEND_EVERY_MS

/** Measures the socket. */
export const run: Bench = async () => [...(await echoFigures()), ...(await gapFigures())]

async function echoFigures(): Promise<readonly Figure[]> {
  const bare = await openBarePair()
  const scion = await openScionPair()
  const figures: Figure[] = []
  for (const window of [1, 32]) {
    const peers: number[] = []
    const ours: number[] = []
    // By turns, so that whatever else the machine does disturbs both alike.
    for (let turn = 0; turn <= RUNS; turn += 1) {
      const peer = await microsPerEcho(bare.echo, window)
      const own = await microsPerEcho(scion.echo, window)
      if (turn === 0) continue
      peers.push(peer)
      ours.push(own)
    }
    const value = median(ours)
    const ratio = value / median(peers)
    const name = `echo of ${PAYLOAD_BYTES} bytes inside one AS, ${window} at a time`
    figures.push({
      name,
      value,
      unit: 'µs',
      peer: 'bare UDP',
      ratio,
      aim: '<= 1.5',
      met: ratio <= 1.5,
    })
  }
  await bare.close()
  await scion.close()
  return figures
}

/** Echoes with so many under way all the time; the time that one takes of the whole. */
async function microsPerEcho(echo: () => Promise<void>, window: number): Promise<number> {
  const started = performance.now()
  let left = ECHOES
  const worker = async (): Promise<void> => {
    while (left-- > 0) await echo()
  }
  await Promise.all(Array.from({ length: window }, worker))
  return ((performance.now() - started) * 1000) / ECHOES
}

interface Pair {
  /** One packet there and back. */
  readonly echo: () => Promise<void>
  readonly close: () => Promise<void>
}

async function openBarePair(): Promise<Pair> {
  const [near, far] = [await bareSocket(), await bareSocket()]
  far.on('message', (message, from) => {
    far.send(message, from.port, from.address)
  })
  const waiting: (() => void)[] = []
  near.on('message', () => waiting.shift()?.())
  const packet = new Uint8Array(HEADER_BYTES + PAYLOAD_BYTES)
  const { address, port } = far.address()
  return {
    echo: () =>
      new Promise((resolve) => {
        waiting.push(resolve)
        near.send(packet, port, address)
      }),
    close: () => {
      near.close()
      far.close()
      return Promise.resolve()
    },
  }
}

function bareSocket(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', reject)
    socket.bind(0, '127.0.0.1', () => {
      resolve(socket)
    })
  })
}

async function openScionPair(): Promise<Pair> {
  const [near, far] = [await scionSocket(), await scionSocket()]
  void acknowledge(far).catch(ignoreClosed)
  const payload = new Uint8Array(PAYLOAD_BYTES)
  const route = { dataplane: EMPTY_PATH, mtu: 1472 }
  return {
    echo: async () => {
      const answer = near.receive()
      await near.send(far.local, payload, route)
      await answer
    },
    close: async () => {
      await near.close()
      await far.close()
    },
  }
}

function scionSocket(): Promise<ScionSocket> {
  const { isdAs, host } = parseAddress('1-ff00:0:110,127.0.0.1')
  const local: ScionEndpoint = { isdAs, host, port: 0 }
  const localAs = {
    isdAs,
    core: true,
    mtu: 1472,
    dispatchedPorts: { min: 1024, max: 65_535 },
    borderRouters: new Map(),
  }
  const random = (): number => Math.random()
  return openScionSocket({ local, localAs, underlay: nodeUnderlay, clock: realClock, random })
}

function ignoreClosed(error: unknown): void {
  if (!(error instanceof ScionError && error.code === 'ERR_SCION_CLOSED')) throw error
}

/** Gaps in traffic with a packet every 20 ms over the demonstration's network. */
async function gapFigures(): Promise<readonly Figure[]> {
  const silent = await medianGapMs({})
  const told = await medianGapMs({ scmp: true })
  const bfd = await medianGapMs({ scmp: true, detectMs: 600 })
  const aim = `<= ${GAP_MS_MAX}`
  const figure = (how: string, value: number, note?: string): Figure => {
    const name = `gap in acknowledged traffic, link cut ${how}`
    return {
      name,
      value,
      unit: 'ms',
      aim,
      met: value <= GAP_MS_MAX,
      ...(note === undefined ? {} : { note }),
    }
  }
  return [
    figure('silently', silent, 'round trip about 25 ms, a packet every 20 ms'),
    figure('and reported at once', told),
    figure(
      'and reported after 600 ms (BFD)',
      bfd,
      'who waits for the report alone is never below 600',
    ),
  ]
}

async function medianGapMs(how: { scmp?: boolean; detectMs?: number }): Promise<number> {
  const gaps: number[] = []
  for (let cut = 0; cut < CUTS; cut += 1) gaps.push(await gapMs(how))
  return median(gaps)
}

async function gapMs(how: { scmp?: boolean; detectMs?: number }): Promise<number> {
  const world = await udpWorld()
  const pilot = world.pilot()
  await pilot.ready()
  void acknowledge(world.headendSocket).catch(ignoreClosed)
  const traffic = startTraffic(world, pilot, world.headendSocket.local, SEND_EVERY_MS)
  await realClock.sleep(1_500)
  const trunks = ['north-trunk', 'south-trunk', 'city-centre']
  const inUse = linkIds(world.network, pilot.current()).find((id) => trunks.includes(id))
  const cutMs = realClock.monotonicMs()
  world.network.cut(inUse ?? '', how)
  await realClock.sleep(1_500)
  traffic.stop()
  await pilot.close()
  await world.close()
  return longestGapMs(traffic.landedMs, cutMs)
}
