import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseHost } from '../../src/addr/host.ts'
import type { Path } from '../../src/path/path.ts'
import type { Usual } from '../../src/selector/flights.ts'
import {
  CARGO_BYTES_MAX,
  FLIGHTS_MAX,
  Flights,
  HOST_DELAY_MS_MAX,
} from '../../src/selector/flights.ts'
import { DOUBT_MARGIN_MS_MIN } from '../../src/selector/scoring.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World } from '../support/world.ts'
import { virtualWorld } from '../support/world.ts'
import { fakePath } from '../support/fake-path.ts'

/** A path that answers after exactly so long. */
const USUAL = { roundTripMs: 140, deviationMs: 0 }

describe('Flights', () => {
  const a = fakePath([1, 1], 1e12)
  const b = fakePath([2, 2], 1e12)

  const setUp = (): { flights: Flights; at: (ms: number) => void; usual: () => Usual } => {
    const now = { ms: 0 }
    const flights = new Flights({ monotonicMs: () => now.ms })
    const at = (ms: number): void => {
      now.ms = ms
    }
    return { flights, at, usual: () => USUAL }
  }

  it('calls silent what is not acknowledged in time, once', () => {
    const { flights, at } = setUp()
    flights.launch([a], 0, USUAL)
    at(flights.nextDueMs() - 1)
    assert.deepEqual(flights.overdue(), [])
    at(flights.nextDueMs())
    const overdue = flights.overdue().map(({ paths, sentMs }) => ({ paths, sentMs }))
    assert.deepEqual(overdue, [{ paths: [a], sentMs: 0 }])
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
    const { flights, at, usual } = setUp()
    let lateMs = 0
    for (let round = 0; round < 50; round += 1) {
      const sentMs = round * 10_000
      at(sentMs)
      const flight = flights.launch([a], sentMs, USUAL)
      lateMs = sentMs + 3_000 - flights.nextDueMs()
      at(sentMs + 3_000)
      flights.overdue()
      assert.equal(flights.land(flight.id, undefined, usual)?.path, a)
    }
    assert.ok(lateMs < 0, 'three seconds are no surprise any more')
  })

  it('gives no host more than its limit', () => {
    const { flights, at, usual } = setUp()
    for (let round = 0; round < 50; round += 1) {
      at(0)
      const flight = flights.launch([a], 0, USUAL)
      at(1_000_000)
      flights.land(flight.id, undefined, usual)
    }
    flights.launch([a], 0, USUAL)
    assert.equal(flights.nextDueMs(), USUAL.roundTripMs + HOST_DELAY_MS_MAX)
  })

  it('forgets the oldest when there are too many, without blaming a path', () => {
    const { flights, at, usual } = setUp()
    const first = flights.launch([a], 0, USUAL)
    for (let count = 0; count < FLIGHTS_MAX; count += 1) flights.launch([b], 1, USUAL)
    assert.equal(flights.size, FLIGHTS_MAX)
    assert.equal(flights.land(first.id, undefined, usual), undefined)
    at(1e9)
    assert.equal(flights.overdue().filter(({ paths }) => paths.includes(a)).length, 0)
  })

  /** Flights whose host takes nothing on top of the way. */
  const settled = (): ReturnType<typeof setUp> => {
    const all = setUp()
    for (let round = 0; round < 50; round += 1) {
      all.at(0)
      const { id } = all.flights.launch([a], 0, USUAL)
      all.at(USUAL.roundTripMs)
      all.flights.land(id, undefined, all.usual)
    }
    all.at(0)
    return all
  }

  it('misses an acknowledgement a little after it usually comes', () => {
    const { flights } = settled()
    flights.launch([a], 0, USUAL)
    assert.equal(flights.nextDueMs(), USUAL.roundTripMs + DOUBT_MARGIN_MS_MIN)
    assert.equal(flights.newestDueMs, flights.nextDueMs())
  })

  it('goes by what the looks at a path say until enough acknowledgements were timed', () => {
    const shaky = { ...USUAL, deviationMs: 20 }
    const { flights, at, usual } = setUp()
    const { id } = flights.launch([a], 0, shaky)
    at(USUAL.roundTripMs)
    flights.land(id, undefined, usual)
    flights.launch([a], 0, shaky)
    assert.equal(flights.newestDueMs, USUAL.roundTripMs + 4 * shaky.deviationMs)
    const known = settled()
    known.flights.launch([a], 0, shaky)
    assert.equal(known.flights.newestDueMs, USUAL.roundTripMs + DOUBT_MARGIN_MS_MIN)
  })

  it('gives time to what could not have been heard', () => {
    const { flights, at } = settled()
    flights.launch([a], 0, USUAL)
    at(1_000)
    flights.excuse(1_010)
    assert.deepEqual(flights.overdue(), [])
    at(1_010)
    assert.equal(flights.overdue().length, 1)
  })

  it('keeps a copy of the payload until the acknowledgement comes or is missed', () => {
    const { flights, at } = setUp()
    const to = { isdAs: a.destination, host: parseHost('10.0.0.1'), port: 1 }
    const payload = Uint8Array.of(1, 2, 3)
    flights.launch([a], 0, USUAL, { to, payload })
    payload.fill(0)
    at(1e6)
    const [missed] = flights.overdue()
    assert.deepEqual(missed?.cargo?.payload, Uint8Array.of(1, 2, 3))
  })

  it('keeps no more than so many bytes, and takes them again when others are gone', () => {
    const { flights, at, usual } = setUp()
    const to = { isdAs: a.destination, host: parseHost('10.0.0.1'), port: 1 }
    const half = { to, payload: new Uint8Array(CARGO_BYTES_MAX / 2) }
    const first = flights.launch([a], 0, USUAL, half)
    flights.launch([a], 1, USUAL, half)
    flights.launch([a], 2, USUAL, { to, payload: Uint8Array.of(1) })
    flights.land(first.id, undefined, usual)
    flights.launch([a], 3, USUAL, half)
    at(1e6)
    const kept = flights.overdue().map(({ cargo }) => cargo?.payload.length)
    assert.deepEqual(kept, [CARGO_BYTES_MAX / 2, undefined, CARGO_BYTES_MAX / 2])
    // What was missed is held by nobody any more.
    flights.launch([a], 4, USUAL, { to, payload: new Uint8Array(CARGO_BYTES_MAX) })
    at(2e6)
    assert.equal(flights.overdue()[0]?.cargo?.payload.length, CARGO_BYTES_MAX)
  })

  it('times nothing that was sent again over another path', () => {
    const { flights, at, usual } = settled()
    const { id } = flights.launch([a], 0, USUAL, undefined)
    at(1_000)
    flights.overdue()
    flights.sentAgain(id, b)
    at(1_100)
    const landing = flights.land(id, undefined, usual)
    // Without the way back nobody knows which of the two it was.
    assert.deepEqual([landing?.path, landing?.late, landing?.tookMs], [undefined, true, undefined])
    assert.equal(flights.size, 0)
  })

  it('says when an acknowledgement took another time than usual', () => {
    const { flights, at, usual } = settled()
    const took = (ms: number): boolean | undefined => {
      at(0)
      const { id } = flights.launch([a], 0, USUAL)
      at(ms)
      return flights.land(id, undefined, usual)?.surprising
    }
    assert.equal(took(USUAL.roundTripMs + 5), false)
    assert.equal(took(USUAL.roundTripMs + 60), true)
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
      const { flights, usual } = setUp()
      const one = flights.launch([first, second], 0, USUAL)
      assert.equal(flights.land(one.id, ack.reply, usual)?.path, second)
      const other = flights.launch([first, second], 0, USUAL)
      assert.equal(flights.land(other.id, undefined, usual)?.path, undefined)
      await world.close()
    })
  })
})
