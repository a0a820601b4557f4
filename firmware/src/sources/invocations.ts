import { counterName, type CounterStore, type ReadingSecurity } from '@s3mp/meter'

import type { DurableMap } from '../durable-map.ts'

/**
 * The counters of ciphered telegrams, in both directions, over restarts and power cuts. What was
 * accepted once is on the disk before it is used, so no copy of it is ever accepted again; a number
 * that we may cipher under is on the disk before it is used, so no nonce is used twice.
 */
export class Invocations implements CounterStore {
  readonly #map: DurableMap

  constructor(map: DurableMap) {
    this.#map = map
  }

  /**
   * Whether a telegram is newer than every accepted one. Telegrams that no tag vouches for are
   * counted apart: a forged one with a great number must not silence the true meter.
   *
   * @throws FirmwareError `spool` where the number cannot be made durable: then it may not be used.
   */
  admit(security: ReadingSecurity): boolean {
    const name = `in ${counterName(security)}`
    const { counter } = security
    if (counter <= (this.#number(name) ?? -1)) return false
    this.#map.set(name, String(counter), true)
    return true
  }

  used(name: string): number | undefined {
    return this.#number(`out ${name}`)
  }

  reserve(name: string, counter: number): Promise<void> {
    this.#map.set(`out ${name}`, String(counter), true)
    return Promise.resolve()
  }

  heard(title: string): number | undefined {
    return this.#number(`in ${title}`)
  }

  accepted(title: string, counter: number): void {
    this.#map.set(`in ${title}`, String(counter), true)
  }

  #number(name: string): number | undefined {
    const text = this.#map.get(name)
    const number = Number(text)
    return text !== undefined && Number.isSafeInteger(number) ? number : undefined
  }
}
