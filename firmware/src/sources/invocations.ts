import { counterName, type CounterStore, type ReadingSecurity } from '@s3mp/meter'

import type { DurableMap } from '../durable-map.ts'

/** Meters whose counters are kept although no tag vouches for their telegrams. */
export const UNVOUCHED_MAX = 64

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
   * counted apart: a forged one with a great number must not silence the true meter. Of these, no
   * more than {@link UNVOUCHED_MAX} meters are known.
   *
   * @throws FirmwareError `spool` where the number cannot be made durable: then it may not be used.
   */
  admit(security: ReadingSecurity): boolean {
    const name = `in ${counterName(security)}`
    const { counter, authentic } = security
    const last = this.#number(name)
    if (counter <= (last ?? -1)) return false
    // Whoever can send can make names up; those that nobody vouches for must leave room for others.
    if (!authentic && last === undefined && this.#unvouched() >= UNVOUCHED_MAX) return false
    this.#map.set(name, String(counter), true)
    return true
  }

  #unvouched(): number {
    const ending = counterName({ systemTitle: '', counter: 0, authentic: false })
    return this.#map.entries().filter(([name]) => name.endsWith(ending)).length
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
