import { printable, toHex } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import { formatObis, obisName } from '../obis.ts'
import { unitName } from '../units.ts'
import { SmlFramer } from './framer.ts'
import { SML_TAG } from './message.ts'
import { TLF_TYPE, TlfReader } from './tlf.ts'

/** A run of bytes of a telegram that means one thing. */
export interface TelegramField {
  /** Position of the first byte, and the one behind the last. */
  readonly start: number
  readonly end: number
  readonly kind: 'frame' | 'header' | 'identity' | 'name' | 'value' | 'unit' | 'time' | 'checksum'
  /** What it is, in the standard's own words: 'escape', 'SML_GetList.Res', 'objName', … */
  readonly label: string
  /** What it says, where that can be said in few words. */
  readonly value?: string
  /** Index into the reading's registers, where it belongs to one. */
  readonly register?: number
}

const START_BYTES = 8
const ESCAPE_BYTES = 4
const END_BYTES = 8

/**
 * Names the parts of one whole SML telegram, from the first escape to the last checksum byte. The
 * fields cover it without gaps. Empty when the bytes are not exactly one sound telegram.
 */
export function explainSml(bytes: Uint8Array): readonly TelegramField[] {
  const framer = new SmlFramer()
  const end = framer.scan(bytes, 0)
  const { event } = framer
  if (event?.type !== 'frame' || end !== bytes.length || event.length !== end) return []
  try {
    return new Explainer(bytes, event.body).explain()
  } catch (error) {
    if (error instanceof MeterError) return []
    throw error
  }
}

class Explainer {
  readonly #bytes: Uint8Array
  readonly #reader: TlfReader
  /** Position in the telegram of each byte of the body, and of the byte behind it. */
  readonly #positions: readonly number[]
  readonly #fields: TelegramField[] = []
  /** Registers met so far, in the order of the reading's. */
  #registers = 0

  constructor(bytes: Uint8Array, body: Uint8Array) {
    this.#bytes = bytes
    this.#reader = new TlfReader(body)
    this.#positions = positionsOf(bytes, body)
  }

  explain(): readonly TelegramField[] {
    const { length } = this.#bytes
    this.#raw(0, ESCAPE_BYTES, 'frame', 'escape')
    this.#raw(ESCAPE_BYTES, START_BYTES, 'frame', 'version 1')
    while (!this.#reader.done) {
      this.#message()
      const from = this.#reader.position
      this.#reader.skipZeros()
      if (this.#reader.position > from) this.#field(from, 'frame', 'fill bytes')
    }
    const end = length - END_BYTES
    const behind = this.#positions[this.#reader.position] ?? end
    if (behind < end) this.#raw(behind, end, 'frame', 'fill bytes')
    this.#raw(end, end + ESCAPE_BYTES, 'frame', 'escape')
    this.#raw(
      end + ESCAPE_BYTES,
      length - 2,
      'frame',
      'end',
      `${this.#bytes.at(-3) ?? 0} fill bytes`,
    )
    this.#raw(length - 2, length, 'checksum', 'CRC-16', toHex(this.#bytes.subarray(length - 2)))
    return this.#fields
  }

  #message(): void {
    const reader = this.#reader
    const start = reader.position
    reader.list('message')
    this.#field(start, 'header', 'SML_Message')
    this.#octets('header', 'transactionId')
    this.#number('header', 'groupNo')
    this.#number('header', 'abortOnError')
    const body = reader.position
    reader.list('body')
    const tag = reader.unsigned('tag', 0xffffffff)
    this.#field(
      body,
      'header',
      MESSAGES[tag] ?? 'message',
      `0x${tag.toString(16).padStart(4, '0')}`,
    )
    if (tag === SML_TAG.getListResponse) this.#list()
    else if (tag === SML_TAG.openResponse) this.#open()
    else this.#any('header', 'content')
    this.#number('checksum', 'crc16', true)
    const end = reader.position
    reader.endOfMessage('end')
    this.#field(end, 'frame', 'endOfSmlMsg')
  }

  #open(): void {
    const start = this.#reader.position
    this.#reader.list('open')
    this.#field(start, 'header', 'SML_PublicOpen.Res')
    this.#octets('header', 'codepage')
    this.#octets('header', 'clientId')
    this.#octets('header', 'reqFileId')
    this.#octets('identity', 'serverId')
    this.#any('time', 'refTime')
    this.#any('header', 'smlVersion')
  }

  #list(): void {
    const start = this.#reader.position
    this.#reader.list('getList')
    this.#field(start, 'header', 'SML_GetList.Res')
    this.#octets('header', 'clientId')
    this.#octets('identity', 'serverId')
    this.#octets('header', 'listName')
    this.#any('time', 'actSensorTime')
    const entries = this.#reader.position
    const count = this.#reader.list('valList')
    this.#field(entries, 'header', 'valList', `${count} entries`)
    for (let left = count; left > 0; left--) this.#listEntry()
    this.#any('header', 'listSignature')
    this.#any('time', 'actGatewayTime')
  }

  #listEntry(): void {
    const reader = this.#reader
    const fieldsBefore = this.#fields.length
    const start = reader.position
    reader.list('entry')
    this.#field(start, 'header', 'SML_ListEntry')
    const name = reader.position
    reader.octets('objName')
    const obis = formatObis(reader.bytes, reader.start, reader.length)
    const words = obisName(obis)
    this.#field(name, 'name', 'objName', words === '' ? obis : `${obis} ${words}`)
    this.#any('header', 'status')
    this.#any('time', 'valTime')
    const unit = reader.position
    const code = reader.absent() ? undefined : reader.unsigned('unit', 0xff)
    this.#field(unit, 'unit', 'unit', code === undefined ? undefined : unitName(code))
    const scaler = reader.position
    const power = reader.absent() ? undefined : reader.signed('scaler', 0x7f)
    this.#field(scaler, 'unit', 'scaler', power === undefined ? undefined : `× 10^${power}`)
    const numeric = this.#any('value', 'value')
    this.#any('header', 'valueSignature')
    if (!numeric) return
    const register = this.#registers
    this.#registers++
    for (let at = fieldsBefore; at < this.#fields.length; at++) {
      const field = this.#fields[at]
      if (field !== undefined) this.#fields[at] = { ...field, register }
    }
  }

  /** Any element; says whether it is a number. */
  #any(kind: TelegramField['kind'], label: string): boolean {
    const reader = this.#reader
    const start = reader.position
    if (reader.absent()) {
      this.#field(start, kind, label, 'absent')
      return false
    }
    const first = reader.peek()
    if (((first >> 4) & 0x07) === TLF_TYPE.list) {
      reader.skip(label)
      this.#field(start, kind, label)
      return label === 'value' && first === TIME_VALUE
    }
    reader.head(label)
    const isNumber = reader.type === TLF_TYPE.signed || reader.type === TLF_TYPE.unsigned
    this.#field(start, kind, label, isNumber ? reader.integer(label).toString() : this.#text())
    return isNumber
  }

  #octets(kind: TelegramField['kind'], label: string): void {
    const start = this.#reader.position
    this.#reader.octets(label)
    this.#field(start, kind, label, this.#text())
  }

  #number(kind: TelegramField['kind'], label: string, hex = false): void {
    const start = this.#reader.position
    const value = this.#reader.unsigned(label, 0xffff)
    this.#field(start, kind, label, hex ? value.toString(16).padStart(4, '0') : value.toString())
  }

  #text(): string {
    const content = this.#reader.copy()
    return content.length === 0 ? 'absent' : (printable(content) ?? toHex(content))
  }

  /** A field from `start` of the body up to where the reader stands. */
  #field(start: number, kind: TelegramField['kind'], label: string, value?: string): void {
    const from = this.#positions[start] ?? 0
    this.#raw(from, this.#positions[this.#reader.position] ?? from, kind, label, value)
  }

  #raw(
    start: number,
    end: number,
    kind: TelegramField['kind'],
    label: string,
    value?: string,
  ): void {
    this.#fields.push({ start, end, kind, label, ...(value === undefined ? {} : { value }) })
  }
}

/** A value that is a list of two is a time, and counts as a register. */
const TIME_VALUE = 0x72

const MESSAGES: Readonly<Record<number, string>> = {
  [SML_TAG.openResponse]: 'PublicOpen.Res',
  [SML_TAG.closeResponse]: 'PublicClose.Res',
  [SML_TAG.getListResponse]: 'GetList.Res',
}

/** Where each byte of the body stands in the telegram: behind doubled escapes it lags. */
function positionsOf(bytes: Uint8Array, body: Uint8Array): readonly number[] {
  const positions: number[] = []
  let run = 0
  let at = START_BYTES
  for (const byte of body) {
    positions.push(at)
    run = byte === bytes[0] ? run + 1 : 0
    at++
    if (run === ESCAPE_BYTES) {
      at += ESCAPE_BYTES
      run = 0
    }
  }
  return [...positions, at]
}
