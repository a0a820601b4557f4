import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import { formatIsdAs, parseIsdAs } from '../../src/addr/isd-as.ts'
import type { Path } from '../../src/path/path.ts'
import { disjointSet } from '../../src/selector/disjoint.ts'
import { linksOf } from '../../src/selector/keys.ts'
import type { Route } from '../../src/socket/route.ts'
import type { SocketEvent } from '../../src/socket/events.ts'
import { DEMO_HEADEND_AS, DEMO_METER_AS, demoTopology } from '../../src/testing/demo-topology.ts'
import type { TestHost } from '../../src/testing/host.ts'
import type { Network, NetworkEvent, NetworkOptions } from '../../src/testing/network.ts'
import { openNetwork } from '../../src/testing/network.ts'
import { seededRandom } from '../../src/testing/random.ts'
import type { TopologyDescription } from '../../src/testing/topology.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { VirtualUnderlay } from '../../src/testing/virtual-underlay.ts'
import { linkIds, udpWorld } from '../support/world.ts'

/** Two leaves under one AS below the core (shortcut), peers on two levels, a two-router AS. */
const FAMILY: TopologyDescription = {
  ases: {
    '1-ff00:0:1': { core: true },
    '1-ff00:0:2': { core: true, routers: { west: [1], east: [2, 3] } },
    '1-ff00:0:3': { routers: { up: [1, 2], down: [3, 4] } },
    '1-ff00:0:4': {},
    '1-ff00:0:5': {},
    '1-ff00:0:6': {},
  },
  links: [
    { id: 'core', a: '1-ff00:0:1#1', b: '1-ff00:0:2#1', kind: 'core' },
    { id: '1-3', a: '1-ff00:0:1#2', b: '1-ff00:0:3#1', kind: 'child' },
    { id: '2-3', a: '1-ff00:0:2#2', b: '1-ff00:0:3#2', kind: 'child' },
    { id: '3-4', a: '1-ff00:0:3#3', b: '1-ff00:0:4#1', kind: 'child' },
    { id: '3-5', a: '1-ff00:0:3#4', b: '1-ff00:0:5#1', kind: 'child' },
    { id: '2-6', a: '1-ff00:0:2#3', b: '1-ff00:0:6#1', kind: 'child' },
    { id: 'peer', a: '1-ff00:0:5#9', b: '1-ff00:0:6#9', kind: 'peer' },
  ],
}

describe('Network', () => {
  let clock: VirtualClock
  let network: Network | undefined

  const open = async (
    topology: TopologyDescription = demoTopology(),
    options: Partial<NetworkOptions> = {},
  ): Promise<Network> => {
    clock = new VirtualClock()
    const underlay = new VirtualUnderlay(clock)
    network = await openNetwork(topology, { clock, random: seededRandom(7), underlay, ...options })
    return network
  }

  afterEach(async () => {
    await network?.close()
    network = undefined
  })

  const pathsBetween = async (a: TestHost, b: TestHost): Promise<readonly Path[]> =>
    a.source.paths(b.isdAs)

  const northOf = async (net: Network, a: TestHost, b: TestHost): Promise<Path> => {
    const north = ['north-access', 'north-trunk', 'north-grid'].join()
    const paths = await pathsBetween(a, b)
    const path = paths.find((one) => linkIds(net, one).join() === north)
    assert.ok(path !== undefined)
    return path
  }

  /** What becomes of one packet on a path: the error that comes back, or that it arrived. */
  const fate = async (from: TestHost, to: TestHost, route: Route, size = 10): Promise<string> => {
    const [sender, receiver] = [await from.openSocket(), await to.openSocket()]
    const errors: SocketEvent[] = []
    sender.observe((event) => errors.push(event))
    await sender.send(receiver.local, new Uint8Array(size), route)
    await clock.advance(1_000)
    const arrived = receiver.counters().received === 1
    await sender.close()
    await receiver.close()
    const [event] = errors
    if (event?.type !== 'error-report') return arrived ? 'arrived' : 'vanished'
    return `${event.error.type} ${event.error.code}`
  }

  it('offers three ways between the ends of the demonstration that share no link', async () => {
    const net = await open()
    const paths = await pathsBetween(net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS))
    const candidates = paths.map((path) => ({ path, links: linksOf(path).map(({ key }) => key) }))
    const disjoint = disjointSet(candidates, 3).map(({ path }) => linkIds(net, path))
    assert.deepEqual(disjoint.toSorted(), [
      ['city-access', 'city-centre', 'centre-grid'],
      ['north-access', 'north-trunk', 'north-grid'],
      ['south-access', 'south-trunk', 'south-grid'],
    ])
  })

  it('crosses every link of a path from one of its ends to the other', async () => {
    const net = await open()
    const paths = await pathsBetween(net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS))
    for (const path of paths) {
      assert.equal(linkIds(net, path).length * 2, path.interfaces.length)
      assert.equal(path.metadata?.latenciesMs.length, path.interfaces.length - 1)
    }
  })

  it('finds shortcuts, peering links, core and multi-router ways, and every one of them works', async () => {
    const net = await open(FAMILY)
    const ases = Object.keys(FAMILY.ases)
    const found = new Map<string, string[]>()
    for (const from of ases) {
      for (const to of ases.filter((one) => one !== from)) {
        const [a, b] = [net.host(from), net.host(to)]
        const paths = await pathsBetween(a, b)
        assert.ok(paths.length > 0, `${from} to ${to}`)
        found.set(
          `${from} ${to}`,
          paths.map((path) => linkIds(net, path).join(' ')),
        )
        for (const path of paths) assert.equal(await fate(a, b, path), 'arrived')
      }
    }
    const between = (from: number, to: number): string[] | undefined =>
      found.get(`1-ff00:0:${from} 1-ff00:0:${to}`)
    assert.deepEqual(between(4, 5), ['3-4 3-5'])
    assert.ok(between(4, 6)?.includes('3-4 2-3 2-6'))
    assert.deepEqual(between(5, 6)?.[0], 'peer')
    assert.ok(between(1, 6)?.includes('core 2-6'))
    assert.deepEqual(between(3, 4), ['3-4'])
  })

  it('lets packets vanish in a silent cut, and those under way with them', async () => {
    const net = await open()
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    const path = await northOf(net, a, b)
    const [sender, receiver] = [await a.openSocket(), await b.openSocket()]
    await sender.send(receiver.local, Uint8Array.of(1), path)
    await clock.advance(6) // The packet is on the trunk now.
    net.cut('north-trunk')
    await clock.advance(1_000)
    assert.equal(receiver.counters().received, 0)
    assert.equal(await fate(a, b, path), 'vanished')
    net.mend('north-trunk')
    assert.equal(await fate(a, b, path), 'arrived')
  })

  it('lets the routers find out about a cut after a while, as BFD does', async () => {
    const net = await open()
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    const path = await northOf(net, a, b)
    net.cut('north-trunk', { scmp: true, detectMs: 1_500 })
    assert.equal(await fate(a, b, path), 'vanished')
    await clock.advance(1_000)
    assert.equal(await fate(a, b, path), 'external-interface-down 0')
    // A mend in the meantime makes a detection void.
    net.mend('north-trunk')
    net.cut('north-trunk', { scmp: true, detectMs: 500 })
    net.mend('north-trunk')
    await clock.advance(1_000)
    assert.equal(await fate(a, b, path), 'arrived')
  })

  it('has routers that refuse what is forged, expired or too large, and say so', async () => {
    const net = await open({
      ...demoTopology(),
      links: demoTopology().links.map((link) =>
        link.id === 'north-trunk' ? { ...link, mtu: 1300 } : link,
      ),
    })
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    const path = await northOf(net, a, b)
    assert.equal(path.mtu, 1300)
    const forged = path.dataplane.bytes.slice()
    forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 1
    const wrongMac = { ...path, dataplane: { type: path.dataplane.type, bytes: forged } }
    assert.equal(await fate(a, b, wrongMac), 'parameter-problem 51')
    assert.equal(await fate(a, b, { ...path, mtu: 1472 }, 1200), 'packet-too-big 0')
    await clock.advance(6 * 3_600_000)
    assert.equal(await fate(a, b, { ...path, expiryMs: Infinity }), 'parameter-problem 52')
  })

  it('stops a router without a word', async () => {
    const net = await open()
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    const path = await northOf(net, a, b)
    net.setRouterRunning(DEMO_METER_AS, 'br', false)
    assert.equal(await fate(a, b, path), 'vanished')
    net.setRouterRunning(parseIsdAs(DEMO_METER_AS), 'br', true)
    assert.equal(await fate(a, b, path), 'arrived')
    assert.throws(() => {
      net.setRouterRunning(DEMO_METER_AS, 'nobody', false)
    })
  })

  it('loses, delays and queues as it is told', async () => {
    const net = await open()
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    const path = await northOf(net, a, b)
    const delays: number[] = []
    net.observe((event) => {
      if (event.type === 'packet' && event.link === 'north-trunk' && event.fate === 'carried') {
        delays.push(event.delayMs)
      }
    })
    net.shape('north-trunk', { latencyMs: 10, jitterMs: 5, loss: 0.2 })
    const sender = await a.openSocket()
    const to = { ...b.address, port: 40_000 }
    for (let count = 0; count < 1_000; count += 1) await sender.send(to, Uint8Array.of(1), path)
    await clock.advance(1_000)
    const { lost, carried } = trunk(net).packets
    assert.ok(lost > 150 && lost < 250, `${lost} of 1000 lost`)
    assert.equal(carried, delays.length)
    assert.ok(Math.min(...delays) >= 10 && Math.max(...delays) < 15)
    assert.ok(Math.max(...delays) - Math.min(...delays) > 4)

    // 100 packets of some 146 bytes at 100 kbit/s take 1.2 s: only the first 200 ms of them wait.
    delays.length = 0
    net.shape('north-trunk', { latencyMs: 0, jitterMs: 0, loss: 0, bandwidthKbps: 100 })
    for (let count = 0; count < 100; count += 1) await sender.send(to, Uint8Array.of(1), path)
    await clock.advance(5_000)
    assert.ok(trunk(net).packets.full > 70, `${trunk(net).packets.full} dropped`)
    assert.ok(Math.max(...delays) > 180 && Math.max(...delays) < 230)
  })

  it('remembers segments over a cut link until they expire, and makes no new ones', async () => {
    const net = await open(demoTopology(), { pathLifetimeMs: 400_000 })
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    net.cut('north-trunk')
    const over = async (): Promise<number> => {
      const paths = await pathsBetween(a, b)
      return paths.filter((path) => linkIds(net, path).includes('north-trunk')).length
    }
    // Beacons went round before the cut, and nobody takes back what they told.
    assert.equal(await over(), 6)
    await clock.advance(61_000)
    assert.equal(await over(), 6)
    await clock.advance(400_000)
    assert.equal(await over(), 0)
  })

  it('gives every run of one seed the same packets at the same times', async () => {
    const story = async (): Promise<string> => {
      const net = await open()
      const log: NetworkEvent[] = []
      net.observe((event) => log.push(event))
      const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
      net.shape('north-trunk', { loss: 0.5, jitterMs: 10 })
      const sender = await a.openSocket()
      for (const path of await pathsBetween(a, b)) {
        for (let count = 0; count < 5; count += 1) {
          await sender.send({ ...b.address, port: 40_000 }, Uint8Array.of(count), path)
        }
        await clock.advance(50)
      }
      await net.close()
      return JSON.stringify(log, (_, value: unknown) =>
        typeof value === 'bigint' ? value.toString() : value,
      )
    }
    assert.equal(await story(), await story())
  })

  it('tells of every link that a packet crosses', async () => {
    const net = await open()
    const [a, b] = [net.host(DEMO_METER_AS), net.host(DEMO_HEADEND_AS)]
    const path = await northOf(net, a, b)
    const crossed: string[] = []
    net.observe((event) => {
      if (event.type !== 'packet') return
      crossed.push(`${formatIsdAs(event.from)} ${event.link} ${formatIsdAs(event.to)}`)
    })
    assert.equal(await fate(a, b, path), 'arrived')
    assert.deepEqual(crossed, [
      '1-ff00:0:111 north-access 1-ff00:0:110',
      '1-ff00:0:110 north-trunk 2-ff00:0:210',
      '2-ff00:0:210 north-grid 2-ff00:0:211',
    ])
  })

  it('refuses links, hosts and topologies that are not there or make no sense', async () => {
    const net = await open()
    const config = { code: 'ERR_SCION_CONFIG' }
    assert.throws(() => {
      net.cut('nowhere')
    }, config)
    assert.throws(() => net.host('1-ff00:0:999'), config)
    const { ases } = demoTopology()
    const link = { a: '1-ff00:0:110#1', b: '1-ff00:0:111#1', kind: 'child' } as const
    const wrong: readonly TopologyDescription[] = [
      { ases, links: [{ ...link, b: '1-ff00:0:999#1' }] },
      { ases, links: [{ ...link, b: '1-ff00:0:111#0' }] },
      { ases, links: [{ ...link, b: '1-ff00:0:111' }] },
      { ases, links: [link, { ...link, id: 'again' }] },
      { ases, links: [{ ...link, kind: 'core' }] },
      { ases, links: [{ ...link, a: link.b, b: link.a }] },
      { ases, links: [{ ...link, loss: 2 }] },
      { ases, links: [{ ...link, latencyMs: Number.NaN }] },
    ]
    for (const topology of wrong) await assert.rejects(open(topology), config)
  })

  it('leaves several networks of one machine to themselves', async () => {
    const worlds = [await udpWorld({ seed: 5 }), await udpWorld({ seed: 5 })]
    const [first, second] = worlds.map(({ meterSocket }) => meterSocket.local.host)
    assert.notDeepEqual(first, second)
    for (const world of worlds) await world.close()
  })
})

function trunk(network: Network): ReturnType<Network['links']>[number] {
  const state = network.links().find((link) => link.id === 'north-trunk')
  assert.ok(state !== undefined)
  return state
}
