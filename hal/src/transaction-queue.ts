import { HalError } from './errors.ts'
import type { I2cBus, I2cOperation } from './i2c.ts'
import { I2C_QUEUE_MAX, checkTransaction } from './i2c.ts'

/** Carries out one transaction on the wire and resolves with the bytes of its reads. */
export type Transact = (
  address: number,
  operations: readonly I2cOperation[],
) => Promise<readonly Uint8Array[]>

/** One transaction at a time: the waiting half of every I2C backend (clauses 2, 4, 5 of I2cBus). */
export class TransactionQueue implements I2cBus {
  readonly #name: string
  readonly #transact: Transact
  readonly #release: () => Promise<void>
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #closing: Promise<void> | undefined

  /** `release` frees the bus once the last transaction has ended. */
  constructor(name: string, transact: Transact, release: () => Promise<void>) {
    this.#name = name
    this.#transact = transact
    this.#release = release
  }

  async transaction(
    address: number,
    operations: readonly I2cOperation[],
  ): Promise<readonly Uint8Array[]> {
    this.#throwIfClosed()
    checkTransaction(address, operations)
    if (this.#waiting >= I2C_QUEUE_MAX) {
      throw new HalError('busy', `${this.#name}: expected at most ${I2C_QUEUE_MAX} transactions`)
    }
    this.#waiting += 1
    const result = this.#tail.then(async () => {
      this.#throwIfClosed()
      return this.#transact(address, operations)
    })
    this.#tail = result.catch(() => undefined)
    try {
      return await result
    } finally {
      this.#waiting -= 1
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#tail.then(() => this.#release())
    await this.#closing
  }

  #throwIfClosed(): void {
    if (this.#closing) throw new HalError('closed', `${this.#name}: the bus is closed`)
  }
}
