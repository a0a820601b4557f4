/** How often a line of progress is drawn at most, in milliseconds. */
export const PROGRESS_MS_MIN = 100

/** Where progress is drawn. */
export interface ProgressOptions {
  /** True where a person looks: a line that is drawn over itself. Else nothing is drawn at all. */
  readonly isTerminal: boolean
  readonly write: (text: string) => void
  readonly monotonicMs: () => number
}

/**
 * One line that says how far something is, drawn over itself where a person looks on, and nothing
 * where a program reads: logs and pipes get results only.
 */
export class Progress {
  readonly #options: ProgressOptions
  #drawnMs = -Infinity
  #isShown = false

  constructor(options: ProgressOptions) {
    this.#options = options
  }

  /** Draws the line anew; one that comes too soon after another is left out. */
  show(line: string): void {
    const { isTerminal, write, monotonicMs } = this.#options
    const nowMs = monotonicMs()
    if (!isTerminal || nowMs - this.#drawnMs < PROGRESS_MS_MIN) return
    this.#drawnMs = nowMs
    this.#isShown = true
    write(`\r\x1b[K${line}`)
  }

  /** Takes the line away, so that a result can be written in its place. */
  clear(): void {
    if (this.#isShown) this.#options.write('\r\x1b[K')
    this.#isShown = false
    this.#drawnMs = -Infinity
  }
}
