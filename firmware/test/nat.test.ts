import assert from 'node:assert/strict'

import { formatHost, LIVELY_PLAN, parseHost } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  TestNat,
  VirtualUnderlay,
  type Network,
} from '@s3mp/scion/testing'
import { after, afterEach, describe, it } from 'mocha'

import { statusLines } from '../src/status/lines.ts'
import { statusView } from '../src/status/view.ts'
import type { NatMode, NatNews } from '../src/transport/nat.ts'
import { openScionTransport, type ScionTransport } from '../src/transport/scion.ts'
import { removeFolders } from './support/folder.ts'
import { World } from './support/world.ts'

const INSIDE = '192.168.178.20'

/** A meter at home, behind a NAT or not, and its head-end in another AS. */
interface Home {
  readonly world: World
  readonly nat: TestNat
  readonly transport: ScionTransport
  readonly news: NatNews[]
  /** Readings acknowledged in the next so many milliseconds. */
  acknowledgedIn(ms: number): Promise<number>
}

describe('a meter behind a NAT', () => {
  let home: Home
  let network: Network

  after(removeFolders)
  afterEach(async () => {
    await home.world.stop()
    await network.close()
  })

  async function open(mode: NatMode, how: { behind: boolean; stun: boolean }): Promise<Home> {
    const world = await World.open({ seed: 'nat' })
    const { clock, random, headEnd } = world
    const underlay = new VirtualUnderlay(clock)
    network = await openNetwork(demoTopology(), { clock, random, underlay, answersStun: how.stun })
    const { address, source } = network.host(DEMO_METER_AS)
    const far = await network.host(DEMO_HEADEND_AS).openSocket()
    const answer = async (): Promise<void> => {
      for await (const { from, payload, reply } of far) {
        const bytes = await headEnd.take(Uint8Array.from(payload))
        if (bytes !== undefined) await far.send(from, bytes, reply)
      }
    }
    void answer()
    const nat = new TestNat({ underlay, outside: formatHost(address.host), clock })
    const news: NatNews[] = []
    const opening = openScionTransport({
      source,
      local: how.behind ? { isdAs: address.isdAs, host: parseHost(INSIDE) } : address,
      port: 0,
      remote: far.local,
      underlay: how.behind ? nat : underlay,
      clock,
      random,
      alarmPaths: 2,
      plan: LIVELY_PLAN,
      nat: mode,
      onNat: (one) => news.push(one),
    })
    const transport = await clock.runUntil(opening)
    world.transport = transport
    const acknowledgedIn = async (ms: number): Promise<number> => {
      const before = world.meter.status().delivery.acknowledged
      // In small steps: the head-end derives keys in other threads, in real time.
      for (let passedMs = 0; passedMs < ms; passedMs += 500) {
        await world.pass(500)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      return world.meter.status().delivery.acknowledged - before
    }
    return { world, nat, transport, news, acknowledgedIn }
  }

  const status = (): string => statusLines(statusView(home.world.meter.status()), 0).join('\n')

  it('is acknowledged, and shows where it is seen', async () => {
    home = await open('auto', { behind: true, stun: true })
    await home.world.startAndMeet()
    assert.ok((await home.acknowledgedIn(10_000)) >= 8)
    const [seen] = home.nat.seenAt()
    assert.ok(seen)
    const outside = `${seen.host}:${String(seen.port)}`
    assert.deepEqual(home.transport.health().nat, { state: 'behind', outside, changes: 0 })
    assert.match(status(), new RegExp(`nat +seen from outside as ${outside}$`, 'mu'))
    assert.deepEqual(home.news, [{ type: 'found', outside, warning: undefined }])
  })

  it('is not acknowledged where it does not ask, so that the NAT is one', async () => {
    home = await open('off', { behind: true, stun: true })
    home.world.start()
    assert.equal(await home.acknowledgedIn(30_000), 0)
    assert.ok(home.world.headEnd.epochs > 0)
  })

  it('goes on being acknowledged within seconds when the NAT starts over', async () => {
    home = await open('auto', { behind: true, stun: true })
    await home.world.startAndMeet()
    for (let changes = 1; changes <= 5; changes += 1) {
      await home.acknowledgedIn(20_000)
      home.nat.restart()
      await home.acknowledgedIn(5000)
      assert.ok((await home.acknowledgedIn(5000)) >= 4, `change ${String(changes)}`)
      assert.equal(home.transport.health().nat?.changes, changes)
    }
    await home.world.untilDelivered()
    assert.match(status(), /nat +seen from outside as .*, changed 5 times/u)
  })

  it('goes on after a night in which nothing left', async () => {
    home = await open('auto', { behind: true, stun: true })
    await home.world.startAndMeet()
    home.world.serial.unplug()
    await home.world.pass(600_000)
    home.world.serial.plug()
    await home.world.untilDelivered()
    assert.ok((await home.acknowledgedIn(20_000)) >= 10)
    assert.equal(home.transport.health().nat?.changes, 0, 'the mapping was kept')
  })

  it('makes nothing of routers that do not answer where there is no NAT', async () => {
    home = await open('auto', { behind: false, stun: false })
    await home.world.startAndMeet()
    assert.ok((await home.acknowledgedIn(30_000)) >= 20)
    assert.equal(home.transport.health().nat?.state, 'unknown')
    assert.deepEqual(
      home.news.map(({ type }) => type),
      ['unknown'],
    )
    assert.equal(home.news[0]?.type === 'unknown' && home.news[0].isTrouble, false)
    assert.doesNotMatch(status(), /nat/u)
  })

  it('tells of routers that do not answer where there is said to be one', async () => {
    home = await open('on', { behind: true, stun: false })
    home.world.start()
    await home.acknowledgedIn(20_000)
    assert.equal(home.news[0]?.type === 'unknown' && home.news[0].isTrouble, true)
  })

  it('finds that there is none', async () => {
    home = await open('auto', { behind: false, stun: true })
    await home.world.startAndMeet()
    assert.deepEqual(home.news, [{ type: 'none' }])
    assert.equal(home.transport.health().nat?.state, 'none')
    assert.doesNotMatch(status(), /nat/u)
  })
})
