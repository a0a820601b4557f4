import { ScionTransport } from '@s3mp/headend'
import type { Arrival, Transport } from '@s3mp/headend'
import type { TestHost } from '@s3mp/scion/testing'
import type { DemoLever } from './input.ts'

/**
 * The head-end's ear, which can be covered: while it is off its socket is closed, as if the machine
 * were switched off, and the meter's records wait on the meter's disk.
 */
export class SwitchableTransport implements Transport, DemoLever {
  readonly kind = 'scion'
  readonly #host: TestHost
  readonly #port: number
  #inner: ScionTransport | undefined
  #receive: ((arrival: Arrival) => void) | undefined
  #address = ''
  #change: Promise<void> = Promise.resolve()
  on = true

  constructor(host: TestHost, port: number) {
    this.#host = host
    this.#port = port
  }

  get address(): string {
    return this.#address
  }

  async start(receive: (arrival: Arrival) => void): Promise<void> {
    this.#receive = receive
    await this.#open()
  }

  /** Opens or closes the socket, after whatever was asked before. */
  set(on: boolean): void {
    this.#change = this.#change.then(() => (on ? this.#open() : this.#close()))
  }

  async close(): Promise<void> {
    this.#receive = undefined
    await this.#change
    await this.#close()
  }

  async #open(): Promise<void> {
    if (this.#inner !== undefined || this.#receive === undefined) return
    const { source } = this.#host
    const open = () => this.#host.openSocket(this.#port)
    this.#inner = new ScionTransport({ open, source })
    await this.#inner.start(this.#receive)
    this.#address = this.#inner.address
  }

  async #close(): Promise<void> {
    const inner = this.#inner
    this.#inner = undefined
    await inner?.close()
  }
}
