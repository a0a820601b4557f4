import type { PathStatus, TransportHealth } from './channel/message.ts'

/** Paths count as lost when none could be used for so long, in milliseconds. */
export const PATHS_LOST_MS_MIN = 10_000

/** What became of the paths as a whole. */
export type PathsChange =
  { readonly type: 'lost'; readonly reason: string } | { readonly type: 'back' }

/** Notices when no path is left, or none is allowed, and when there is one again. */
export class PathWatch {
  #goodMs: number | undefined
  #isLost = false

  /** Takes what the uplink told. */
  look(
    paths: readonly PathStatus[],
    health: TransportHealth | undefined,
    nowMs: number,
  ): PathsChange | undefined {
    this.#goodMs ??= nowMs
    const isGood = paths.some(({ isActive, isAlive }) => isActive || isAlive)
    if (isGood) {
      this.#goodMs = nowMs
      const wasLost = this.#isLost
      this.#isLost = false
      return wasLost ? { type: 'back' } : undefined
    }
    if (this.#isLost || nowMs - this.#goodMs < PATHS_LOST_MS_MIN) return undefined
    this.#isLost = true
    const forbidden = health?.forbidden ?? ''
    return { type: 'lost', reason: forbidden === '' ? 'none answers' : forbidden }
  }
}
