import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Path } from '../../src/path/path.ts'
import type { PathPilot } from '../../src/selector/pilot.ts'
import type { PathEvent } from '../../src/selector/report.ts'
import { linksOf } from '../../src/selector/keys.ts'
import type { ProbePlan } from '../../src/selector/plan.ts'
import { DEFAULT_PLAN, LIVELY_PLAN } from '../../src/selector/plan.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World } from '../support/world.ts'
import { acknowledge, linkIds, longestGapMs, startTraffic, virtualWorld } from '../support/world.ts'

describe('PathPilot in virtual time', () => {
  let world: World<VirtualClock>
  let pilot: PathPilot
  let events: PathEvent[]

  const open = async (
    options: Parameters<typeof virtualWorld>[0] = {},
    plan: ProbePlan = LIVELY_PLAN,
  ): Promise<void> => {
    await pilot.close()
    await world.close()
    world = await virtualWorld(options)
    pilot = world.pilot({ plan })
    pilot.observe((event) => events.push(event))
    await world.run(pilot.ready())
    await world.clock.advance(10_000)
  }
  const links = (): readonly string[] => linkIds(world.network, pilot.current())
  const switches = (): Extract<PathEvent, { type: 'switched' }>[] =>
    events.filter((event) => event.type === 'switched')

  beforeEach(async () => {
    events = []
    world = await virtualWorld()
    pilot = world.pilot()
    await open()
  })

  afterEach(async () => {
    await pilot.close()
    await world.close()
  })

  it('settles on the fastest path and says why of every one', () => {
    assert.deepEqual(links(), ['north-access', 'north-trunk', 'north-grid'])
    const [first, ...others] = pilot.report()
    assert.equal(first?.state, 'active')
    assert.equal(first.reason, 'best')
    assert.match(first.words, /^in use, cheapest of all: 2\d\.\d ms there and back, 0\.0 % lost$/)
    assert.equal(others.length, 9)
    for (const report of others) assert.ok(['slower', 'unproven'].includes(report.reason))
  })

  it('finds the silent cut of an idle path within two seconds and takes one that shares no link', async () => {
    const before = linksOf(current())
    world.network.cut('north-trunk')
    await world.clock.advance(2_000)
    const after = linksOf(current())
    assert.deepEqual(
      after.filter(({ key }) => before.some((link) => link.key === key)),
      [],
    )
    assert.equal(switches().at(-1)?.cause, 'silent')
  })

  it('loses less than half a second of traffic to a silent cut', async () => {
    void acknowledge(world.headendSocket)
    const traffic = startTraffic(world, pilot, world.headendSocket.local, 50)
    await world.clock.advance(3_000)
    const cutMs = world.clock.monotonicMs()
    world.network.cut('north-trunk')
    await world.clock.advance(5_000)
    traffic.stop()
    const gapMs = longestGapMs(traffic.landedMs, cutMs)
    assert.ok(gapMs < 500, `gap of ${gapMs} ms`)
    assert.ok(!links().includes('north-trunk'))
  })

  it('loses less than a round trip and a sending interval where a router reports the cut', async () => {
    void acknowledge(world.headendSocket)
    const traffic = startTraffic(world, pilot, world.headendSocket.local, 50)
    await world.clock.advance(3_000)
    const cutMs = world.clock.monotonicMs()
    world.network.cut('north-trunk', { scmp: true })
    await world.clock.advance(5_000)
    traffic.stop()
    const gapMs = longestGapMs(traffic.landedMs, cutMs)
    assert.ok(gapMs < 150, `gap of ${gapMs} ms`)
    assert.equal(switches().at(-1)?.cause, 'revoked')
  })

  it('drops all paths over a reported link at once', async () => {
    world.network.cut('north-trunk', { scmp: true })
    await world.clock.advance(1_500)
    for (const report of pilot.report()) {
      const over = linkIds(world.network, report.path).includes('north-trunk')
      assert.equal(report.state === 'down', over, report.words)
      if (over) assert.equal(report.reason, 'revoked')
    }
  })

  it('looks at every path over doubtful links, however rarely it would otherwise', async () => {
    await open({}, { ...LIVELY_PLAN, standbyMs: 600_000, idleMs: 600_000 })
    world.network.cut('north-trunk')
    await world.clock.advance(10_000)
    for (const { path, state, words } of pilot.report()) {
      assert.equal(state === 'down', linkIds(world.network, path).includes('north-trunk'), words)
    }
  })

  it('finds out which link is silent once other paths have proven the rest', async () => {
    world.network.cut('grid')
    world.network.cut('north-trunk')
    await world.clock.advance(30_000)
    for (const report of pilot.report()) {
      const over = linkIds(world.network, report.path)
      const dead = over.includes('grid') || over.includes('north-trunk')
      assert.equal(report.state === 'down', dead, `${over.join()}: ${report.words}`)
    }
  })

  it('moves away from a link that loses a fifth of its packets', async () => {
    world.network.shape('north-trunk', { loss: 0.2 })
    await world.clock.advance(60_000)
    assert.ok(!links().includes('north-trunk'), links().join())
  })

  it('stays where a difference is not worth a move', async () => {
    const count = switches().length
    world.network.shape('north-trunk', { latencyMs: 6.5 })
    await world.clock.advance(120_000)
    assert.equal(switches().length, count)
    assert.deepEqual(links(), ['north-access', 'north-trunk', 'north-grid'])
  })

  it('comes back to a mended link only after it has answered in a row', async () => {
    world.network.shape('city-centre', { latencyMs: 40 })
    world.network.shape('south-trunk', { latencyMs: 40 })
    world.network.cut('north-trunk')
    await world.clock.advance(20_000)
    assert.ok(!links().includes('north-trunk'))
    world.network.mend('north-trunk')
    const mended = switches().length
    await world.clock.advance(120_000)
    assert.ok(links().includes('north-trunk'), links().join())
    const back = switches()[mended]
    assert.equal(back?.cause, 'slower')
    const recovered = events.findIndex((event) => event.type === 'recovered')
    assert.ok(recovered >= 0 && recovered < events.indexOf(back))
  })

  it('finds a mended link although another link of some paths over it is still cut', async () => {
    world.network.cut('north-trunk', { scmp: true })
    world.network.cut('north-access')
    await world.clock.advance(60_000)
    world.network.mend('north-trunk')
    await world.clock.advance(60_000)
    const over = pilot.report().filter(({ path }) => {
      const ids = linkIds(world.network, path)
      return ids.includes('north-trunk') && !ids.includes('north-access')
    })
    assert.ok(over.length > 0)
    for (const { state, words } of over) assert.ok(state === 'alive' || state === 'active', words)
  })

  it('keeps trying when everything is cut, and is back as soon as something is', async () => {
    const trunks = ['north-trunk', 'south-trunk', 'city-centre']
    for (const id of trunks) world.network.cut(id)
    await world.clock.advance(60_000)
    assert.ok(pilot.current() !== undefined)
    world.network.mend('south-trunk')
    await world.clock.advance(90_000)
    assert.ok(links().includes('south-trunk'))
    assert.equal(pilot.report()[0]?.state, 'active')
    assert.ok(['best', 'only'].includes(pilot.report()[0]?.reason ?? ''))
  })

  it('does not blame the paths when the host alone is gone', async () => {
    const traffic = startTraffic(world, pilot, world.headendSocket.local, 200)
    const count = switches().length
    await world.clock.advance(60_000)
    traffic.stop()
    assert.ok(switches().length - count <= 2, `${switches().length - count} moves`)
    assert.ok(pilot.report().every((report) => report.state !== 'down'))
  })

  it('sends copies over three paths that share no link', async () => {
    const flight = await world.run(
      pilot.send(world.headendSocket.local, Uint8Array.of(1), { copies: 3 }),
    )
    assert.equal(flight.paths.length, 3)
    const used = pilot
      .report()
      .filter(({ fingerprint }) => flight.paths.includes(fingerprint))
      .flatMap(({ path }) => linkIds(world.network, path))
    assert.equal(new Set(used).size, used.length)
    for (let copy = 0; copy < 3; copy += 1) await world.run(world.headendSocket.receive())
  })

  it('renews paths before they expire, and never sends on an expired one', async () => {
    await open({ pathLifetimeMs: 337_500 }, DEFAULT_PLAN)
    const refusals: string[] = []
    world.network.observe((event) => {
      if (event.type === 'refused' && event.reason !== 'traceroute') refusals.push(event.reason)
    })
    for (let minute = 0; minute < 30; minute += 1) {
      await world.clock.advance(60_000)
      await pilot.send(world.headendSocket.local, Uint8Array.of(minute))
      assert.equal((await world.run(world.headendSocket.receive())).payload[0], minute)
    }
    assert.deepEqual(refusals, [])
  })

  it('keeps using what it knows while no lookup is answered', async () => {
    await open({}, DEFAULT_PLAN)
    world.network.setControlPlaneReachable(false)
    await world.clock.advance(3_600_000)
    await pilot.send(world.headendSocket.local, Uint8Array.of(7))
    assert.equal((await world.run(world.headendSocket.receive())).payload[0], 7)
  })

  it('says that there is no path once all are expired, and recovers with the control plane', async () => {
    await open({ pathLifetimeMs: 400_000 }, DEFAULT_PLAN)
    world.network.setControlPlaneReachable(false)
    await world.clock.advance(1_000_000)
    assert.equal(pilot.current(), undefined)
    await assert.rejects(pilot.send(world.headendSocket.local, Uint8Array.of(1)), {
      code: 'ERR_SCION_NO_PATH',
    })
    world.network.setControlPlaneReachable(true)
    await world.clock.advance(301_000)
    assert.ok(pilot.current() !== undefined)
  })

  it('costs an idle meter no more than 6 MB a day, UDP and IP headers included', async () => {
    await open({}, DEFAULT_PLAN)
    let bytes = 0
    world.network.observe((event) => {
      if (event.type === 'packet' && event.link.endsWith('-access')) bytes += event.bytes + 28
    })
    await world.clock.advance(3_600_000)
    const perDayMb = (bytes * 24) / 1e6
    assert.ok(perDayMb > 1 && perDayMb < 6, `${perDayMb.toFixed(1)} MB a day`)
  })

  it('asks for nothing more once it is closed', async () => {
    await pilot.close()
    await pilot.close()
    await world.clock.advance(60_000)
    const { sent } = world.meterSocket.counters()
    await world.clock.advance(600_000)
    assert.equal(world.meterSocket.counters().sent, sent)
    assert.equal(world.clock.pending, 0)
    await assert.rejects(pilot.send(world.headendSocket.local, Uint8Array.of(1)), {
      code: 'ERR_SCION_CLOSED',
    })
    await assert.rejects(pilot.ready(), { code: 'ERR_SCION_CLOSED' })
  })

  it('runs the same way twice from one seed', async () => {
    const story = async (): Promise<string> => {
      events = []
      await open({ seed: 42 })
      world.network.cut('north-trunk')
      await world.clock.advance(30_000)
      world.network.mend('north-trunk')
      world.network.shape('city-centre', { loss: 0.3 })
      await world.clock.advance(60_000)
      await pilot.close()
      return JSON.stringify(events)
    }
    assert.equal(await story(), await story())
  })

  function current(): Path {
    const path = pilot.current()
    assert.ok(path !== undefined)
    return path
  }
})
