import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { PathPilot } from '../../src/selector/pilot.ts'
import { LIVELY_PLAN } from '../../src/selector/plan.ts'
import type { Traffic, World } from '../support/world.ts'
import { acknowledge, linkIds, startTraffic, udpWorld } from '../support/world.ts'

describe('PathPilot over UDP on loopback', function () {
  this.timeout(20_000)
  let world: World
  let pilot: PathPilot
  let traffic: Traffic

  beforeEach(async () => {
    world = await udpWorld()
    pilot = world.pilot({
      plan: { ...LIVELY_PLAN, activeMs: 200, standbyMs: 400, perMinute: 3_000 },
    })
    await pilot.ready()
    void acknowledge(world.headendSocket)
    traffic = startTraffic(world, pilot, world.headendSocket.local, 20)
    await until(() => traffic.landedMs.length > 5)
  })

  afterEach(async () => {
    traffic.stop()
    await pilot.close()
    await world.close()
  })

  for (const [how, options] of [
    ['silently', {}],
    ['with a report', { scmp: true }],
  ] as const) {
    it(`carries on when the link in use is cut ${how}`, async () => {
      await until(() => trunkInUse() !== undefined)
      const cut = trunkInUse() ?? ''
      world.network.cut(cut, options)
      const landed = traffic.landedMs.length
      await until(() => trunkInUse() !== cut && traffic.landedMs.length > landed + 10)
    })
  }

  it('carries on when one way after the other is cut', async () => {
    for (const cuts of [1, 2]) {
      await until(() => trunkInUse() !== undefined)
      const cut = trunkInUse() ?? ''
      world.network.cut(cut)
      const landed = traffic.landedMs.length
      await until(() => trunkInUse() !== cut && traffic.landedMs.length > landed + 10)
      assert.equal(world.network.links().filter((link) => !link.up).length, cuts)
    }
  })

  /** The link in the middle of the path in use, one of three. */
  const trunkInUse = (): string | undefined =>
    linkIds(world.network, pilot.current()).find((id) =>
      ['north-trunk', 'south-trunk', 'city-centre'].includes(id),
    )

  /** Waits until something is true; the test's own timeout ends it. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await world.clock.sleep(10)
  }
})
