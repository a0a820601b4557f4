import type { ScionEndpoint } from '../../src/addr/endpoint.ts'
import type { Clock, Random } from '../../src/clock.ts'
import type { Path } from '../../src/path/path.ts'
import type { PathPilotOptions } from '../../src/selector/pilot.ts'
import { openPathPilot } from '../../src/selector/pilot.ts'
import type { PathPilot } from '../../src/selector/pilot.ts'
import { LIVELY_PLAN } from '../../src/selector/plan.ts'
import { nodeUnderlay } from '../../src/socket/node-underlay.ts'
import type { ScionSocket } from '../../src/socket/scion-socket.ts'
import type { UnderlayFactory } from '../../src/socket/underlay.ts'
import { DEMO_HEADEND_AS, DEMO_METER_AS, demoTopology } from '../../src/testing/demo-topology.ts'
import type { TestHost } from '../../src/testing/host.ts'
import type { Network, NetworkOptions } from '../../src/testing/network.ts'
import { openNetwork } from '../../src/testing/network.ts'
import { seededRandom } from '../../src/testing/random.ts'
import type { TopologyDescription } from '../../src/testing/topology.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { VirtualUnderlay } from '../../src/testing/virtual-underlay.ts'
import { realClock } from './clock.ts'

/** The demonstration's network with a host at either end and a socket on each. */
export interface World<C extends Clock = Clock> {
  readonly clock: C
  readonly random: Random
  readonly underlay: UnderlayFactory
  readonly network: Network
  readonly meter: TestHost
  readonly headend: TestHost
  readonly meterSocket: ScionSocket
  readonly headendSocket: ScionSocket
  /** Lets what a promise waits for happen: time passes by itself, or is made to pass. */
  run<T>(promise: Promise<T>): Promise<T>
  pilot(options?: Partial<PathPilotOptions>): PathPilot
  close(): Promise<void>
}

export interface WorldOptions extends Partial<NetworkOptions> {
  readonly seed?: number
  readonly topology?: TopologyDescription
}

/** A world in virtual time. */
export async function virtualWorld(options: WorldOptions = {}): Promise<World<VirtualClock>> {
  const clock = new VirtualClock()
  return openWorld(clock, new VirtualUnderlay(clock), (promise) => clock.run(promise), options)
}

/** A world of UDP sockets on loopback addresses, in real time. */
export function udpWorld(options: WorldOptions = {}): Promise<World> {
  const endhostPort = 30_498 // A dispatcher of another test may hold 30041 on every address.
  return openWorld(realClock, nodeUnderlay, (promise) => promise, { endhostPort, ...options })
}

async function openWorld<C extends Clock>(
  clock: C,
  underlay: UnderlayFactory,
  run: <T>(promise: Promise<T>) => Promise<T>,
  { seed = 1, topology = demoTopology(), ...rest }: WorldOptions,
): Promise<World<C>> {
  const random = seededRandom(seed)
  const network = await openNetwork(topology, { clock, random, underlay, ...rest })
  const meter = network.host(DEMO_METER_AS)
  const headend = network.host(DEMO_HEADEND_AS)
  const meterSocket = await meter.openSocket()
  const headendSocket = await headend.openSocket()
  return {
    clock,
    random,
    underlay,
    network,
    meter,
    headend,
    meterSocket,
    headendSocket,
    run,
    pilot: (own) =>
      openPathPilot({
        socket: meterSocket,
        source: meter.source,
        destination: headend.isdAs,
        clock,
        random,
        plan: LIVELY_PLAN,
        ...own,
      }),
    close: async () => {
      await meterSocket.close()
      await headendSocket.close()
      await network.close()
    },
  }
}

/** The ids of the links that a path of the demonstration runs over. */
export function linkIds(network: Network, path: Path | undefined): readonly string[] {
  const ids: string[] = []
  for (const one of path?.interfaces ?? []) {
    const link = network
      .links()
      .find(({ a, b }) => [a, b].some((end) => end.isdAs === one.isdAs && end.interface === one.id))
    if (link !== undefined && ids.at(-1) !== link.id) ids.push(link.id)
  }
  return ids
}

/** Acknowledges everything that arrives, as a head-end does, until the socket is closed. */
export async function acknowledge(socket: ScionSocket): Promise<void> {
  for await (const { from, payload, reply } of socket) await socket.send(from, payload, reply)
}

/** Sends a numbered packet every `everyMs` and tells the pilot of acknowledgements. */
export function startTraffic(
  world: World,
  pilot: PathPilot,
  to: ScionEndpoint,
  everyMs: number,
): Traffic {
  const stop = new AbortController()
  const aloft = new Map<number, Awaited<ReturnType<PathPilot['send']>>>()
  const landedMs: number[] = []
  const send = async (): Promise<void> => {
    for (let number = 0; !stop.signal.aborted; number += 1) {
      const payload = new Uint8Array(64)
      new DataView(payload.buffer).setUint32(0, number)
      await pilot.send(to, payload, { answer: true }).then(
        (flight) => aloft.set(number, flight),
        () => undefined,
      )
      await world.clock.sleep(everyMs, stop.signal).catch(() => undefined)
    }
  }
  const receive = async (): Promise<void> => {
    for (;;) {
      const { payload, reply } = await world.meterSocket.receive(stop.signal)
      const flight = aloft.get(new DataView(payload.buffer, payload.byteOffset).getUint32(0))
      if (flight === undefined) continue
      landedMs.push(world.clock.monotonicMs())
      pilot.landed(flight, reply)
    }
  }
  void send()
  receive().catch(() => undefined)
  return {
    landedMs,
    stop: () => {
      stop.abort()
    },
  }
}

/** Traffic that runs. */
export interface Traffic {
  /** Monotonic times of the acknowledgements. */
  readonly landedMs: readonly number[]
  stop(): void
}

/** The longest time without an acknowledgement from `sinceMs` on. */
export function longestGapMs(landedMs: readonly number[], sinceMs: number): number {
  let gapMs = 0
  let lastMs = sinceMs
  for (const atMs of landedMs) {
    if (atMs < sinceMs) continue
    gapMs = Math.max(gapMs, atMs - lastMs)
    lastMs = atMs
  }
  return gapMs
}
