import type { DecoderEvent } from '@s3mp/meter'

import type { Heard } from './listen.ts'

/** Seconds over which the score is taken: a slow meter sends every four. */
export const ALIGNMENT_WINDOW_S_MAX = 8

/** How the head sits, as of one second. */
export interface AlignmentScore {
  /** 0 nothing understood … 100 every byte part of a sound telegram. */
  readonly score: number
  /** The best score so far, to find back to. */
  readonly best: number
  readonly bytes: number
  readonly telegrams: number
  readonly discardedBytes: number
  /** Characters that came with a wrong parity or stop bit; undefined where the driver does not count. */
  readonly lineErrors: number | undefined
  readonly hint: AlignmentHint
}

/** What to do with the head. */
export type AlignmentHint =
  /** Nothing arrives at all. */
  | 'dark'
  /** Light arrives, but no telegram survives. */
  | 'garbled'
  /** Some telegrams survive. */
  | 'nearly'
  /** All do. */
  | 'good'

interface Second {
  lineErrors: number
  bytes: number
  telegrams: number
  goodBytes: number
  discardedBytes: number
}

/**
 * Scores how well an optical head sits, once a second, from what its bytes turn out to be.
 *
 * The share of bytes that sound telegrams are made of, over a window longer than the slowest
 * meter's period, falls with the first bit error: a head half a centimetre off loses one telegram
 * in ten long before it goes dark.
 */
export class AlignmentMeter {
  readonly #seconds: Second[] = [empty()]
  #best = 0
  #counted: number | undefined

  /** Takes what was heard within the running second. */
  hear({ bytes, events }: Heard): void {
    const second = this.#seconds.at(-1) ?? empty()
    second.bytes += bytes
    for (const event of events) count(second, event)
  }

  /**
   * Takes the driver's own count of characters that came broken, since it was loaded; undefined where
   * it does not count. One such character costs a telegram.
   */
  count(lineErrors: number | undefined): void {
    if (lineErrors === undefined) return
    const second = this.#seconds.at(-1) ?? empty()
    second.lineErrors += Math.max(0, lineErrors - (this.#counted ?? lineErrors))
    this.#counted = lineErrors
  }

  /** Ends the running second and scores the window up to it. */
  score(): AlignmentScore {
    const sum = this.#seconds.reduce(add, empty())
    const judged = sum.goodBytes + sum.discardedBytes + sum.lineErrors
    const score = judged === 0 ? 0 : Math.round((100 * sum.goodBytes) / judged)
    this.#best = Math.max(this.#best, score)
    this.#seconds.push(empty())
    if (this.#seconds.length > ALIGNMENT_WINDOW_S_MAX) this.#seconds.shift()
    const { bytes, telegrams, discardedBytes } = sum
    const lineErrors = this.#counted === undefined ? undefined : sum.lineErrors
    const hint = hintOf(sum, score)
    return { score, best: this.#best, bytes, telegrams, discardedBytes, lineErrors, hint }
  }
}

function hintOf({ bytes, telegrams }: Second, score: number): AlignmentHint {
  if (bytes === 0) return 'dark'
  if (telegrams === 0) return 'garbled'
  return score < 95 ? 'nearly' : 'good'
}

function count(second: Second, event: DecoderEvent): void {
  if (event.type === 'reading') {
    second.telegrams += 1
    second.goodBytes += event.length
  } else second.discardedBytes += event.bytes
}

function empty(): Second {
  return { bytes: 0, telegrams: 0, goodBytes: 0, discardedBytes: 0, lineErrors: 0 }
}

function add(a: Second, b: Second): Second {
  return {
    bytes: a.bytes + b.bytes,
    telegrams: a.telegrams + b.telegrams,
    goodBytes: a.goodBytes + b.goodBytes,
    discardedBytes: a.discardedBytes + b.discardedBytes,
    lineErrors: a.lineErrors + b.lineErrors,
  }
}

const BAR_WIDTH = 40

/** The score as a bar with the best so far marked, in 59 columns; and what to do, in 79 at most. */
export function alignmentLines(alignment: AlignmentScore): readonly [bar: string, hint: string] {
  const { score, best, telegrams, hint } = alignment
  const at = (percent: number): number => Math.round((percent * BAR_WIDTH) / 100)
  const bar = Array.from({ length: BAR_WIDTH }, (_, index) => {
    if (index < at(score)) return '█'
    return index === at(best) - 1 ? '▏' : '·'
  }).join('')
  return [
    `${bar} ${String(score).padStart(3)}  ${String(telegrams).padStart(2)} telegrams`,
    HINTS[hint],
  ]
}

const HINTS: Readonly<Record<AlignmentHint, string>> = {
  dark: 'dark: put the head on the diode with the two rings, cable downwards',
  garbled: 'light, but no telegram: move the head a millimetre at a time, keep off the sun',
  nearly: 'nearly: move a little further, or turn it upright',
  good: 'good: leave it there',
}
