import assert from 'node:assert/strict'

import { decodeStatus, eventName, type DeviceRecord, type Schema } from '@s3mp/envelope'
import { parseSettings } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import {
  DSMR_STYLES,
  encodeDsmr,
  Household,
  SmlHousehold,
  TextHousehold,
} from '@s3mp/meter/simulator'
import { after, describe, it } from 'mocha'

import { listening } from '../../src/sources/listening.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { STREAM, streamOf } from '../../src/streams.ts'
import { removeFolders } from '../support/folder.ts'
import { START_MS, World } from '../support/world.ts'

const LINE = parseSettings('115200 8N1')

function household(seed: number): Household {
  return new Household({ seed, startMs: START_MS - 86_400_000 })
}

/** A head before which a meter plays; `name` is its port, too. */
function head(
  world: World,
  name: string,
  telegrams: (nowMs: number) => Uint8Array,
  periodMs = 1000,
): { readonly spec: SourceSpec; readonly serial: ReplaySerial } {
  const serial = new ReplaySerial({
    clock: world.clock,
    random: world.random,
    settings: LINE,
    path: name,
    periodMs,
    telegrams: (_index, nowMs) => telegrams(Math.max(nowMs, START_MS)),
  })
  const listen = { settings: LINE, protocol: 'auto', silenceMs: 30_000, isSimulated: true } as const
  return { serial, spec: listening({ name, serial, path: name, ...listen }) }
}

function schemas(world: World, stream: number): readonly Schema[] {
  return world.headEnd
    .records(stream)
    .flatMap((record) => (record.kind === 'schema' ? [record.schema] : []))
}

function events(world: World, name: string): readonly (readonly (string | bigint)[])[] {
  return world.headEnd
    .records(STREAM.events)
    .flatMap((record) =>
      record.kind === 'event' && eventName(record.code) === name ? [record.details] : [],
    )
}

function readings(world: World, stream: number): readonly DeviceRecord[] {
  return world.headEnd.records(stream).filter(({ kind }) => kind === 'reading')
}

describe('several meters at one device', () => {
  after(removeFolders)

  function both(world: World, periodMs = 1000): readonly SourceSpec[] {
    const sml = new SmlHousehold({ household: household(1), style: { serial: 1111 } })
    const dsmr = new TextHousehold({
      household: household(2),
      encode: (state) => encodeDsmr(state, DSMR_STYLES.v5),
    })
    return [
      head(world, 'house', (nowMs) => sml.telegram(nowMs), periodMs).spec,
      head(world, 'flat', (nowMs) => dsmr.telegram(nowMs), periodMs).spec,
    ]
  }

  it('gives each of them, and the gas meter behind one, streams of its own', async () => {
    const world = await World.open({ sources: (it) => both(it, 5000) })
    await world.startAndMeet()
    await world.pass(310_000)
    await world.untilDelivered()
    const { sources } = world.meter.status()
    assert.deepEqual(
      sources.map(({ name, protocol, meters }) => [
        name,
        protocol,
        meters.map(({ place }) => place),
      ]),
      [
        ['house', 'sml', [0]],
        ['flat', 'dsmr', [1, 2]],
      ],
    )
    for (const place of [0, 1]) {
      for (const name of ['billing', 'minute', 'live'] as const) {
        const seqs = world.headEnd.seqs(streamOf(place, name))
        assert.ok(
          seqs.length > 1 && seqs.every((seq, at) => seq === at + 1),
          `${String(place)} ${name}`,
        )
      }
      assert.equal(readings(world, streamOf(place, 'minute')).length, 6)
    }
    const [gas, ...more] = schemas(world, streamOf(2, 'billing'))
    assert.equal(more.length, 0)
    assert.deepEqual(
      gas?.registers.map(({ obis }) => obis),
      ['0-1:24.2.1*255'],
    )
    assert.equal(gas.intervalMs, 0)
    const [electricity] = schemas(world, streamOf(1, 'billing'))
    assert.notEqual(electricity?.meterId, gas.meterId)
    assert.equal(events(world, 'meter-found').length, 3)
    await world.stop()
  }).timeout(20_000)

  it('registers the value of a sub-meter once for each time that it was read', async () => {
    const sources = (it: World): readonly SourceSpec[] => both(it, 15_000)
    const world = await World.open({ sources, streams: { isLive: false } })
    await world.startAndMeet()
    await world.pass(2 * 3_600_000)
    await world.untilDelivered()
    const gas = readings(world, streamOf(2, 'billing'))
    const times = gas.map(({ timeMs }) => timeMs)
    assert.ok(gas.length >= 2 && gas.length <= 26, `${String(gas.length)} readings`)
    assert.equal(new Set(times).size, times.length)
    await world.stop()
    // After a restart the same value is not registered again.
    const before = times.length
    await world.startAndMeet()
    await world.pass(30_000)
    await world.untilDelivered()
    assert.ok(readings(world, streamOf(2, 'billing')).length <= before + 1)
    await world.stop()
  }).timeout(30_000)

  it('goes on in the same streams after a restart, whoever speaks first', async () => {
    const world = await World.open({ sources: (it) => both(it) })
    await world.startAndMeet()
    await world.pass(60_000)
    await world.stop()
    await world.startAndMeet()
    await world.pass(60_000)
    await world.untilDelivered()
    for (const place of [0, 1]) {
      assert.equal(schemas(world, streamOf(place, 'live')).length, 1, `place ${String(place)}`)
    }
    assert.equal(world.headEnd.records(streamOf(3, 'live')).length, 0)
    assert.equal(events(world, 'meter-changed').length, 0)
    await world.stop()
  })

  it('says that a meter was swapped, and begins new streams for the other', async () => {
    const first = new SmlHousehold({ household: household(1), style: { serial: 1111 } })
    const second = new SmlHousehold({ household: household(3), style: { serial: 2222 } })
    let now = first
    const world = await World.open({
      sources: (it) => [head(it, 'house', (nowMs) => now.telegram(nowMs)).spec],
    })
    await world.startAndMeet()
    await world.pass(120_000)
    now = second
    await world.pass(120_000)
    await world.untilDelivered()
    const changes = events(world, 'meter-changed')
    assert.equal(changes.length, 1)
    assert.equal(changes[0]?.[1], 'house')
    assert.notEqual(changes[0][0], changes[0][2])
    const of = (place: number): ReadonlySet<string> =>
      new Set(
        (['billing', 'minute', 'live'] as const).flatMap((name) =>
          schemas(world, streamOf(place, name)).map(({ meterId }) => meterId),
        ),
      )
    assert.equal(of(0).size, 1)
    assert.equal(of(1).size, 1)
    assert.notDeepEqual(of(0), of(1))
    // The old one is sealed to its end and has no gaps from now on.
    const last = world.headEnd.records(streamOf(0, 'live')).at(-1)
    assert.equal(last?.kind, 'seal')
    const gaps = world.headEnd
      .records(streamOf(0, 'minute'))
      .filter(({ status }) => decodeStatus(status).flags.includes('gap'))
    assert.equal(gaps.length, 0)
    await world.stop()
  })

  it('does not believe one slip in a meter’s number', async () => {
    const own = new SmlHousehold({ household: household(1), style: { serial: 1111 } })
    const slip = new SmlHousehold({ household: household(1), style: { serial: 1110 } })
    let count = 0
    const world = await World.open({
      sources: (it) => [
        head(it, 'house', (nowMs) => {
          count += 1
          return (count % 20 === 0 ? slip : own).telegram(nowMs)
        }).spec,
      ],
    })
    await world.startAndMeet()
    await world.pass(120_000)
    assert.equal(events(world, 'meter-changed').length, 0)
    assert.equal(world.headEnd.records(streamOf(1, 'live')).length, 0)
    await world.stop()
  })

  it('goes on with one meter while the other is gone', async () => {
    const sml = new SmlHousehold({ household: household(1) })
    const other = new SmlHousehold({ household: household(2), style: { serial: 2222 } })
    let serial: ReplaySerial | undefined
    const world = await World.open({
      sources: (it) => {
        const away = head(it, 'flat', (nowMs) => other.telegram(nowMs))
        serial = away.serial
        return [head(it, 'house', (nowMs) => sml.telegram(nowMs)).spec, away.spec]
      },
    })
    await world.startAndMeet()
    await world.pass(90_000)
    serial?.unplug()
    await world.pass(300_000)
    await world.untilDelivered()
    assert.ok(readings(world, streamOf(0, 'minute')).length >= 6)
    assert.ok(readings(world, streamOf(1, 'minute')).length <= 4)
    assert.deepEqual(events(world, 'meter-silent'), [['flat']])
    assert.ok(world.log.length < 60, `${String(world.log.length)} lines`)
    await world.stop()
  })

  it('reports on every stream in turn where one heartbeat cannot hold them all', async () => {
    const world = await World.open({
      sources: (it) =>
        Array.from({ length: 6 }, (_, at) => {
          const style = { serial: 1000 + at }
          const sml = new SmlHousehold({ household: household(at), style })
          return head(it, `head ${String(at)}`, (nowMs) => sml.telegram(nowMs), 10_000).spec
        }),
      streams: { heartbeatMs: 20_000 },
    })
    await world.startAndMeet()
    await world.pass(120_000)
    const beats = world
      .traced('stored')
      .flatMap(({ record }) => (record.kind === 'heartbeat' ? [record.streams] : []))
    const told = new Set(beats.slice(-2).flatMap((streams) => streams.map(({ stream }) => stream)))
    assert.equal(told.size, 6 * 3 + 2)
    assert.ok(beats.every((streams) => streams.length <= 16))
    await world.stop()
  })

  it('finds the speed of a meter that is configured wrongly, and tells', async () => {
    const sml = new SmlHousehold({ household: household(1) })
    const world = await World.open({
      replay: { settings: parseSettings('115200 8N1') },
      silenceMs: 30_000,
    })
    assert.ok(sml)
    await world.startAndMeet()
    await world.pass(600_000)
    assert.ok(world.meter.status().link.telegrams > 10)
    assert.ok(world.log.some((line) => line.startsWith('head.garbled')))
    await world.stop()
  })
})
