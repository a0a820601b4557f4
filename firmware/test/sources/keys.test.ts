import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { decodeStatus, eventName } from '@s3mp/envelope'
import { parseSettings } from '@s3mp/hal'
import { ReplaySerial } from '@s3mp/hal/mock'
import { encodeDlms, Household, type DlmsProtection } from '@s3mp/meter/simulator'
import { after, describe, it } from 'mocha'

import { volatileMap } from '../../src/durable-map.ts'
import { Invocations } from '../../src/sources/invocations.ts'
import type { MeterKeys } from '../../src/sources/keys.ts'
import { listening } from '../../src/sources/listening.ts'
import type { SourceSpec } from '../../src/sources/source.ts'
import { STREAM } from '../../src/streams.ts'
import { removeFolders } from '../support/folder.ts'
import { START_MS, World } from '../support/world.ts'

const LINE = parseSettings('2400 8N1')
const KEY = Uint8Array.from({ length: 16 }, (_, at) => at)
const OTHER = KEY.map((byte) => byte ^ 1)
const TITLE = Uint8Array.from(Buffer.from('53494d0000000001', 'hex'))

/** A meter that ciphers, with its own counter; `repeat` gives its last telegram once more. */
class Ciphering {
  counter = 1000
  repeat = false
  control = 0x30
  #last: Uint8Array | undefined
  readonly #household = new Household({ seed: 1, startMs: START_MS - 86_400_000 })

  telegram(nowMs: number): Uint8Array {
    if (this.repeat && this.#last !== undefined) return this.#last
    this.counter += 1
    const protection: DlmsProtection = {
      encryptionKey: KEY,
      authenticationKey: OTHER,
      systemTitle: TITLE,
      counter: this.counter,
      control: this.control,
    }
    this.#last = encodeDlms(this.#household.at(Math.max(nowMs, START_MS)), {}, protection)
    return this.#last
  }
}

function open(meter: Ciphering, keys: MeterKeys): Promise<World> {
  return World.open({
    streams: { isLive: true },
    sources: (world): readonly SourceSpec[] => {
      const serial = new ReplaySerial({
        clock: world.clock,
        random: world.random,
        settings: LINE,
        path: 'head',
        periodMs: 5000,
        telegrams: (_index, nowMs) => meter.telegram(nowMs),
      })
      const listen = { path: 'head', settings: LINE, protocol: 'auto', silenceMs: 60_000 } as const
      return [listening({ name: 'house', serial, keys, isSimulated: true, ...listen })]
    },
  })
}

function verdicts(world: World): readonly string[] {
  return world.headEnd
    .records(STREAM.events)
    .flatMap((record) =>
      record.kind === 'event' && eventName(record.code) === 'keys-refused'
        ? [String(record.details[1])]
        : [],
    )
}

function live(world: World): readonly (readonly string[])[] {
  return world.headEnd
    .records(STREAM.live)
    .filter(({ kind }) => kind === 'fast')
    .map(({ status }) => decodeStatus(status).flags)
}

describe('a meter that ciphers', () => {
  after(removeFolders)

  it('is read with its keys, and nothing of them is in the log', async () => {
    const world = await open(new Ciphering(), { key: KEY, authenticationKey: OTHER })
    await world.startAndMeet()
    await world.pass(120_000)
    await world.untilDelivered()
    assert.ok(live(world).length > 15)
    assert.ok(live(world).every((flags) => !flags.includes('unauthenticated')))
    assert.deepEqual(verdicts(world), [])
    await world.stop()
    const hex = Buffer.from(KEY).toString('hex')
    assert.ok(!world.log.join().toLowerCase().includes(hex))
  })

  it('is marked where no tag vouches for it', async () => {
    for (const [control, keys] of [
      [0x20, { key: KEY, authenticationKey: OTHER }],
      [0x30, { key: KEY }],
    ] as const) {
      const meter = new Ciphering()
      meter.control = control
      const world = await open(meter, keys)
      await world.startAndMeet()
      await world.pass(60_000)
      await world.untilDelivered()
      assert.ok(live(world).length > 5)
      assert.ok(live(world).every((flags) => flags.includes('unauthenticated')))
      await world.stop()
    }
  })

  it('is told once what is wrong with its keys', async () => {
    const cases: readonly (readonly [MeterKeys, string])[] = [
      [{}, 'encryption-key-missing'],
      [{ key: OTHER, authenticationKey: OTHER }, 'encryption-key-wrong'],
      [{ key: KEY, authenticationKey: KEY }, 'authentication-key-wrong'],
    ]
    for (const [keys, verdict] of cases) {
      const world = await open(new Ciphering(), keys)
      await world.startAndMeet()
      await world.pass(600_000)
      await world.untilDelivered()
      assert.deepEqual(verdicts(world), [verdict])
      assert.equal(live(world).length, 0)
      const lines = world.log.filter((line) => line.startsWith('keys.refused'))
      assert.equal(lines.length, 1)
      assert.equal(world.log.filter((line) => line.startsWith('head.garbled')).length, 0)
      await world.stop()
    }
  }).timeout(20_000)

  it('is not believed when a telegram comes again, before and after a restart', async () => {
    for (const control of [0x30, 0x20]) {
      const meter = new Ciphering()
      meter.control = control
      const world = await open(meter, { key: KEY, authenticationKey: OTHER })
      await world.startAndMeet()
      await world.pass(60_000)
      meter.repeat = true
      await world.pass(10_000)
      const before = live(world).length
      await world.pass(60_000)
      await world.untilDelivered()
      assert.ok(live(world).length <= before + 1)
      await world.stop()
      await world.startAndMeet()
      await world.pass(60_000)
      await world.untilDelivered()
      assert.ok(live(world).length <= before + 1, 'the counter is kept')
      assert.ok(verdicts(world).includes('replay'))
      meter.repeat = false
      await world.pass(30_000)
      await world.untilDelivered()
      assert.ok(live(world).length > before + 3, 'the next one is true')
      await world.stop()
      const kept = readFileSync(join(world.folder, 'invocations'), 'utf8')
      assert.match(kept, /SIM0000000001/u)
    }
  }).timeout(20_000)
})

describe('counters of ciphered telegrams', () => {
  it('are kept apart for telegrams without a tag, so that a forged one silences nobody', () => {
    const invocations = new Invocations(volatileMap())
    const telegram = { systemTitle: 'T', authentic: true }
    assert.ok(invocations.admit({ ...telegram, counter: 5 }))
    assert.ok(invocations.admit({ ...telegram, authentic: false, counter: 1e9 }))
    assert.ok(invocations.admit({ ...telegram, counter: 6 }))
    assert.ok(!invocations.admit({ ...telegram, counter: 6 }))
    assert.equal(invocations.heard('T'), 6)
  })

  it('are reserved before they are used', async () => {
    const map = volatileMap()
    const invocations = new Invocations(map)
    assert.equal(invocations.used('me'), undefined)
    await invocations.reserve('me', 64)
    assert.equal(new Invocations(map).used('me'), 64)
    invocations.accepted('T', 9)
    assert.equal(new Invocations(map).heard('T'), 9)
  })
})
