import { HalError } from './errors.ts'
import type { Edge, PinWatcher } from './gpio.ts'
import { GPIO_WATCHERS_MAX } from './gpio.ts'

interface Entry {
  readonly watcher: PinWatcher
  level: boolean
}

/** Those who watch one input pin; each hears changes only, in order (clauses 3–5 of InputPin). */
export class PinWatchers {
  readonly #entries = new Set<Entry>()

  /** How many watch. */
  get size(): number {
    return this.#entries.size
  }

  /** Adds a watcher that knows the pin at `level`; the result takes it away again. */
  add(watcher: PinWatcher, level: boolean): () => void {
    if (this.#entries.size >= GPIO_WATCHERS_MAX) {
      throw new HalError('busy', `watchers: expected at most ${GPIO_WATCHERS_MAX}`)
    }
    const entry: Entry = { watcher, level }
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
    }
  }

  /** Tells everybody for whom the level is news. */
  edge(edge: Edge): void {
    for (const entry of [...this.#entries]) {
      if (entry.level === edge.active || !this.#entries.has(entry)) continue
      entry.level = edge.active
      entry.watcher.edge(edge)
    }
  }

  /** Ends all watches with an error. */
  fail(error: HalError): void {
    const entries = [...this.#entries]
    this.#entries.clear()
    for (const { watcher } of entries) watcher.failed(error)
  }

  /** Ends all watches silently. */
  clear(): void {
    this.#entries.clear()
  }
}
