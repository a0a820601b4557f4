/** Observers of one object. */
export const OBSERVERS_MAX = 64

/**
 * Those who want to hear of events: this package never logs, it tells. An observer is called in the
 * middle of the work, must not throw, and should be quick.
 */
export class Observers<E> {
  readonly #listeners = new Set<(event: E) => void>()

  /** Adds an observer; the function returned removes it. At most {@link OBSERVERS_MAX}. */
  add(listener: (event: E) => void): () => void {
    if (this.#listeners.size >= OBSERVERS_MAX) {
      throw new RangeError(`observers: at most ${OBSERVERS_MAX}, one more is a leak`)
    }
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Tells everyone. */
  tell(event: E): void {
    for (const listener of this.#listeners) listener(event)
  }
}
