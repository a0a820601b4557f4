import assert from 'node:assert/strict'

import { decodeStatus, eventName } from '@s3mp/envelope'
import { HalError, parseSettings, type SerialPort } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import { DSMR_STYLES, encodeDsmr, Household, SmlHousehold } from '@s3mp/meter/simulator'
import { after, describe, it } from 'mocha'

import { DURABLE_ENTRIES_MAX, volatileMap } from '../../src/durable-map.ts'
import { ASK_ROUND_MS_MAX, AskingSource, type Ask } from '../../src/sources/asking.ts'
import { Bus } from '../../src/sources/bus.ts'
import { Invocations, UNVOUCHED_MAX } from '../../src/sources/invocations.ts'
import { listening } from '../../src/sources/listening.ts'
import { SOURCES_MAX, type SourceSpec } from '../../src/sources/source.ts'
import { streamOf } from '../../src/streams.ts'
import { removeFolders } from '../support/folder.ts'
import { SourceBench } from '../support/source-bench.ts'
import { START_MS, World } from '../support/world.ts'

const LINE = parseSettings('9600 8N1')
const MINUTE = 60_000

function head(
  world: World,
  name: string,
  telegrams: (nowMs: number) => Uint8Array,
  periodMs: number,
): readonly [SourceSpec, ReplaySerial] {
  const { clock, random } = world
  const serial = new ReplaySerial({
    clock,
    random,
    settings: LINE,
    path: name,
    periodMs,
    telegrams: (_index, nowMs) => telegrams(Math.max(nowMs, START_MS)),
  })
  const heard = { settings: LINE, protocol: 'auto', isSimulated: true } as const
  const silenceMs = 2 * periodMs
  return [listening({ name, serial, path: name, silenceMs, ...heard }), serial]
}

function household(seed: number): Household {
  return new Household({ seed, startMs: START_MS - 86_400_000 })
}

describe('a slow meter', () => {
  async function heard(damaged: readonly number[]): Promise<SourceBench> {
    const bench = new SourceBench()
    const { clock } = bench
    const meter = new SmlHousehold({ household: household(1) })
    let sent = 0
    const serial = new ReplaySerial({
      clock,
      random: () => 0.5,
      settings: LINE,
      periodMs: 5 * MINUTE,
      telegrams: (_index, nowMs) => {
        const telegram = meter.telegram(Math.max(nowMs, START_MS))
        if (damaged.includes(sent)) telegram[50] = (telegram[50] ?? 0) ^ 1
        sent += 1
        return telegram
      },
    })
    const source = { serial, path: serial.path, settings: LINE, protocol: 'sml' } as const
    bench.start(listening({ ...source, name: 'a', silenceMs: 15 * MINUTE, isSimulated: true }))
    await bench.pass(62 * MINUTE)
    await bench.stop()
    return bench
  }

  it('is listened to at its own speed, even where a telegram of it was damaged', async () => {
    for (const damaged of [[], [2], [2, 3]]) {
      const bench = await heard(damaged)
      assert.ok(bench.readings.length >= 11 - damaged.length, String(bench.readings.length))
      assert.ok(!bench.log.some((line) => line.includes('garbled')), bench.log.join('\n'))
    }
  }).timeout(10_000)
})

describe('rough company', () => {
  after(removeFolders)

  it('of sixteen meters pulled out at once: each is told to be silent, and to be back', async () => {
    const serials: ReplaySerial[] = []
    const world = await World.open({
      streams: { isLive: false, minuteMs: undefined },
      sources: (it) =>
        Array.from({ length: SOURCES_MAX }, (_, at) => {
          const meter = new SmlHousehold({ household: household(at), style: { serial: 1000 + at } })
          const [spec, serial] = head(it, `m${String(at)}`, (nowMs) => meter.telegram(nowMs), 5000)
          serials.push(serial)
          return spec
        }),
    })
    await world.startAndMeet()
    await world.pass(15_000)
    for (const serial of serials) serial.unplug()
    await world.pass(30_000)
    for (const serial of serials) serial.plug()
    const each = (wanted: string): number =>
      new Set(
        world
          .traced('stored')
          .flatMap(({ record }) =>
            record.kind === 'event' && eventName(record.code) === wanted ? [record.details[0]] : [],
          ),
      ).size
    await world.until(() => each('meter-back') === SOURCES_MAX, 300_000)
    assert.equal(each('meter-silent'), SOURCES_MAX)
    await world.stop()
  }).timeout(30_000)

  it('of a gas meter whose clock was never set: its values are dated by us, and in doubt', async () => {
    const house = household(3)
    const telegram = (nowMs: number): Uint8Array => {
      const text = Buffer.from(encodeDsmr(house.at(nowMs), DSMR_STYLES.v2)).toString('latin1')
      // Version 2 has no check sum that would have to be made anew.
      const unset = text.replace(/(0-1:24\.3\.0\()\d{12}/u, '$1000101000000')
      assert.notEqual(unset, text)
      return Uint8Array.from(Buffer.from(unset, 'latin1'))
    }
    const world = await World.open({
      streams: { isLive: false },
      sources: (it) => [head(it, 'house', telegram, 300_000)[0]],
    })
    await world.startAndMeet()
    await world.pass(4 * 3_600_000)
    await world.untilDelivered()
    const gas = world.headEnd
      .records(streamOf(1, 'billing'))
      .flatMap((record) => (record.kind === 'reading' ? [record] : []))
    assert.ok(gas.length >= 2, `${String(gas.length)} readings`)
    for (const { timeMs, status } of gas) {
      assert.ok(timeMs >= START_MS, new Date(timeMs).toISOString())
      assert.ok(decodeStatus(status).flags.includes('time-doubt'))
    }
    await world.stop()
  }).timeout(30_000)

  it('of names that somebody makes up: they leave room for meters that prove themselves', () => {
    const map = volatileMap()
    const invocations = new Invocations(map)
    const admit = (systemTitle: string, authentic: boolean): boolean =>
      invocations.admit({ systemTitle, counter: 1, authentic })
    for (let at = 0; at < 2 * DURABLE_ENTRIES_MAX; at += 1) {
      assert.equal(admit(`FOE${String(at)}`, false), at < UNVOUCHED_MAX)
    }
    assert.ok(map.entries().length <= UNVOUCHED_MAX)
    assert.ok(admit('SIM1', true))
    assert.ok(!admit('SIM1', true))
    // Who was known goes on.
    assert.ok(invocations.admit({ systemTitle: 'FOE0', counter: 2, authentic: false }))
  })

  it('of a meter that answers for ever: the others on its line are asked again', async () => {
    const bench = new SourceBench()
    const port = {} as SerialPort
    const bus = new Bus({ canSwitch: true, open: () => Object.assign(port, { close: () => Promise.resolve() }) }) // prettier-ignore
    const asked: string[] = []
    const endless: Ask = ({ signal }) => {
      asked.push('endless')
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error)
        })
      })
    }
    const other: Ask = () => {
      asked.push('other')
      return Promise.resolve('nothing')
    }
    const stop = new AbortController()
    const base = { bus, askMs: MINUTE, kind: 'modbus' } as const
    const running = Promise.all(
      [endless, other].map((ask, at) =>
        new AskingSource({ ...base, name: String(at), ask }, bench.context()).run(
          stop.signal,
          () => undefined,
        ),
      ),
    )
    await bench.pass(ASK_ROUND_MS_MAX - MINUTE)
    assert.deepEqual(asked, ['endless'])
    await bench.pass(3 * MINUTE)
    assert.ok(asked.includes('other'))
    assert.ok(bench.log.some((line) => line.includes('no end of it within')))
    stop.abort()
    await bench.clock.runUntil(running)
  })

  it('of a line that cannot even be opened: nothing is left running behind a round', async () => {
    const bench = new SourceBench()
    const bus = new Bus({
      canSwitch: true,
      open: () => {
        throw new HalError('not-found', 'no such line')
      },
    })
    let turns = 0
    const stop = new AbortController()
    const source = new AskingSource(
      { bus, askMs: 1000, kind: 'modbus', name: 'a', ask: () => Promise.resolve(undefined) },
      bench.context(),
    )
    const running = source.run(stop.signal, () => {
      turns += 1
    })
    await bench.pass(10 * MINUTE)
    turns = 0
    await bench.pass(MINUTE)
    assert.ok(turns < 200, `${String(turns)} turns a minute`)
    stop.abort()
    await bench.clock.runUntil(running)
  })
})
