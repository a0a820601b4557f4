import type { DiscardedEvent, DiscardReason } from '../events.ts'
import { MeterError } from '../errors.ts'
import { withoutLlc } from './apdu.ts'
import type { FrameSink, LinkFrame } from './frame-scanner.ts'
import { GENERAL_BLOCK_TRANSFER, decodeBlock } from './gbt.ts'

/** Longest APDU put together from frames or blocks; the longest captured one has 750 bytes. */
export const DLMS_APDU_BYTES_MAX = 16_384

/**
 * Noise that may stand between two numbered parts of one APDU. HDLC segments have no numbers: noise
 * between them may have been one.
 */
export const DLMS_GAP_BYTES_MAX = 64

/** Part numbers of M-Bus frames wrap behind 15. */
const PARTS = 16

/** What the assembler tells: every byte once, in order. */
export interface ApduSink {
  /** The APDU is valid during the call; `length` covers all frames that brought it. */
  apdu(apdu: Uint8Array, offset: number, length: number): void
  discarded(event: DiscardedEvent): void
}

/** Bytes of an APDU so far, and the part of the stream that brought them. */
class Pile {
  readonly bytes = new Uint8Array(DLMS_APDU_BYTES_MAX)
  length = 0
  start = 0
  end = 0
  /** Frames or blocks so far; 0 when nothing is pending. */
  parts = 0

  /** Adds a part; false where there is no room. */
  add(part: Uint8Array, offset: number, length: number): boolean {
    if (this.parts === 0) this.start = offset
    this.parts++
    this.end = offset + length
    if (part.length > DLMS_APDU_BYTES_MAX - this.length) return false
    this.bytes.set(part, this.length)
    this.length += part.length
    return true
  }

  clear(): void {
    this.length = 0
    this.parts = 0
  }
}

/**
 * Joins the frames of a link to APDUs: HDLC segments, numbered M-Bus parts, and on top of either the
 * blocks of general block transfer.
 *
 * A missing, repeated or swapped part costs the whole APDU; a first part always begins a new one.
 */
export class Assembler implements FrameSink {
  readonly #sink: ApduSink
  readonly #frames = new Pile()
  readonly #blocks = new Pile()
  #gap = 0
  /** The link numbers its parts, so that a missing one is noticed. */
  #numbered = false

  constructor(sink: ApduSink) {
    this.#sink = sink
  }

  frame(payload: Uint8Array, frame: LinkFrame, offset: number): void {
    const frames = this.#frames
    this.#numbered = frame.part !== undefined
    if (frame.part !== undefined && frame.part !== frames.parts % PARTS) {
      this.#drop(frames, 'truncated')
      if (frame.part !== 0) {
        this.#dropAll('truncated')
        this.#discard(offset, frame.length, 'truncated')
        return
      }
    }
    if (!frames.add(payload, offset, frame.length)) {
      this.#dropAll('oversize')
      return
    }
    if (frame.more) return
    const { start, end } = frames
    const whole = withoutLlc(frames.bytes.subarray(0, frames.length))
    frames.clear()
    this.#apdu(whole, start, end - start)
  }

  /** Noise between numbered parts of one APDU is borne up to a limit, and counts as part of it. */
  discarded(event: DiscardedEvent): void {
    const pending = this.#frames.parts > 0 ? this.#frames : this.#blocks
    if (pending.parts === 0) {
      this.#sink.discarded(event)
      return
    }
    this.#gap += event.bytes
    const borne = this.#numbered || pending === this.#blocks
    if (borne && this.#gap <= DLMS_GAP_BYTES_MAX) {
      pending.end = event.offset + event.bytes
      return
    }
    this.#dropAll('truncated')
    this.#sink.discarded(event)
  }

  /** The input is over: nothing pending will be completed. */
  end(): void {
    this.#dropAll('truncated')
  }

  #apdu(apdu: Uint8Array, offset: number, length: number): void {
    const blocks = this.#blocks
    if (apdu[0] !== GENERAL_BLOCK_TRANSFER) {
      this.#drop(blocks, 'truncated')
      this.#gap = 0
      this.#sink.apdu(apdu, offset, length)
      return
    }
    try {
      const block = decodeBlock(apdu)
      if (block.number === 1) this.#drop(blocks, 'truncated')
      if (block.number !== blocks.parts + 1) {
        this.#dropAll('truncated')
        this.#discard(offset, length, 'truncated')
      } else if (!blocks.add(block.data, offset, length)) {
        this.#dropAll('oversize')
      } else if (block.last) {
        const { start, end } = blocks
        const whole = withoutLlc(blocks.bytes.subarray(0, blocks.length))
        blocks.clear()
        this.#gap = 0
        this.#sink.apdu(whole, start, end - start)
      }
    } catch (error) {
      if (!(error instanceof MeterError)) throw error
      // No block, though it begins like one: whoever knows its key may know better.
      this.#dropAll('truncated')
      this.#sink.apdu(apdu, offset, length)
    }
  }

  #dropAll(reason: DiscardReason): void {
    this.#drop(this.#blocks, reason)
    this.#drop(this.#frames, reason)
  }

  #drop(pile: Pile, reason: DiscardReason): void {
    if (pile.parts === 0) return
    const { start, end } = pile
    pile.clear()
    this.#gap = 0
    this.#discard(start, end - start, reason)
  }

  #discard(offset: number, bytes: number, reason: DiscardReason): void {
    if (bytes > 0) this.#sink.discarded({ type: 'discarded', offset, bytes, reason })
  }
}
