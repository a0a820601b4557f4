import type { Clock, SerialPort } from '@s3mp/hal'

import { reasonOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { SourceTap } from '../sources/source.ts'
import type { KeptPin } from './kept.ts'
import { PinKeeper } from './keeper.ts'
import { breakLamp } from './lamp.ts'
import { menuFlashes, pinFlashes } from './plan.ts'
import { shine } from './unlock.ts'

/** What typing a PIN again needs. */
export interface PinRepeatOptions {
  readonly source: string
  readonly kept: KeptPin
  readonly clock: Clock
  readonly log: Log
}

/**
 * Listens along at a head and types the meter's proven PIN again when the meter shows less than it did:
 * after a power cut, or after the two minutes that some meters remember it. The head goes on listening
 * meanwhile.
 */
export class PinRepeat {
  readonly #options: PinRepeatOptions
  readonly #keeper: PinKeeper
  #port: SerialPort | undefined
  #stop = new AbortController()
  #isTyping = false
  #isGivenUp = false

  constructor(options: PinRepeatOptions) {
    this.#options = options
    this.#keeper = new PinKeeper(options.kept.shown)
  }

  /** The hooks through which it listens along. */
  get tap(): SourceTap {
    return {
      port: (port) => {
        this.#stop.abort()
        this.#stop = new AbortController()
        this.#port = port
      },
      event: (event) => {
        if (event.type !== 'reading' || this.#isTyping) return
        const { clock, log, source } = this.#options
        const isDue = this.#keeper.look(event.reading, clock.monotonicMs())
        if (this.#keeper.isGivenUp && !this.#isGivenUp) log.warn('pin.given-up', { source })
        this.#isGivenUp = this.#keeper.isGivenUp
        if (isDue && this.#port !== undefined) void this.#type(this.#port)
      },
    }
  }

  async #type(port: SerialPort): Promise<void> {
    const { kept, clock, log, source } = this.#options
    const { signal } = this.#stop
    this.#isTyping = true
    log.info('pin.typing', { source })
    try {
      const menu = kept.menuSteps === undefined ? [] : menuFlashes(kept.menuSteps)
      const flashes = [...pinFlashes(kept.pin, kept), ...menu]
      await shine(flashes, { lamp: breakLamp(port, clock), clock, signal })
      this.#keeper.typed(clock.monotonicMs())
    } catch (error) {
      // The head was pulled out, or the port closed: the meter forgets half a PIN by itself.
      if (!signal.aborted) log.warn('pin.untyped', { source, reason: reasonOf(error) })
      this.#keeper.typed(clock.monotonicMs())
    } finally {
      this.#isTyping = false
    }
  }
}
