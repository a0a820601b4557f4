import { crc16Kermit, crc16X25 } from '../crc16.ts'
import type { DiscardReason } from '../events.ts'

/**
 * Longest SML telegram accepted, its frame included. The longest captured one has 560 bytes; meters
 * with tariff and history lists send a few thousand.
 */
export const SML_FRAME_BYTES_MAX = 16_384

/** Garbage is reported in portions of this many bytes, so that endless noise shows while it lasts. */
export const SML_GARBAGE_BYTES_MAX = 1_024

/**
 * Fill bytes before the end of a telegram. Three suffice; meters that send four where none is
 * needed are in `quirks.ts`.
 */
export const SML_FILL_BYTES_MAX = 4

/** Which checksum a meter uses, in its transport frame and in its messages alike. */
export type SmlCrc = 'x25' | 'kermit'

/** What the framer found when it stopped. */
export type SmlFrameEvent =
  | {
      readonly type: 'frame'
      readonly offset: number
      readonly length: number
      /** Messages without frame, escapes and fill bytes. Valid until the next `scan`. */
      readonly body: Uint8Array
      readonly crc: SmlCrc
    }
  | {
      readonly type: 'discarded'
      readonly offset: number
      readonly bytes: number
      readonly reason: DiscardReason
    }

const ESCAPE = 0x1b
const START = 0x01
const END = 0x1a
/** Escape, then its payload: both four bytes. */
const FOUR = 4
const START_BYTES = 8

/** Looking for a start; inside a telegram; collecting the four bytes after an escape. */
type State = 'hunt' | 'body' | 'escape'

/**
 * SML transport version 1 (BSI TR-03109-1 annex, SML 1.04 §8) as a state machine.
 *
 * ```
 *  1B 1B 1B 1B 01 01 01 01 │ messages, 1B×4 doubled │ 00 × pp │ 1B 1B 1B 1B 1A pp cc cc
 *  ╰──────── start ───────╯                                   ╰──────── end ─────────╯
 *  ╰───────────────────── checksum, a multiple of 4 bytes ────────────────────╯
 * ```
 *
 * A start inside a telegram means that its end was lost: the telegram is dropped and the new one
 * begun. Each byte is copied once and runs through a checksum once or, for KERMIT, twice; nothing
 * is searched again. Bytes that may be the head of a start survive the refusal of a telegram.
 */
export class SmlFramer {
  readonly #frame = new Uint8Array(SML_FRAME_BYTES_MAX)
  #state: State = 'hunt'
  /** Bytes of the telegram in `#frame`. */
  #length = 0
  /** Escape bytes in a row up to now; while hunting at most four. */
  #run = 0
  /** Start bytes after a full escape while hunting. */
  #ones = 0
  /** Bytes of the escape's payload so far. */
  #payload = 0
  /** Doubled escapes that the body holds. */
  #doubled = 0
  /** Position of the first byte not yet reported: the telegram's, or the garbage's. */
  #offset = 0
  /** Bytes since `#offset` that are surely garbage, while hunting. */
  #garbage = 0
  /** The checksum that the last good telegram had. */
  #crc: SmlCrc = 'x25'
  #event: SmlFrameEvent | undefined

  /** What made the last `scan` or `end` stop, or undefined when it had nothing to say. */
  get event(): SmlFrameEvent | undefined {
    return this.#event
  }

  /**
   * Takes bytes of `chunk` from `from` on and stops behind the byte that completed an event.
   * Answers the position behind the last byte taken.
   */
  scan(chunk: Uint8Array, from: number): number {
    this.#event = undefined
    const end = chunk.length
    let at = from
    while (at < end) {
      if (this.#state === 'body') at = this.#scanBody(chunk, at)
      else {
        const byte = chunk[at] ?? 0
        at++
        if (this.#state === 'hunt') this.#hunt(byte)
        else this.#escape(byte)
      }
      if (this.#stopped()) break
    }
    return at
  }

  /** The input is over: whatever is pending is dropped. */
  end(): void {
    this.#event = undefined
    if (this.#state === 'hunt') {
      this.#garbage += this.#run + this.#ones
      this.#run = 0
      this.#ones = 0
      if (this.#garbage > 0) this.#reportGarbage()
    } else {
      this.#drop('truncated', 0)
    }
  }

  #stopped(): boolean {
    return this.#event !== undefined
  }

  #hunt(byte: number): void {
    if (byte === ESCAPE) {
      this.#garbage += this.#ones
      if (this.#ones > 0) {
        this.#garbage += this.#run
        this.#run = 0
        this.#ones = 0
      }
      if (this.#run === FOUR) this.#garbage++
      else this.#run++
    } else if (byte === START && this.#run === FOUR) {
      this.#ones++
      if (this.#ones === FOUR) {
        if (this.#garbage > 0) this.#reportGarbage()
        this.#begin()
        return
      }
    } else {
      this.#garbage += this.#run + this.#ones + 1
      this.#run = 0
      this.#ones = 0
    }
    if (this.#garbage >= SML_GARBAGE_BYTES_MAX) this.#reportGarbage()
  }

  /** Copies body bytes until an escape is complete, the chunk is over, or there is no room. */
  #scanBody(chunk: Uint8Array, from: number): number {
    const frame = this.#frame
    const end = Math.min(chunk.length, from + SML_FRAME_BYTES_MAX - this.#length)
    let length = this.#length
    let run = this.#run
    let at = from
    while (at < end) {
      const byte = chunk[at] ?? 0
      at++
      frame[length] = byte
      length++
      if (byte !== ESCAPE) run = 0
      else if (++run === FOUR) {
        run = 0
        this.#state = 'escape'
        this.#payload = 0
        break
      }
    }
    this.#length = length
    this.#run = run
    if (length === SML_FRAME_BYTES_MAX) this.#drop('oversize', FOUR)
    return at
  }

  #escape(byte: number): void {
    this.#frame[this.#length] = byte
    this.#length++
    this.#payload++
    if (this.#payload === FOUR) this.#finishEscape()
    if (this.#length === SML_FRAME_BYTES_MAX) this.#drop('oversize', FOUR)
  }

  #finishEscape(): void {
    const frame = this.#frame
    const at = this.#length - FOUR
    const first = frame[at]
    if (first === END) this.#finishFrame(at)
    else if (first === START && this.#repeats(at, START)) this.#restart()
    else if (first !== ESCAPE) this.#drop('escape', FOUR)
    else if (this.#repeats(at, ESCAPE)) {
      this.#doubled++
      this.#state = 'body'
      this.#run = 0
    } else {
      // More than four escape bytes and no eighth: those in front were data, the escape is later.
      let extra = 1
      while (frame[at + extra] === ESCAPE) extra++
      this.#payload = FOUR - extra
    }
  }

  #repeats(at: number, byte: number): boolean {
    const frame = this.#frame
    return frame[at + 1] === byte && frame[at + 2] === byte && frame[at + 3] === byte
  }

  /** A start where an end should have come. */
  #restart(): void {
    const lost = this.#length - START_BYTES
    this.#event = {
      type: 'discarded',
      offset: this.#offset,
      bytes: lost,
      reason: 'truncated',
    }
    this.#offset += lost
    this.#begin()
  }

  #begin(): void {
    this.#frame.fill(ESCAPE, 0, FOUR)
    this.#frame.fill(START, FOUR, START_BYTES)
    this.#length = START_BYTES
    this.#state = 'body'
    this.#run = 0
    this.#ones = 0
    this.#doubled = 0
  }

  /** The end sequence is complete; its payload begins at `at`. */
  #finishFrame(at: number): void {
    const length = this.#length
    const crc = this.#checksum(length)
    const fill = this.#frame[at + 1] ?? 0
    if (crc === undefined) {
      this.#drop('crc', FOUR - 1)
      return
    }
    if (
      length % FOUR !== 0 ||
      fill > SML_FILL_BYTES_MAX ||
      length < START_BYTES + fill + 2 * FOUR
    ) {
      this.#drop('padding', FOUR - 1)
      return
    }
    this.#crc = crc
    const end = at - FOUR - fill
    const body = this.#frame.subarray(
      START_BYTES,
      this.#doubled > 0 ? undouble(this.#frame, START_BYTES, end) : end,
    )
    this.#event = { type: 'frame', offset: this.#offset, length, body, crc }
    this.#offset += length
    this.#hunting(0)
  }

  /** Which checksum holds; the one of the last good telegram is tried first. */
  #checksum(length: number): SmlCrc | undefined {
    const first = this.#crc
    if (this.#holds(first, length)) return first
    const second = first === 'x25' ? 'kermit' : 'x25'
    return this.#holds(second, length) ? second : undefined
  }

  #holds(crc: SmlCrc, length: number): boolean {
    const low = this.#frame[length - 2] ?? 0
    const high = this.#frame[length - 1] ?? 0
    return crc === 'x25'
      ? crc16X25(this.#frame, 0, length - 2) === (low | (high << 8))
      : crc16Kermit(this.#frame, 0, length - 2) === ((low << 8) | high)
  }

  /**
   * Drops the telegram, save for escape bytes at its very end, at most `keep`: where bytes were
   * lost, the next telegram's start may already have begun there.
   */
  #drop(reason: DiscardReason, keep: number): void {
    let kept = 0
    while (kept < keep && this.#frame[this.#length - 1 - kept] === ESCAPE) kept++
    const bytes = this.#length - kept
    this.#event = { type: 'discarded', offset: this.#offset, bytes, reason }
    this.#offset += bytes
    this.#hunting(kept)
  }

  #hunting(run: number): void {
    this.#state = 'hunt'
    this.#length = 0
    this.#run = run
    this.#ones = 0
    this.#garbage = 0
  }

  #reportGarbage(): void {
    this.#event = {
      type: 'discarded',
      offset: this.#offset,
      bytes: this.#garbage,
      reason: 'garbage',
    }
    this.#offset += this.#garbage
    this.#garbage = 0
  }
}

/** Turns each 1B×8 between `start` and `end` into 1B×4, in place; answers the new end. */
function undouble(frame: Uint8Array, start: number, end: number): number {
  let to = start
  let run = 0
  for (let at = start; at < end; at++) {
    const byte = frame[at] ?? 0
    frame[to] = byte
    to++
    run = byte === ESCAPE ? run + 1 : 0
    if (run === FOUR) {
      at += FOUR
      run = 0
    }
  }
  return to
}
