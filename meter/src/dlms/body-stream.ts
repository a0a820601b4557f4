import type { DecoderEvent, DiscardReason } from '../events.ts'
import type { Recognizer } from '../recognizer.ts'
import { isPushTag, withoutLlc } from './apdu.ts'
import { DLMS_GARBAGE_BYTES_MAX } from './frame-scanner.ts'
import type { DlmsReadings } from './readings.ts'

/** Longest APDU without a link around it. */
export const DLMS_BODY_BYTES_MAX = 4_096

const LLC = 0xe6

/**
 * One APDU that lost its link, as programs store it: the whole input, with or without LLC header.
 *
 * Nothing marks its end, so it is read when the input is over. Only its structure protects it, and
 * its tag where it has one: its reading carries `unframed`.
 */
export class DlmsBodyStream implements Recognizer {
  readonly name = 'dlms-body'
  readonly protocol = 'dlms'
  readonly weak = true
  readonly #readings: DlmsReadings
  readonly #body = new Uint8Array(DLMS_BODY_BYTES_MAX)
  #length = 0
  /** Whether the input may still be one APDU. */
  #whole = true
  #offset = 0
  #garbage = 0

  constructor(readings: DlmsReadings) {
    this.#readings = readings
  }

  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number {
    const before = out.length
    for (let at = from; at < chunk.length; at++) {
      this.#next(chunk[at] ?? 0, out)
      if (out.length > before) return at + 1
    }
    return chunk.length
  }

  end(out: DecoderEvent[]): void {
    if (this.#length > 0) {
      const apdu = withoutLlc(this.#body.subarray(0, this.#length))
      const found = this.#readings.read(apdu, ['unframed'])
      if (typeof found === 'string') this.#give(out, this.#length, found)
      else {
        const { offset, length } = { offset: this.#offset, length: this.#length }
        this.#offset += length
        out.push({ type: 'reading', offset, length, reading: found })
      }
    }
    this.#flush(out)
    this.#length = 0
    this.#whole = true
  }

  #next(byte: number, out: DecoderEvent[]): void {
    if (this.#whole && this.#length === 0 && byte !== LLC && !isPushTag(byte)) this.#whole = false
    if (!this.#whole) {
      this.#garbage++
      if (this.#garbage >= DLMS_GARBAGE_BYTES_MAX) this.#flush(out)
      return
    }
    if (this.#length < DLMS_BODY_BYTES_MAX) {
      this.#body[this.#length] = byte
      this.#length++
      return
    }
    // Longer than any single APDU: a stream of something else.
    this.#give(out, this.#length, 'oversize')
    this.#whole = false
    this.#length = 0
    this.#garbage++
  }

  #flush(out: DecoderEvent[]): void {
    if (this.#garbage > 0) this.#give(out, this.#garbage, 'garbage')
    this.#garbage = 0
  }

  #give(out: DecoderEvent[], bytes: number, reason: DiscardReason): void {
    out.push({ type: 'discarded', offset: this.#offset, bytes, reason })
    this.#offset += bytes
  }
}
