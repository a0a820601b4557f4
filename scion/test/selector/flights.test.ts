import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Path } from '../../src/path/path.ts'
import { FLIGHTS_MAX, Flights, HOST_DELAY_MS_MAX } from '../../src/selector/flights.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World } from '../support/world.ts'
import { virtualWorld } from '../support/world.ts'
import { fakePath } from '../support/fake-path.ts'

const WAIT_MS = 150

describe('Flights', () => {
  const a = fakePath([1, 1], 1e12)
  const b = fakePath([2, 2], 1e12)

  const setUp = (): { flights: Flights; at: (ms: number) => void; wait: () => number } => {
    const now = { ms: 0 }
    const flights = new Flights({ monotonicMs: () => now.ms })
    const at = (ms: number): void => {
      now.ms = ms
    }
    return { flights, at, wait: () => WAIT_MS }
  }

  it('calls silent what is not acknowledged in time, once', () => {
    const { flights, at } = setUp()
    flights.launch([a], 0, WAIT_MS)
    at(flights.nextDueMs() - 1)
    assert.deepEqual(flights.overdue(), [])
    at(flights.nextDueMs())
    assert.deepEqual(flights.overdue(), [{ path: a, sentMs: 0 }])
    assert.deepEqual(flights.overdue(), [])
    assert.equal(flights.nextDueMs(), Infinity)
  })

  it('awaits nothing where no acknowledgement is expected', () => {
    const { flights } = setUp()
    const flight = flights.launch([a, b], 5, undefined)
    assert.deepEqual(flight.paths, [a.fingerprint, b.fingerprint])
    assert.equal(flights.size, 0)
  })

  it('learns how long the host takes, from late acknowledgements too', () => {
    const { flights, at, wait } = setUp()
    let lateMs = 0
    for (let round = 0; round < 50; round += 1) {
      const sentMs = round * 10_000
      at(sentMs)
      const flight = flights.launch([a], sentMs, WAIT_MS)
      lateMs = sentMs + 3_000 - flights.nextDueMs()
      at(sentMs + 3_000)
      flights.overdue()
      assert.equal(flights.land(flight.id, undefined, wait), a)
    }
    assert.ok(lateMs < 0, 'three seconds are no surprise any more')
  })

  it('gives no host more than its limit', () => {
    const { flights, at, wait } = setUp()
    for (let round = 0; round < 50; round += 1) {
      at(0)
      const flight = flights.launch([a], 0, WAIT_MS)
      at(1_000_000)
      flights.land(flight.id, undefined, wait)
    }
    flights.launch([a], 0, WAIT_MS)
    assert.equal(flights.nextDueMs(), WAIT_MS + HOST_DELAY_MS_MAX)
  })

  it('forgets the oldest when there are too many, without blaming a path', () => {
    const { flights, at, wait } = setUp()
    const first = flights.launch([a], 0, WAIT_MS)
    for (let count = 0; count < FLIGHTS_MAX; count += 1) flights.launch([b], 1, WAIT_MS)
    assert.equal(flights.size, FLIGHTS_MAX)
    assert.equal(flights.land(first.id, undefined, wait), undefined)
    at(1e9)
    assert.equal(flights.overdue().filter(({ path }) => path === a).length, 0)
  })

  describe('sent as copies', () => {
    const copies = async (): Promise<{ world: World<VirtualClock>; paths: readonly Path[] }> => {
      const world = await virtualWorld()
      return { world, paths: await world.meter.source.paths(world.headend.isdAs) }
    }

    it('are told apart by the way that the acknowledgement took', async () => {
      const { world, paths } = await copies()
      const [first, second] = paths
      assert.ok(first !== undefined && second !== undefined)
      await world.meterSocket.send(world.headendSocket.local, Uint8Array.of(1), second)
      const { from, reply } = await world.run(world.headendSocket.receive())
      await world.headendSocket.send(from, Uint8Array.of(2), reply)
      const ack = await world.run(world.meterSocket.receive())
      const { flights, wait } = setUp()
      const one = flights.launch([first, second], 0, WAIT_MS)
      assert.equal(flights.land(one.id, ack.reply, wait), second)
      const other = flights.launch([first, second], 0, WAIT_MS)
      assert.equal(flights.land(other.id, undefined, wait), undefined)
      await world.close()
    })
  })
})
