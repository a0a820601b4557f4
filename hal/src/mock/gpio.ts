import type { Clock } from '../clock.ts'
import { HalError } from '../errors.ts'
import type { GpioBackend, InputPin, OutputPin, PinOptions, PinWatcher } from '../gpio.ts'
import { checkLine } from '../gpio.ts'
import { PinWatchers } from '../pin-watchers.ts'

/** A board on a table: tests put voltages on its inputs and look at its outputs. */
export class MockGpio implements GpioBackend {
  readonly #clock: Clock
  readonly #lines: number
  readonly #high = new Map<number, boolean>()
  readonly #open = new Map<number, MockInput | MockOutput>()

  /** `lines` is how many the board has: 54, or 58 on a Pi 4. */
  constructor(clock: Clock, lines = 54) {
    this.#clock = clock
    this.#lines = lines
  }

  /** Puts a high or low voltage on a line; open inputs notice. */
  drive(line: number, high: boolean): void {
    if (this.isHigh(line) === high) return
    this.#high.set(line, high)
    const pin = this.#open.get(line)
    if (pin instanceof MockInput) pin.changed(high)
  }

  /** Whether the line carries a high voltage at this moment. */
  isHigh(line: number): boolean {
    return this.#high.get(line) ?? false
  }

  /** The hardware of an open input fails: its watchers hear it, reads reject with `io`. */
  fail(line: number): void {
    const pin = this.#open.get(line)
    if (pin instanceof MockInput) pin.fail(new HalError('io', `line ${line}: failed`))
  }

  async openInput(line: number, options: PinOptions = {}): Promise<InputPin> {
    await this.#check(line)
    const pin = new MockInput(options.activeLow ?? false, this.isHigh(line), this.#clock, () => {
      this.#open.delete(line)
    })
    this.#open.set(line, pin)
    return pin
  }

  async openOutput(line: number, initial: boolean, options: PinOptions = {}): Promise<OutputPin> {
    await this.#check(line)
    const activeLow = options.activeLow ?? false
    const pin = new MockOutput(
      initial,
      (active) => this.#high.set(line, active !== activeLow),
      () => this.#open.delete(line),
    )
    this.#open.set(line, pin)
    return pin
  }

  async #check(line: number): Promise<void> {
    await Promise.resolve()
    checkLine(line)
    if (line >= this.#lines) {
      throw new HalError('unsupported', `line: this board has ${this.#lines}, found ${line}`)
    }
    if (this.#open.has(line)) throw new HalError('busy', `line ${line}: already open`)
  }
}

class MockInput implements InputPin {
  readonly #activeLow: boolean
  readonly #clock: Clock
  readonly #release: () => void
  readonly #watchers: PinWatchers
  #active: boolean
  #end: HalError | undefined

  constructor(activeLow: boolean, high: boolean, clock: Clock, release: () => void) {
    this.#activeLow = activeLow
    this.#active = high !== activeLow
    this.#clock = clock
    this.#release = release
    this.#watchers = new PinWatchers()
  }

  changed(high: boolean): void {
    this.#active = high !== this.#activeLow
    this.#watchers.edge({ active: this.#active, monotonicMs: this.#clock.monotonicMs() })
  }

  fail(error: HalError): void {
    this.#end ??= error
    this.#watchers.fail(error)
  }

  async read(): Promise<boolean> {
    await Promise.resolve()
    if (this.#end) throw this.#end
    return this.#active
  }

  watch(watcher: PinWatcher): () => void {
    if (this.#end) throw this.#end
    return this.#watchers.add(watcher, this.#active)
  }

  async close(): Promise<void> {
    await Promise.resolve()
    if (this.#end?.code === 'closed') return
    this.#end = new HalError('closed', 'input pin: closed')
    this.#watchers.clear()
    this.#release()
  }
}

class MockOutput implements OutputPin {
  readonly #drive: (active: boolean) => void
  readonly #release: () => void
  #active: boolean
  #closed = false

  constructor(initial: boolean, drive: (active: boolean) => void, release: () => void) {
    this.#drive = drive
    this.#release = release
    this.#active = initial
    drive(initial)
  }

  async write(active: boolean): Promise<void> {
    await this.#check()
    this.#active = active
    this.#drive(active)
  }

  async read(): Promise<boolean> {
    await this.#check()
    return this.#active
  }

  async close(): Promise<void> {
    await Promise.resolve()
    if (this.#closed) return
    this.#closed = true
    this.#release()
  }

  async #check(): Promise<void> {
    await Promise.resolve()
    if (this.#closed) throw new HalError('closed', 'output pin: closed')
  }
}
