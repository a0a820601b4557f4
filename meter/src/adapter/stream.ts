import { createDecoder } from '../decoder.ts'
import type { DlmsKeys } from '../dlms/keys.ts'
import type { OwnList } from '../dlms/own-list.ts'
import { MeterError } from '../errors.ts'
import type { DecoderEvent } from '../events.ts'
import type { Medium } from '../media.ts'
import { splitMedia } from '../media.ts'
import type { Reading } from '../reading.ts'
import { decodeWmbus } from '../wmbus/decode.ts'
import type { WmbusKeys } from '../wmbus/decode.ts'
import type { AdapterLine, AdapterNote } from './line.ts'
import { parseAdapterLine } from './line.ts'

/** Longest line of an adapter. */
export const ADAPTER_LINE_BYTES_MAX = 16_384

/** What came of a line. */
export type AdapterEvent =
  | {
      readonly type: 'reading'
      readonly medium: Medium
      readonly reading: Reading
      readonly note: AdapterNote
    }
  /** The line is dropped, the next one is read. */
  | {
      readonly type: 'refused'
      /** Number of the line on this connection, from 1. */
      readonly line: number
      readonly code: 'too-long' | 'malformed' | 'unreadable'
      /** What was expected and found; safe to print. */
      readonly message: string
    }

/** Keys of the telegrams that an adapter hands over. */
export interface AdapterOptions {
  /** Of wireless M-Bus meters, by number: sixteen bytes each. */
  readonly wmbusKeys?: WmbusKeys
  readonly dlms?: DlmsKeys
  /** DLMS lists without codes, as their owner has named their places. */
  readonly lists?: readonly OwnList[]
}

const LF = 0x0a
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The lines of one adapter's connection as readings. Bytes may come in any pieces; a line that is too
 * long or wrong costs itself alone. Holds at most {@link ADAPTER_LINE_BYTES_MAX} bytes.
 */
export class AdapterStream {
  readonly #options: AdapterOptions
  readonly #buffer = new Uint8Array(ADAPTER_LINE_BYTES_MAX)
  #length = 0
  #tooLong = false
  #line = 1

  constructor(options: AdapterOptions = {}) {
    this.#options = options
  }

  push(chunk: Uint8Array): readonly AdapterEvent[] {
    const out: AdapterEvent[] = []
    for (let at = 0; at < chunk.length;) {
      const end = chunk.indexOf(LF, at)
      const piece = chunk.subarray(at, end < 0 ? chunk.length : end)
      if (piece.length > ADAPTER_LINE_BYTES_MAX - this.#length) this.#tooLong = true
      if (!this.#tooLong) {
        this.#buffer.set(piece, this.#length)
        this.#length += piece.length
      }
      if (end < 0) break
      this.#complete(out)
      at = end + 1
    }
    return out
  }

  /** The connection has ended; what has no line end is refused, because it may be cut. */
  end(): readonly AdapterEvent[] {
    const isEmpty = this.#length === 0 && !this.#tooLong
    this.#length = 0
    this.#tooLong = false
    return isEmpty ? [] : [this.#refusal('malformed', 'line: expected a line end, found none')]
  }

  #complete(out: AdapterEvent[]): void {
    const bytes = this.#buffer.subarray(0, this.#length)
    const tooLong = this.#tooLong
    this.#length = 0
    this.#tooLong = false
    if (tooLong) {
      const most = `line: expected at most ${ADAPTER_LINE_BYTES_MAX} bytes`
      out.push(this.#refusal('too-long', most))
    } else if (bytes.some((byte) => byte > 0x20)) out.push(this.#read(bytes))
    this.#line++
  }

  #read(bytes: Uint8Array): AdapterEvent {
    try {
      return this.#understand(parseAdapterLine(UTF8.decode(bytes)))
    } catch (error) {
      if (error instanceof MeterError) return this.#refusal('malformed', error.message)
      // TextDecoder's own error for bytes that are no UTF-8.
      if (error instanceof TypeError) return this.#refusal('malformed', 'line: expected UTF-8')
      throw error
    }
  }

  #understand(line: AdapterLine): AdapterEvent {
    const { note } = line
    if (line.kind === 'reading') return { type: 'reading', ...line, note }
    const { wmbusKeys, dlms, lists = [] } = this.#options
    if (line.protocol === 'wmbus') {
      const decoded = decodeWmbus(line.bytes, wmbusKeys)
      if ('reading' in decoded) return { type: 'reading', ...decoded, note }
      return this.#refusal('unreadable', `telegram: ${decoded.reason}`)
    }
    const decoder = createDecoder(line.protocol, {
      bodies: true,
      lists,
      ...(dlms?.encryptionKey === undefined ? {} : { key: dlms.encryptionKey }),
      ...(dlms?.authenticationKey === undefined
        ? {}
        : { authenticationKey: dlms.authenticationKey }),
    })
    const events: readonly DecoderEvent[] = [...decoder.push(line.bytes), ...decoder.end()]
    const [first] = events.flatMap((event) => (event.type === 'reading' ? [event.reading] : []))
    if (first !== undefined) {
      const [main] = splitMedia(first)
      return { type: 'reading', medium: main?.medium ?? 'other', reading: first, note }
    }
    const reasons = events.flatMap((event) => (event.type === 'discarded' ? [event.reason] : []))
    return this.#refusal('unreadable', `telegram: ${reasons[0] ?? 'empty'}`)
  }

  #refusal(code: 'too-long' | 'malformed' | 'unreadable', message: string): AdapterEvent {
    return { type: 'refused', line: this.#line, code, message }
  }
}
