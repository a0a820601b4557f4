/**
 * Pins and I2C on a real kernel: runs inside the guest that test/outside/hal-guest.test.ts boots, where
 * the GPIO simulator stands for a Pi's header (54 lines labelled pinctrl-bcm2835) and i2c-stub for a
 * device at 0x68. The simulator's pull of a line is the hand that moves an input.
 */
import { describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { GpioBackend, InputPin, OutputPin } from '@s3mp/hal'
import { systemClock } from '@s3mp/hal'
import { findHeaderChip, linuxGpio, linuxI2c, systemNatives } from '@s3mp/hal/linux'
import type { GpioBench } from '../contract/gpio.ts'
import { describeGpio } from '../contract/gpio.ts'
import { rejectsWith } from '../contract/serial.ts'

const SIMULATOR = '/sys/devices/platform/gpio-sim.0'
const BANK =
  readdirSync(SIMULATOR).find((name) => existsSync(join(SIMULATOR, name, 'sim_gpio0'))) ?? ''

/** The packages with their add-ons built, in a folder of their own. */
const resolve = createRequire(join(process.env.S3MP_NATIVES ?? '/', 'index.js')).resolve
const natives = systemNatives((name) => import(pathToFileURL(resolve(name)).href))

const simulated = (line: number, name: 'pull' | 'value'): string =>
  join(SIMULATOR, BANK, `sim_gpio${line}`, name)

/** Closes what a test leaves open, so that the next finds the lines free. */
class TidyBackend implements GpioBackend {
  readonly #inner = linuxGpio({ natives })
  readonly #open: { close(): Promise<void> }[] = []

  async openInput(...words: Parameters<GpioBackend['openInput']>): Promise<InputPin> {
    const pin = await this.#inner.openInput(...words)
    this.#open.push(pin)
    return pin
  }

  async openOutput(...words: Parameters<GpioBackend['openOutput']>): Promise<OutputPin> {
    const pin = await this.#inner.openOutput(...words)
    this.#open.push(pin)
    return pin
  }

  async closeAll(): Promise<void> {
    for (const pin of this.#open) await pin.close()
    for (let line = 0; line < 54; line++) writeFileSync(simulated(line, 'pull'), 'pull-down')
  }
}

function bench(): Promise<GpioBench> {
  const backend = new TidyBackend()
  return Promise.resolve({
    backend,
    drive: async (line, high) => {
      writeFileSync(simulated(line, 'pull'), high ? 'pull-up' : 'pull-down')
      await systemClock.sleep(100) // The interrupt's way through the kernel, on an emulated machine.
    },
    isHigh: (line) => readFileSync(simulated(line, 'value'), 'utf8').trim() === '1',
    release: () => backend.closeAll(),
  })
}

describeGpio('linux over the kernel', bench)

describe('the header on a real kernel', () => {
  it('is found where the kernel has put it', async () => {
    const chip = await findHeaderChip()
    assert.equal(chip.label, 'pinctrl-bcm2835')
    assert.equal(chip.lines, 54)
    assert.ok(chip.base > 0)
  })

  it('counts S0 pulses by their edges', async () => {
    const hand = await bench()
    const pin = await hand.backend.openInput(24)
    let pulses = 0
    pin.watch({ edge: ({ active }) => (pulses += active ? 1 : 0), failed: assert.ifError })
    for (let i = 0; i < 10; i++) {
      await hand.drive(24, true)
      await hand.drive(24, false)
    }
    assert.equal(pulses, 10)
    await hand.release()
  })
})

describe('I2C on a real kernel', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

  it('writes registers and reads them back', async () => {
    const bus = await linuxI2c(natives).open(0)
    await bus.transaction(0x68, [{ write: bytes(0x00, 0x56, 0x34, 0x12) }])
    const reads = await bus.transaction(0x68, [
      { write: bytes(0x00) },
      { read: 3 },
      { write: bytes(0x01) },
      { read: 1 },
    ])
    assert.deepEqual(reads, [bytes(0x56, 0x34, 0x12), bytes(0x34)])
    await bus.close()
  })

  it('says that nobody answers at another address', async () => {
    const bus = await linuxI2c(natives).open(0)
    await rejectsWith(bus.transaction(0x60, [{ write: bytes(0) }, { read: 1 }]), 'no-acknowledge')
    await bus.close()
  })

  it('says that a bus is not there', async () => {
    await rejectsWith(linuxI2c(natives).open(7), 'not-found')
  })
})
