import type { Spool } from './spool.ts'

/** Holds the spool that is open now; a broken one is replaced by what recovery makes of it. */
export class SpoolBox {
  readonly #open: () => Spool
  #spool: Spool

  constructor(open: () => Spool) {
    this.#open = open
    this.#spool = open()
  }

  get spool(): Spool {
    return this.#spool
  }

  /** Closes and opens again, which checks the file and sets it aside when it is broken. */
  renew(): Spool {
    this.#spool.close()
    this.#spool = this.#open()
    return this.#spool
  }
}
