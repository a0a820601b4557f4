import type { Framing } from '../conversation.ts'

/** How and when bytes reached the simulated meter. */
export interface LineMoment {
  /** Unix milliseconds at which the last of them arrived. */
  readonly timeMs: number
  /** Speed at which they were sent; at another than the meter's they are noise to it. */
  readonly baudRate: number
}

/** What a simulated meter sends. */
export interface LineReply {
  /** Unix milliseconds at which its first bit leaves. */
  readonly atMs: number
  readonly baudRate: number
  readonly framing: Framing
  readonly bytes: Uint8Array
}

/** A simulated meter that answers. */
export interface LinePeer {
  /** Takes bytes from the line and answers what the meter will send because of them. */
  receive(bytes: Uint8Array, moment: LineMoment): readonly LineReply[]
  /** What it sends by itself up to a moment: pushed telegrams, answers to silence. */
  poll(timeMs: number): readonly LineReply[]
}
