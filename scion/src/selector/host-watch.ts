import { ANSWER_WAIT_MS_MIN } from './scoring.ts'

/** Packets without an acknowledgement, over all paths, after which the far host itself is suspected … */
export const REMOTE_SILENCES_MAX = 8
/** … if that has lasted so long, in milliseconds: on a slow path many packets are under way. */
export const REMOTE_SILENCE_MS_MIN = 2_000

/** Whether the far host acknowledges anything, whatever path it takes. */
export class HostWatch {
  #missed = 0
  #missedMs = -Infinity
  #acknowledgedMs = -Infinity
  #heardMs = -Infinity
  #resumedMs = -Infinity

  /** A packet that was sent at `sentMs` was acknowledged at `nowMs`. */
  acknowledged(sentMs: number, nowMs: number): void {
    this.#missed = 0
    this.#acknowledgedMs = Math.max(this.#acknowledgedMs, sentMs)
    if (nowMs - this.#heardMs > ANSWER_WAIT_MS_MIN) this.#resumedMs = nowMs
    this.#heardMs = nowMs
  }

  /**
   * Whether the host would have acknowledged a packet that was sent at `sentMs`, had it arrived: it
   * did so with one sent clearly later, and is not catching up after a pause just now.
   */
  isPast(sentMs: number, nowMs: number): boolean {
    const isLater = this.#acknowledgedMs >= sentMs + ANSWER_WAIT_MS_MIN
    return isLater && nowMs - this.#resumedMs >= ANSWER_WAIT_MS_MIN
  }

  /** The acknowledgement of a packet is missed at `nowMs`. */
  missed(nowMs: number): void {
    if (this.#missed === 0) this.#missedMs = nowMs
    this.#missed += 1
  }

  /** All paths answer and nothing is acknowledged on any: that is the host, not the paths. */
  isSilent(nowMs: number): boolean {
    return this.#missed > REMOTE_SILENCES_MAX && nowMs - this.#missedMs >= REMOTE_SILENCE_MS_MIN
  }
}
