import type { DiscardedEvent, DiscardReason } from '../events.ts'

/** Bytes that no frame could use are reported in portions of this many. */
export const DLMS_GARBAGE_BYTES_MAX = 1_024

/** Fewer bytes than this at the end of the input show no frame that was cut. */
const FRAME_HEAD_BYTES = 8

/** A frame of a data link, checked, and what it carries. */
export interface LinkFrame {
  /** Bytes that the frame takes, its delimiters included. */
  readonly length: number
  /** Where its payload lies, counted like the positions given to `judge`. */
  readonly start: number
  readonly end: number
  /** More frames of the same APDU follow. */
  readonly more: boolean
  /** Number of this part of an APDU, where the link counts them. */
  readonly part?: number
}

/** Bytes wanted before more can be said, a whole frame, or why no frame begins here. */
export type FrameVerdict =
  | { readonly type: 'need'; readonly bytes: number }
  | { readonly type: 'frame'; readonly frame: LinkFrame }
  | { readonly type: 'refuse'; readonly reason: DiscardReason; readonly bytes: number }

/** How one data link marks its frames. */
export interface Framing {
  /** Longest frame; `judge` never needs more. */
  readonly bytesMax: number
  /** Whether a frame may begin with this byte; `joined` right behind a frame or the start. */
  mayBegin(byte: number, joined: boolean): boolean
  /** Looks at `bytes[start]` up to `bytes[end]`; pure. `over` when no bytes will follow. */
  judge(bytes: Uint8Array, start: number, end: number, joined: boolean, over: boolean): FrameVerdict
}

/** What the scanner tells: every byte once, in order. */
export interface FrameSink {
  /** The payload is valid during the call. */
  frame(payload: Uint8Array, frame: LinkFrame, offset: number): void
  discarded(event: DiscardedEvent): void
}

/**
 * Finds the frames of any data link in a stream of bytes.
 *
 * A refused frame costs its first byte only: the rest is searched again, because where bytes were
 * lost the next frame begins inside the broken one. The buffer is as long as the longest frame, so
 * the work per byte is bounded, too.
 */
export class FrameScanner {
  readonly #framing: Framing
  readonly #sink: FrameSink
  readonly #buffer: Uint8Array
  /** Bytes in the buffer, all of them of a possible frame that begins at 0. */
  #length = 0
  #need = 1
  /** Right behind a frame, or where the input begins: its flag may have been taken already. */
  #joined = true
  /** Position in the stream of the first byte not told. */
  #offset = 0
  /** Bytes before the buffer that are lost but not told. */
  #lost = 0
  #reason: DiscardReason = 'garbage'
  /** Bytes still to be blamed on the frame refused last. */
  #blamed = 0

  constructor(framing: Framing, sink: FrameSink) {
    this.#framing = framing
    this.#sink = sink
    this.#buffer = new Uint8Array(framing.bytesMax)
  }

  /** Takes one byte. */
  push(byte: number): void {
    if (this.#length === 0 && !this.#framing.mayBegin(byte, this.#joined)) {
      this.#lose()
      return
    }
    this.#buffer[this.#length] = byte
    this.#length++
    if (this.#length >= this.#need) this.#settle(false)
  }

  /** The input is over: no frame will be completed. */
  end(): void {
    this.#settle(true)
    this.#tell()
    this.#joined = true
  }

  #settle(over: boolean): void {
    let start = 0
    while (start < this.#length) {
      if (!this.#framing.mayBegin(this.#buffer[start] ?? 0, this.#joined)) {
        this.#lose()
        start++
        continue
      }
      const verdict = this.#framing.judge(this.#buffer, start, this.#length, this.#joined, over)
      if (verdict.type === 'frame') {
        this.#accept(verdict.frame, start)
        start += verdict.frame.length
      } else if (verdict.type === 'refuse' || over || verdict.bytes > this.#framing.bytesMax) {
        const left = this.#length - start
        if (verdict.type === 'refuse') this.#blame(verdict.reason, verdict.bytes)
        else if (left >= FRAME_HEAD_BYTES) this.#blame('truncated', left)
        this.#lose()
        start++
      } else {
        this.#need = verdict.bytes
        this.#buffer.copyWithin(0, start, this.#length)
        this.#length -= start
        return
      }
    }
    this.#length = 0
    this.#need = 1
  }

  #accept(frame: LinkFrame, start: number): void {
    this.#blamed = 0
    this.#tell()
    const offset = this.#offset
    this.#offset += frame.length
    this.#joined = true
    this.#sink.frame(
      this.#buffer.subarray(frame.start, frame.end),
      { ...frame, start: frame.start - start, end: frame.end - start },
      offset,
    )
  }

  /** The next `bytes` that no frame takes were lost for this reason. */
  #blame(reason: DiscardReason, bytes: number): void {
    if (reason === 'garbage' || this.#blamed > 0) return
    if (this.#reason !== reason) this.#tell()
    this.#reason = reason
    this.#blamed = bytes
  }

  /** One byte more that is no part of a frame. */
  #lose(): void {
    this.#joined = false
    if (this.#blamed > 0) this.#blamed--
    else if (this.#reason !== 'garbage') {
      this.#tell()
      this.#reason = 'garbage'
    }
    this.#lost++
    if (this.#lost >= DLMS_GARBAGE_BYTES_MAX) this.#tell()
  }

  #tell(): void {
    if (this.#lost === 0) return
    const event = { offset: this.#offset, bytes: this.#lost, reason: this.#reason } as const
    this.#offset += this.#lost
    this.#lost = 0
    if (this.#blamed === 0) this.#reason = 'garbage'
    this.#sink.discarded({ type: 'discarded', ...event })
  }
}
