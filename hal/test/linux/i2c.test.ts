import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import type { NativeI2cBus, Natives } from '@s3mp/hal/linux'
import { linuxI2c, systemNatives } from '@s3mp/hal/linux'
import { describeI2c } from '../contract/i2c.ts'
import { rejectsWith } from '../contract/serial.ts'

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: driver says so`), { code })
}

/** A driver with the registers that the contract describes, and a note of the calls made. */
class FakeDriver implements NativeI2cBus {
  readonly calls: string[] = []
  readonly #registers = Uint8Array.from({ length: 16 }, (_, index) => 0x10 + index)
  #at = 0
  #busy = false

  async i2cRead(address: number, length: number, into: Buffer): Promise<{ bytesRead: number }> {
    await this.#turn('i2cRead', address)
    for (let i = 0; i < length; i++) into[i] = this.#registers[this.#at++ % 16] ?? 0
    return { bytesRead: length }
  }

  async i2cWrite(address: number, length: number, from: Buffer): Promise<{ bytesWritten: number }> {
    await this.#turn('i2cWrite', address)
    this.#at = from[0] ?? 0
    for (const byte of from.subarray(1, length)) this.#registers[this.#at++ % 16] = byte
    return { bytesWritten: length }
  }

  async readI2cBlock(
    address: number,
    command: number,
    length: number,
    into: Buffer,
  ): Promise<{ bytesRead: number }> {
    await this.#turn('readI2cBlock', address)
    this.#at = command
    for (let i = 0; i < length; i++) into[i] = this.#registers[this.#at++ % 16] ?? 0
    return { bytesRead: length }
  }

  i2cFuncs(): Promise<unknown> {
    return Promise.resolve({})
  }

  async sendByte(address: number, byte: number): Promise<void> {
    await this.#turn('sendByte', address)
    this.#at = byte
  }

  async receiveByte(address: number): Promise<number> {
    await this.#turn('receiveByte', address)
    return this.#registers[this.#at++ % 16] ?? 0
  }

  async writeI2cBlock(
    address: number,
    command: number,
    length: number,
    from: Buffer,
  ): Promise<{ bytesWritten: number }> {
    await this.#turn('writeI2cBlock', address)
    this.#at = command
    for (const byte of from.subarray(0, length)) this.#registers[this.#at++ % 16] = byte
    return { bytesWritten: length }
  }

  async close(): Promise<void> {
    await this.#turn('close', 0x68)
  }

  async #turn(name: string, address: number): Promise<void> {
    assert.equal(this.#busy, false, 'two calls at once')
    this.#busy = true
    await new Promise((resolve) => setImmediate(resolve))
    this.#busy = false
    this.calls.push(name)
    if (address !== 0x68) throw errno('EREMOTEIO')
  }
}

const absent = (): Promise<never> => Promise.reject(errno('ENOENT'))

function nativesWith(driver: NativeI2cBus): Natives {
  return {
    ...systemNatives(() => Promise.reject(new Error('not in this test'))),
    i2c: () =>
      Promise.resolve((bus) =>
        // As the real one: a bus that is not there is noticed when it is asked something.
        Promise.resolve(bus === 1 ? driver : Object.assign(new FakeDriver(), { i2cFuncs: absent })),
      ),
  }
}

describeI2c('linux over a made driver', () => ({
  backend: linuxI2c(nativesWith(new FakeDriver())),
}))

describe('linuxI2c', () => {
  it('joins a register number and a short read by a repeated start, by calls all controllers know', async () => {
    const driver = new FakeDriver()
    const bus = await linuxI2c(nativesWith(driver)).open(1)
    const register = { write: Uint8Array.of(0) }
    await bus.transaction(0x68, [register, { read: 32 }])
    await bus.transaction(0x68, [register, { read: 33 }])
    await bus.transaction(0x68, [{ write: new Uint8Array(33) }, { read: 1 }])
    await bus.transaction(0x68, [{ write: new Uint8Array(34) }])
    assert.deepEqual(driver.calls, [
      'readI2cBlock',
      'sendByte',
      'i2cRead',
      'writeI2cBlock',
      'receiveByte',
      'i2cWrite',
    ])
  })

  it('translates what the kernel says', async () => {
    for (const [code, expected] of [
      ['ENXIO', 'no-acknowledge'],
      ['EREMOTEIO', 'no-acknowledge'],
      ['ENODEV', 'no-acknowledge'],
      ['ETIMEDOUT', 'timeout'],
      ['EBUSY', 'busy'],
      ['EIO', 'io'],
    ] as const) {
      const driver = new FakeDriver()
      driver.receiveByte = () => Promise.reject(errno(code))
      const bus = await linuxI2c(nativesWith(driver)).open(1)
      await rejectsWith(bus.transaction(0x68, [{ read: 1 }]), expected)
    }
  })

  it('does not take fewer bytes than it asked for', async () => {
    const driver = new FakeDriver()
    driver.i2cRead = () => Promise.resolve({ bytesRead: 1 })
    const bus = await linuxI2c(nativesWith(driver)).open(1)
    await rejectsWith(bus.transaction(0x68, [{ read: 2 }]), 'io')
  })

  it('refuses bus numbers that cannot be', async () => {
    const backend = linuxI2c(nativesWith(new FakeDriver()))
    for (const bus of [-1, 1.5, 256]) await rejectsWith(backend.open(bus), 'unsupported')
  })
})
