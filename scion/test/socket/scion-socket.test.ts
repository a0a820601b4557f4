import assert from 'node:assert/strict'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { parseHost } from '../../src/addr/host.ts'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { formatUnderlay } from '../../src/addr/underlay.ts'
import type { Path } from '../../src/path/path.ts'
import { formatHost } from '../../src/addr/host.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { decodeScmp, encodeScmpPacket } from '../../src/packet/scmp-codec.ts'
import type { ScmpError } from '../../src/packet/scmp.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import { reverseStandardPath } from '../../src/path/reverse.ts'
import { RECEIVERS_MAX, RECEIVE_QUEUE_MAX } from '../../src/socket/receive-queue.ts'
import type { SocketEvent } from '../../src/socket/events.ts'
import type { World } from '../support/world.ts'
import { linkIds, udpWorld, virtualWorld } from '../support/world.ts'

const NORTH = 'north-access,north-trunk,north-grid'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value)

for (const [name, open] of [
  ['in virtual time', virtualWorld],
  ['over UDP on loopback', udpWorld],
] as const) {
  describe(`ScionSocket ${name}`, () => {
    let world: World
    let paths: readonly Path[]

    beforeEach(async () => {
      world = await open()
      paths = await world.run(world.meter.source.paths(world.headend.isdAs))
    })

    afterEach(() => world.close())

    it('carries a datagram over every path, and an answer back over the way that it opened', async () => {
      const { meterSocket, headendSocket } = world
      assert.equal(paths.length, 10)
      for (const [index, path] of paths.entries()) {
        await meterSocket.send(headendSocket.local, bytes(`there ${index}`), path)
        const there = await world.run(headendSocket.receive())
        assert.equal(text(there.payload), `there ${index}`)
        assert.deepEqual(there.from, meterSocket.local)
        await headendSocket.send(there.from, bytes(`back ${index}`), there.reply)
        const back = await world.run(meterSocket.receive())
        assert.equal(text(back.payload), `back ${index}`)
        assert.deepEqual(back.from, headendSocket.local)
      }
    })

    it('asks the router at every interface of every path for its name', async () => {
      const ask = async (path: Path, interfaceIndex: number): Promise<void> => {
        const options = { timeoutMs: 2000, interfaceIndex }
        const { isdAs, interfaceId } = await world.meterSocket.traceroute(path, options)
        assert.deepEqual({ isdAs, id: interfaceId }, path.interfaces[interfaceIndex])
      }
      const asked = paths.flatMap((path) => path.interfaces.map((_, index) => ask(path, index)))
      await world.run(Promise.all(asked))
    })

    it('gets an echo from a host that runs the responder, and none from one that does not', async () => {
      const [path] = paths
      assert.ok(path !== undefined)
      const timeoutMs = 150
      await assert.rejects(
        world.run(world.meterSocket.echo(world.headend.address, path, { timeoutMs })),
        { code: 'ERR_SCION_TIMEOUT' },
      )
      const responder = await world.headend.openEchoResponder()
      const asked = world.meterSocket.echo(world.headend.address, path, { timeoutMs: 2000 })
      const roundTripMs = await world.run(asked)
      assert.ok(roundTripMs >= 24, `${roundTripMs} ms`)
      await responder.close()
    })

    it('talks to a host of its own AS without a router', async () => {
      const neighbour = await world.network.host(world.meter.isdAs).openSocket()
      const [direct] = await world.run(world.meter.source.paths(world.meter.isdAs))
      assert.ok(direct !== undefined)
      await world.meterSocket.send(neighbour.local, bytes('hello'), direct)
      const there = await world.run(neighbour.receive())
      await neighbour.send(there.from, bytes('hello yourself'), there.reply)
      assert.equal(text((await world.run(world.meterSocket.receive())).payload), 'hello yourself')
      await neighbour.close()
    })

    it('hands out datagrams one by one until it is closed', async () => {
      const [path] = paths
      assert.ok(path !== undefined)
      const heard: string[] = []
      const reading = (async () => {
        for await (const { payload } of world.headendSocket) {
          if (heard.push(text(payload)) === 2) await world.headendSocket.close()
        }
      })()
      await world.meterSocket.send(world.headendSocket.local, bytes('a'), path)
      await world.meterSocket.send(world.headendSocket.local, bytes('b'), path)
      await world.run(reading)
      assert.deepEqual(heard.sort(), ['a', 'b'])
    })
  })
}

describe('ScionSocket', () => {
  let world: Awaited<ReturnType<typeof virtualWorld>>
  let path: Path
  let events: SocketEvent[]

  beforeEach(async () => {
    world = await virtualWorld()
    const paths = await world.meter.source.paths(world.headend.isdAs)
    const north = paths.find((one) => linkIds(world.network, one).join() === NORTH)
    assert.ok(north !== undefined)
    path = north
    events = []
    world.meterSocket.observe((event) => events.push(event))
  })

  afterEach(() => world.close())

  /** Puts a packet before the meter's socket as its first router would. */
  const inject = async (packet: Uint8Array): Promise<void> => {
    const { host, port } = world.meterSocket.local
    const attacker = await world.underlay.bind(
      { host: '127.9.9.9', port: 0 },
      { datagram: () => undefined, error: () => undefined },
    )
    await attacker.send(packet, { host: formatHost(host), port })
    await attacker.close()
    await world.clock.advance(1)
  }

  const forged = (error: ScmpError): Uint8Array =>
    encodeScmpPacket(
      {
        trafficClass: 0,
        flowId: 1,
        destination: world.meterSocket.local,
        source: { isdAs: path.destination, host: parseHost('10.0.0.1') },
        path: EMPTY_PATH,
      },
      error,
    )

  it('knows the largest payload to the byte', async () => {
    const { meterSocket, headendSocket } = world
    const most = meterSocket.maxPayload(headendSocket.local, path)
    await meterSocket.send(headendSocket.local, new Uint8Array(most), path)
    assert.equal((await world.run(headendSocket.receive())).payload.length, most)
    await assert.rejects(meterSocket.send(headendSocket.local, new Uint8Array(most + 1), path), {
      code: 'ERR_SCION_TOO_LARGE',
    })
    const overhead = 12 + 24 + path.dataplane.bytes.length + 8
    assert.equal(most, path.mtu - overhead)
  })

  it('refuses an expired path', async () => {
    const expired = { ...path, expiryMs: world.clock.nowMs() }
    await assert.rejects(
      world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), expired),
      { code: 'ERR_SCION_PATH_EXPIRED' },
    )
  })

  it('refuses a path without a first router', async () => {
    const { nextHop, ...rest } = path
    assert.ok(nextHop !== undefined)
    await assert.rejects(
      world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), rest),
      { code: 'ERR_SCION_PATH' },
    )
  })

  it('hears of a cut link without anybody receiving, with the path that it concerns', async () => {
    world.network.cut('north-trunk', { scmp: true })
    await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), path)
    await world.clock.advance(100)
    const [event] = events
    assert.equal(event?.type, 'error-report')
    assert.equal(event.route, path)
    assert.equal(event.error.type, 'external-interface-down')
    assert.equal(world.meterSocket.counters().errorReports, 1)
  })

  it('takes each packet that it sent as a witness only once', async () => {
    world.network.cut('north-trunk', { scmp: true })
    const packets: Uint8Array[] = []
    await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), path)
    await world.clock.advance(100)
    const [event] = events
    assert.equal(event?.type, 'error-report')
    packets.push(forged(event.error))
    await inject(forged(event.error))
    assert.equal(events.at(-1)?.type, 'unproven-report')
  })

  it('does not believe an error about what was sent long ago', async () => {
    world.network.cut('north-trunk', { scmp: true })
    const late: Uint8Array[] = []
    const tap = await world.underlay.bind(
      { host: '127.8.8.8', port: 8 },
      { datagram: (packet) => late.push(packet), error: () => undefined },
    )
    const diverted = { ...path, nextHop: tap.local }
    const quotes: Uint8Array[] = []
    for (const waitMs of [9_900, 10_100]) {
      await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(waitMs % 256), diverted)
      await world.clock.advance(waitMs)
      quotes.push(...late.splice(0))
      const [quote = new Uint8Array(0)] = quotes.slice(-1)
      await inject(forged({ type: 'destination-unreachable', code: 0, quote }))
    }
    assert.deepEqual(
      events.map((event) => event.type),
      ['error-report', 'unproven-report'],
    )
  })

  it('ends a question at once when a router reports that it cannot pass', async () => {
    world.network.cut('north-trunk', { scmp: true })
    const asked = world.meterSocket.traceroute(path, { timeoutMs: 5_000 })
    const startMs = world.clock.monotonicMs()
    await assert.rejects(world.run(asked), /ExternalInterfaceDown/)
    assert.ok(world.clock.monotonicMs() - startMs < 100)
  })

  it('takes a reply with its own identifier only', async () => {
    const seen: Uint8Array[] = []
    const tap = await world.underlay.bind(
      { host: '127.8.8.8', port: 8 },
      { datagram: (packet) => seen.push(packet), error: () => undefined },
    )
    const diverted = { ...path, nextHop: tap.local }
    const asked = world.meterSocket.echo(world.headend.address, diverted, { timeoutMs: 1_000 })
    const answered = world.run(asked)
    await world.clock.advance(1)
    const [request] = seen
    assert.ok(request !== undefined)
    const question = decodeScmp(decodePacket(request))
    assert.equal(question.type, 'echo-request')
    const head = {
      trafficClass: 0,
      flowId: 5,
      source: world.headend.address,
      destination: world.meterSocket.local,
      path: EMPTY_PATH,
    }
    const reply = { ...question, type: 'echo-reply' } as const
    const other = encodeScmpPacket(head, { ...reply, identifier: reply.identifier ^ 1 })
    world.meterSocket.accept(other, tap.local)
    assert.equal(world.meterSocket.counters().discarded, 1)
    world.meterSocket.accept(encodeScmpPacket(head, reply), tap.local)
    assert.ok((await answered) < 10)
  })

  it('takes the name of a router only from who saw the path that was asked about', async () => {
    const seen: Uint8Array[] = []
    const tap = await world.underlay.bind(
      { host: '127.8.8.8', port: 8 },
      { datagram: (packet) => seen.push(packet), error: () => undefined },
    )
    const asked = world.meterSocket.traceroute({ ...path, nextHop: tap.local }, { timeoutMs: 500 })
    const answered = world.run(asked)
    await world.clock.advance(1)
    const request = decodePacket(seen[0] ?? assert.fail())
    const question = decodeScmp(request)
    assert.equal(question.type, 'traceroute-request')
    const last = path.interfaces.at(-1) ?? assert.fail()
    const reply = {
      ...question,
      type: 'traceroute-reply',
      isdAs: last.isdAs,
      interfaceId: 9,
    } as const
    const head = {
      ...{ trafficClass: 0, flowId: 5, source: world.headend.address },
      destination: world.meterSocket.local,
    }
    // Somebody who guessed identifier and sequence, but has never seen a MAC of the path.
    const hops = reverseStandardPath(request.path.bytes)
    hops[hops.length - 1] = (hops.at(-1) ?? 0) ^ 1
    for (const made of [EMPTY_PATH, { type: 1, bytes: hops }]) {
      world.meterSocket.accept(encodeScmpPacket({ ...head, path: made }, reply), tap.local)
    }
    assert.equal(world.meterSocket.counters().discarded, 2)
    const genuine = { type: 1, bytes: reverseStandardPath(request.path.bytes) }
    world.meterSocket.accept(encodeScmpPacket({ ...head, path: genuine }, reply), tap.local)
    assert.equal((await answered).interfaceId, 9)
  })

  it('does not believe an error that quotes nothing, rubbish, or a packet that it did not send', async () => {
    const interfaceId = path.interfaces[2]?.id ?? 0
    const isdAs = path.interfaces[2]?.isdAs ?? path.source
    const strange = encodeUdpPacket(
      {
        trafficClass: 0,
        flowId: 5,
        destination: world.headendSocket.local,
        source: world.meterSocket.local,
        path: path.dataplane,
      },
      { sourcePort: world.meterSocket.local.port, destinationPort: 1, payload: Uint8Array.of(1) },
    )
    await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), path)
    for (const quote of [new Uint8Array(0), new Uint8Array(40), strange]) {
      await inject(forged({ type: 'external-interface-down', code: 0, isdAs, interfaceId, quote }))
    }
    assert.deepEqual(
      events.map((event) => event.type),
      ['unproven-report', 'unproven-report', 'unproven-report'],
    )
  })

  it('outlives ten thousand forged errors and tells of a few of them', async () => {
    const quote = new Uint8Array(100)
    const error = forged({ type: 'destination-unreachable', code: 4, quote })
    for (let count = 0; count < 10_000; count += 1) {
      world.meterSocket.accept(error, { host: '127.9.9.9', port: 1 })
    }
    assert.equal(world.meterSocket.counters().unprovenReports, 10_000)
    assert.ok(events.length <= 10)
    await world.headendSocket.send(world.meterSocket.local, bytes('still here'), await wayBack())
    assert.equal(text((await world.run(world.meterSocket.receive())).payload), 'still here')
  })

  it('drops the newest when nobody receives, and counts them', async () => {
    for (let count = 0; count < RECEIVE_QUEUE_MAX + 10; count += 1) {
      await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(count), path)
    }
    await world.clock.advance(100)
    const { received, overflowed } = world.headendSocket.counters()
    assert.equal(received, RECEIVE_QUEUE_MAX)
    assert.equal(overflowed, 10)
    for (let count = 0; count < RECEIVE_QUEUE_MAX; count += 1) await world.headendSocket.receive()
    assert.ok(await pends(world.headendSocket.receive()))
  })

  it('lets a limited number of calls wait', async () => {
    const waiting = Array.from({ length: RECEIVERS_MAX }, () => world.headendSocket.receive())
    await assert.rejects(world.headendSocket.receive(), { code: 'ERR_SCION_TOO_LARGE' })
    await world.headendSocket.close()
    for (const one of waiting) await assert.rejects(one, { code: 'ERR_SCION_CLOSED' })
  })

  it('stops waiting when told to', async () => {
    const stop = new AbortController()
    const waiting = world.headendSocket.receive(stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    await assert.rejects(world.headendSocket.receive(stop.signal), /enough/)
    const asking = world.meterSocket.traceroute(path, { timeoutMs: 1000, signal: stop.signal })
    await assert.rejects(asking, /enough/)
  })

  it('closes twice and ends everything that waits', async () => {
    const waiting = world.meterSocket.receive()
    const asking = world.meterSocket.traceroute(path, { timeoutMs: 1000 })
    await Promise.all([
      assert.rejects(waiting, { code: 'ERR_SCION_CLOSED' }),
      assert.rejects(asking, { code: 'ERR_SCION_CLOSED' }),
      world.meterSocket.close(),
    ])
    await world.meterSocket.close()
    await assert.rejects(
      world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), path),
      { code: 'ERR_SCION_CLOSED' },
    )
  })

  it('discards a datagram whose checksum is wrong', async () => {
    const packet = encodeUdpPacket(
      {
        trafficClass: 0,
        flowId: 5,
        destination: world.meterSocket.local,
        source: { isdAs: world.meter.isdAs, host: parseHost('127.9.9.9') },
        path: EMPTY_PATH,
      },
      { sourcePort: 5, destinationPort: world.meterSocket.local.port, payload: bytes('hello') },
    )
    await inject(packet)
    assert.equal(world.meterSocket.counters().received, 1)
    packet[packet.length - 1] = 0
    await inject(packet)
    assert.deepEqual(
      [world.meterSocket.counters().received, world.meterSocket.counters().discarded],
      [1, 1],
    )
  })

  it('discards what is for another host, another port or another AS', async () => {
    const { local } = world.meterSocket
    const source = { isdAs: world.meter.isdAs, host: parseHost('127.9.9.9') }
    const head = { trafficClass: 0, flowId: 5, source, path: EMPTY_PATH }
    const datagram = { sourcePort: 5, destinationPort: local.port, payload: bytes('hello') }
    const elsewhere = { ...local, isdAs: parseIsdAs('1-ff00:0:999') }
    const otherHost = { ...local, host: parseHost('127.9.9.8') }
    await inject(encodeUdpPacket({ ...head, destination: elsewhere }, datagram))
    await inject(encodeUdpPacket({ ...head, destination: otherHost }, datagram))
    await inject(
      encodeUdpPacket({ ...head, destination: local }, { ...datagram, destinationPort: 1 }),
    )
    assert.equal(world.meterSocket.counters().discarded, 3)
    assert.equal(world.meterSocket.counters().received, 0)
  })

  it('takes any bytes and throws nothing', () => {
    const from = { host: '127.9.9.9', port: 1 }
    const whole = forged({ type: 'packet-too-big', code: 0, mtu: 1, quote: new Uint8Array(9) })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(whole.length), (noise, cut) => {
        world.meterSocket.accept(noise, from)
        const mixed = whole.slice()
        mixed.set(noise.subarray(0, Math.max(0, whole.length - cut)), cut)
        world.meterSocket.accept(mixed, from)
      }),
    )
  })

  it('believes no reply to a question that it did not ask', async () => {
    const { local } = world.meterSocket
    const head = {
      trafficClass: 0,
      flowId: 5,
      source: { isdAs: path.destination, host: parseHost('127.9.9.9') },
      destination: local,
      path: EMPTY_PATH,
    }
    const asking = world.meterSocket.echo(world.headend.address, path, { timeoutMs: 500 })
    const refused = assert.rejects(asking, { code: 'ERR_SCION_TIMEOUT' })
    for (let sequence = 0; sequence < 0x1_0000; sequence += 1) {
      const data = new Uint8Array(16)
      const reply = { type: 'echo-reply', code: 0, identifier: local.port, sequence, data } as const
      world.meterSocket.accept(encodeScmpPacket(head, reply), { host: '127.9.9.9', port: 1 })
    }
    await world.run(refused)
  })

  it('answers a hundred questions a second and no more', async () => {
    const responder = await world.headend.openEchoResponder()
    const answers = Array.from({ length: 150 }, () =>
      world.meterSocket.echo(world.headend.address, path, { timeoutMs: 300 }).then(
        () => 1,
        () => 0,
      ),
    )
    const count = (await world.run(Promise.all(answers))).reduce<number>((sum, one) => sum + one, 0)
    assert.ok(count >= 100 && count <= 105, `${count} answers`)
    await responder.close()
  })

  it('takes a port that routers deliver to', async () => {
    await world.close()
    world = await virtualWorld({ dispatchedPorts: { min: 40_000, max: 40_010 } })
    const { port } = world.meterSocket.local
    assert.ok(port >= 40_000 && port <= 40_010, formatUnderlay({ host: 'meter', port }))
  })

  const wayBack = async (): Promise<Path> => {
    const [back] = await world.headend.source.paths(world.meter.isdAs)
    assert.ok(back !== undefined)
    return back
  }

  const pends = async (promise: Promise<unknown>): Promise<boolean> => {
    let settled = false
    const settle = (): void => {
      settled = true
    }
    promise.then(settle, settle)
    await world.clock.advance(1)
    return !settled
  }
})
