import type { NativeReadline, Natives } from './natives.ts'
import { systemNatives } from './natives.ts'

/** Bytes of one line, newline included; DSMR P1 allows 1024 characters of message, as 2048 hex. */
export const LINE_BYTES_MAX = 4096

const NEWLINE = 0x0a

/** A line, or a stretch without a newline that was too long to be one. */
export type LineEvent =
  /** `text` holds the bytes as latin1, newline included, so that checksums can be computed. */
  | { readonly type: 'line'; readonly offset: number; readonly text: string }
  | { readonly type: 'overlong'; readonly offset: number; readonly bytes: number }

/**
 * Splits a text protocol (IEC 62056-21, DSMR P1) into lines, by `@serialport/parser-readline` behind
 * a length guard: the parser keeps what has no newline for ever, and copies its rest again with every
 * chunk. The guard hands it whole lines only, of bounded length, so it does neither.
 *
 * Offsets count bytes since the splitter was made. The parser says nothing of what follows the last
 * newline, and a readout ends in ETX and BCC without one: `pending` gives these bytes.
 */
export class LineSplitter {
  readonly #parser: NativeReadline
  readonly #pending = new Uint8Array(LINE_BYTES_MAX)
  /** Bytes of the unfinished line, those beyond LINE_BYTES_MAX included. */
  #length = 0
  #offset = 0

  private constructor(parser: NativeReadline) {
    this.#parser = parser
  }

  /** Loads the parser; rejects with HalError `unavailable` when the package is absent. */
  static async create(natives: Natives = systemNatives()): Promise<LineSplitter> {
    const Parser = await natives.readline()
    return new LineSplitter(
      new Parser({
        delimiter: '\n',
        includeDelimiter: true,
        encoding: 'latin1',
        readableObjectMode: true,
      }),
    )
  }

  /** The bytes after the last newline; empty when they are too many to be a line. */
  get pending(): Uint8Array {
    return this.#length > LINE_BYTES_MAX ? new Uint8Array() : this.#pending.slice(0, this.#length)
  }

  /** Takes what was read and returns the lines it completes. */
  push(chunk: Uint8Array): readonly LineEvent[] {
    const events: LineEvent[] = []
    for (let at = 0; at < chunk.length;) {
      const newline = chunk.indexOf(NEWLINE, at)
      const end = newline < 0 ? chunk.length : newline + 1
      this.#keep(chunk.subarray(at, end))
      if (newline >= 0) events.push(this.#finish())
      at = end
    }
    return events
  }

  #keep(bytes: Uint8Array): void {
    const room = Math.max(0, LINE_BYTES_MAX - this.#length)
    this.#pending.set(bytes.subarray(0, room), this.#length > LINE_BYTES_MAX ? 0 : this.#length)
    this.#length += bytes.length
  }

  #finish(): LineEvent {
    const offset = this.#offset
    const length = this.#length
    this.#offset += length
    this.#length = 0
    if (length > LINE_BYTES_MAX) return { type: 'overlong', offset, bytes: length }
    this.#parser.write(this.#pending.slice(0, length))
    const line = this.#parser.read()
    return { type: 'line', offset, text: typeof line === 'string' ? line : '' }
  }
}
