import type { DecoderEvent, DiscardReason } from '../events.ts'
import { MeterError } from '../errors.ts'
import type { Recognizer } from '../recognizer.ts'
import { SML_FRAME_BYTES_MAX, SML_GARBAGE_BYTES_MAX } from './framer.ts'
import type { SmlCrc } from './framer.ts'
import { SML_TAG, checkMessage } from './message.ts'
import { SmlReadings } from './reading.ts'
import { emitBody } from './stream.ts'
import { SmlShape } from './shape.ts'

const MESSAGE_HEAD = 0x76
const ESCAPE = 0x1b

/**
 * SML messages that lost their transport frame, as programs store them.
 *
 * Nothing marks where such a body begins, so it counts only at the very start of the input or right
 * behind another body. Message checksums are all that protects it: its readings carry `unframed`.
 */
export class SmlBodyStream implements Recognizer {
  readonly name = 'sml-body'
  readonly protocol = 'sml'
  readonly weak = true
  readonly #readings = new SmlReadings()
  readonly #body = new Uint8Array(SML_FRAME_BYTES_MAX)
  readonly #shape = new SmlShape()
  /** Bytes in `#body`, and how many of them are whole messages. */
  #length = 0
  #whole = 0
  #crc: SmlCrc | undefined
  /**
   * Whether the whole messages make a body. It is held back for one byte more: an escape there
   * shows a telegram that was heard from its middle, for which no frame can vouch.
   */
  #held = false
  /** Whether a body may begin at the next byte. */
  #anchored = true
  #offset = 0
  #garbage = 0

  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number {
    for (let at = from; at < chunk.length; at++) {
      const before = out.length
      this.#next(chunk[at] ?? 0, out)
      if (out.length > before) return at + 1
    }
    return chunk.length
  }

  end(out: DecoderEvent[]): void {
    this.#flush(out)
    // Whole messages and nothing else are a body, too, although no close.Res ended it.
    if (this.#held || (this.#whole > 0 && this.#whole === this.#length)) this.#emit(out)
    if (this.#length > 0) this.#drop(out, 'truncated')
    this.#flush(out)
    this.#anchored = true
  }

  #next(byte: number, out: DecoderEvent[]): void {
    if (this.#held && byte !== 0) {
      if (byte === ESCAPE) this.#refuse(out, 'truncated')
      else this.#emit(out)
    }
    if (this.#length === 0 && !(this.#anchored && byte === MESSAGE_HEAD)) {
      // Zeros pad between bodies; anything else means that no body can be told from noise here.
      if (byte !== 0) this.#anchored = false
      this.#garbage++
      if (this.#garbage >= SML_GARBAGE_BYTES_MAX) this.#flush(out)
      return
    }
    if (this.#length === 0) this.#flush(out)
    this.#body[this.#length] = byte
    this.#length++
    const step = this.#held ? 'more' : this.#shape.next(byte)
    if (step === 'broken') this.#refuse(out, 'malformed')
    else if (step === 'whole') this.#message(out)
    else if (this.#length === SML_FRAME_BYTES_MAX) this.#refuse(out, 'oversize')
  }

  /** A message is complete: its checksum decides, and a close.Res ends the body. */
  #message(out: DecoderEvent[]): void {
    try {
      const { tag, crc } = checkMessage(this.#body, this.#whole, this.#length, this.#crc)
      this.#crc = crc
      this.#whole = this.#length
      this.#held = tag === SML_TAG.closeResponse
    } catch (error) {
      if (!(error instanceof MeterError)) throw error
      this.#refuse(out, error.code === 'checksum' ? 'message-crc' : 'malformed')
    }
  }

  /** Hands the whole messages on; padding behind a body is garbage. */
  #emit(out: DecoderEvent[]): void {
    const length = this.#whole
    const body = this.#body.subarray(0, length)
    const crc = this.#crc ?? 'x25'
    emitBody(out, { offset: this.#offset, length, body, crc, framed: false }, this.#readings)
    this.#offset += length
    this.#garbage += this.#length - length
    this.#restart()
  }

  #refuse(out: DecoderEvent[], reason: DiscardReason): void {
    this.#drop(out, reason)
    this.#anchored = false
  }

  #drop(out: DecoderEvent[], reason: DiscardReason): void {
    out.push({ type: 'discarded', offset: this.#offset, bytes: this.#length, reason })
    this.#offset += this.#length
    this.#restart()
  }

  #restart(): void {
    this.#length = 0
    this.#whole = 0
    this.#held = false
    this.#crc = undefined
    this.#shape.reset()
  }

  #flush(out: DecoderEvent[]): void {
    if (this.#garbage === 0) return
    out.push({
      type: 'discarded',
      offset: this.#offset,
      bytes: this.#garbage,
      reason: 'garbage',
    })
    this.#offset += this.#garbage
    this.#garbage = 0
  }
}
