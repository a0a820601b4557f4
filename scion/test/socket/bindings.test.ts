import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { formatEndpoint } from '../../src/addr/endpoint.ts'
import { formatHost, parseHost, parseIp } from '../../src/addr/host.ts'
import type { UnderlayAddress } from '../../src/addr/underlay.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import type { Path } from '../../src/path/path.ts'
import type { DataplanePath } from '../../src/path/dataplane.ts'
import { decodeStandardPath, encodeStandardPath } from '../../src/path/standard.ts'
import { BINDINGS_MAX } from '../../src/socket/bindings.ts'
import type { SocketEvent } from '../../src/socket/events.ts'
import { OUTSIDE_CHECK_MS_MAX, OUTSIDE_IDLE_MS_MAX } from '../../src/socket/outside.ts'
import type { ScionSocket } from '../../src/socket/scion-socket.ts'
import { openScionSocket } from '../../src/socket/scion-socket.ts'
import type { Underlay } from '../../src/socket/underlay.ts'
import { decodeBindingRequest, encodeBindingResponse, isStun } from '../../src/stun/message.ts'
import type { World } from '../support/world.ts'
import { virtualWorld } from '../support/world.ts'

const OPTIONS = { timeoutMs: 2000 }

/** A path as the last host finds it. */
function atItsEnd({ type, bytes }: DataplanePath): DataplanePath {
  const { segments } = decodeStandardPath(bytes)
  const currHf = segments.reduce((sum, { hops }) => sum + hops.length, -1)
  const currInf = segments.length - 1
  return { type, bytes: encodeStandardPath({ segments, currHf, currInf }) }
}

describe('a socket that asks from where it is seen', () => {
  let world: World
  let socket: ScionSocket
  let path: Path
  let router: Underlay
  let heard: { readonly bytes: Uint8Array; readonly from: UnderlayAddress }[]
  /** What the router answers to a question; it is silent where this is undefined. */
  let answer: ((id: Uint8Array, from: UnderlayAddress) => Uint8Array) | undefined

  beforeEach(async () => {
    world = await virtualWorld()
    heard = []
    answer = undefined
    const host = formatHost(world.meter.address.host)
    const listener = {
      datagram: (bytes: Uint8Array, from: UnderlayAddress): void => {
        heard.push({ bytes, from })
        if (!isStun(bytes) || answer === undefined) return
        void router.send(answer(decodeBindingRequest(bytes), from), from)
      },
      error: () => undefined,
    }
    router = await world.underlay.bind({ host, port: 9000 }, listener)
    const { local } = world.meter.source
    const [first] = await world.run(world.meter.source.paths(world.headend.isdAs))
    assert.ok(first)
    path = { ...first, nextHop: router.local }
    socket = await openScionSocket({
      local: { ...world.meter.address, port: 0 },
      localAs: { ...local, dispatchedPorts: { min: 31_000, max: 40_000 } },
      underlay: world.underlay,
      clock: world.clock,
      random: world.random,
    })
  })

  afterEach(async () => {
    await socket.close()
    await router.close()
    await world.close()
  })

  const find = (): ReturnType<ScionSocket['findOutside']> =>
    world.run(socket.findOutside(OPTIONS, router.local))
  const seenAt = (ip: string, port: number) => {
    const host = parseIp(ip)
    return (id: Uint8Array): Uint8Array => encodeBindingResponse(id, { ip: host.bytes, port })
  }

  it('learns that nothing stands between it and the router', async () => {
    answer = (id, from) => seenAt(from.host, from.port)(id)
    const { address, translated, warning } = await find()
    assert.deepEqual(address, { host: formatHost(socket.local.host), port: socket.local.port })
    assert.deepEqual([translated, warning], [false, undefined])
  })

  it('sends to other ASes under the address of its NAT, and takes what is sent there', async () => {
    answer = seenAt('203.0.113.7', 33_333)
    const { address, translated, warning } = await find()
    assert.deepEqual(address, { host: '203.0.113.7', port: 33_333 })
    assert.deepEqual([translated, warning], [true, undefined])
    heard = []
    await socket.send(world.headendSocket.local, Uint8Array.of(1), path)
    await world.run(world.clock.sleep(10))
    const sent = decodePacket(heard[0]?.bytes ?? new Uint8Array(0))
    assert.deepEqual(sent.source.host, parseHost('203.0.113.7'))
    const ends = { source: sent.destination, destination: sent.source }
    const back = encodeUdpPacket(
      { trafficClass: 0, flowId: 1, ...ends, path: atItsEnd(sent.path) },
      { sourcePort: 5, destinationPort: 33_333, payload: Uint8Array.of(2) },
    )
    await router.send(back, { host: formatHost(socket.local.host), port: socket.local.port })
    const datagram = await world.run(socket.receive())
    assert.equal(datagram.payload[0], 2)
    assert.match(formatEndpoint(datagram.from), /:5$/)
  })

  it('says so when routers will not deliver to the port that the NAT chose', async () => {
    answer = seenAt('203.0.113.7', 1024)
    const { warning } = await find()
    assert.match(warning ?? '', /seen at 203\.0\.113\.7:1024, outside dispatched_ports 31000-40000/)
  })

  it('asks again, ever more rarely, and gives up in time', async () => {
    await assert.rejects(find(), { code: 'ERR_SCION_TIMEOUT' })
    assert.equal(heard.length, 3) // After 0, 500 and 1500 ms.
    answer = seenAt('203.0.113.7', 33_333)
    assert.equal((await find()).translated, true)
  })

  describe('and keeps it', () => {
    let events: SocketEvent[]

    beforeEach(async () => {
      events = []
      socket.observe((event) => events.push(event))
      answer = seenAt('203.0.113.7', 33_333)
      await world.run(socket.keepOutside(OPTIONS, router.local))
      heard = []
    })

    const questions = (): number => heard.filter(({ bytes }) => isStun(bytes)).length
    const pass = (ms: number): Promise<void> => world.run(world.clock.sleep(ms))

    it('uses the mapping when nothing else does', async () => {
      await pass(OUTSIDE_IDLE_MS_MAX - 10)
      assert.equal(questions(), 0)
      await pass(20)
      assert.equal(questions(), 1)
      await pass(2 * OUTSIDE_IDLE_MS_MAX)
      assert.equal(questions(), 3)
      assert.deepEqual(events, [])
    })

    it('asks rarely while packets flow, which keep the mapping by themselves', async () => {
      for (let ms = 0; ms < OUTSIDE_CHECK_MS_MAX + 6_000; ms += 5_000) {
        await socket.send(world.headendSocket.local, Uint8Array.of(1), path)
        await pass(5_000)
      }
      assert.equal(questions(), 1)
    })

    it('sends under a new address as soon as it is known, and tells its owner', async () => {
      await socket.send(world.headendSocket.local, Uint8Array.of(1), path)
      answer = seenAt('203.0.113.8', 34_444)
      await pass(OUTSIDE_CHECK_MS_MAX + 100)
      const [event] = events
      assert.equal(event?.type, 'outside-changed')
      assert.deepEqual(event.outside.address, { host: '203.0.113.8', port: 34_444 })
      assert.equal(events.length, 1)
      heard = []
      await socket.send(world.headendSocket.local, Uint8Array.of(1), path)
      await pass(10)
      const sent = decodePacket(heard[0]?.bytes ?? new Uint8Array(0))
      assert.deepEqual(sent.source.host, parseHost('203.0.113.8'))
    })

    it('says once that the router is silent, goes on asking, and says when it is back', async () => {
      answer = undefined
      await pass(120_000)
      assert.deepEqual(
        events.map(({ type }) => type),
        ['outside-unknown'],
      )
      answer = seenAt('203.0.113.7', 33_333)
      await pass(2 * OUTSIDE_IDLE_MS_MAX)
      assert.equal(events.at(-1)?.type, 'outside-changed')
      assert.equal(events.length, 2)
    })

    it('asks no more once the socket is closed', async () => {
      await socket.close()
      await pass(300_000)
      assert.equal(questions(), 0)
    })
  })

  it('believes nobody but the router that it asked, and only its answer', async () => {
    let forged: Uint8Array | undefined
    answer = (id) => {
      forged = seenAt('203.0.113.66', 31_001)(id)
      return seenAt('203.0.113.7', 33_333)(id.map((byte) => byte ^ 1))
    }
    const asking = socket.findOutside(OPTIONS, router.local)
    const rejected = assert.rejects(world.run(asking), { code: 'ERR_SCION_TIMEOUT' })
    await world.run(world.clock.sleep(100))
    assert.ok(forged)
    socket.accept(forged, { ...router.local, port: 9001 })
    await rejected
    assert.ok(socket.counters().discarded >= 2)
  })

  it('refuses an answer without an address, ends when it is told to, and keeps to a limit', async () => {
    answer = (id) => {
      const empty = encodeBindingResponse(id, { ip: new Uint8Array(4), port: 1 }).slice(0, 20)
      empty[3] = 0
      return empty
    }
    await assert.rejects(find(), { code: 'ERR_SCION_MALFORMED' })
    answer = undefined
    const ask = (): Promise<unknown> => socket.findOutside(OPTIONS, router.local)
    const open = Array.from({ length: BINDINGS_MAX }, () =>
      assert.rejects(ask(), { code: 'ERR_SCION_CLOSED' }),
    )
    await assert.rejects(ask(), { code: 'ERR_SCION_TOO_LARGE' })
    await socket.close()
    await Promise.all(open)
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(socket.findOutside({ ...OPTIONS, signal }, router.local), /enough/)
  })
})
