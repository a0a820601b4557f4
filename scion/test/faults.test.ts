import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { IsdAs } from '../src/addr/isd-as.ts'
import { ControlPathSource, PROBLEMS_MAX } from '../src/control/path-source.ts'
import type { LookupReport } from '../src/control/path-source.ts'
import type { RpcCall, RpcTransport } from '../src/control/rpc.ts'
import { SEGMENT_AHEAD_MS_MAX } from '../src/control/segment-gate.ts'
import { ControlLookup } from '../src/control/segment-lookup.ts'
import { encodeSegmentsResponse } from '../src/control/segment-messages.ts'
import { ControlServices } from '../src/control/services.ts'
import type { ScionErrorCode } from '../src/errors.ts'
import { ScionError } from '../src/errors.ts'
import { decodeSegment } from '../src/segment/codec.ts'
import type { Path } from '../src/path/path.ts'
import type { LocalAs, PathQuery, PathSource } from '../src/path/source.ts'
import { ProtoWriter, fieldsOf } from '../src/control/protobuf.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { TrustStore } from '../src/trust/store.ts'
import { whileTimePasses } from './support/clock.ts'
import { everyChain, signedWorld } from './support/trust-world.ts'
import { acknowledge, longestGapMs, startTraffic, virtualWorld } from './support/world.ts'

const { pathSegment, nowMs, source, destination } = signedWorld
const DAY_MS = 86_400_000
const local: LocalAs = {
  isdAs: source,
  core: true,
  mtu: 1400,
  borderRouters: new Map([[41, { host: '127.0.0.1', port: 30042 }]]),
}
const { segment } = decodeSegment(pathSegment)
const good = encodeSegmentsResponse([{ type: 'down', message: pathSegment }])

/** How a control service fails; what it answers about certificates is right unless it says otherwise. */
interface Fault {
  readonly name: string
  /** What a lookup rejects with, and words of the reason; no code where a path is found all the same. */
  readonly code?: ScionErrorCode
  readonly words: RegExp
  readonly segments: (clock: VirtualClock) => Uint8Array | Promise<Uint8Array>
  readonly chains?: Uint8Array
  /** By how much this host's clock is off. */
  readonly offMs?: number
}

const FAULTS: readonly Fault[] = [
  {
    name: 'answers garbage',
    code: 'ERR_SCION_MALFORMED',
    words: /SegmentsResponse: /,
    segments: () => Uint8Array.of(0xff, 0xff, 0xff),
  },
  {
    name: 'answers late, but in time',
    words: /^$/,
    segments: async (clock) => {
      await clock.sleep(4900)
      return good
    },
  },
  {
    name: 'never answers',
    code: 'ERR_SCION_TIMEOUT',
    words: /an answer in 5000 ms/,
    segments: async (clock) => {
      await clock.sleep(5000)
      throw new ScionError('ERR_SCION_TIMEOUT', 'fake Segments: an answer in 5000 ms')
    },
  },
  {
    name: 'answers with a thousand segments, of which one is good',
    words: /^entry of 1-ff00:0:11[0-2]: a signature by its certificate, found another$/m,
    segments: () =>
      encodeSegmentsResponse([
        { type: 'down', message: pathSegment },
        ...Array.from({ length: 1000 }, (_, number) => ({
          type: 'down' as const,
          message: withInfo(segment.timestamp, 1000 + number),
        })),
      ]),
  },
  {
    name: 'answers with a segment that another AS signed',
    code: 'ERR_SCION_UNTRUSTED',
    words: /one that leads to the TRC of its ISD, found chain: the one asked for, found one of/,
    segments: () => good,
    chains: onlyTheLastChain(),
  },
  {
    name: 'answers well, to a host whose clock is five minutes fast',
    words: /^$/,
    segments: () => good,
    offMs: 300_000,
  },
  {
    name: 'answers well, to a host whose clock is ten minutes slow',
    code: 'ERR_SCION_CLOCK',
    words: /begun at most 337\.5 s ahead, found \d+ s ahead: this host's clock is slow/,
    segments: () => good,
    offMs: segment.timestamp * 1000 - nowMs - SEGMENT_AHEAD_MS_MAX - 300_000,
  },
  {
    name: 'answers well, after the TRC has expired',
    code: 'ERR_SCION_VALIDITY',
    words: /trc ISD1-B1-S1: valid now, found valid until/,
    segments: () => afterTheTrc(),
    offMs: 3000 * DAY_MS,
  },
]

/** The signed segment with other information of the same length: the signatures do not fit any more. */
function withInfo(timestamp: number, segmentId: number): Uint8Array {
  const [, ...entries] = [...fieldsOf(pathSegment, 'PathSegment')]
  const writer = new ProtoWriter().message(1, (one) =>
    one.varint(1, timestamp).varint(2, segmentId),
  )
  for (const entry of entries) writer.bytes(2, entry.bytes())
  return writer.finish()
}

function onlyTheLastChain(): Uint8Array {
  const last = [...fieldsOf(everyChain(), 'ChainsResponse')].at(-1)
  assert.ok(last)
  return new ProtoWriter().bytes(1, last.bytes()).finish()
}

/** The signed segment as if it had been begun after the TRC's end; the TRC is looked at first. */
function afterTheTrc(): Uint8Array {
  const message = withInfo(Math.floor((nowMs + 3000 * DAY_MS) / 1000), segment.segmentId)
  return encodeSegmentsResponse([{ type: 'down', message }])
}

class FaultyService implements RpcTransport {
  readonly name = 'fake'
  readonly #fault: Fault
  readonly #clock: VirtualClock

  constructor(fault: Fault, clock: VirtualClock) {
    this.#fault = fault
    this.#clock = clock
  }

  async call({ method }: RpcCall): Promise<Uint8Array> {
    if (method === 'Chains') return this.#fault.chains ?? everyChain()
    return await this.#fault.segments(this.#clock)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** A host that looks paths up at a control service with a fault. */
function faultySource(
  fault: Fault,
  clock: VirtualClock,
): { source: ControlPathSource; reports: LookupReport[] } {
  // prettier-ignore
  const services = new ControlServices([new FaultyService(fault, clock)])
  const startMs = clock.nowMs()
  const off = {
    nowMs: () => nowMs + (fault.offMs ?? 0) + clock.nowMs() - startMs,
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
  }
  const reports: LookupReport[] = []
  const trust = new TrustStore({ clock: off, material: services, anchors: [signedWorld.trc()] })
  return {
    source: new ControlPathSource({
      lookup: new ControlLookup(local, services),
      trust,
      clock: off,
      onLookup: (report) => reports.push(report),
    }),
    reports,
  }
}

/** Paths of one source at first, then of another; as if the network broke after the start. */
class ThenFaulty implements PathSource {
  failures: ScionError[] = []
  #current: PathSource

  constructor(first: PathSource) {
    this.#current = first
  }

  get local(): LocalAs {
    return this.#current.local
  }

  breakDown(next: PathSource): void {
    this.#current = next
  }

  async paths(to: IsdAs, query?: PathQuery): Promise<readonly Path[]> {
    try {
      return await this.#current.paths(to, query)
    } catch (error) {
      if (error instanceof ScionError) this.failures.push(error)
      throw error
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

describe('a control service that', () => {
  for (const fault of FAULTS) {
    const outcome = fault.code === undefined ? 'still gives a path' : `is told by ${fault.code}`
    it(`${fault.name}: ${outcome}`, async () => {
      const clock = new VirtualClock()
      const { source: paths, reports } = faultySource(fault, clock)
      const asked = paths.paths(destination).catch((error: unknown) => error)
      const found = await whileTimePasses(clock, asked)
      if (fault.code === undefined) {
        assert.ok(Array.isArray(found), String(found))
        assert.equal(found.length, 1)
        const problems = reports[0]?.problems ?? []
        assert.ok(problems.length <= PROBLEMS_MAX)
        assert.match(problems.join('\n'), fault.words)
      } else {
        assert.ok(found instanceof ScionError, String(found))
        assert.equal(found.code, fault.code, found.message)
        assert.match(found.message, fault.words)
      }
      await paths.close()
    })

    it(`${fault.name}: leaves a working path working`, async () => {
      const world = await virtualWorld()
      void acknowledge(world.headendSocket).catch(() => undefined)
      const switching = new ThenFaulty(world.meter.source)
      const pilot = world.pilot({ source: switching })
      await world.run(pilot.ready())
      const traffic = startTraffic(world, pilot, world.headendSocket.local, 200)
      await world.clock.advance(20_000)
      switching.breakDown(faultySource(fault, world.clock).source)
      pilot.refresh()
      const brokenMs = world.clock.monotonicMs()
      await world.clock.advance(120_000)
      const landed = traffic.landedMs.filter((atMs) => atMs >= brokenMs)
      assert.ok(landed.length > 580, `${landed.length} packets were acknowledged`)
      assert.ok(longestGapMs(traffic.landedMs, brokenMs) < 1000)
      traffic.stop()
      await pilot.close()
      await world.close()
    }).timeout(20_000)
  }
})
