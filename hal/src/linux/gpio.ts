import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { HalError } from '../errors.ts'
import type { GpioBackend, InputPin, OutputPin, PinOptions, PinWatcher } from '../gpio.ts'
import { checkLine } from '../gpio.ts'
import { PinWatchers } from '../pin-watchers.ts'
import { driverError } from './driver-error.ts'
import type { NativeGpio, Natives } from './natives.ts'
import { systemNatives } from './natives.ts'

/** The header controller of each Pi, and how many lines the real one has. */
const HEADER_CHIPS: ReadonlyMap<string, number> = new Map([
  ['pinctrl-bcm2835', 54], // Pi 0 to 3
  ['pinctrl-bcm2711', 58], // Pi 4
  ['pinctrl-rp1', 54], // Pi 5
])

/** Controllers of one machine that are looked at. */
export const GPIO_CHIPS_MAX = 64

/** What the Linux backend needs; everything has the machine's own as default. */
export interface LinuxGpioOptions {
  readonly natives?: Natives
  readonly clock?: Clock
  /** Where sysfs is mounted; a test puts a made tree in its place. */
  readonly sys?: string
}

/** The header's controller, in the kernel's numbering of lines. */
export interface HeaderChip {
  readonly label: string
  /** The kernel's number of BCM line 0: 0 up to Linux 6.5, 512 and others since. */
  readonly base: number
  readonly lines: number
}

async function attribute(folder: string, name: string): Promise<string> {
  try {
    return (await readFile(join(folder, name), 'utf8')).trim()
  } catch {
    return ''
  }
}

/**
 * Finds the header's controller by its label, never by its number, which changes with the kernel.
 *
 * Of two chips with the same label the one with the right number of lines is the header's. Rejects
 * with `unavailable` when sysfs has no GPIO or none of the chips is a Pi's.
 */
export async function findHeaderChip(sys = '/sys'): Promise<HeaderChip> {
  const root = join(sys, 'class/gpio')
  let names: string[]
  try {
    names = (await readdir(root)).filter((name) => name.startsWith('gpiochip')).sort()
  } catch (cause) {
    const message = `${root}: not there; the kernel needs CONFIG_GPIO_SYSFS`
    throw new HalError('unavailable', message, { cause })
  }
  const seen: string[] = []
  for (const name of names.slice(0, GPIO_CHIPS_MAX)) {
    const folder = join(root, name)
    const label = await attribute(folder, 'label')
    const base = Number(await attribute(folder, 'base'))
    const lines = Number(await attribute(folder, 'ngpio'))
    if (HEADER_CHIPS.get(label) === lines && Number.isInteger(base)) return { label, base, lines }
    seen.push(`${label || name} (${lines})`)
  }
  const expected = [...HEADER_CHIPS.keys()].join(', ')
  throw new HalError(
    'unavailable',
    `gpio chips: expected ${expected}, found ${seen.join(', ') || 'none'}`,
  )
}

/** The header pins of a Raspberry Pi, over `onoff` and sysfs. */
export function linuxGpio(options: LinuxGpioOptions = {}): GpioBackend {
  const { natives = systemNatives(), clock = systemClock, sys } = options
  const open = new Set<number>()
  const claim = async (
    line: number,
    direction: 'in' | 'high' | 'low',
    activeLow: boolean,
  ): Promise<NativeGpio> => {
    checkLine(line)
    if (open.has(line)) throw new HalError('busy', `line ${line}: already open`)
    open.add(line)
    try {
      const Gpio = await natives.gpio()
      const chip = await findHeaderChip(sys)
      if (line >= chip.lines) {
        throw new HalError('unsupported', `line: ${chip.label} has ${chip.lines}, found ${line}`)
      }
      const edge = direction === 'in' ? 'both' : 'none'
      return new Gpio(chip.base + line, direction, edge, { activeLow })
    } catch (cause) {
      open.delete(line)
      throw driverError(`line ${line}`, cause)
    }
  }
  return {
    async openInput(line, pinOptions: PinOptions = {}): Promise<InputPin> {
      const native = await claim(line, 'in', pinOptions.activeLow ?? false)
      const pin = new LinuxInput(`line ${line}`, native, clock, () => open.delete(line))
      await pin.start()
      return pin
    },
    async openOutput(line, initial, pinOptions: PinOptions = {}): Promise<OutputPin> {
      const activeLow = pinOptions.activeLow ?? false
      // `high` and `low` are voltages: the kernel does not take them through active_low.
      const native = await claim(line, initial === activeLow ? 'low' : 'high', activeLow)
      return new LinuxOutput(`line ${line}`, native, () => open.delete(line))
    },
  }
}

function readNative(native: NativeGpio): Promise<boolean> {
  return new Promise((resolve, reject) => {
    native.read((error, value) => {
      if (error) reject(error)
      else resolve(value === 1)
    })
  })
}

abstract class LinuxPin {
  protected readonly name: string
  protected readonly native: NativeGpio
  readonly #release: () => void
  #end: HalError | undefined

  constructor(name: string, native: NativeGpio, release: () => void) {
    this.name = name
    this.native = native
    this.#release = release
  }

  async read(): Promise<boolean> {
    this.throwIfEnded()
    try {
      return await readNative(this.native)
    } catch (cause) {
      throw this.#end ?? driverError(`${this.name}: read`, cause)
    }
  }

  async close(): Promise<void> {
    await Promise.resolve()
    if (this.#end?.code === 'closed') return
    this.#end = new HalError('closed', `${this.name}: closed`)
    try {
      this.native.unexport()
    } catch (cause) {
      throw driverError(`${this.name}: close`, cause)
    } finally {
      this.#release()
    }
  }

  protected end(error: HalError): void {
    this.#end ??= error
  }

  protected throwIfEnded(): void {
    if (this.#end) throw this.#end
  }
}

class LinuxInput extends LinuxPin implements InputPin {
  readonly #clock: Clock
  readonly #watchers = new PinWatchers()
  #level = false

  constructor(name: string, native: NativeGpio, clock: Clock, release: () => void) {
    super(name, native, release)
    this.#clock = clock
  }

  /** Starts to listen; the first level is known before anybody can watch. */
  async start(): Promise<void> {
    this.#level = await this.read()
    this.native.watch((error, value) => {
      if (error) {
        const failure = driverError(`${this.name}: watch`, error)
        this.end(failure)
        this.#watchers.fail(failure)
        return
      }
      this.#level = value === 1
      this.#watchers.edge({ active: this.#level, monotonicMs: this.#clock.monotonicMs() })
    })
  }

  watch(watcher: PinWatcher): () => void {
    this.throwIfEnded()
    return this.#watchers.add(watcher, this.#level)
  }

  override async close(): Promise<void> {
    this.#watchers.clear()
    await super.close()
  }
}

class LinuxOutput extends LinuxPin implements OutputPin {
  async write(active: boolean): Promise<void> {
    this.throwIfEnded()
    try {
      await new Promise<void>((resolve, reject) => {
        this.native.write(active ? 1 : 0, (error) => {
          if (error) reject(error)
          else resolve()
        })
      })
    } catch (cause) {
      throw driverError(`${this.name}: write`, cause)
    }
  }
}
