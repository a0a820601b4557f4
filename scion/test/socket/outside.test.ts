import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import { formatEndpoint } from '../../src/addr/endpoint.ts'
import { parseHost } from '../../src/addr/host.ts'
import { formatHost } from '../../src/addr/host.ts'
import type { UnderlayAddress } from '../../src/addr/underlay.ts'
import { BINDING_RETRY_MS } from '../../src/socket/bindings.ts'
import type { SocketEvent } from '../../src/socket/events.ts'
import {
  OUTSIDE_ANSWER_MS_MAX,
  OUTSIDE_CHECK_MS_MAX,
  OUTSIDE_DOUBT_MS_MIN,
  OUTSIDE_IDLE_MS_MAX,
  OUTSIDE_REST_MS_MAX,
} from '../../src/socket/outside.ts'
import type { ScionSocket } from '../../src/socket/scion-socket.ts'
import { openScionSocket } from '../../src/socket/scion-socket.ts'
import type { Underlay, UnderlayFactory } from '../../src/socket/underlay.ts'
import { isStun } from '../../src/stun/message.ts'
import { NAT_IDLE_MS, TestNat } from '../../src/testing/nat.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World, WorldOptions } from '../support/world.ts'
import { acknowledge, virtualWorld } from '../support/world.ts'

const INSIDE = '192.168.178.20'

/** A meter behind a NAT in the demonstration's network, whose routers answer STUN or do not. */
interface Home {
  readonly world: World<VirtualClock>
  readonly nat: TestNat
  readonly socket: ScionSocket
  readonly events: SocketEvent[]
  /** Where STUN questions went. */
  readonly asked: UnderlayAddress[]
  /** Sends, and says whether an answer came back within a second. */
  isAnswered(): Promise<boolean>
  pass(ms: number): Promise<void>
}

describe('a socket behind a NAT', () => {
  let home: Home

  async function open(options: WorldOptions = {}, routers: UnderlayAddress[] = []): Promise<Home> {
    const world = await virtualWorld(options)
    const { clock, random, underlay, meter, headendSocket } = world
    const outside = formatHost(meter.address.host)
    const nat = new TestNat({ underlay, outside, clock })
    const asked: UnderlayAddress[] = []
    const { local } = meter.source
    const ids = [...local.borderRouters.keys()]
    const first = routers.map((router, index) => [(ids[0] ?? 0) - 1 - index, router] as const)
    const socket = await openScionSocket({
      local: { isdAs: meter.isdAs, host: parseHost(INSIDE), port: 0 },
      localAs: { ...local, borderRouters: new Map([...first, ...local.borderRouters]) },
      underlay: watched(nat, asked),
      clock,
      random,
    })
    const events: SocketEvent[] = []
    socket.observe((event) => events.push(event))
    void acknowledge(headendSocket)
    const [path] = await world.run(meter.source.paths(world.headend.isdAs))
    assert.ok(path)
    return {
      ...{ world, nat, socket, events, asked },
      pass: (ms) => world.run(clock.sleep(ms)),
      isAnswered: async () => {
        const over = new AbortController()
        const heard = socket.receive(over.signal).then(
          () => true,
          () => false,
        )
        await world.run(socket.send(headendSocket.local, Uint8Array.of(1), path))
        await world.run(clock.sleep(1000))
        over.abort()
        return heard
      },
    }
  }

  afterEach(async () => {
    await home.socket.close()
    await home.world.close()
  })

  const found = (): readonly string[] =>
    home.events.flatMap((event) =>
      event.type === 'outside-changed' ? [event.outside.address.port.toFixed()] : [],
    )

  it('hears no answer as long as it sends under its own address', async () => {
    home = await open()
    assert.equal(await home.isAnswered(), false)
  })

  it('follows its address from the first answer of a router on, and tells it', async () => {
    home = await open()
    home.socket.followOutside()
    await home.pass(100)
    const [seen] = home.nat.seenAt()
    assert.deepEqual(home.socket.outside, { address: seen, translated: true })
    assert.deepEqual(found(), [String(seen?.port)])
    assert.equal(await home.isAnswered(), true)
  })

  it('keeps the mapping through a silence of its own', async () => {
    home = await open()
    home.socket.followOutside()
    await home.pass(20 * NAT_IDLE_MS)
    assert.equal(found().length, 1)
    assert.equal(await home.isAnswered(), true)
  })

  it('asks at once when answers stay away, and goes on under the new address', async () => {
    home = await open()
    home.socket.followOutside()
    await home.pass(OUTSIDE_DOUBT_MS_MIN)
    home.nat.restart()
    assert.equal(await home.isAnswered(), false)
    home.socket.doubtOutside()
    await home.pass(100)
    assert.equal(found().length, 2)
    assert.equal(await home.isAnswered(), true)
  })

  it('asks ever more rarely while doubt is in vain, however often it is told', async () => {
    home = await open()
    home.socket.followOutside()
    await home.pass(100)
    for (let s = 0; s < 600; s += 1) {
      home.socket.doubtOutside()
      await home.pass(1000)
    }
    const kept = 600_000 / OUTSIDE_IDLE_MS_MAX
    const doubled = Math.log2(OUTSIDE_CHECK_MS_MAX / OUTSIDE_DOUBT_MS_MIN)
    assert.ok(home.asked.length < kept + doubled + 1, `asked ${String(home.asked.length)} times`)
    assert.equal(found().length, 1)
  })

  it('asks the next router when one does not answer', async () => {
    const dead = { host: '127.0.0.99', port: 9 }
    home = await open({}, [dead])
    home.socket.followOutside()
    await home.pass(OUTSIDE_ANSWER_MS_MAX + OUTSIDE_IDLE_MS_MAX * 2 + 100)
    assert.deepEqual(home.asked[0], dead)
    assert.notDeepEqual(home.asked.at(-1), dead)
    assert.equal(home.events[0]?.type, 'outside-unknown')
    assert.equal(found().length, 1)
    assert.equal(await home.isAnswered(), true)
  })

  it('asks routers that never answer ever more rarely, and says so once', async () => {
    home = await open({ answersStun: false })
    home.socket.followOutside()
    const hours = 24
    for (let hour = 0; hour < hours; hour += 1) await home.pass(3_599_999)
    assert.deepEqual(
      home.events.map(({ type }) => type),
      ['outside-unknown'],
    )
    const perQuestion = Math.ceil(Math.log2(OUTSIDE_ANSWER_MS_MAX / BINDING_RETRY_MS)) + 1
    const questions = (hours * 3_600_000) / OUTSIDE_REST_MS_MAX + 8
    assert.ok(home.asked.length <= questions * perQuestion, String(home.asked.length))
    assert.equal(home.socket.outside, undefined)
  })

  it('sends under an address that somebody wrote down without asking anybody', async () => {
    home = await open({ answersStun: false })
    const outside = { host: '203.0.113.7', port: 31_100 }
    home.socket.fixOutside(outside)
    home.socket.doubtOutside()
    await home.pass(OUTSIDE_REST_MS_MAX)
    assert.deepEqual(home.asked, [])
    assert.deepEqual(home.socket.outside, { address: outside, translated: true })
    const { headendSocket } = home.world
    const [path] = await home.world.run(home.world.meter.source.paths(home.world.headend.isdAs))
    assert.ok(path)
    const sent = home.world.run(home.socket.send(headendSocket.local, Uint8Array.of(1), path))
    await sent
    await home.pass(1000)
    assert.equal(headendSocket.counters().received, 1)
  })

  it('finds where no NAT is that there is none, and rests', async () => {
    home = await open()
    const { world } = home
    const plain = await world.meter.openSocket()
    plain.followOutside()
    await home.pass(100)
    assert.equal(plain.outside?.translated, false)
    assert.equal(formatEndpoint(plain.local).includes(plain.outside.address.host), true)
    await plain.close()
  })
})

/** The same sockets, whose STUN questions are noted. */
function watched(inner: UnderlayFactory, asked: UnderlayAddress[]): UnderlayFactory {
  return {
    bind: async (local, listener): Promise<Underlay> => {
      const socket = await inner.bind(local, listener)
      const send = (bytes: Uint8Array, to: UnderlayAddress): Promise<void> => {
        if (isStun(bytes)) asked.push(to)
        return socket.send(bytes, to)
      }
      return { local: socket.local, send, close: () => socket.close() }
    },
  }
}
