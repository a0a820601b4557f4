import type { Clock } from '@s3mp/hal'

import type { Arrival, Departure, SendHints, Transport } from '../../src/transport/transport.ts'

/** Who is at the far end of a road: takes a datagram, may answer. */
export type FarEnd = (bytes: Uint8Array) => Promise<Uint8Array | undefined>

/** A network of one road under a clock: delay, loss, duplication, silence, all by the test's chance. */
export class Road implements Transport {
  delayMs = 20
  /** Chances in [0, 1]. */
  loss = 0
  duplication = 0
  isCut = false
  readonly sent: {
    readonly bytes: Uint8Array
    readonly hints: SendHints
    readonly atMs: number
  }[] = []
  readonly #clock: Clock
  readonly #random: () => number
  readonly #far: FarEnd
  #listener: ((arrival: Arrival) => void) | undefined

  constructor(clock: Clock, random: () => number, far: FarEnd) {
    this.#clock = clock
    this.#random = random
    this.#far = far
  }

  send(bytes: Uint8Array, hints: SendHints): Promise<Departure> {
    this.sent.push({ bytes, hints, atMs: this.#clock.monotonicMs() })
    const copies = this.#random() < this.duplication ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) void this.#carry(bytes)
    return Promise.resolve({ path: new Uint8Array(8).fill(7), flight: undefined })
  }

  onReceive(listener: (arrival: Arrival) => void): void {
    this.#listener = listener
  }

  landed(): void {
    // One road: nothing to choose.
  }

  paths(): readonly [] {
    return []
  }

  /** Gives the meter bytes as if they came from the network. */
  inject(bytes: Uint8Array): void {
    this.#listener?.({ bytes, way: undefined })
  }

  close(): Promise<void> {
    this.#listener = undefined
    return Promise.resolve()
  }

  async #carry(bytes: Uint8Array): Promise<void> {
    await this.#clock.sleep(this.delayMs * (1 + this.#random()))
    if (this.#isLost()) return
    const answer = await this.#far(Uint8Array.from(bytes))
    if (answer === undefined) return
    await this.#clock.sleep(this.delayMs * (1 + this.#random()))
    if (!this.#isLost()) this.inject(answer)
  }

  #isLost(): boolean {
    return this.isCut || this.#random() < this.loss
  }
}
