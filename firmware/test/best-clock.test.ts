import assert from 'node:assert/strict'

import { decodeStatus, eventName, type DeviceRecord } from '@s3mp/envelope'
import { parseSettings } from '@s3mp/hal'
import { ReplaySerial, VirtualClock } from '@s3mp/hal/mock'
import { DlmsHousehold, Household } from '@s3mp/meter/simulator'
import { after, describe, it } from 'mocha'

import { BestClock, CLOCK_KEPT_MS } from '../src/best-clock.ts'
import { CLOCK_FLOOR_MS } from '../src/clock-state.ts'
import { volatileMap } from '../src/durable-map.ts'
import { rtcOf, RTC_ASK_MS } from '../src/service/rtc.ts'
import { listening } from '../src/sources/listening.ts'
import { STREAM, streamOf } from '../src/streams.ts'
import { removeFolders } from './support/folder.ts'
import { START_MS, World, type WorldOptions } from './support/world.ts'

const HOUR = 3_600_000

describe('the best clock there is', () => {
  it('is the system’s where that was set', () => {
    const clock = new VirtualClock(START_MS)
    const best = new BestClock({ clock, map: volatileMap(), rtcMs: () => START_MS + HOUR })
    assert.ok(best.isSet)
    best.learn(START_MS + HOUR)
    best.hear(START_MS + HOUR, 10)
    assert.equal(best.nowMs(), START_MS)
  })

  it('is never 1970, and goes on from the newest time that somebody vouched for', async () => {
    const map = volatileMap()
    const before = new BestClock({ clock: new VirtualClock(START_MS), map })
    before.vouch()
    const clock = new VirtualClock(30_000)
    assert.equal(new BestClock({ clock, map: volatileMap() }).nowMs(), CLOCK_FLOOR_MS)
    const best = new BestClock({ clock, map })
    assert.ok(!best.isSet)
    assert.equal(best.nowMs(), START_MS)
    await clock.advance(5000)
    assert.equal(best.nowMs(), START_MS + 5000)
    clock.jump(START_MS + HOUR - clock.nowMs())
    assert.ok(best.isSet)
    assert.equal(best.nowMs(), START_MS + HOUR)
  })

  it('writes nothing down that nobody vouched for, and seldom', async () => {
    const map = volatileMap()
    const clock = new VirtualClock(30_000)
    const guess = new BestClock({ clock, map })
    guess.learn(START_MS)
    guess.vouch()
    assert.deepEqual(map.entries(), [])
    clock.jump(START_MS)
    guess.vouch()
    const [[, first] = []] = map.entries()
    await clock.advance(CLOCK_KEPT_MS / 2)
    guess.vouch()
    assert.deepEqual(map.entries(), [['newest', first]])
    await clock.advance(CLOCK_KEPT_MS)
    guess.vouch()
    assert.notDeepEqual(map.entries(), [['newest', first]])
  })

  it('takes better witnesses while nobody set it, and only what can be', () => {
    const clock = new VirtualClock(30_000)
    const best = new BestClock({ clock, map: volatileMap(), rtcMs: () => START_MS })
    assert.equal(best.nowMs(), START_MS)
    for (const timeMs of [NaN, Infinity, -1, 0, START_MS - HOUR, Date.UTC(2150, 0, 1)]) {
      best.learn(timeMs)
      assert.equal(best.nowMs(), START_MS)
    }
    best.learn(START_MS + HOUR)
    assert.equal(best.nowMs(), START_MS + HOUR)
    best.hear(START_MS + 10, 20)
    assert.equal(best.nowMs(), START_MS + 20)
    best.hear(START_MS + HOUR, 60_000)
    best.hear(0, 20)
    assert.equal(best.nowMs(), START_MS + 20)
  })

  it('believes head-end and system together against what was written down', () => {
    const map = volatileMap()
    map.set('newest', String(START_MS + 1000 * HOUR), true)
    const best = new BestClock({ clock: new VirtualClock(START_MS), map })
    assert.ok(!best.isSet)
    best.hear(START_MS, 100)
    assert.ok(best.isSet)
    assert.equal(best.nowMs(), START_MS)
    for (const text of ['', 'x', '-1', '1e99']) {
      const broken = volatileMap()
      broken.set('newest', text, true)
      assert.ok(new BestClock({ clock: new VirtualClock(START_MS), map: broken }).isSet)
    }
  })

  it('asks a battery-backed clock seldom, and lives without one', async () => {
    const clock = new VirtualClock(0)
    let asked = 0
    const rtc = rtcOf(clock, () => `${String(START_MS / 1000 + (asked += 1))}\n`)
    assert.equal(rtc(), START_MS + 1000)
    await clock.advance(RTC_ASK_MS - 1)
    assert.equal(rtc(), START_MS + RTC_ASK_MS + 999)
    await clock.advance(1)
    assert.equal(rtc(), START_MS + 2000)
    assert.equal(asked, 2)
    const none = rtcOf(clock, () => {
      throw new Error('ENOENT')
    })
    assert.equal(none(), undefined)
    assert.equal(rtcOf(clock, () => 'oops')(), undefined)
  })
})

describe('a meter that starts without knowing the time', () => {
  after(removeFolders)

  /** A world whose clock shows 1970, and what it shows more than it should. */
  async function lost(options: WorldOptions = {}): Promise<{ world: World; behindMs: number }> {
    const world = await World.open(options)
    const behindMs = START_MS - 30_000
    world.clock.jump(-behindMs)
    return { world, behindMs }
  }

  function readings(world: World): readonly DeviceRecord[] {
    const all = world.headEnd.records(streamOf(0, 'minute'))
    return all.filter(({ kind }) => kind === 'reading')
  }

  function steps(world: World): readonly bigint[] {
    return world.headEnd
      .records(STREAM.events)
      .flatMap((record) =>
        record.kind === 'event' && eventName(record.code) === 'clock-stepped'
          ? record.details.map(BigInt)
          : [],
      )
  }

  it('marks its readings, dates none of them in 1970, and lets their time be found later', async () => {
    const { world, behindMs } = await lost()
    world.start()
    await world.until(() => readings(world).length >= 3)
    const before = readings(world)
    for (const { timeMs, status } of before) {
      assert.ok(timeMs >= CLOCK_FLOOR_MS, new Date(timeMs).toISOString())
      assert.equal(decodeStatus(status).clock, 'unset')
    }
    const times = before.map(({ timeMs }) => timeMs)
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
    )
    const lastMs = world.clock.nowMs() + behindMs
    world.clock.jump(behindMs)
    await world.until(() => steps(world).length > 0)
    const [byMs] = steps(world)
    const trueMs = (times.at(-1) ?? 0) + Number(byMs)
    assert.ok(trueMs <= lastMs && trueMs > lastMs - 120_000, new Date(trueMs).toISOString())
    await world.until(() => readings(world).length > before.length)
    const after = readings(world).at(-1)
    assert.ok(after !== undefined && Math.abs(after.timeMs - world.clock.nowMs()) < 120_000)
    assert.notEqual(decodeStatus(after.status).clock, 'unset')
    await world.stop()
  }).timeout(20_000)

  it('takes the clock of its meter for a guess', async () => {
    const meter = new DlmsHousehold({ household: new Household({ seed: 1, startMs: START_MS }) })
    const settings = parseSettings('2400 8N1')
    const { world, behindMs } = await lost({
      sources: ({ clock, random }) => [
        listening({
          name: 'head',
          serial: new ReplaySerial({
            clock,
            random,
            settings,
            periodMs: 5000,
            telegrams: (_index, nowMs) => meter.telegram(Math.max(START_MS, nowMs + behindMs)),
          }),
          path: '/dev/replay',
          settings,
          protocol: 'dlms',
          silenceMs: 60_000,
          isSimulated: true,
        }),
      ],
    })
    world.start()
    await world.until(() => readings(world).length >= 2)
    for (const { timeMs, status } of readings(world).slice(1)) {
      const trueMs = world.clock.nowMs() + behindMs
      assert.ok(Math.abs(trueMs - timeMs) < 200_000, new Date(timeMs).toISOString())
      assert.equal(decodeStatus(status).clock, 'unset')
    }
    await world.stop()
  }).timeout(20_000)
})
