import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { parseHost } from '../../src/addr/host.ts'
import type { IsdAs } from '../../src/addr/isd-as.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { encodeScmpPacket } from '../../src/packet/scmp-codec.ts'
import type { ScmpError } from '../../src/packet/scmp.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import type { Path } from '../../src/path/path.ts'
import type { PathSource } from '../../src/path/source.ts'
import type { PathPilot } from '../../src/selector/pilot.ts'
import type { PathEvent } from '../../src/selector/report.ts'
import type { Route } from '../../src/socket/route.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World } from '../support/world.ts'
import { virtualWorld } from '../support/world.ts'

describe('PathPilot under forged reports', () => {
  let world: World<VirtualClock>
  let pilot: PathPilot
  let path: Path
  let events: PathEvent[]

  beforeEach(async () => {
    world = await virtualWorld()
    pilot = world.pilot()
    events = []
    await world.run(pilot.ready())
    await world.clock.advance(5_000)
    pilot.observe((event) => events.push(event))
    const current = pilot.current()
    assert.ok(current !== undefined)
    path = current
  })

  afterEach(async () => {
    await pilot.close()
    await world.close()
  })

  const moves = (): readonly PathEvent[] =>
    events.filter(({ type }) => type === 'switched' || type === 'failed')

  const report = (error: ScmpError, from: IsdAs): void => {
    const packet = encodeScmpPacket(
      {
        trafficClass: 0,
        flowId: 9,
        destination: world.meterSocket.local,
        source: { isdAs: from, host: parseHost('10.1.1.1') },
        path: EMPTY_PATH,
      },
      error,
    )
    world.meterSocket.accept(packet, { host: '127.9.9.9', port: 1 })
  }

  /** A packet of the kind that the meter sends, from somebody who knows the path but not the flow. */
  const imitation = (): Uint8Array =>
    encodeUdpPacket(
      {
        trafficClass: 0,
        flowId: 0x1234,
        destination: world.headendSocket.local,
        source: world.meterSocket.local,
        path: path.dataplane,
      },
      {
        sourcePort: world.meterSocket.local.port,
        destinationPort: world.headendSocket.local.port,
        payload: Uint8Array.of(1),
      },
    )

  const errors = (quote: Uint8Array): readonly (readonly [ScmpError, IsdAs])[] => {
    const [, , trunk] = path.interfaces
    assert.ok(trunk !== undefined)
    const { isdAs, id } = trunk
    return [
      [{ type: 'external-interface-down', code: 0, isdAs, interfaceId: id, quote }, isdAs],
      [
        { type: 'internal-connectivity-down', code: 0, isdAs, ingressId: 1, egressId: id, quote },
        isdAs,
      ],
      [{ type: 'parameter-problem', code: 52, pointer: 0, quote }, isdAs],
      [{ type: 'parameter-problem', code: 51, pointer: 0, quote }, isdAs],
      [{ type: 'packet-too-big', code: 0, mtu: 100, quote }, isdAs],
      [{ type: 'destination-unreachable', code: 0, quote }, isdAs],
    ]
  }

  it('moves nothing for errors that quote a packet which was never sent', async () => {
    for (const quote of [imitation(), new Uint8Array(0), new Uint8Array(200)]) {
      for (const [error, from] of errors(quote)) report(error, from)
    }
    await world.clock.advance(10_000)
    assert.deepEqual(moves(), [])
    assert.equal(pilot.report()[0]?.mtu, path.mtu)
  })

  it('looks for itself when a report is not proven, but not more often than its budget allows', async () => {
    const before = world.meterSocket.counters().sent
    const [first] = errors(imitation())
    assert.ok(first !== undefined)
    for (let count = 0; count < 10_000; count += 1) {
      report(...first)
      if (count % 100 === 0) await world.clock.advance(10)
    }
    const hints = events.filter((event) => event.type === 'hint').length
    assert.ok(hints >= 1 && hints <= 13, `${hints} hints`)
    assert.ok(world.meterSocket.counters().sent - before < 40)
    assert.deepEqual(moves(), [])
  })

  it('moves nothing for an error whose sender is not on the path', async () => {
    const quote = await realQuote()
    const [[error]] = errors(quote) as [readonly [ScmpError, IsdAs]]
    const stranger = world.network.host('1-ff00:0:120').isdAs
    report(error, stranger)
    report({ type: 'parameter-problem', code: 52, pointer: 0, quote: await realQuote() }, stranger)
    await world.clock.advance(100)
    assert.deepEqual(moves(), [])
  })

  it('moves nothing when an AS speaks of an interface of another one', async () => {
    const quote = await realQuote()
    const [[error]] = errors(quote) as [readonly [ScmpError, IsdAs]]
    report(error, path.destination)
    await world.clock.advance(100)
    assert.deepEqual(moves(), [])
  })

  it('believes the same error from the AS that it is about', async () => {
    const quote = await realQuote()
    const [[error, from]] = errors(quote) as [readonly [ScmpError, IsdAs]]
    report(error, from)
    assert.ok(moves().some(({ type }) => type === 'switched'))
  })

  it('looks for new paths when a router finds the path wrong', async () => {
    await pilot.close()
    const { source } = world.meter
    const lookups: number[] = []
    const counting: PathSource = {
      local: source.local,
      paths: (...query) => {
        lookups.push(world.clock.monotonicMs())
        return source.paths(...query)
      },
      close: () => source.close(),
    }
    pilot = world.pilot({ source: counting })
    await world.run(pilot.ready())
    await world.clock.advance(60_000)
    assert.equal(lookups.length, 1)
    path = pilot.current() ?? path
    const from = path.interfaces[0]?.isdAs ?? path.source
    report({ type: 'parameter-problem', code: 51, pointer: 0, quote: await realQuote() }, from)
    await world.clock.advance(100)
    assert.equal(lookups.length, 2)
    assert.notEqual(pilot.current()?.fingerprint, path.fingerprint)
  })

  it('never takes an MTU below the smallest that SCION allows', async () => {
    const quote = await realQuote()
    const from = path.interfaces[0]?.isdAs ?? path.source
    report({ type: 'packet-too-big', code: 0, mtu: 100, quote }, from)
    const found = pilot.report().find(({ fingerprint }) => fingerprint === path.fingerprint)
    assert.equal(found?.mtu, 1232)
    assert.ok(pilot.maxPayload(world.headendSocket.local) < 1232)
  })

  /** A packet that the meter really sent, as its first router saw it. */
  const realQuote = async (): Promise<Uint8Array> => {
    const seen: Packet[] = []
    const tap = await world.underlay.bind(
      { host: '127.8.8.8', port: 8 },
      { datagram: (bytes) => seen.push(decodePacket(bytes)), error: () => undefined },
    )
    const route: Route = path
    const diverted = { ...route, nextHop: tap.local }
    await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), diverted)
    await world.clock.advance(5)
    await tap.close()
    const [packet] = seen
    assert.ok(packet !== undefined)
    return packet.bytes
  }
})
