/** Objects on the way at once, at most. */
export const SEND_WINDOW_MAX = 64

/** Objects on the way at once when nothing comes back. */
export const SEND_WINDOW_MIN = 4

/**
 * How many objects may be on the way: opens by one with every acknowledged object, halves when one
 * is overdue, once per round trip. So a backlog drains at the rate at which the other end commits,
 * and a dead road is knocked at with four objects, not with sixty-four.
 */
export class SendWindow {
  #size = SEND_WINDOW_MIN * 2
  #halvedMs = -Infinity

  /** Objects that may be on the way now. */
  get size(): number {
    return Math.floor(this.#size)
  }

  /** So many were acknowledged. */
  opened(objects: number): void {
    this.#size = Math.min(SEND_WINDOW_MAX, this.#size + objects)
  }

  /** Something is overdue at monotonic time `nowMs`. */
  overdue(nowMs: number, roundTripMs: number): void {
    if (nowMs - this.#halvedMs < roundTripMs) return
    this.#halvedMs = nowMs
    this.#size = Math.max(SEND_WINDOW_MIN, this.#size / 2)
  }
}
