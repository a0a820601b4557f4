import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { Dwell, SWITCH_DWELL_MS_MAX, SWITCH_DWELL_MS_MIN } from '../../src/selector/dwell.ts'
import type { PathPilot } from '../../src/selector/pilot.ts'
import type { PathEvent } from '../../src/selector/report.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Traffic, World } from '../support/world.ts'
import { acknowledge, linkIds, startTraffic, virtualWorld } from '../support/world.ts'

const TRUNKS = ['north-trunk', 'south-trunk', 'city-centre'] as const

describe('a pilot that could do better', () => {
  let world: World<VirtualClock>
  let pilot: PathPilot
  let traffic: Traffic
  let moves: number

  beforeEach(async () => {
    world = await virtualWorld()
    for (const id of TRUNKS) world.network.shape(id, { latencyMs: 40 })
    pilot = world.pilot()
    moves = 0
    await world.run(pilot.ready())
    void acknowledge(world.headendSocket)
    traffic = startTraffic(world, pilot, world.headendSocket.local, 50)
    await world.clock.advance(20_000)
    pilot.observe(({ type }: PathEvent) => {
      if (type === 'switched') moves += 1
    })
  })

  afterEach(async () => {
    traffic.stop()
    await pilot.close()
    await world.close()
  })

  const trunk = (): string => {
    const over = linkIds(world.network, pilot.current())
    return TRUNKS.find((id) => over.includes(id)) ?? 'none'
  }

  const others = (): readonly string[] => TRUNKS.filter((id) => id !== trunk())

  it('moves within three seconds when a faster path appears', async () => {
    const [faster = ''] = others()
    world.network.shape(faster, { latencyMs: 5 })
    await world.clock.advance(3_000)
    assert.equal(trunk(), faster)
    assert.equal(moves, 1)
  })

  it('does so although it has only just begun to measure', async () => {
    await pilot.close()
    pilot = world.pilot()
    await world.run(pilot.ready())
    await world.clock.advance(1_200)
    const [faster = ''] = others()
    world.network.shape(faster, { latencyMs: 5 })
    await world.clock.advance(3_000)
    assert.equal(trunk(), faster)
  })

  it('moves within three seconds when its own path becomes slow, though all is acknowledged', async () => {
    const slow = trunk()
    world.network.shape(slow, { latencyMs: 120 })
    await world.clock.advance(3_000)
    assert.notEqual(trunk(), slow)
    assert.equal(moves, 1)
  })

  it('does not follow two paths that take turns at being the faster one', async function () {
    this.timeout(15_000)
    const a = trunk()
    const [b = ''] = others()
    for (let turn = 0; turn < 25; turn += 1) {
      world.network.shape(a, { latencyMs: turn % 2 === 0 ? 80 : 10 })
      world.network.shape(b, { latencyMs: turn % 2 === 0 ? 10 : 80 })
      await world.clock.advance(6_000)
    }
    assert.ok(moves >= 2 && moves <= 8, `${moves} moves in 25 turns`)
  })

  it('does not run from loss to loss when every path loses packets', async function () {
    this.timeout(15_000)
    for (const id of TRUNKS) world.network.shape(id, { latencyMs: 40, loss: 0.1 })
    await world.clock.advance(60_000)
    assert.ok(moves <= 8, `${moves} moves in a minute`)
  })
})

describe('Dwell', () => {
  it('lets the first move pass, then keeps traffic for a while, ever longer where moves are frequent', () => {
    const dwell = new Dwell()
    let nowMs = 1_000
    assert.equal(dwell.reasonNeeded(nowMs), 'gain')
    dwell.moved(nowMs)
    const waits: number[] = []
    for (let count = 0; count < 10; count += 1) {
      const movedMs = nowMs
      while (dwell.reasonNeeded(nowMs) !== 'gain') nowMs += 1_000
      waits.push(nowMs - movedMs)
      dwell.moved(nowMs)
    }
    assert.deepEqual(
      waits.slice(0, 3),
      [1, 2, 4].map((times) => times * SWITCH_DWELL_MS_MIN),
    )
    assert.equal(waits.at(-1), SWITCH_DWELL_MS_MAX)
  })

  it('forgets that after a long rest, and when it is told to', () => {
    const dwell = new Dwell()
    dwell.moved(0)
    dwell.moved(1_000)
    assert.equal(dwell.reasonNeeded(1_000 + SWITCH_DWELL_MS_MIN), 'failure')
    dwell.moved(1e9)
    assert.equal(dwell.reasonNeeded(1e9 + 1), 'loss')
    assert.equal(dwell.reasonNeeded(1e9 + SWITCH_DWELL_MS_MIN), 'gain')
    dwell.reset()
    assert.equal(dwell.reasonNeeded(1e9), 'gain')
  })
})
