import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import type { Path } from '../../src/path/path.ts'
import type { PathPilot } from '../../src/selector/pilot.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World } from '../support/world.ts'
import { virtualWorld } from '../support/world.ts'

/** So much more than the links bear do the paths promise. */
const OVERSTATED_BYTES = 100

describe('a pilot whose paths promise too much', () => {
  let world: World<VirtualClock>
  let pilot: PathPilot

  beforeEach(async () => {
    world = await virtualWorld()
    const { source } = world.meter
    const overstate = (path: Path): Path => ({ ...path, mtu: path.mtu + OVERSTATED_BYTES })
    pilot = world.pilot({
      source: {
        local: source.local,
        paths: async (...query) => (await source.paths(...query)).map(overstate),
        close: () => source.close(),
      },
    })
    await world.run(pilot.ready())
    await world.clock.advance(5_000)
  })

  afterEach(async () => {
    await pilot.close()
    await world.close()
  })

  const arrives = async (bytes: number): Promise<boolean> => {
    const { received } = world.headendSocket.counters()
    await pilot.send(world.headendSocket.local, new Uint8Array(bytes))
    await world.clock.advance(200)
    return world.headendSocket.counters().received > received
  }

  it('learns from "packet too big" what passes, to the byte, and goes on over the same path', async () => {
    const before = pilot.current()?.fingerprint
    const promised = pilot.maxPayload(world.headendSocket.local)
    assert.equal(await arrives(promised), false)
    const learned = pilot.maxPayload(world.headendSocket.local)
    const { path } = pilot.report()[0] ?? assert.fail()
    const real = world.meterSocket.maxPayload(world.headendSocket.local, path) - OVERSTATED_BYTES
    assert.equal(learned, real)
    assert.equal(await arrives(learned + 1), false)
    assert.equal(await arrives(learned), true)
    assert.equal(pilot.current()?.fingerprint, before)
    const [active] = pilot.report()
    assert.equal(active?.mtu, (active?.path.mtu ?? 0) - OVERSTATED_BYTES)
  })

  it('keeps what it has learned when a lookup renews the path', async () => {
    await arrives(pilot.maxPayload(world.headendSocket.local))
    const learned = pilot.maxPayload(world.headendSocket.local)
    const { expiryMs } = pilot.current() ?? assert.fail()
    await world.clock.advance(60_000)
    pilot.refresh()
    await world.clock.advance(60_000)
    assert.ok((pilot.current()?.expiryMs ?? 0) > expiryMs, 'the path in use is a newer one')
    assert.equal(pilot.maxPayload(world.headendSocket.local), learned)
  })
})
