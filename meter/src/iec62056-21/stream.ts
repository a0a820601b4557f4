import type { DecoderEvent, DiscardReason } from '../events.ts'
import type { Protocol, Reading, ReadingFlag } from '../reading.ts'
import type { Recognizer } from '../recognizer.ts'
import type { TextTelegram } from './framer.ts'
import { TextFramer, latin } from './framer.ts'
import type { TextLines } from './lines.ts'
import { parseLines } from './lines.ts'
import { readText } from './reading.ts'

/** Telegrams in a row that must lack a checksum before a meter that had one may do without. */
export const CHECK_CHANGE_TELEGRAMS_MIN = 3

const FIRST_CODE = /^\s*\d+-\d+:[\d.:]+\(/
const FIRST_CODE_BYTES = 32

/** The telegrams of IEC 62056-21 and of DSMR P1, which are of one family. */
export class TextStream implements Recognizer {
  readonly name: string
  readonly protocol: Protocol
  readonly #framer = new TextFramer()
  /** Telegrams without checksum still refused, because the meter was heard with one. */
  #distrust = 0
  #weak = true

  /** @param protocol - `dsmr` takes telegrams of P1's form alone, `d0` all. */
  constructor(protocol: 'd0' | 'dsmr') {
    this.name = protocol
    this.protocol = protocol
  }

  /** A telegram without checksum proves little. */
  get weak(): boolean {
    return this.#weak
  }

  scan(chunk: Uint8Array, from: number, out: DecoderEvent[]): number {
    const at = this.#framer.scan(chunk, from)
    this.#take(out)
    return at
  }

  end(out: DecoderEvent[]): void {
    this.#framer.end()
    this.#take(out)
    this.#distrust = 0
  }

  #take(out: DecoderEvent[]): void {
    const { event } = this.#framer
    if (event === undefined) return
    if (event.type === 'discarded') {
      out.push(event)
      return
    }
    const { offset, length } = event
    const found = this.#read(event)
    if (typeof found === 'string') {
      out.push({ type: 'discarded', offset, bytes: length, reason: found })
    } else {
      this.#weak = event.check === 'none'
      out.push({ type: 'reading', offset, length, reading: found })
    }
  }

  #read(telegram: TextTelegram): Reading | DiscardReason {
    if (!telegram.valid) return 'crc'
    if (this.protocol === 'dsmr' && !mayBeP1(telegram)) return 'garbage'
    const lines = parseLines(telegram.data)
    if (lines === undefined) return 'oversize'
    if (lines.entries.length === 0) return lines.skipped > 0 ? 'malformed' : 'empty'
    const p1 = isP1(telegram, lines)
    if (this.protocol === 'dsmr' && !p1) return 'garbage'
    // Without a checksum a line that breaks the grammar may as well be noise.
    const checked = telegram.check !== 'none'
    if (lines.skipped > 0 && !checked && !(p1 && telegram.blank)) return 'malformed'
    if (!checked && this.#distrust > 0) {
      this.#distrust--
      return 'crc'
    }
    if (checked) this.#distrust = CHECK_CHANGE_TELEGRAMS_MIN - 1
    const flags: ReadingFlag[] = []
    if (!checked) flags.push(p1 ? 'crc-missing' : 'bcc-missing')
    if (lines.skipped > 0) flags.push('lines-skipped')
    // Whoever asks for D0 alone gets P1 as well, under its name.
    const protocol = telegram.check === 'crc' ? 'dsmr' : this.protocol
    const reading = readText(lines.entries, { protocol, ident: telegram.ident, flags })
    return reading.registers.length + reading.texts.length > 0 ? reading : 'empty'
  }
}

/** The same from the first line alone, for telegrams that are not worth a closer look. */
function mayBeP1({ check, ident, block, data }: TextTelegram): boolean {
  if (check === 'crc') return true
  return !block && ident !== undefined && FIRST_CODE.test(latin(data, 0, FIRST_CODE_BYTES))
}

/** P1 has full codes without storage number, an identification, and no block check. */
function isP1({ check, ident, block }: TextTelegram, { entries }: TextLines): boolean {
  if (check === 'crc') return true
  if (block || ident === undefined) return false
  return entries.every(({ code }) => !code.short && !code.stored)
}
