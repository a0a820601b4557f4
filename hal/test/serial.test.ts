import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { SerialSettings } from '@s3mp/hal'
import {
  BAUD_RATES,
  HalError,
  bitsPerCharacter,
  formatSettings,
  lineTimeMs,
  parseSettings,
  readWithin,
} from '@s3mp/hal'
import { MockSerial, ReplaySerial, VirtualClock } from '@s3mp/hal/mock'
import { ReceiveBuffer } from '../src/receive-buffer.ts'
import type { SerialBench } from './contract/serial.ts'
import { SML_LINE, describeSerial, readExactly, rejectsWith } from './contract/serial.ts'

const now = <T>(work: Promise<T>): Promise<T> => work

/** Collects what a device hears. */
export class Ear {
  #bytes: number[] = []

  hear(bytes: Uint8Array): void {
    this.#bytes.push(...bytes)
  }

  get heard(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }
}

function mockBench(): Promise<SerialBench> {
  const ear = new Ear()
  const device = new MockSerial('/dev/mock', (bytes) => {
    ear.hear(bytes)
  })
  return Promise.resolve({
    backend: device,
    path: '/dev/mock',
    say: async (bytes) => {
      device.say(bytes)
      await Promise.resolve()
    },
    heard: () => Promise.resolve(ear.heard),
    unplug: async () => {
      device.unplug()
      await Promise.resolve()
    },
    plug: async () => {
      device.plug()
      await Promise.resolve()
    },
    finish: now,
    release: () => Promise.resolve(),
  })
}

function replayBench(): Promise<SerialBench> {
  const clock = new VirtualClock()
  const ear = new Ear()
  const device = new ReplaySerial({
    clock,
    random: () => 0.999,
    settings: SML_LINE,
    telegrams: () => undefined,
    answer: (bytes) => {
      ear.hear(bytes)
      return undefined
    },
  })
  return Promise.resolve({
    backend: device,
    path: device.path,
    say: async (bytes) => {
      device.say(bytes)
      await clock.advance(lineTimeMs(SML_LINE, bytes.length) + 1)
    },
    heard: () => Promise.resolve(ear.heard),
    unplug: async () => {
      device.unplug()
      await clock.advance(1)
    },
    plug: async () => {
      device.plug()
      await clock.advance(1)
    },
    finish: (work) => clock.runUntil(work),
    release: () => Promise.resolve(),
  })
}

describeSerial('MockSerial', mockBench)
describeSerial('ReplaySerial', replayBench)

describe('SerialSettings', () => {
  it('reads back what it writes', () => {
    const settings: fc.Arbitrary<SerialSettings> = fc.record(
      {
        baudRate: fc.constantFrom(...BAUD_RATES),
        dataBits: fc.constantFrom(7, 8),
        parity: fc.constantFrom('none', 'even', 'odd'),
        stopBits: fc.constantFrom(1, 2),
      },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(settings, (value) => {
        assert.deepEqual(parseSettings(formatSettings(value)), value)
      }),
    )
  })

  it('throws nothing but HalError on arbitrary text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,7} [5-9][A-Z][0-3]$/)), (text) => {
        try {
          parseSettings(text)
        } catch (error) {
          assert.ok(error instanceof HalError)
          assert.equal(error.code, 'unsupported')
        }
      }),
    )
  })

  it('names the part that is wrong', () => {
    assert.throws(() => parseSettings('9601 8N1'), /baudRate: expected one of 300 .*, found 9601/)
    assert.throws(() => parseSettings('fast'), /expected like '9600 8N1', found 'fast'/)
  })

  it('knows how long characters take', () => {
    assert.equal(bitsPerCharacter(SML_LINE), 10)
    assert.equal(bitsPerCharacter(parseSettings('300 7E1')), 10)
    assert.equal(bitsPerCharacter(parseSettings('2400 8E1')), 11)
    assert.equal(lineTimeMs(SML_LINE, 960), 1000)
  })
})

describe('readWithin', () => {
  it('gives the bytes that come in time and leaves no timer', async () => {
    const clock = new VirtualClock()
    const device = new MockSerial()
    const port = await device.open('/dev/mock', SML_LINE)
    const pending = readWithin(port, 100, clock)
    device.say(Uint8Array.of(1))
    assert.deepEqual(await pending, Uint8Array.of(1))
    assert.equal(clock.sleeping, 0)
  })

  it('rejects with timeout, and the late byte is the next read', async () => {
    const clock = new VirtualClock()
    const device = new MockSerial()
    const port = await device.open('/dev/mock', SML_LINE)
    const pending = rejectsWith(readWithin(port, 100, clock), 'timeout')
    await clock.advance(100)
    await pending
    device.say(Uint8Array.of(2))
    assert.deepEqual(await port.read(), Uint8Array.of(2))
  })

  it("rejects with the caller's own reason", async () => {
    const clock = new VirtualClock()
    const port = await new MockSerial().open('/dev/mock', SML_LINE)
    const stop = new AbortController()
    const pending = readWithin(port, 100, clock, stop.signal)
    stop.abort(new Error('shutting down'))
    await assert.rejects(pending, /shutting down/)
    assert.equal(clock.sleeping, 0)
  })
})

describe('ReceiveBuffer', () => {
  it('gives back every byte in order, or says exactly how many are missing', async () => {
    const step = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.constant('read'))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const buffer = new ReceiveBuffer(64)
        let pushed = 0
        let seen = 0
        const readOne = async (): Promise<void> => {
          try {
            const bytes = await buffer.read(AbortSignal.timeout(1))
            for (const byte of bytes) assert.equal(byte, seen++ % 256)
          } catch (error) {
            assert.ok(error instanceof HalError)
            seen += Number(/(\d+) bytes lost/.exec(error.message)?.[1])
          }
        }
        for (const one of steps) {
          if (one !== 'read') buffer.push((one as Uint8Array).map(() => pushed++ % 256))
          else if (buffer.held > 0) await readOne()
          assert.ok(buffer.held <= 64)
        }
        while (seen < pushed) await readOne()
        assert.equal(seen, pushed)
      }),
    )
  })
})

describe('MockSerial', () => {
  const greet = Uint8Array.from(Buffer.from('/?!\r\n'))
  const ident = Uint8Array.from(Buffer.from('/XYZ5METER\r\n'))

  it('plays a conversation with a change of speed', async () => {
    const slow = parseSettings('300 7E1')
    const fast = parseSettings('9600 7E1')
    const device = new MockSerial().expect([
      { hear: greet },
      { say: ident },
      { hear: Uint8Array.of(6, 0x30, 0x35, 0x30, 13, 10) },
      { settings: fast },
      { say: Uint8Array.of(2, 3) },
    ])
    const port = await device.open('/dev/mock', slow)
    await port.write(greet.subarray(0, 2))
    await port.write(greet.subarray(2))
    assert.deepEqual(await readExactly(port, ident.length), ident)
    await port.write(Uint8Array.of(6, 0x30, 0x35, 0x30, 13, 10))
    await port.reconfigure(fast)
    assert.deepEqual(await port.read(), Uint8Array.of(2, 3))
    device.done()
  })

  it('rejects a write that differs, and done says it again', async () => {
    const device = new MockSerial().expect([{ hear: greet }])
    const port = await device.open('/dev/mock', SML_LINE)
    await rejectsWith(port.write(Uint8Array.of(1)), 'io')
    assert.throws(() => {
      device.done()
    }, /expected to hear 2f3f210d0a, found 01/)
  })

  it('complains of steps that nobody played', () => {
    const device = new MockSerial().expect([{ hear: greet }])
    assert.throws(() => {
      device.done()
    }, /1 steps left, next hear/)
  })

  it('pulls itself out by script', async () => {
    const device = new MockSerial().expect([{ say: greet }, { unplug: true }])
    const port = await device.open('/dev/mock', SML_LINE)
    assert.deepEqual(await readExactly(port, greet.length), greet)
    await rejectsWith(port.read(), 'io')
    device.done()
  })
})

describe('the light of a head', () => {
  it('shows on the device while the line is held, and goes out with the port', async () => {
    const device = new MockSerial('/dev/mock')
    const port = await device.open('/dev/mock', SML_LINE)
    await port.setBreak(true)
    assert.equal(device.isLit, true)
    await port.setBreak(false)
    assert.equal(device.isLit, false)
    await port.setBreak(true)
    await port.close()
    assert.equal(device.isLit, false)
  })
})
