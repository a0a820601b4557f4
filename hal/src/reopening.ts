import type { Clock } from './clock.ts'
import { HalError } from './errors.ts'
import type { SerialBackend, SerialPort, SerialSettings } from './serial.ts'
import { checkSettings } from './serial.ts'

/** Shortest wait before a lost port is tried again: udev needs about this long after a replug. */
export const REOPEN_DELAY_MS_MIN = 250

/** Longest wait between two attempts: how late a meter may notice that its head is back. */
export const REOPEN_DELAY_MS_MAX = 10_000

/** What happens to the port behind a ReopeningSerial; between `lost` and `opened` bytes are missing. */
export type ReopeningEvent =
  | { readonly type: 'opened'; readonly path: string }
  | { readonly type: 'lost'; readonly path: string; readonly error: HalError }
  | {
      readonly type: 'waiting'
      readonly path: string
      /** Losses and failed attempts since a byte was last read. */
      readonly failures: number
      readonly delayMs: number
      readonly error: HalError
    }

/** What a ReopeningSerial needs: where the port is, and time and chance to wait by. */
export interface ReopeningOptions {
  readonly backend: SerialBackend
  readonly path: string
  readonly settings: SerialSettings
  readonly clock: Clock
  /** A number in [0, 1), for jitter. */
  readonly random: () => number
  /** Told synchronously; must not throw. */
  readonly onEvent?: (event: ReopeningEvent) => void
}

/**
 * Delay before opening the port again, after `failures` earlier delays in a row brought no byte.
 *
 * Doubles per failure up to the maximum, then is shortened by up to a half, so that several heads on
 * one hub do not try in step. `random` is in [0, 1).
 */
export function reopenDelayMs(failures: number, random: number): number {
  const ceiling = Math.min(REOPEN_DELAY_MS_MAX, REOPEN_DELAY_MS_MIN * 2 ** failures)
  return Math.max(REOPEN_DELAY_MS_MIN, Math.round(ceiling * (1 - random / 2)))
}

/** Errors that waiting cannot heal: the driver is missing, or the settings are impossible. */
function isHopeless(error: HalError): boolean {
  return error.code === 'unavailable' || error.code === 'unsupported'
}

/**
 * A serial port that outlives its device: it waits for a port that is not there yet, and comes back
 * after the head was pulled out and put in again, for as long as it takes.
 *
 * Differs from a plain port in this:
 * - `read` goes on across a loss instead of rejecting with `io`. It rejects for good only with
 *   `closed`, `unavailable` or `unsupported`; `overrun` is passed on, the next read goes on.
 * - `write` to a port that is away tries once to open it and else rejects: a request is never sent
 *   late or twice behind the caller's back. `drain` rejects with `io` while the port is away.
 * - `reconfigure` while the port is away is remembered for the next opening.
 */
export class ReopeningSerial implements SerialPort {
  readonly #options: ReopeningOptions
  readonly #closing = new AbortController()
  #settings: SerialSettings
  #port: SerialPort | undefined
  #opening: Promise<SerialPort> | undefined
  #lastError: HalError | undefined
  #failures = 0
  #reading = false

  constructor(options: ReopeningOptions) {
    checkSettings(options.settings)
    this.#options = options
    this.#settings = options.settings
  }

  async read(signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#reading) throw new HalError('busy', 'serial read: another read is pending')
    this.#reading = true
    try {
      for (;;) {
        const port = await this.#connected(signal)
        try {
          const bytes = await port.read(signal)
          this.#failures = 0
          return bytes
        } catch (error) {
          if (!(await this.#lost(port, error))) throw error
        }
      }
    } finally {
      this.#reading = false
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const port = await this.#open()
    await this.#guard(port, port.write(bytes))
  }

  async drain(): Promise<void> {
    const port = this.#present()
    await this.#guard(port, port.drain())
  }

  async reconfigure(settings: SerialSettings): Promise<void> {
    this.#throwIfClosed()
    checkSettings(settings)
    const port = this.#port
    if (port) await this.#guard(port, port.reconfigure(settings))
    this.#settings = settings
  }

  async setBreak(on: boolean): Promise<void> {
    const port = on ? await this.#open() : this.#present()
    await this.#guard(port, port.setBreak(on))
  }

  async close(): Promise<void> {
    this.#closing.abort(this.#closedError())
    await this.#opening?.catch(() => undefined)
    const port = this.#port
    this.#port = undefined
    await port?.close()
  }

  async #connected(signal: AbortSignal | undefined): Promise<SerialPort> {
    for (;;) {
      signal?.throwIfAborted()
      if (this.#port) return this.#port
      if (this.#lastError) await this.#wait(this.#lastError, signal)
      try {
        return await this.#open()
      } catch (error) {
        if (!(error instanceof HalError) || error.code === 'closed' || isHopeless(error))
          throw error
        this.#failures += 1
      }
    }
  }

  async #wait(error: HalError, signal: AbortSignal | undefined): Promise<void> {
    const { clock, path, random, onEvent } = this.#options
    const delayMs = reopenDelayMs(Math.max(0, this.#failures - 1), random())
    onEvent?.({ type: 'waiting', path, failures: this.#failures, delayMs, error })
    const closing = this.#closing.signal
    await clock.sleep(delayMs, signal ? AbortSignal.any([closing, signal]) : closing)
  }

  async #open(): Promise<SerialPort> {
    this.#throwIfClosed()
    if (this.#port) return this.#port
    const { backend, path, onEvent } = this.#options
    this.#opening ??= backend
      .open(path, this.#settings)
      .then(
        (port) => {
          this.#port = port
          this.#lastError = undefined
          onEvent?.({ type: 'opened', path })
          return port
        },
        (error: unknown) => {
          if (error instanceof HalError) this.#lastError = error
          throw error
        },
      )
      .finally(() => {
        this.#opening = undefined
      })
    const port = await this.#opening
    this.#throwIfClosed()
    return port
  }

  async #guard(port: SerialPort, work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      await this.#lost(port, error)
      throw error
    }
  }

  /** True if `error` says that the device is gone; then the port is given up and will be reopened. */
  async #lost(port: SerialPort, error: unknown): Promise<boolean> {
    if (!(error instanceof HalError) || error.code !== 'io') return false
    if (this.#port !== port) return true
    this.#port = undefined
    this.#lastError = error
    // A port that opens and breaks at once must not be tried in a tight loop.
    this.#failures += 1
    this.#options.onEvent?.({ type: 'lost', path: this.#options.path, error })
    await port.close()
    return true
  }

  #present(): SerialPort {
    this.#throwIfClosed()
    if (this.#port) return this.#port
    throw new HalError('io', `${this.#options.path}: the port is away`)
  }

  #closedError(): HalError {
    return new HalError('closed', `${this.#options.path}: the port is closed`)
  }

  #throwIfClosed(): void {
    if (this.#closing.signal.aborted) throw this.#closedError()
  }
}
