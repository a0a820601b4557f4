import { afterEach, beforeEach, describe, it } from 'mocha'
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NativeGpio, Natives } from '@s3mp/hal/linux'
import { findHeaderChip, linuxGpio, systemNatives } from '@s3mp/hal/linux'
import type { GpioBench } from '../contract/gpio.ts'
import { describeGpio } from '../contract/gpio.ts'
import { rejectsWith } from '../contract/serial.ts'

type Done<T extends unknown[]> = (error: Error | null | undefined, ...values: T) => void

let sys = ''

/** Makes the controllers of a machine: number, label, base, lines. */
async function chips(
  ...all: readonly (readonly [number, string, number, number])[]
): Promise<void> {
  for (const [number, label, base, lines] of all) {
    const folder = join(sys, 'class/gpio', `gpiochip${number}`)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'label'), `${label}\n`)
    await writeFile(join(folder, 'base'), `${base}\n`)
    await writeFile(join(folder, 'ngpio'), `${lines}\n`)
  }
}

const voltageFile = (line: number): string => join(sys, `voltage${line}`)

function isHigh(line: number): boolean {
  return existsSync(voltageFile(line)) && readFileSync(voltageFile(line), 'utf8') === '1'
}

/** `onoff` over files: the kernel's meaning of direction and active_low, without a kernel. */
class FakeGpio implements NativeGpio {
  static readonly open = new Map<number, FakeGpio>()
  readonly #line: number
  readonly #activeLow: boolean
  readonly #watchers: Done<[number]>[] = []

  constructor(
    line: number,
    direction: 'in' | 'high' | 'low',
    _edge: string,
    options: { activeLow: boolean },
  ) {
    this.#line = line
    this.#activeLow = options.activeLow
    if (direction !== 'in') writeFileSync(voltageFile(line), direction === 'high' ? '1' : '0')
    FakeGpio.open.set(line, this)
  }

  read(done: Done<[number]>): void {
    queueMicrotask(() => {
      done(null, this.#value())
    })
  }

  write(value: 0 | 1, done: Done<[]>): void {
    writeFileSync(voltageFile(this.#line), (value === 1) !== this.#activeLow ? '1' : '0')
    queueMicrotask(() => {
      done(null)
    })
  }

  watch(listener: Done<[number]>): void {
    this.#watchers.push(listener)
  }

  unexport(): void {
    FakeGpio.open.delete(this.#line)
  }

  interrupt(error: Error | null = null): void {
    for (const watcher of this.#watchers) watcher(error, this.#value())
  }

  #value(): number {
    return isHigh(this.#line) !== this.#activeLow ? 1 : 0
  }
}

const natives: Natives = {
  ...systemNatives(() => Promise.reject(new Error('not in this test'))),
  gpio: () => Promise.resolve(FakeGpio),
}

async function bench(): Promise<GpioBench> {
  FakeGpio.open.clear()
  sys = await mkdtemp(join(tmpdir(), 's3mp-gpio-'))
  await chips([512, 'pinctrl-bcm2835', 512, 54], [566, 'raspberrypi-exp-gpio', 566, 8])
  return {
    backend: linuxGpio({ natives, sys }),
    drive: (line, high) => {
      writeFileSync(voltageFile(512 + line), high ? '1' : '0')
      FakeGpio.open.get(512 + line)?.interrupt()
      return Promise.resolve()
    },
    isHigh: (line) => isHigh(512 + line),
    release: () => rm(sys, { recursive: true }),
  }
}

describeGpio('linux over a made sysfs', bench)

describe('linuxGpio', () => {
  beforeEach(async () => {
    sys = await mkdtemp(join(tmpdir(), 's3mp-gpio-'))
  })

  afterEach(async () => {
    await rm(sys, { recursive: true })
  })

  for (const [board, label, base, lines] of [
    ['a Pi 3 before Linux 6.6', 'pinctrl-bcm2835', 0, 54],
    ['a Pi 3 since', 'pinctrl-bcm2835', 512, 54],
    ['a Pi 4', 'pinctrl-bcm2711', 512, 58],
    ['a Pi 5', 'pinctrl-rp1', 571, 54],
  ] as const) {
    it(`finds the header of ${board}`, async () => {
      await chips([0, 'gpio-brcmstb', 600, 32], [1, label, base, lines])
      assert.deepEqual(await findHeaderChip(sys), { label, base, lines })
    })
  }

  it('takes the chip with the right number of lines when two have the label', async () => {
    await chips([1, 'pinctrl-rp1', 400, 2], [2, 'pinctrl-rp1', 571, 54])
    assert.equal((await findHeaderChip(sys)).base, 571)
  })

  it('names what it found when no chip is a header', async () => {
    await chips([0, 'INT3450:00', 0, 160])
    const error = await rejectsWith(findHeaderChip(sys), 'unavailable')
    assert.match(error.message, /expected pinctrl-bcm2835.*, found INT3450:00 \(160\)/)
  })

  it('says that the kernel has no GPIO in sysfs', async () => {
    const error = await rejectsWith(linuxGpio({ natives, sys }).openInput(17), 'unavailable')
    assert.match(error.message, /CONFIG_GPIO_SYSFS/)
  })

  it('frees the line again when opening fails', async () => {
    const backend = linuxGpio({ natives, sys })
    await rejectsWith(backend.openInput(17), 'unavailable')
    await chips([512, 'pinctrl-bcm2835', 512, 54])
    await (await backend.openInput(17)).close()
  })

  it('tells watchers when the driver fails, and then rejects', async () => {
    await chips([512, 'pinctrl-bcm2835', 512, 54])
    const pin = await linuxGpio({ natives, sys }).openInput(17)
    const heard: string[] = []
    pin.watch({ edge: () => undefined, failed: (error) => heard.push(error.code) })
    FakeGpio.open.get(512 + 17)?.interrupt(new Error('epoll failed'))
    assert.deepEqual(heard, ['io'])
    await rejectsWith(pin.read(), 'io')
    await pin.close()
  })
})
