import { toHex } from './bytes.ts'
import { REPLAY_EPOCHS_MAX, REPLAY_WINDOW } from './limits.ts'

/**
 * What a replay window knows of a partial IV. `unknown` is older than the window reaches: it may be
 * what a meter kept in its spool for weeks, so the store's unique key (device, stream, seq) decides.
 */
export type ReplayVerdict = 'fresh' | 'replayed' | 'unknown'

/** A sliding window over the partial IVs of one epoch. */
export class ReplayWindow {
  // One bit for each partial IV in the window, at its number modulo the window's size.
  readonly #seen = new Uint8Array(REPLAY_WINDOW / 8)
  #newest = -1

  /** Looks without marking. */
  check(partialIv: number): ReplayVerdict {
    if (partialIv > this.#newest) return 'fresh'
    if (partialIv <= this.#newest - REPLAY_WINDOW) return 'unknown'
    const { index, bit } = place(partialIv)
    return ((this.#seen[index] ?? 0) & bit) === 0 ? 'fresh' : 'replayed'
  }

  /** Marks as received; call it only for what has been opened, or a forger moves the window. */
  mark(partialIv: number): void {
    if (partialIv <= this.#newest - REPLAY_WINDOW) return
    if (partialIv - this.#newest >= REPLAY_WINDOW) this.#seen.fill(0)
    else for (let passed = this.#newest + 1; passed < partialIv; passed++) this.#clear(passed)
    const { index, bit } = place(partialIv)
    this.#seen[index] = (this.#seen[index] ?? 0) | bit
    this.#newest = Math.max(this.#newest, partialIv)
  }

  #clear(partialIv: number): void {
    const { index, bit } = place(partialIv)
    this.#seen[index] = (this.#seen[index] ?? 0) & ~bit
  }
}

function place(partialIv: number): { readonly index: number; readonly bit: number } {
  const position = partialIv % REPLAY_WINDOW
  return { index: position >> 3, bit: 1 << (position & 7) }
}

/** The windows of many epochs, at most {@link REPLAY_EPOCHS_MAX}; the least recently used goes first. */
export class ReplayGuard {
  readonly #windows = new Map<string, ReplayWindow>()
  readonly #max: number

  constructor(max = REPLAY_EPOCHS_MAX) {
    this.#max = max
  }

  /** Judges and marks an opened object in one go. A forgotten epoch starts with an empty window. */
  admit(transcript: Uint8Array, partialIv: number): ReplayVerdict {
    const key = toHex(transcript)
    const window = this.#windows.get(key) ?? new ReplayWindow()
    this.#windows.delete(key)
    this.#windows.set(key, window)
    if (this.#windows.size > this.#max) {
      const [oldest] = this.#windows.keys()
      if (oldest !== undefined) this.#windows.delete(oldest)
    }
    const verdict = window.check(partialIv)
    window.mark(partialIv)
    return verdict
  }
}
