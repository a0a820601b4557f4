import { HalError, type Clock, type GpioBackend, type InputPin } from '@s3mp/hal'

import { reasonOf } from './errors.ts'
import type { Journal } from './journal.ts'
import type { Log } from './log.ts'

/** A level that lasts shorter than this is a bouncing contact, in milliseconds. */
export const TAMPER_BOUNCE_MS_MAX = 50

/** How long a switch that cannot be read is left alone, in milliseconds. */
export const TAMPER_RETRY_MS = 60_000

/** The switch in the device's own case. */
export interface TamperInput {
  readonly gpio: GpioBackend
  /** BCM number of the line. */
  readonly line: number
  /** True when an open case pulls the line low. */
  readonly activeLow?: boolean
}

/** What watching the case needs. */
export interface TamperOptions {
  readonly input: TamperInput | undefined
  readonly clock: Clock
  readonly journal: Journal
  readonly log: Log
}

/**
 * Watches the switch of the case: opening is an alarm, and every record made meanwhile carries the
 * flag `tamper`. A switch that cannot be read is said to be so; metering goes on.
 */
export class TamperWatch {
  readonly #options: TamperOptions
  #isOpen: boolean | undefined

  constructor(options: TamperOptions) {
    this.#options = options
  }

  /** Whether the case is open; undefined while no switch tells. */
  get isOpen(): boolean | undefined {
    return this.#isOpen
  }

  /** Watches until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { input, clock, log } = this.#options
    if (input === undefined) return
    while (!signal.aborted) {
      try {
        await this.#watch(input, signal)
      } catch (error) {
        if (!(error instanceof HalError)) throw error
        this.#isOpen = undefined
        log.warn('tamper.unreadable', { line: input.line, reason: reasonOf(error) })
      }
      await clock.sleep(TAMPER_RETRY_MS, signal).catch(() => undefined)
    }
  }

  async #watch(input: TamperInput, signal: AbortSignal): Promise<void> {
    const pin = await input.gpio.openInput(input.line, { activeLow: input.activeLow ?? false })
    try {
      await this.#look(pin, signal)
    } finally {
      await pin.close()
    }
  }

  async #look(pin: InputPin, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let failure: HalError | undefined
    let wake = new AbortController()
    const stop = pin.watch({
      edge: () => {
        wake.abort()
      },
      failed: (error) => {
        failure = error
        wake.abort()
      },
    })
    try {
      while (!signal.aborted && failure === undefined) {
        await clock.sleep(TAMPER_BOUNCE_MS_MAX, signal).catch(() => undefined)
        // An edge from here on wakes the long sleep below.
        wake = new AbortController()
        this.#believe(await pin.read())
        const either = AbortSignal.any([signal, wake.signal])
        await clock.sleep(TAMPER_RETRY_MS, either).catch(() => undefined)
      }
      if (failure !== undefined) throw failure
    } finally {
      stop()
    }
  }

  #believe(isOpen: boolean): void {
    const before = this.#isOpen
    this.#isOpen = isOpen
    if (before === isOpen || (before === undefined && !isOpen)) return
    const { journal } = this.#options
    if (isOpen) journal.tell('cover-opened', 'alarm')
    else journal.tell('cover-closed', 'notice')
  }
}
