import { Reader, printable, toHex } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import { formatObis, obisName } from '../obis.ts'
import type { TelegramField } from '../sml/explain.ts'
import { unitName } from '../units.ts'
import { APDU, readDateTime } from './apdu.ts'
import type { Data, DataSpan } from './axdr.ts'
import { AXDR, readLength, traceData } from './axdr.ts'
import { open, parseProtected } from './ciphering.ts'
import { decodeDateTime } from './clock.ts'
import { decodeDescribed } from './described.ts'
import { explainFrames } from './explain-frames.ts'
import type { DlmsKeys } from './keys.ts'
import { readLayout } from './layouts.ts'

type Kind = TelegramField['kind']

const NAME_BYTES = 6
const DATE_TIME_BYTES = 12

/**
 * Names the parts of one whole telegram of DLMS, whatever link carries it; what is ciphered is named,
 * too, when the keys open it, for cipher and text are of one length. The fields cover it without
 * gaps. Empty when the bytes are not exactly one sound telegram.
 */
export function explainDlms(bytes: Uint8Array, keys: DlmsKeys = {}): readonly TelegramField[] {
  try {
    const carried = explainFrames(bytes)
    if (carried === undefined) return []
    const explainer = new Explainer(bytes, carried.apdu, carried.positions)
    explainer.apdu(keys)
    return [...carried.fields, ...explainer.fields].sort((one, other) => one.start - other.start)
  } catch (error) {
    if (error instanceof MeterError) return []
    throw error
  }
}

class Explainer {
  readonly fields: TelegramField[] = []
  readonly #bytes: Uint8Array
  readonly #apdu: Uint8Array
  /** Where each byte of the APDU stands in the telegram. */
  readonly #positions: readonly number[]

  constructor(bytes: Uint8Array, apdu: Uint8Array, positions: readonly number[]) {
    this.#bytes = bytes
    this.#apdu = apdu
    this.#positions = positions
  }

  apdu(keys: DlmsKeys): void {
    const tag = this.#apdu[0] ?? 0
    if (tag === APDU.dataNotification) this.#notification(this.#apdu, 0)
    else if (tag === APDU.generalGloCiphering || tag === APDU.generalDedCiphering) {
      this.#ciphered(keys)
    } else this.#field(0, this.#apdu.length, 'value', NAMES[tag] ?? 'APDU')
  }

  #ciphered(keys: DlmsKeys): void {
    const message = parseProtected(this.#apdu)
    const reader = new Reader(this.#apdu, 1)
    this.#field(0, 1, 'header', NAMES[this.#apdu[0] ?? 0] ?? 'APDU')
    if (reader.peek() === AXDR.octets) reader.skip(1, 'title')
    const title = reader.bytes(readLength(reader, 'title'), 'title')
    this.#field(1, reader.position, 'identity', 'system-title', words(title))
    let from = reader.position
    readLength(reader, 'length')
    this.#field(from, reader.position, 'header', 'length')
    from = reader.position
    const control = `0x${message.control.toString(16).padStart(2, '0')}`
    this.#field(from, from + 1, 'header', 'security control', control)
    this.#field(from + 1, from + 5, 'header', 'invocation counter', `${message.counter}`)
    const text = from + 5
    const end = text + message.text.length
    const { plaintext } = open(message, keys)
    const opened = plaintext[0] === APDU.dataNotification && this.#tryNotification(plaintext, text)
    if (!opened) this.#field(text, end, 'value', 'ciphertext', `${end - text} bytes`)
    if (message.tag.length > 0) {
      this.#field(end, end + message.tag.length, 'checksum', 'GCM tag', toHex(message.tag))
    }
  }

  /** Under a wrong key a text may begin well by chance. */
  #tryNotification(plaintext: Uint8Array, offset: number): boolean {
    const { length } = this.fields
    try {
      this.#notification(plaintext, offset)
      return true
    } catch (error) {
      if (!(error instanceof MeterError)) throw error
      this.fields.length = length
      return false
    }
  }

  /** A data-notification whose first byte is byte `offset` of the APDU. */
  #notification(bytes: Uint8Array, offset: number): void {
    const reader = new Reader(bytes, 1)
    const tell = (from: number, kind: Kind, label: string, value?: string): void => {
      this.#field(offset + from, offset + reader.position, kind, label, value)
    }
    this.#field(offset, offset + 1, 'header', 'data-notification')
    const invoke = reader.u32('invoke')
    tell(1, 'header', 'long-invoke-id', `${invoke}`)
    const from = reader.position
    const time = readDateTime(reader)
    tell(from, 'time', 'date-time', clockWords(time))
    const body = reader.position
    if (decodeDescribed(bytes.subarray(body)) !== undefined) {
      this.#field(offset + body, offset + bytes.length, 'value', 'descriptors and values')
      return
    }
    const { data, spans } = traceData(reader)
    if (reader.remaining > 0) throw new MeterError('malformed', 'notification: bytes left over')
    this.#body(data, spans, offset)
  }

  #body(body: Data, spans: ReadonlyMap<Data, DataSpan>, offset: number): void {
    const entries = readLayout(body)?.entries ?? []
    const numbers = entries.filter(({ value }) => value.type === 'number')
    const registers = new Map(numbers.map(({ value }, index) => [value, index]))
    const named = new Map(numbers.map(({ obis }, index) => [obis, index]))
    let last: number | undefined
    const walk = (data: Data): void => {
      const span = spans.get(data)
      if (span === undefined) return
      const { start, head, end } = span
      const unit = unitIn(data)
      if (unit !== undefined) {
        this.#field(offset + start, offset + end, 'unit', 'scaler_unit', unit, last)
      } else if (
        data.type === 'list' &&
        (data.items.length > 0 ? spans.has(data.items[0] ?? data) : true)
      ) {
        const label = data.tag === AXDR.array ? 'array' : 'structure'
        this.#field(offset + start, offset + head, 'header', label, `${data.items.length}`)
        for (const item of data.items) walk(item)
      } else {
        const [kind, label, value, obis] = leafWords(data)
        const register = obis === undefined ? registers.get(data) : named.get(obis)
        if (register !== undefined) last = register
        const shown = register === undefined && kind === 'value' ? 'header' : kind
        this.#field(offset + start, offset + end, shown, label, value, register)
      }
    }
    walk(body)
  }

  /** A field over bytes of the APDU; where a frame ends within, it goes on behind the next head. */
  #field(
    from: number,
    to: number,
    kind: Kind,
    label: string,
    value?: string,
    register?: number,
  ): void {
    for (let at = from; at < to;) {
      const start = this.#positions[at] ?? this.#bytes.length
      let length = 1
      while (at + length < to && this.#positions[at + length] === start + length) length++
      this.fields.push({
        start,
        end: start + length,
        kind,
        label,
        ...(value === undefined ? {} : { value }),
        ...(register === undefined ? {} : { register }),
      })
      at += length
    }
  }
}

const NAMES: Readonly<Record<number, string>> = {
  [APDU.dataNotification]: 'data-notification',
  [APDU.eventNotification]: 'event-notification',
  [APDU.generalGloCiphering]: 'general-glo-ciphering',
  [APDU.generalDedCiphering]: 'general-ded-ciphering',
  [APDU.generalCiphering]: 'general-ciphering',
  [APDU.generalSigning]: 'general-signing',
}

/** Kind, label and words of a value that is no list; the code where it is a name. */
function leafWords(
  data: Data,
): readonly [kind: Kind, label: string, value?: string, obis?: string] {
  if (data.type === 'null') return ['header', 'null-data']
  if (data.type === 'number') {
    return ['value', TYPES[data.tag] ?? 'number', `${data.digits}`]
  }
  if (data.type === 'list') return ['header', 'compact-array', `${data.items.length}`]
  const { bytes, tag } = data
  if (tag === AXDR.octets && bytes.length === NAME_BYTES) {
    const obis = formatObis(bytes)
    const meaning = obisName(obis)
    return ['name', 'logical name', meaning === '' ? obis : `${obis} ${meaning}`, obis]
  }
  if (bytes.length === DATE_TIME_BYTES && decodeDateTime(bytes) !== undefined) {
    return ['time', 'date-time', clockWords(bytes)]
  }
  return ['identity', TYPES[tag] ?? 'octets', words(bytes)]
}

const TYPES: Readonly<Record<number, string>> = {
  3: 'boolean',
  4: 'bit-string',
  5: 'double-long',
  6: 'double-long-unsigned',
  9: 'octet-string',
  10: 'visible-string',
  12: 'utf8-string',
  15: 'integer',
  16: 'long',
  17: 'unsigned',
  18: 'long-unsigned',
  20: 'long64',
  21: 'long64-unsigned',
  22: 'enum',
  23: 'float32',
  24: 'float64',
  25: 'date-time',
}

/** Scaler and unit in words, where a structure is that. */
function unitIn(data: Data): string | undefined {
  if (data.type !== 'list' || data.items.length !== 2) return undefined
  const [scaler, unit] = data.items
  if (scaler?.type !== 'number' || scaler.tag !== AXDR.int8) return undefined
  if (unit?.type !== 'number' || unit.tag !== AXDR.enumeration) return undefined
  return `× 10^${scaler.digits} ${unitName(Number(unit.digits))}`.trim()
}

function words(bytes: Uint8Array): string {
  return bytes.length === 0 ? 'absent' : (printable(bytes) ?? toHex(bytes))
}

function clockWords(bytes: Uint8Array): string {
  const time = decodeDateTime(bytes)
  if (time === undefined) return bytes.length === 0 ? 'absent' : toHex(bytes)
  const text = new Date(time.seconds * 1_000).toISOString().replace('.000', '')
  return time.kind === 'wall' ? text.slice(0, -1) : text
}
