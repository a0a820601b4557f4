import { randomFillSync } from 'node:crypto'
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Bytes of disk held back for when there are no others: as many as folding back a whole log may take,
 * of which every third page is a new one at most.
 */
export const SPOOL_RESERVE_BYTES_MAX = 1_048_576

/** The reserve is filled again when so many times its size is free. */
const REFILL_TIMES = 4

/** A disk with so many times the reserve free needs none. */
const ROOMY_TIMES = 2

/**
 * Room on the disk that is given back when others have filled it: deleting what was acknowledged writes
 * before it frees, and so does counting a start. Without it a full disk could only be mended by hand.
 */
export class Reserve {
  readonly #file: string
  readonly #freeBytes: () => number
  #isHeld: boolean

  /** `freeBytes` says how much of the disk is free; the system is asked where it is left out. */
  constructor(file: string, freeBytes = () => freeBytesAt(dirname(file))) {
    this.#file = file
    this.#freeBytes = freeBytes
    this.#isHeld = existsSync(file)
    this.refill()
  }

  /** Whether the disk may be written to as always: the reserve is there, or there is plenty without it. */
  get isRoomy(): boolean {
    return this.#isHeld || this.#freeBytes() >= ROOMY_TIMES * SPOOL_RESERVE_BYTES_MAX
  }

  /** Holds room back again where there is plenty; call it now and then. */
  refill(): void {
    if (this.#isHeld || this.#freeBytes() < REFILL_TIMES * SPOOL_RESERVE_BYTES_MAX) return
    try {
      // Random, because some file systems store nothing of zeros.
      const bytes = randomFillSync(new Uint8Array(SPOOL_RESERVE_BYTES_MAX))
      writeFileSync(this.#file, bytes, { mode: 0o600 })
      this.#isHeld = true
    } catch {
      rmSync(this.#file, { force: true })
    }
  }

  /** Gives the room back; false where none was held. */
  release(): boolean {
    if (!this.#isHeld) return false
    this.#isHeld = false
    rmSync(this.#file, { force: true })
    return true
  }
}

function freeBytesAt(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return 0
  }
}
