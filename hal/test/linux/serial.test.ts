import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { SerialPortMock } from 'serialport'
import { HalError, systemClock } from '@s3mp/hal'
import type { NativeSerialConstructor, Natives } from '@s3mp/hal/linux'
import { SERIAL_OPERATIONS_MAX, SERIAL_PROBE_MS, linuxSerial, systemNatives } from '@s3mp/hal/linux'
import { VirtualClock } from '@s3mp/hal/mock'
import type { SerialBench } from '../contract/serial.ts'
import { SML_LINE, describeSerial, rejectsWith } from '../contract/serial.ts'

const PATH = '/dev/ttyMOCK'

/** The driver's own mock, keeping hold of the ports it opened. */
class Spy extends SerialPortMock {
  static opened: Spy[] = []

  constructor(options: ConstructorParameters<typeof SerialPortMock>[0]) {
    super(options)
    Spy.opened.push(this)
  }
}

const nativesWith = (Driver: unknown): Natives => ({
  ...systemNatives(() => Promise.reject(new Error('not in this test'))),
  // The mock has the shape that natives.ts describes; its own types are of Node's streams.
  serialPort: () => Promise.resolve(Driver as NativeSerialConstructor),
})

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2))
}

function bench(): Promise<SerialBench> {
  Spy.opened = []
  SerialPortMock.binding.reset()
  const create = (): void => {
    SerialPortMock.binding.createPort(PATH, { record: true })
  }
  create()
  const heard: number[] = []
  const current = (): Spy => {
    const port = Spy.opened.findLast((one) => one.isOpen)
    assert.ok(port, 'no port is open')
    return port
  }
  return Promise.resolve({
    backend: linuxSerial({ natives: nativesWith(Spy) }),
    path: PATH,
    say: async (bytes) => {
      current().port?.emitData(Buffer.from(bytes))
      await settle()
    },
    heard: () => Promise.resolve(Uint8Array.from(current().port?.recording ?? heard)),
    unplug: async () => {
      // What the driver does itself when its descriptor fails.
      const gone = Object.assign(new Error('disconnected'), { disconnected: true } as const)
      current().close(undefined, gone)
      SerialPortMock.binding.reset()
      await settle()
    },
    plug: async () => {
      create()
      await settle()
    },
    finish: (work) => work,
    release: () => {
      SerialPortMock.binding.reset()
      return Promise.resolve()
    },
  })
}

describeSerial('linux over the driver mock', bench)

/** A driver whose calls never answer, except for those named. */
function deafDriver(answers: readonly string[]): unknown {
  return class {
    port = { getBaudRate: () => Promise.resolve({ baudRate: 9600 }) }
    on(): this {
      return this
    }
    removeAllListeners(): this {
      return this
    }
    open(done: (error: Error | null) => void): void {
      this.answer('open', done)
    }
    close(done: (error: Error | null) => void): void {
      this.answer('close', done)
    }
    drain(done: (error: Error | null) => void): void {
      this.answer('drain', done)
    }
    update(_: unknown, done: (error: Error | null) => void): void {
      this.answer('update', done)
    }
    write(_: unknown, done: (error: Error | null) => void): boolean {
      this.answer('write', done)
      return true
    }
    answer(name: string, done: (error: Error | null) => void): void {
      if (answers.includes(name))
        queueMicrotask(() => {
          done(null)
        })
    }
  }
}

describe('linuxSerial', () => {
  it('gives up with timeout when the driver does not answer', async () => {
    const clock = new VirtualClock()
    const deaf = linuxSerial({ natives: nativesWith(deafDriver([])), clock })
    await rejectsWith(clock.runUntil(deaf.open(PATH, SML_LINE)), 'timeout')
    const mute = linuxSerial({ natives: nativesWith(deafDriver(['open'])), clock })
    const port = await clock.runUntil(mute.open(PATH, SML_LINE))
    await rejectsWith(clock.runUntil(port.write(Uint8Array.of(1))), 'timeout')
    await rejectsWith(clock.runUntil(port.drain()), 'timeout')
    await clock.runUntil(port.close())
    assert.equal(clock.sleeping, 0)
  })

  it('interrupts what is under way when it is closed', async () => {
    const clock = new VirtualClock()
    const natives = nativesWith(deafDriver(['open', 'close']))
    const port = await clock.runUntil(linuxSerial({ natives, clock }).open(PATH, SML_LINE))
    const pending = [rejectsWith(port.write(Uint8Array.of(1)), 'closed')]
    pending.push(rejectsWith(port.drain(), 'closed'))
    await clock.runUntil(port.close())
    await Promise.all(pending)
  })

  it('bounds the calls that wait', async () => {
    const clock = new VirtualClock()
    const natives = nativesWith(deafDriver(['open', 'close']))
    const port = await clock.runUntil(linuxSerial({ natives, clock }).open(PATH, SML_LINE))
    const waiting = Array.from({ length: SERIAL_OPERATIONS_MAX }, () =>
      rejectsWith(port.drain(), 'closed'),
    )
    await rejectsWith(port.drain(), 'busy')
    await clock.runUntil(port.close())
    await Promise.all(waiting)
  })

  it('finds out that a silent descriptor is dead', async () => {
    const clock = new VirtualClock()
    let alive = true
    const Dead = class extends (deafDriver(['open', 'close']) as new () => object) {
      port = {
        getBaudRate: (): Promise<unknown> =>
          alive ? Promise.resolve({ baudRate: 9600 }) : Promise.reject(new Error('hung up')),
      }
    }
    const natives = nativesWith(Dead)
    const port = await clock.runUntil(linuxSerial({ natives, clock }).open(PATH, SML_LINE))
    const pending = rejectsWith(port.read(), 'io')
    await clock.advance(3 * SERIAL_PROBE_MS)
    alive = false
    await clock.advance(SERIAL_PROBE_MS)
    await pending
    await clock.runUntil(port.close())
  })

  it('finds out that a device was pulled out while it was being opened', async () => {
    const clock = new VirtualClock()
    const Pulled = class extends (deafDriver(['open', 'close']) as new () => object) {
      port = {
        getBaudRate: () => Promise.reject(new Error('Input/output error, cannot get baud rate')),
      }
    }
    const port = await linuxSerial({ natives: nativesWith(Pulled), clock }).open(PATH, SML_LINE)
    const pending = rejectsWith(port.read(), 'io')
    await clock.advance(SERIAL_PROBE_MS)
    await pending
    await clock.runUntil(port.close())
  })

  it('keeps a device that cannot be asked', async () => {
    const clock = new VirtualClock()
    const Shy = class extends (deafDriver(['open', 'close']) as new () => object) {
      port = { getBaudRate: () => Promise.reject(new Error('ENOTTY')) }
    }
    const port = await linuxSerial({ natives: nativesWith(Shy), clock }).open(PATH, SML_LINE)
    let ended = false
    const pending = port.read().catch(() => (ended = true))
    await clock.advance(10 * SERIAL_PROBE_MS)
    assert.equal(ended, false)
    await port.close()
    await pending
  })

  it('translates what drivers say', async () => {
    for (const [message, code] of [
      ['Error: No such file or directory, cannot open /dev/x', 'not-found'],
      ['Error: Permission denied, cannot open /dev/x', 'permission'],
      ['Error Resource temporarily unavailable Cannot lock port', 'busy'],
      ['Error: Device or resource busy, cannot open /dev/x', 'busy'],
      ['Error: Inappropriate ioctl for device, cannot open /dev/x', 'unsupported'],
      ['something new', 'io'],
    ] as const) {
      const Failing = class extends (deafDriver([]) as new () => object) {
        open(done: (error: Error) => void): void {
          done(new Error(message))
        }
      }
      const error = await rejectsWith(
        linuxSerial({ natives: nativesWith(Failing) }).open(PATH, SML_LINE),
        code,
      )
      assert.ok(error.cause instanceof Error)
      assert.match(error.message, /^\/dev\/ttyMOCK: /)
    }
  })

  it('loads the real driver, which knows what is not there', async () => {
    await rejectsWith(linuxSerial().open('/dev/no-such-port', SML_LINE), 'not-found')
    assert.ok(systemClock.monotonicMs() > 0)
  })
})

describe('systemNatives', () => {
  const failing = (code: string): Natives =>
    systemNatives((name) =>
      Promise.reject(Object.assign(new Error(`Cannot load ${name}`), { code })),
    )

  it('says what to do when a package is not installed', async () => {
    const natives = failing('ERR_MODULE_NOT_FOUND')
    const error = await rejectsWith(natives.serialPort(), 'unavailable')
    assert.match(error.message, /^serialport: .*npm install serialport/)
    await rejectsWith(natives.gpio(), 'unavailable')
    await rejectsWith(natives.i2c(), 'unavailable')
    await rejectsWith(natives.readline(), 'unavailable')
  })

  it('says what to do when an add-on is not built, or built for another Node', async () => {
    assert.match(
      (await rejectsWith(failing('MODULE_NOT_FOUND').gpio(), 'unavailable')).message,
      /build/,
    )
    assert.match(
      (await rejectsWith(failing('ERR_DLOPEN_FAILED').i2c(), 'unavailable')).message,
      /another Node/,
    )
  })

  it('does not take a package that lacks the export', async () => {
    const natives = systemNatives(() => Promise.resolve({ default: { Gpio: 'no function' } }))
    await rejectsWith(natives.gpio(), 'unavailable')
  })

  it('rejects every opening with unavailable while the natives are absent', async () => {
    const natives = failing('ERR_MODULE_NOT_FOUND')
    const error = await rejectsWith(
      linuxSerial({ natives }).open('/dev/ttyUSB0', SML_LINE),
      'unavailable',
    )
    assert.ok(error instanceof HalError && error.cause instanceof Error)
  })
})
