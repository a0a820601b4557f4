import type { DecoderEvent, DiscardReason } from '../events.ts'
import { MeterError } from '../errors.ts'
import type { Reading } from '../reading.ts'
import type { Recognizer } from '../recognizer.ts'
import type { SmlCrc } from './framer.ts'
import { SmlFramer } from './framer.ts'
import type { SmlList } from './message.ts'
import { decodeMessages } from './message.ts'
import { SmlReadings } from './reading.ts'

/** SML as an optical port sends it: telegrams in transport frames. */
export class SmlStream implements Recognizer {
  readonly name = 'sml'
  readonly protocol = 'sml'
  readonly weak = false
  readonly #framer = new SmlFramer()
  readonly #readings = new SmlReadings()

  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number {
    const at = this.#framer.scan(chunk, from)
    if (this.#framer.event !== undefined) this.#take(out)
    return at
  }

  end(out: DecoderEvent[]): void {
    this.#framer.end()
    this.#take(out)
  }

  #take(out: DecoderEvent[]): void {
    const event = this.#framer.event
    if (event === undefined) return
    if (event.type === 'discarded') out.push(event)
    else {
      const { offset, length, body, crc } = event
      emitBody(out, { offset, length, body, crc, framed: true }, this.#readings)
    }
  }
}

/** A telegram's messages, and where they stood. */
export interface SmlBody {
  readonly offset: number
  readonly length: number
  readonly body: Uint8Array
  readonly crc: SmlCrc
  readonly framed: boolean
}

/**
 * Adds to `out` what a telegram's messages say. Should a telegram hold lists of several devices,
 * the first reading carries the telegram's bytes and the others a length of 0.
 */
export function emitBody(out: DecoderEvent[], telegram: SmlBody, readings: SmlReadings): void {
  const { offset, length } = telegram
  const found = readBody(telegram, readings)
  if (typeof found === 'string') {
    out.push({ type: 'discarded', offset, bytes: length, reason: found })
    return
  }
  for (const [index, reading] of found.entries()) {
    out.push({ type: 'reading', offset, length: index === 0 ? length : 0, reading })
  }
}

function readBody(telegram: SmlBody, readings: SmlReadings): readonly Reading[] | DiscardReason {
  let lists: readonly SmlList[]
  try {
    lists = decodeMessages(telegram.body, telegram.crc)
  } catch (error) {
    if (!(error instanceof MeterError)) throw error
    return error.code === 'checksum' ? 'message-crc' : 'malformed'
  }
  const found: Reading[] = []
  for (const list of lists) {
    const reading = readings.read(list, telegram.crc, telegram.framed)
    if (reading === undefined) return 'crc'
    if (reading.registers.length > 0 || reading.texts.length > 0) found.push(reading)
  }
  return found.length > 0 ? found : 'empty'
}
