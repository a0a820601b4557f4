import type { DecoderEvent } from '../events.ts'
import { obisName } from '../obis.ts'
import type { Register } from '../reading.ts'
import { decimal } from '../reading.ts'
import type { TelegramField } from '../sml/explain.ts'
import { obisNumbers, obisText } from './code.ts'
import { latin } from './framer.ts'
import { TextStream } from './stream.ts'

const STX = 0x02
const ETX = 0x03
const ENTRY = /([^()\r\n]*)((?:\([^()\r\n]*\))+)/y
const VALUE = /^([^*]*)(\*)?(.*)$/

/**
 * Names the parts of one whole telegram of IEC 62056-21 or DSMR P1, from `/` (or STX) to the last
 * byte of its end. The fields cover it without gaps. Empty when the bytes are not exactly one sound
 * telegram.
 */
export function explainText(bytes: Uint8Array): readonly TelegramField[] {
  const stream = new TextStream('d0')
  const events: DecoderEvent[] = []
  for (let at = 0; at < bytes.length;) at = stream.scan(bytes, at, events)
  stream.end(events)
  const [event, another] = events
  if (event?.type !== 'reading' || another !== undefined) return []
  return new Explainer(bytes, event.reading.registers).explain()
}

class Explainer {
  readonly #text: string
  readonly #registers: readonly Register[]
  /** Registers whose first value has been met. */
  readonly #met = new Set<string>()
  readonly #fields: TelegramField[] = []
  #at = 0

  constructor(bytes: Uint8Array, registers: readonly Register[]) {
    // Parity bits of a port without parity mean nothing here.
    const parity = ((bytes[0] ?? 0) & 0x80) !== 0
    this.#text = latin(parity ? bytes.map((byte) => byte & 0x7f) : bytes)
    this.#registers = registers
  }

  explain(): readonly TelegramField[] {
    if (this.#text.startsWith('/')) this.#identification()
    while (this.#at < this.#text.length && this.#text[this.#at] !== '!') this.#line()
    this.#end()
    return this.#fields
  }

  #identification(): void {
    this.#add(1, 'frame', 'start')
    const request = this.#text[1] === '?'
    if (!request) {
      this.#add(3, 'identity', 'manufacturer')
      this.#add(1, 'header', 'speed')
    }
    const line = /^[^\r\n]*/.exec(this.#text.slice(this.#at))?.[0] ?? ''
    this.#add(line.length, request ? 'header' : 'identity', request ? 'request' : 'identification')
    this.#lineEnd()
  }

  #line(): void {
    const code = this.#text.charCodeAt(this.#at)
    if (code === STX) this.#add(1, 'frame', 'STX')
    else if (/[\r\n]/.test(this.#text[this.#at] ?? '')) this.#lineEnd()
    else {
      ENTRY.lastIndex = this.#at
      const match = ENTRY.exec(this.#text)
      if (match === null) {
        const rest = /^[^\r\n]+/.exec(this.#text.slice(this.#at))?.[0] ?? ' '
        this.#add(rest.length, 'header', 'line')
        return
      }
      this.#entry(match[1] ?? '', match[2] ?? '')
    }
  }

  #entry(code: string, groups: string): void {
    const numbers = obisNumbers(code.trim())
    const obis = numbers === undefined ? '' : obisText(numbers)
    const name = obisName(obis)
    this.#add(code.length, 'name', name === '' ? 'code' : name, code.trim())
    for (const value of groups.slice(1, -1).split(')(')) this.#value(obis, value)
  }

  #value(obis: string, value: string): void {
    this.#add(1, 'frame', 'bracket')
    const [, number = '', star = '', unit = ''] = VALUE.exec(value) ?? []
    const register = this.#met.has(obis)
      ? -1
      : this.#registers.findIndex((one) => one.obis === obis && one.derived !== true)
    const found = this.#registers[register]
    if (found === undefined) {
      this.#add(number.length, /^\d{12}[SW]?$/.test(number) ? 'time' : 'value', 'text', number)
    } else {
      this.#met.add(obis)
      this.#add(number.length, 'value', 'value', decimal(found), register)
    }
    this.#add(star.length, 'frame', 'star')
    this.#add(unit.length, 'unit', 'unit', unit)
    this.#add(1, 'frame', 'bracket')
  }

  #end(): void {
    this.#add(1, 'frame', 'end')
    const crc = /^[0-9A-F]+/.exec(this.#text.slice(this.#at))?.[0] ?? ''
    this.#add(crc.length, 'checksum', 'CRC-16', crc)
    this.#lineEnd()
    if (this.#text.charCodeAt(this.#at) === ETX) {
      this.#add(1, 'frame', 'ETX')
      this.#add(1, 'checksum', 'block check')
    }
    this.#add(this.#text.length - this.#at, 'frame', 'rest')
  }

  #lineEnd(): void {
    const end = /^\r?\n|^\r/.exec(this.#text.slice(this.#at))?.[0] ?? ''
    this.#add(end.length, 'frame', 'line end')
  }

  #add(
    length: number,
    kind: TelegramField['kind'],
    label: string,
    value?: string,
    register?: number,
  ): void {
    if (length <= 0) return
    const start = this.#at
    this.#at += length
    this.#fields.push({
      start,
      end: this.#at,
      kind,
      label,
      ...(value === undefined ? {} : { value }),
      ...(register === undefined ? {} : { register }),
    })
  }
}
