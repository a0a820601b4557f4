import assert from 'node:assert/strict'
import { join } from 'node:path'

import { parseSettings } from '@s3mp/hal'
import { PeerSerial, VirtualClock, type AnsweringPeer } from '@s3mp/hal/mock'
import { DlmsMeter, Household } from '@s3mp/meter/simulator'
import { after, describe, it } from 'mocha'

import { openDurableMap, volatileMap } from '../../src/durable-map.ts'
import {
  Arrears,
  BACKFILL_ATTEMPTS_MAX,
  BACKFILL_MS_MAX,
  BACKFILL_PART_MS,
  BACKFILL_SPANS_MAX,
} from '../../src/sources/arrears.ts'
import { serialBus } from '../../src/sources/bus.ts'
import { dlms } from '../../src/sources/dlms.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { streamOf } from '../../src/streams.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'
import { SourceBench } from '../support/source-bench.ts'
import { seededBytes, seededRandom, START_MS, World } from '../support/world.ts'

const LINE = parseSettings('9600 8N1')
const MINUTE = 60_000
const QUARTER = 15 * MINUTE
const DAY = 86_400_000

function peer(
  tamper?: (apdu: Uint8Array) => Uint8Array,
  fromMs = START_MS - 9.5 * DAY,
): AnsweringPeer {
  const meter = new DlmsMeter({
    household: new Household({ seed: 1, startMs: fromMs - DAY }),
    device: 'SIM0001',
    profileFromMs: fromMs,
    systemTitle: Uint8Array.from(Buffer.from('53494d0000bc614e', 'hex')),
    random: seededBytes('dlms meter'),
    link: 'hdlc',
    clients: [{ client: 16, authentication: { kind: 'none' } }],
    ...(tamper === undefined ? {} : { tamper }),
  })
  return {
    receive: (bytes, { timeMs }) => {
      const answer = meter.receive(bytes, timeMs)
      return answer.length === 0
        ? []
        : [{ atMs: timeMs + 1, baudRate: 9600, framing: '8N1', bytes: answer }]
    },
    poll: () => [],
  }
}

function asked(clock: VirtualClock, meter: AnsweringPeer, askMs = MINUTE): SourceSpec {
  const serial = new PeerSerial({ clock, random: seededRandom('noise'), peers: [meter] })
  return dlms({
    name: 'house',
    device: '/dev/peer',
    bus: serialBus(serial, '/dev/peer', LINE),
    askMs,
    isSimulated: true,
    settings: LINE,
    link: { kind: 'hdlc', client: 16, logical: 1 },
    authentication: { kind: 'none' },
    keys: {},
    randomBytes: seededBytes('dlms client'),
    registers: ['1-0:1.8.0'],
    profile: '1-0:99.1.0',
  })
}

function quarters(bench: SourceBench): readonly number[] {
  return bench.readings.flatMap(({ time }) => (time?.isBackfill === true ? [time.timeMs] : []))
}

describe('outages that are made up for from a meter’s memory', () => {
  after(removeFolders)

  it('go on after a kill where they stopped, every row once', async () => {
    const file = join(freshFolder(), 'arrears')
    const clock = new VirtualClock(START_MS)
    const first = new SourceBench(clock, volatileMap(), openDurableMap(file))
    first.newestMs = START_MS - 9.25 * DAY
    const meter = peer()
    first.start(asked(clock, meter, 10 * MINUTE))
    while (first.readings.length === 0 || quarters(first).length < 700) await first.pass(1000)
    // Killed: nothing of it is closed. What is registered is told of by the newest row.
    const before = quarters(first)
    await first.stop()
    const second = new SourceBench(clock, volatileMap(), openDurableMap(file))
    second.newestMs = clock.nowMs()
    second.start(asked(clock, meter, 10 * MINUTE))
    await second.pass(25 * MINUTE)
    const times = [...before, ...quarters(second)]
    assert.deepEqual(times, [...new Set(times)])
    const whole = Array.from(
      { length: 9.25 * 96 },
      (_, at) => START_MS - 9.25 * DAY + (at + 1) * QUARTER,
    )
    assert.deepEqual(times, whole)
    // Nothing is owed any more.
    const told = quarters(second).length
    await second.pass(30 * MINUTE)
    assert.equal(quarters(second).length, told)
    await second.stop()
  }).timeout(30_000)

  it('are on the head-end whole and once, over a restart in the middle', async () => {
    const meter = peer(undefined, START_MS - DAY)
    const world = await World.open({ sources: ({ clock }) => [asked(clock, meter, QUARTER)] })
    const billing = streamOf(0, 'billing')
    const times = (): readonly number[] =>
      world.headEnd
        .records(billing)
        .flatMap((record) => (record.kind === 'reading' ? [record.timeMs] : []))
    await world.startAndMeet()
    await world.until(() => times().length > 0)
    await world.stop()
    await world.pass(2 * DAY)
    const backMs = world.clock.nowMs()
    world.start()
    // The second run ends as soon as some of it is there.
    await world.until(() => times().filter((timeMs) => timeMs < backMs - QUARTER).length > 20)
    await world.stop()
    world.start()
    const missed = Array.from({ length: 2 * 96 - 2 }, (_, at) => START_MS + (at + 2) * QUARTER)
    await world.until(() => missed.every((timeMs) => times().includes(timeMs)))
    for (const timeMs of missed) {
      assert.equal(times().filter((one) => one === timeMs).length, 1, String(timeMs))
    }
    await world.stop()
  }).timeout(60_000)

  it('cost no reading of today when the memory is broken, and are given up in the end', async () => {
    const clock = new VirtualClock(START_MS)
    const bench = new SourceBench(clock)
    bench.newestMs = START_MS - DAY
    // Rows that are no rows: the buffer of the profile answers with a number.
    const broken = peer((apdu) => (apdu.length > 200 ? apdu.slice(0, 40) : apdu))
    bench.start(asked(clock, broken))
    await bench.pass((BACKFILL_ATTEMPTS_MAX + 4) * MINUTE)
    assert.ok(bench.readings.length > BACKFILL_ATTEMPTS_MAX, String(bench.readings.length))
    assert.deepEqual(quarters(bench), [])
    const refused = bench.troubles.filter(({ kind }) => kind === 'meter-refused')
    assert.equal(refused.length, 1)
    assert.deepEqual(bench.silences, [])
    await bench.stop()
  }).timeout(20_000)

  it('stay owed while there is no room for them', async () => {
    const clock = new VirtualClock(START_MS)
    const bench = new SourceBench(clock)
    bench.newestMs = START_MS - DAY
    bench.isFull = true
    bench.start(asked(clock, peer()))
    await bench.pass(5 * MINUTE)
    assert.match(
      bench.arrears.get('house') ?? '',
      new RegExp(`^\\[\\[${String(START_MS - DAY)},`, 'u'),
    )
    bench.isFull = false
    await bench.pass(5 * MINUTE)
    assert.equal(bench.arrears.get('house'), '[]')
    await bench.stop()
  }).timeout(20_000)
})

describe('what is owed', () => {
  function owed(bench: SourceBench): Arrears {
    return new Arrears('house', MINUTE, bench.context())
  }

  it('is nothing while a meter is read as often as it should be', async () => {
    const bench = new SourceBench()
    // The newest registered reading is as old as a period: no outage of a meter read every minute.
    bench.newestMs = START_MS - MINUTE
    const arrears = owed(bench)
    for (let round = 0; round < 30; round += 1) {
      arrears.heard()
      assert.equal(arrears.next(), undefined)
      await bench.pass(MINUTE)
    }
    await bench.pass(10 * MINUTE)
    arrears.heard()
    const nowMs = bench.clock.nowMs()
    assert.deepEqual(arrears.next(), { fromMs: nowMs - 11 * MINUTE, toMs: nowMs })
  })

  it('is bounded in length, parts and number', async () => {
    const bench = new SourceBench()
    bench.newestMs = START_MS - 90 * DAY
    const arrears = owed(bench)
    arrears.heard()
    const fromMs = START_MS - BACKFILL_MS_MAX
    assert.deepEqual(arrears.next(), { fromMs, toMs: fromMs + BACKFILL_PART_MS })
    arrears.settle(Infinity)
    for (let outage = 0; outage < 3 * BACKFILL_SPANS_MAX; outage += 1) {
      await bench.pass(10 * MINUTE)
      arrears.heard()
      await bench.pass(MINUTE)
      arrears.heard()
    }
    const spans = JSON.parse(bench.arrears.get('house') ?? '') as readonly unknown[]
    assert.equal(spans.length, BACKFILL_SPANS_MAX)
    // What was not fetched in time is not asked for for ever.
    await bench.pass(50 * DAY)
    assert.equal(arrears.next(), undefined)
    assert.equal(bench.arrears.get('house'), '[]')
  })

  it('waits for a clock that was set, and is never dated by one that was not', async () => {
    const bench = new SourceBench(new VirtualClock(0))
    bench.newestMs = START_MS - 2 * DAY
    const arrears = owed(bench)
    arrears.heard()
    await bench.pass(10 * MINUTE)
    arrears.heard()
    assert.equal(arrears.next(), undefined)
    bench.newestMs = bench.clock.nowMs()
    bench.clock.jump(START_MS - bench.clock.nowMs())
    await bench.pass(MINUTE)
    arrears.heard()
    const begunMs = START_MS - 10 * MINUTE // the clock was set ten minutes after the start
    assert.deepEqual(JSON.parse(bench.arrears.get('house') ?? ''), [[START_MS - 2 * DAY, begunMs]])
  })

  it('reads what is broken on the disk as nothing', () => {
    for (const text of ['', '{', '5', '[1]', '[[1]]', '[["a","b"]]', '[[0.5,1]]', 'null']) {
      const bench = new SourceBench()
      bench.arrears.set('house', text, true)
      assert.equal(owed(bench).next(), undefined)
    }
  })
})
