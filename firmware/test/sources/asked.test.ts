import assert from 'node:assert/strict'

import { parseSettings } from '@s3mp/hal'
import { PeerSerial } from '@s3mp/hal/mock'
import { decimal, MODBUS_MAPS, type RegisterMap } from '@s3mp/meter'
import { D0Meter, Household, ModbusSlave, type D0MeterOptions } from '@s3mp/meter/simulator'
import { describe, it } from 'mocha'

import { serialBus } from '../../src/sources/bus.ts'
import { modbus } from '../../src/sources/modbus.ts'
import { signOn, type SignOnOptions } from '../../src/sources/sign-on.ts'
import { SourceBench } from '../support/source-bench.ts'
import { seededRandom, START_MS } from '../support/world.ts'

const MINUTE = 60_000

function household(seed = 1): Household {
  return new Household({ seed, startMs: START_MS - 86_400_000 })
}

function mapOf(name: string): RegisterMap {
  const map = MODBUS_MAPS.get(name)
  assert.ok(map !== undefined)
  return map
}

interface Head {
  readonly bench: SourceBench
  readonly serial: PeerSerial
  readonly meter: D0Meter
}

/** A meter that is signed on to, behind a head. */
function head(
  meterOptions: Partial<D0MeterOptions>,
  options: Partial<SignOnOptions> = {},
  echo = false,
  bench = new SourceBench(),
): Head {
  const meter = new D0Meter({ household: household(), mode: 'C', ...meterOptions })
  const { clock } = bench
  const serial = new PeerSerial({ clock, random: seededRandom('noise'), peers: [meter], echo })
  const bus = serialBus(serial, '/dev/peer', parseSettings('300 7E1'))
  const spec = signOn({
    name: 'house',
    device: '/dev/peer',
    bus,
    askMs: 15 * MINUTE,
    isSimulated: true,
    ...options,
  })
  bench.start(spec)
  return { bench, serial, meter }
}

describe('a meter that is signed on to', () => {
  it('is read in every mode that offers a readout, with and without an echo', async () => {
    for (const mode of ['A', 'B', 'C', 'E'] as const) {
      for (const echo of [false, true]) {
        const { bench, meter } = head({ mode }, {}, echo)
        await bench.pass(90_000)
        assert.equal(bench.readings.length, 1, `mode ${mode}, echo ${String(echo)}`)
        assert.ok((bench.readings[0]?.reading.registers.length ?? 0) > 2)
        assert.deepEqual(meter.writes, [])
        assert.deepEqual(bench.silences, [])
        await bench.stop()
      }
    }
  }).timeout(20_000)

  it('is asked at whole intervals, so that its readings fall on periods', async () => {
    const { bench } = head({})
    await bench.pass(50 * MINUTE)
    const slots = bench.readings.map(({ atMs }) => Math.floor(atMs / (15 * MINUTE)))
    assert.ok(slots.length >= 4)
    assert.equal(new Set(slots.slice(1)).size, slots.length - 1)
    for (const { atMs } of bench.readings.slice(1)) {
      assert.ok(atMs % (15 * MINUTE) < 30_000, `${String(atMs % (15 * MINUTE))} ms late`)
    }
    await bench.stop()
  })

  it('is read over a port without parity, which is then checked here', async () => {
    const { bench } = head({}, { software7E1: true })
    await bench.pass(90_000)
    assert.equal(bench.readings.length, 1)
    await bench.stop()
  })

  it('is woken where it sleeps, and left alone in between', async () => {
    const asleep = head({ sleeps: true }, {})
    await asleep.bench.pass(120_000)
    assert.equal(asleep.bench.readings.length, 0)
    await asleep.bench.stop()
    const { bench } = head({ sleeps: true }, { wakeUp: true })
    await bench.pass(120_000)
    assert.equal(bench.readings.length, 1)
    await bench.stop()
    // After a restart within the interval it is not asked again at once.
    const rested = new SourceBench()
    rested.newestMs = START_MS - MINUTE
    head({ sleeps: true }, { wakeUp: true }, false, rested)
    await rested.pass(10 * MINUTE)
    assert.equal(rested.readings.length, 0)
    await rested.pass(10 * MINUTE)
    assert.equal(rested.readings.length, 1)
    await rested.stop()
  })

  it('is told to be silent when it is, and asked on until it is back', async () => {
    const { bench, serial } = head({})
    await bench.pass(MINUTE)
    serial.unplug()
    await bench.pass(30 * MINUTE)
    assert.deepEqual(bench.silences, [true])
    serial.plug()
    await bench.pass(20 * MINUTE)
    assert.deepEqual(bench.silences, [true, false])
    assert.ok(bench.readings.length >= 2)
    assert.ok(bench.log.length < 200, `${String(bench.log.length)} lines`)
    await bench.stop()
  }).timeout(10_000)

  it('gives what it remembers of a time when nobody asked, once and without writing', async () => {
    const HOUR = 3_600_000
    const bench = new SourceBench()
    const since = START_MS - 2 * HOUR
    bench.newestMs = since
    const word = { password: '12345678' }
    const { meter } = head({ profileRows: 12, ...word }, { profile: 'P.01', ...word }, false, bench)
    await bench.pass(60_000)
    const past = bench.readings.filter(({ time }) => time?.isBackfill === true)
    const times = past.map(({ time }) => time?.timeMs ?? 0)
    assert.ok(times.length >= 7 && times.length <= 9, `${String(times.length)} quarters`)
    assert.ok(times.every((time) => time > since && time <= START_MS + 60_000))
    assert.ok(
      times.every((time) => time % 900_000 === 0),
      'in the meter’s own zone',
    )
    assert.equal(bench.readings.length - past.length, 1)
    assert.deepEqual(meter.writes, [])
    assert.deepEqual(bench.troubles, [])
    await bench.stop()
    const wrong = new SourceBench()
    wrong.newestMs = since
    head({ profileRows: 12, ...word }, { profile: 'P.01', password: '0' }, false, wrong)
    await wrong.pass(60_000)
    assert.equal(wrong.readings.length, 1)
    assert.equal(wrong.troubles[0]?.kind, 'meter-refused')
    await wrong.stop()
  })
})

describe('meters on a Modbus', () => {
  const map = mapOf('eastron-sdm630')
  const LINE = parseSettings('9600 8N1')

  it('share one port and are asked one after the other', async () => {
    const one = new SourceBench()
    const { clock } = one
    const other = new SourceBench(clock)
    const peers = [1, 2].map(
      (unit) => new ModbusSlave({ household: household(unit), map, unit, transport: 'rtu' }),
    )
    const serial = new PeerSerial({ clock, random: seededRandom('noise'), peers })
    const bus = serialBus(serial, '/dev/peer', LINE)
    const base = { device: '/dev/peer', bus, askMs: 10_000, isSimulated: true, map } as const
    one.start(modbus({ ...base, name: 'a', unit: 1, transport: 'rtu', settings: LINE }))
    other.start(
      modbus({ ...base, name: 'b', unit: 2, transport: 'rtu', settings: LINE, serial: 'SN-2' }),
    )
    await one.pass(60_000)
    for (const bench of [one, other]) {
      assert.ok(bench.readings.length >= 6, `${String(bench.readings.length)} readings`)
      assert.deepEqual(bench.silences, [])
    }
    assert.equal(other.readings[0]?.reading.device, 'SN-2')
    assert.notEqual(one.readings[0]?.reading.device, 'SN-2')
    const energy = one.readings[0]?.reading.registers.find(({ obis }) =>
      obis.startsWith('1-0:1.8.0'),
    )
    assert.ok(energy !== undefined && Number(decimal(energy)) > 0)
    await one.stop()
    await other.stop()
  }).timeout(10_000)

  it('do not hold each other up when one is gone', async () => {
    const bench = new SourceBench()
    const { clock } = bench
    const gone = new SourceBench(clock)
    const peers = [new ModbusSlave({ household: household(), map, unit: 1, transport: 'rtu' })]
    const serial = new PeerSerial({ clock, random: seededRandom('noise'), peers })
    const bus = serialBus(serial, '/dev/peer', LINE)
    const base = { device: '/dev/peer', bus, askMs: 10_000, isSimulated: true, map } as const
    bench.start(modbus({ ...base, name: 'a', unit: 1, transport: 'rtu', settings: LINE }))
    gone.start(modbus({ ...base, name: 'b', unit: 9, transport: 'rtu', settings: LINE }))
    await bench.pass(600_000)
    assert.ok(bench.readings.length >= 50, `${String(bench.readings.length)} readings`)
    assert.deepEqual(gone.silences, [true])
    assert.equal(gone.readings.length, 0)
    assert.ok(gone.log.length <= 60, `${String(gone.log.length)} lines`)
    await bench.stop()
    await gone.stop()
  }).timeout(10_000)
})
