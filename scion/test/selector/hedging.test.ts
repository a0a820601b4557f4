import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { PathPilot } from '../../src/selector/pilot.ts'
import type { PathEvent } from '../../src/selector/report.ts'
import type { ScionSocket } from '../../src/socket/scion-socket.ts'
import { openScionSocket } from '../../src/socket/scion-socket.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Stall } from '../support/stalls.ts'
import { stallingHost } from '../support/stalls.ts'
import type { World } from '../support/world.ts'
import { acknowledge, linkIds, virtualWorld } from '../support/world.ts'

const EVERY_MS = 10
/** What the demonstration's network takes there and back. */
const ROUND_TRIP_MS = 24

describe('a pilot whose acknowledgement is missing', () => {
  let world: World<VirtualClock>
  let pilot: PathPilot
  let socket: ScionSocket
  let stall: Stall | undefined
  let events: PathEvent[]
  let arrivals: { number: number; atMs: number }[]
  let stop: AbortController

  beforeEach(async () => {
    stop = new AbortController()
    stall = undefined
    events = []
    arrivals = []
    world = await virtualWorld()
    const { meter, random } = world
    const host = stallingHost(world.clock, world.underlay, (atMs) =>
      stall !== undefined && atMs >= stall.fromMs && atMs < stall.untilMs ? stall : undefined,
    )
    const local = { ...meter.address, port: 0 }
    const options = { local, localAs: meter.source.local, random, ...host }
    socket = await openScionSocket(options)
    pilot = world.pilot({ socket, clock: host.clock })
    pilot.observe((event) => events.push(event))
    await world.run(pilot.ready())
    await world.clock.advance(10_000)
    events = []
  })

  afterEach(async () => {
    stop.abort()
    await pilot.close()
    await socket.close()
    await world.close()
  })

  /** The head-end notes what arrives and acknowledges it, after `delayMs()` of its own. */
  const receiveReadings = async (delayMs: () => number): Promise<void> => {
    for await (const { from, payload, reply } of world.headendSocket) {
      const number = numberOf(payload)
      arrivals.push({ number, atMs: world.clock.monotonicMs() })
      void world.clock
        .sleep(delayMs())
        .then(() => world.headendSocket.send(from, payload, reply))
        .catch(() => undefined)
    }
  }

  const sendReadings = async (everyMs: number): Promise<void> => {
    for (let number = 0; !stop.signal.aborted; number += 1) {
      const payload = new Uint8Array(4)
      new DataView(payload.buffer).setUint32(0, number)
      flights.set(number, await pilot.send(world.headendSocket.local, payload, { answer: true }))
      await world.clock.sleep(everyMs, stop.signal).catch(() => undefined)
    }
  }

  const hearAcknowledgements = async (): Promise<void> => {
    for await (const { payload, reply } of socket) {
      const flight = flights.get(numberOf(payload))
      if (flight !== undefined) pilot.landed(flight, reply)
    }
  }

  const flights = new Map<number, Awaited<ReturnType<PathPilot['send']>>>()

  const startTraffic = async (
    delayMs: () => number = () => 0,
    everyMs = EVERY_MS,
  ): Promise<void> => {
    flights.clear()
    void receiveReadings(delayMs)
    void sendReadings(everyMs)
    void hearAcknowledgements()
    await world.clock.advance(3_000)
  }

  const moves = (): number => events.filter(({ type }) => type === 'switched').length

  /** Longest time from `sinceMs` on in which no reading arrived that had not arrived before. */
  const gapMs = (sinceMs: number): number => {
    const seen = new Set<number>()
    let [longest, lastMs] = [0, sinceMs]
    for (const { number, atMs } of arrivals) {
      if (!seen.has(number) && atMs >= sinceMs) {
        longest = Math.max(longest, atMs - lastMs)
        lastMs = atMs
      }
      seen.add(number)
    }
    return longest
  }

  const missing = (untilNumber: number): number => {
    const seen = new Set(arrivals.map(({ number }) => number))
    return Array.from({ length: untilNumber }).filter((_, number) => !seen.has(number)).length
  }

  it('leaves the receiver without readings for two round trips and 20 ms at most, and loses none', async () => {
    await startTraffic()
    const cutMs = world.clock.monotonicMs()
    world.network.cut('north-trunk')
    await world.clock.advance(3_000)
    const sent = flights.size
    await world.clock.advance(200)
    assert.ok(gapMs(cutMs) <= 2 * ROUND_TRIP_MS + 20, `gap of ${gapMs(cutMs).toFixed(1)} ms`)
    assert.equal(missing(sent), 0)
    assert.equal(moves(), 1)
  })

  it('brings the one reading of a slow sender over in time, too', async () => {
    await startTraffic(() => 0, 1_000)
    world.network.cut('north-trunk')
    const before = new Set(arrivals.map(({ number }) => number))
    const cutMs = world.clock.monotonicMs()
    await world.clock.advance(1_100)
    const next = arrivals.find(({ number, atMs }) => !before.has(number) && atMs > cutMs)
    const flight = flights.get(next?.number ?? -1)
    assert.ok(next !== undefined && flight !== undefined)
    const tookMs = next.atMs - flight.sentMs
    assert.ok(tookMs <= 2 * ROUND_TRIP_MS + 20, `${tookMs.toFixed(1)} ms`)
  })

  it('moves nothing and sends little twice when one packet of a hundred is lost', async () => {
    for (const { id } of world.network.links()) world.network.shape(id, { loss: 0.0015 })
    await startTraffic()
    const before = pilot.counters()
    await world.clock.advance(60_000)
    const { flights: sent, hedged } = pilot.counters()
    const share = (hedged - before.hedged) / (sent - before.flights)
    assert.ok(hedged > before.hedged && share < 0.05, `${(100 * share).toFixed(1)} % twice`)
    assert.equal(moves(), 0)
    assert.equal(missing(flights.size - 100), 0)
  })

  it('is not misled by stalls of its own process', async () => {
    await startTraffic()
    for (let count = 0; count < 40; count += 1) {
      const fromMs = world.clock.monotonicMs() + 20
      stall = { fromMs, untilMs: fromMs + 5 + 12 * count }
      await world.clock.advance(700)
    }
    assert.equal(moves(), 0)
    assert.deepEqual(
      events.filter(({ type }) => type === 'failed'),
      [],
    )
    const { flights: sent, missed } = pilot.counters()
    assert.ok(missed / sent < 0.02, `${missed} of ${sent} held to be missed`)
  })

  it('does not flap when the far host stalls or takes its time', async () => {
    let slowUntilMs = 0
    await startTraffic(() => Math.max(2, slowUntilMs - world.clock.monotonicMs()))
    for (let count = 0; count < 20; count += 1) {
      slowUntilMs = world.clock.monotonicMs() + 15 * count
      await world.clock.advance(1_000)
    }
    assert.equal(moves(), 0)
    const { missed, late } = pilot.counters()
    assert.ok(missed > 0)
    assert.equal(late, missed)
    assert.ok((pilot.report()[0]?.loss ?? 1) < 0.05, 'what came late was not lost')
  })

  it('does not flap on jittery links', async () => {
    for (const { id } of world.network.links()) world.network.shape(id, { jitterMs: 12 })
    await startTraffic()
    await world.clock.advance(20_000)
    const before = { ...pilot.counters(), moves: moves() }
    await world.clock.advance(60_000)
    const { flights: sent, hedged } = pilot.counters()
    assert.ok(moves() - before.moves <= 3, `${moves() - before.moves} moves in a minute`)
    const share = (hedged - before.hedged) / (sent - before.flights)
    assert.ok(share < 0.05, `${(100 * share).toFixed(1)} % twice`)
  })

  it('sends nothing twice where the program does not want it', async () => {
    void acknowledge(world.headendSocket)
    world.network.cut('north-trunk')
    const before = world.meterSocket.counters().sent
    for (let count = 0; count < 5; count += 1) {
      const options = { answer: true, hedge: false }
      await world.run(pilot.send(world.headendSocket.local, Uint8Array.of(1), options))
      await world.clock.advance(20)
    }
    assert.equal(pilot.counters().hedged, 0)
    assert.equal(world.meterSocket.counters().sent, before)
  })

  it('soon stops sending twice when the host is gone', async () => {
    await startTraffic()
    await world.headendSocket.close()
    await world.clock.advance(5_000)
    const { hedged } = pilot.counters()
    await world.clock.advance(20_000)
    assert.equal(pilot.counters().hedged, hedged)
    assert.ok(moves() <= 2, `${moves()} moves`)
    assert.ok(linkIds(world.network, pilot.current()).length > 0)
  })
})

function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0)
}
