import assert from 'node:assert/strict'
import { describe, it } from 'mocha'

import { parseSettings } from '@s3mp/hal'
import { MockSerial, ReplaySerial, VirtualClock, type ReplayFaults } from '@s3mp/hal/mock'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'

import { AlignmentMeter, alignmentLines, type AlignmentScore } from '../../src/head/alignment.ts'
import { detectHeads, trialInWords } from '../../src/head/detect.ts'
import { lineErrors } from '../../src/head/line-errors.ts'
import { listen } from '../../src/head/listen.ts'

const START_MS = Date.UTC(2026, 10, 23, 12)

/** Repeatable chance: a linear congruential generator. */
function chance(): () => number {
  let state = 7
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
}

function meterAt(
  clock: VirtualClock,
  settings: string,
  faults: ReplayFaults = {},
  isSilent = false,
): ReplaySerial {
  const meter = new SmlHousehold({ household: new Household({ seed: 1, startMs: START_MS }) })
  return new ReplaySerial({
    clock,
    random: chance(),
    path: '/dev/head',
    settings: parseSettings(settings),
    telegrams: (_index, nowMs) => (isSilent ? undefined : meter.telegram(nowMs)),
    faults,
  })
}

const signal = new AbortController().signal

describe('detectHeads', () => {
  for (const settings of ['9600 8N1', '115200 8N1']) {
    it(`finds a meter that sends at ${settings}`, async () => {
      const clock = new VirtualClock(START_MS)
      const serial = meterAt(clock, settings)
      const detecting = detectHeads({ serial, paths: ['/dev/head'], clock, signal })
      const [found] = (await clock.runUntil(detecting)).found
      assert.ok(found !== undefined && found.telegrams >= 2)
      assert.equal(found.settings, settings)
      assert.equal(found.reading.protocol, 'sml')
    })
  }

  it('asks a meter that is silent, and says so where it does not answer', async () => {
    const clock = new VirtualClock(START_MS)
    const serial = meterAt(clock, '9600 8N1', {}, true)
    const detecting = detectHeads({ serial, paths: ['/dev/head'], clock, signal })
    const { found, trials } = await clock.runUntil(detecting)
    assert.deepEqual(found, [])
    assert.equal(trials.length, 2)
    assert.match(trials.map(trialInWords).join(), /silence.*no answer to a sign-on/)
  })

  it('goes on to the next port where one cannot be opened', async () => {
    const clock = new VirtualClock(START_MS)
    const serial = meterAt(clock, '9600 8N1')
    const paths = ['/dev/nothing', '/dev/head']
    const { found, trials } = await clock.runUntil(detectHeads({ serial, paths, clock, signal }))
    assert.equal(found[0]?.path, '/dev/head')
    assert.equal(trials[0]?.error?.code, 'not-found')
    assert.match(trials.map(trialInWords).join(), /is not there/)
  })

  it('stops when it is told to', async () => {
    const clock = new VirtualClock(START_MS)
    const serial = meterAt(clock, '115200 8N1')
    const stop = new AbortController()
    const detecting = detectHeads({
      serial,
      paths: ['/dev/head'],
      clock,
      signal: stop.signal,
      onTrial: () => {
        stop.abort()
      },
    })
    const { found, trials } = await clock.runUntil(detecting)
    assert.deepEqual(found, [])
    assert.equal(trials.length, 1)
  })
})

describe('listen', () => {
  it('sends a request when there is one, and closes the port', async () => {
    const clock = new VirtualClock(START_MS)
    const request = new TextEncoder().encode('/?!\r\n')
    const path = '/dev/mock'
    const serial = new MockSerial(path)
    serial.expect([{ hear: request }, { say: Uint8Array.of(1, 2, 3) }])
    let bytes = 0
    const settings = parseSettings('300 7E1')
    await clock.runUntil(
      listen(
        { serial, path, settings, protocol: 'auto', clock, signal, listenMs: 2000, request },
        (heard) => {
          bytes += heard.bytes
          return true
        },
      ),
    )
    assert.equal(bytes, 3)
    serial.done()
  })
})

describe('AlignmentMeter', () => {
  async function scoreOf(faults: ReplayFaults, isSilent = false): Promise<AlignmentScore> {
    const clock = new VirtualClock(START_MS)
    const serial = meterAt(clock, '9600 8N1', faults, isSilent)
    const meter = new AlignmentMeter()
    let score = meter.score()
    let second = clock.monotonicMs() + 1000
    await clock.runUntil(
      listen(
        {
          serial,
          path: '/dev/head',
          settings: parseSettings('9600 8N1'),
          protocol: 'auto',
          clock,
          signal,
          listenMs: 20_000,
        },
        (heard) => {
          meter.hear(heard)
          if (clock.monotonicMs() >= second) {
            score = meter.score()
            second += 1000
          }
          return true
        },
      ),
    )
    return score
  }

  it('calls a head that sits well good', async () => {
    const score = await scoreOf({})
    assert.equal(score.hint, 'good')
    assert.ok(score.score >= 95, String(score.score))
    const [bar, hint] = alignmentLines(score)
    assert.match(bar, /^█+.* telegrams$/)
    assert.match(hint, /leave it there/)
  })

  it('calls a head that loses every other telegram nearly good', async () => {
    const score = await scoreOf({ byteErrorRate: 0.002 })
    assert.equal(score.hint, 'nearly')
    assert.ok(score.score > 10 && score.score < 95, String(score.score))
  })

  it('tells light without telegrams from darkness', async () => {
    assert.equal((await scoreOf({ byteErrorRate: 0.2 })).hint, 'garbled')
    const dark = await scoreOf({}, true)
    assert.equal(dark.hint, 'dark')
    assert.equal(dark.score, 0)
  })

  it('keeps the best score in sight', () => {
    const meter = new AlignmentMeter()
    meter.hear({
      bytes: 300,
      events: [{ type: 'discarded', offset: 0, bytes: 300, reason: 'crc' }],
    })
    assert.deepEqual([meter.score().score, meter.score().best], [0, 0])
  })
})

describe('errors of the line', () => {
  const counted = (fe: number): Record<string, string> => ({
    '/proc/tty/driver/ttyAMA': `serinfo:1.0\n0: uart:PL011 rev3 tx:0 rx:99 fe:${String(fe)} pe:2 RTS\n`,
  })

  it('are read where the driver counts them', () => {
    const files = counted(3)
    assert.equal(
      lineErrors('/dev/ttyAMA0', (path) => files[path]),
      5,
    )
    for (const port of ['/dev/ttyAMA1', '/dev/ttyS0', '/dev/ttyUSB0', '/dev/head']) {
      assert.equal(
        lineErrors(port, (path) => files[path]),
        undefined,
      )
    }
  })

  it('take from the score, counted from when one began to look', () => {
    const meter = new AlignmentMeter()
    const good = { type: 'reading', offset: 0, length: 90 } as never
    meter.count(1000)
    meter.hear({ bytes: 100, events: [good] })
    meter.count(1010)
    const { score, lineErrors: errors } = meter.score()
    assert.equal(errors, 10)
    assert.equal(score, 90)
    assert.equal(new AlignmentMeter().score().lineErrors, undefined)
  })
})
