import type { DecoderEvent } from './events.ts'
import type { Protocol } from './reading.ts'

/**
 * What each protocol brings to a decoder: it looks for its own telegrams in a stream of bytes.
 *
 * Contract: `scan` takes bytes from `from` on, in order, and stops right behind the byte that gave
 * rise to an event, or at the end of the chunk; so events come at the same byte however the stream
 * is cut. Events account for every byte once and in order. Memory is bounded by a named constant.
 */
export interface Recognizer {
  /** Tells recognizers of one decoder apart. */
  readonly name: string
  readonly protocol: Protocol
  /** True where a telegram proves too little to stop listening for other protocols. */
  readonly weak: boolean
  /** Answers the position behind the last byte taken; adds what it found to `out`. */
  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number
  /** Accounts for all bytes still pending; the recognizer is as new afterwards. */
  end(out: DecoderEvent[]): void
}
