import type { PathReason } from '@s3mp/web/api'

/** Changes of path that are remembered; the oldest is forgotten. */
export const PATH_CHANGES_MAX = 20

/** Acknowledgements from which the usual time between two is taken. */
const ACKS_REMEMBERED = 30

/** Traffic moved, as the selector tells it; paths by the names that the caller gives them. */
export interface PathMove {
  /** Unix time in milliseconds. */
  readonly atMs: number
  /** Absent for the first choice of all. */
  readonly from?: string
  /** Absent when nothing can be used. */
  readonly to?: string
  readonly cause: PathReason
  /** How much longer than usual nothing was acknowledged; absent until something is. */
  readonly gapMs?: number
}

/**
 * The last changes of path, each with its price: how much longer than usual nothing was acknowledged
 * until the first time over the new path. Several moves before that first time are one gap, counted
 * from the last acknowledgement before the first of them.
 */
export class PathChanges {
  readonly #moves: PathMove[] = []
  /** When the last acknowledgements came, oldest first. */
  readonly #acksMs: number[] = []
  /** Since when the first acknowledgement after a change is awaited, and how long it usually takes. */
  #open: { readonly sinceMs: number; readonly usualMs: number } | undefined

  /** The newest first. */
  get moves(): readonly PathMove[] {
    return this.#moves
  }

  /** Traffic moves; a first choice is no change. */
  moved(move: PathMove): void {
    if (move.from === undefined) return
    this.#moves.unshift(move)
    this.#moves.splice(PATH_CHANGES_MAX)
    this.#open ??= {
      sinceMs: this.#acksMs.at(-1) ?? move.atMs,
      usualMs: usualDistance(this.#acksMs),
    }
  }

  /** Something sent over `path` was acknowledged; gives the move whose gap became known by it. */
  acknowledged(path: string, atMs: number): PathMove | undefined {
    const known = this.#close(path, atMs)
    this.#acksMs.push(atMs)
    if (this.#acksMs.length > ACKS_REMEMBERED) this.#acksMs.shift()
    return known
  }

  #close(path: string, atMs: number): PathMove | undefined {
    const [latest] = this.#moves
    if (this.#open === undefined || latest?.to !== path) return undefined
    const { sinceMs, usualMs } = this.#open
    const known = { ...latest, gapMs: Math.max(0, Math.round(atMs - sinceMs - usualMs)) }
    this.#moves[0] = known
    this.#open = undefined
    return known
  }
}

/**
 * The pause in which a moment picked by chance usually falls: the median of the distances between
 * neighbours, each weighed by its own length, so that answers that come in a bunch count for little; 0
 * for fewer than two.
 */
function usualDistance(times: readonly number[]): number {
  const distances = times.slice(1).map((time, index) => time - (times[index] ?? time))
  distances.sort((one, two) => one - two)
  const half = distances.reduce((sum, distance) => sum + distance, 0) / 2
  let sum = 0
  return distances.find((distance) => (sum += distance) >= half) ?? 0
}
