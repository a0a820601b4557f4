import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { SerialPort } from '@s3mp/hal'
import { HalError, lineTimeMs, parseSettings } from '@s3mp/hal'
import type { ReplayOptions } from '@s3mp/hal/mock'
import { REPLAY_QUEUE_BYTES_MAX, ReplaySerial, VirtualClock } from '@s3mp/hal/mock'
import { SML_LINE, rejectsWith } from '../contract/serial.ts'

const A = Uint8Array.from({ length: 96 }, () => 0xaa)
const B = Uint8Array.from({ length: 48 }, () => 0xbb)

/** A small generator for runs that can be repeated (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

interface Heard {
  readonly bytes: number[]
  readonly times: number[]
  end?: string
}

/** Reads until the port ends, noting what came when. */
function listen(port: SerialPort, clock: VirtualClock): Heard {
  const heard: Heard = { bytes: [], times: [] }
  void (async () => {
    try {
      for (;;) {
        const bytes = await port.read()
        heard.bytes.push(...bytes)
        heard.times.push(clock.monotonicMs())
      }
    } catch (error) {
      heard.end = error instanceof HalError ? error.code : String(error)
    }
  })()
  return heard
}

function make(clock: VirtualClock, options: Partial<ReplayOptions> = {}): ReplaySerial {
  return new ReplaySerial({
    clock,
    random: seeded(1),
    settings: SML_LINE,
    telegrams: [A, B],
    ...options,
  })
}

describe('ReplaySerial', () => {
  it('plays telegrams round and round, at line speed and in their period', async () => {
    const clock = new VirtualClock()
    const port = await make(clock).open('/dev/replay', SML_LINE)
    const heard = listen(port, clock)
    await clock.advance(2500)
    assert.deepEqual(heard.bytes, [...A, ...B, ...A])
    assert.equal(heard.times.at(-1), 2000 + lineTimeMs(SML_LINE, A.length))
    await port.close()
  })

  it('gives the rest of the telegram under way to whoever opens in the middle', async () => {
    const clock = new VirtualClock()
    const device = make(clock)
    await clock.advance(lineTimeMs(SML_LINE, 36))
    const port = await device.open('/dev/replay', SML_LINE)
    const heard = listen(port, clock)
    await clock.advance(500)
    assert.deepEqual(heard.bytes, Array.from(A.subarray(36)))
    await port.close()
  })

  it('sends garbage to a port that is set to another speed', async () => {
    const clock = new VirtualClock()
    const port = await make(clock, { telegrams: [A] }).open('/dev/replay', parseSettings('300 7E1'))
    const heard = listen(port, clock)
    await clock.advance(900)
    assert.equal(heard.bytes.length, A.length)
    assert.notDeepEqual(heard.bytes, Array.from(A))
    await port.close()
  })

  it('is pulled out and put in by plan', async () => {
    const clock = new VirtualClock()
    const device = make(clock, {
      plugs: [
        { atMs: 1020, plugged: false },
        { atMs: 3500, plugged: true },
      ],
    })
    const heard = listen(await device.open('/dev/replay', SML_LINE), clock)
    await clock.advance(1100)
    assert.equal(heard.end, 'io')
    assert.ok(heard.bytes.length >= A.length && heard.bytes.length < A.length + B.length)
    await rejectsWith(device.open('/dev/replay', SML_LINE), 'not-found')
    await clock.advance(2500)
    const again = listen(await device.open('/dev/replay', SML_LINE), clock)
    await clock.advance(1000)
    assert.deepEqual(again.bytes, Array.from(A))
  })

  it('answers requests at line speed', async () => {
    const clock = new VirtualClock()
    const port = await make(clock, {
      telegrams: () => undefined,
      answer: (bytes) => (bytes[0] === 0x2f ? B : undefined),
    }).open('/dev/replay', SML_LINE)
    const heard = listen(port, clock)
    await port.write(Uint8Array.of(0x2f))
    await clock.advance(lineTimeMs(SML_LINE, B.length) - 0.5)
    assert.ok(heard.bytes.length < B.length)
    await clock.advance(1)
    assert.deepEqual(heard.bytes, Array.from(B))
    await port.close()
  })

  it('makes the same faults for the same seed, others for another', async () => {
    const run = async (seed: number): Promise<number[]> => {
      const clock = new VirtualClock()
      const faults = { byteErrorRate: 0.01, gapRate: 0.3, noiseRate: 0.3 }
      const device = make(clock, { random: seeded(seed), faults })
      const port = await device.open('/dev/replay', SML_LINE)
      const heard = listen(port, clock)
      await clock.advance(20_000)
      await port.close()
      return heard.bytes
    }
    const [first, second, other] = await Promise.all([run(7), run(7), run(8)])
    assert.deepEqual(first, second)
    assert.notDeepEqual(first, other)
  })

  it('turns about as many bytes as it is told to', async () => {
    const clock = new VirtualClock()
    const faults = { byteErrorRate: 0.05 }
    const port = await make(clock, { telegrams: [A], faults }).open('/dev/replay', SML_LINE)
    const heard = listen(port, clock)
    await clock.advance(100_000)
    const wrong = heard.bytes.filter((byte) => byte !== 0xaa).length
    const rate = wrong / heard.bytes.length
    assert.ok(rate > 0.03 && rate < 0.07, String(rate))
    await port.close()
  })

  it('asks a function for each telegram, with the time of its start', async () => {
    const clock = new VirtualClock(1_000_000)
    const asked: [number, number][] = []
    const port = await make(clock, {
      periodMs: 2000,
      telegrams: (index, nowMs) => {
        asked.push([index, nowMs])
        return undefined
      },
    }).open('/dev/replay', SML_LINE)
    await clock.advance(4500)
    assert.deepEqual(asked, [
      [0, 1_000_000],
      [1, 1_002_000],
      [2, 1_004_000],
    ])
    await port.close()
  })

  it('does not queue more than its limit', async () => {
    const clock = new VirtualClock()
    const device = make(clock, { telegrams: () => undefined })
    const port = await device.open('/dev/replay', SML_LINE)
    const heard = listen(port, clock)
    for (let i = 0; i < 10; i++) device.say(new Uint8Array(REPLAY_QUEUE_BYTES_MAX / 4))
    await clock.advance(lineTimeMs(SML_LINE, 3 * REPLAY_QUEUE_BYTES_MAX))
    assert.equal(heard.bytes.length, REPLAY_QUEUE_BYTES_MAX)
    await port.close()
  })

  it('refuses a period that is no period', () => {
    fc.assert(
      fc.property(fc.constantFrom(0, -1, NaN), (periodMs) => {
        assert.throws(() => make(new VirtualClock(), { periodMs }), RangeError)
      }),
    )
  })
})
