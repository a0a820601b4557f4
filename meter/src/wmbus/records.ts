import { MeterError } from '../errors.ts'
import { Reader } from '../bytes.ts'
import { UNIT, UNIT_NONE, unitCode } from '../units.ts'

/** Records of one telegram; at two bytes a record no telegram has more. */
export const WMBUS_RECORDS_MAX = 128

/** Extensions of a DIF or of a VIF (EN 13757-3, 6.3.2 and 6.4.2). */
export const WMBUS_EXTENSIONS_MAX = 10

/** What a record is about. */
export type Quantity =
  | 'energy'
  | 'volume'
  | 'power'
  | 'flow'
  | 'flow-temperature'
  | 'return-temperature'
  | 'temperature-difference'
  | 'voltage'
  | 'current'
  | 'frequency'
  | 'cost-units'
  | 'time'
  | 'other'

/** One record of the application layer. */
export interface WmbusRecord {
  readonly quantity: Quantity
  /** 0 momentary, 1 maximum, 2 minimum, 3 during an error. */
  readonly function: number
  readonly storage: number
  readonly tariff: number
  readonly subunit: number
  /** Energy that flows back: VIFE 3C, "accumulation of negative values". */
  readonly backward: boolean
  /** Phase 1 to 3 where the record names one (VIFE FC 1 to 3), 0 for the total. */
  readonly phase: number
  /** Undefined for text, times and what is marked as invalid. */
  readonly digits: bigint | undefined
  readonly scaler: number
  readonly unitCode: number
  /** The data as sent. */
  readonly bytes: Uint8Array
}

/** Length of the data by the low half of the DIF (EN 13757-3, table 4); −1 for variable length. */
const LENGTHS = [0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, -1, 6] as const
const FLOAT = 5
const VARIABLE = 13
const BCD = 9
const IDLE_FILLER = 0x2f
const MANUFACTURER = [0x0f, 0x1f]
const EXTENSION = 0x80
const PLAIN_VIF = 0x7c
const CUBIC_METRE = unitCode('m³')
const JOULE = unitCode('J')
const HOURLY = unitCode('m³/h')

/**
 * The records of an application layer, up to what is the maker's own.
 *
 * @throws {@link MeterError} `short`, `malformed` or `too-many` for what EN 13757-3 does not have.
 */
export function decodeRecords(bytes: Uint8Array): readonly WmbusRecord[] {
  const reader = new Reader(bytes)
  const records: WmbusRecord[] = []
  while (reader.remaining > 0) {
    const dif = reader.u8('record.dif')
    if (dif === IDLE_FILLER) continue
    if (MANUFACTURER.includes(dif)) break
    if (records.length >= WMBUS_RECORDS_MAX) {
      throw new MeterError('too-many', `records: expected at most ${WMBUS_RECORDS_MAX}`)
    }
    records.push(decodeRecord(reader, dif))
  }
  return records
}

function decodeRecord(reader: Reader, dif: number): WmbusRecord {
  const type = dif & 0x0f
  let storage = (dif >> 6) & 1
  let [tariff, subunit] = [0, 0]
  let more = (dif & EXTENSION) !== 0
  for (let count = 0; more; count++) {
    const dife = extension(reader, count, 'record.dife')
    // Each DIFE carries four more bits of the storage number, two of the tariff, one of the unit.
    storage += (dife & 0x0f) * 2 ** (1 + 4 * count)
    tariff += ((dife >> 4) & 3) * 2 ** (2 * count)
    subunit += ((dife >> 6) & 1) * 2 ** count
    more = (dife & EXTENSION) !== 0
  }
  const meaning = decodeVif(reader)
  const length = LENGTHS[type]
  if (length === undefined) {
    throw new MeterError('malformed', `record.dif: expected data, found ${dif.toString(16)}`)
  }
  const size = length < 0 ? variableBytes(reader.u8('record.lvar')) : length
  const data = reader.bytes(size, 'record.data')
  const number = meaning.quantity === 'time' ? undefined : numberOf(type, data)
  return {
    ...meaning,
    function: (dif >> 4) & 3,
    storage,
    tariff,
    subunit,
    digits: number?.digits,
    scaler: meaning.scaler + (number?.scaler ?? 0),
    bytes: data,
  }
}

function extension(reader: Reader, count: number, field: string): number {
  if (count >= WMBUS_EXTENSIONS_MAX) {
    throw new MeterError('malformed', `${field}: expected at most ${WMBUS_EXTENSIONS_MAX}`)
  }
  return reader.u8(field)
}

function variableBytes(lvar: number): number {
  if (lvar <= 0xbf) return lvar
  throw new MeterError('malformed', `record.lvar: expected text, found ${lvar.toString(16)}`)
}

/** Integers low byte first, BCD, floating point; undefined for text and invalid BCD. */
function numberOf(
  type: number,
  data: Uint8Array,
): { readonly digits: bigint; readonly scaler: number } | undefined {
  if (type === VARIABLE || data.length === 0) return undefined
  if (type === FLOAT) {
    const value = new DataView(data.buffer, data.byteOffset, 4).getFloat32(0, true)
    const digits = Math.round(value * 1_000)
    return Number.isSafeInteger(digits) ? { digits: BigInt(digits), scaler: -3 } : undefined
  }
  if (type >= BCD) return bcd(data)
  let digits = 0n
  for (const byte of data.toReversed()) digits = (digits << 8n) | BigInt(byte)
  const bits = 8 * data.length
  // All ones but the sign is "not available".
  return digits === 1n << BigInt(bits - 1)
    ? undefined
    : { digits: BigInt.asIntN(bits, digits), scaler: 0 }
}

function bcd(data: Uint8Array): { readonly digits: bigint; readonly scaler: number } | undefined {
  let text = ''
  for (const byte of data) text = byte.toString(16).padStart(2, '0') + text
  // F in the highest place is a minus; other letters mark an error.
  const negative = text.startsWith('f')
  const number = negative ? text.slice(1) : text
  if (!/^\d+$/.test(number)) return undefined
  return { digits: negative ? -BigInt(number) : BigInt(number), scaler: 0 }
}

type Meaning = Pick<WmbusRecord, 'quantity' | 'backward' | 'phase' | 'scaler' | 'unitCode'>
type Primary = Pick<WmbusRecord, 'quantity' | 'scaler' | 'unitCode'>

const OTHER: Primary = { quantity: 'other', scaler: 0, unitCode: UNIT_NONE }

function decodeVif(reader: Reader): Meaning {
  const first = reader.u8('record.vif')
  let more = (first & EXTENSION) !== 0
  let primary = primaryVif(first & ~EXTENSION)
  let count = 0
  if ((first & ~EXTENSION) === PLAIN_VIF) {
    // The unit is spelled out, behind the VIF.
    reader.skip(variableBytes(reader.u8('record.vif.length')), 'record.vif.text')
    primary = OTHER
  } else if (first === 0xfb || first === 0xfd) {
    const vife = extension(reader, count++, 'record.vife')
    primary = first === 0xfb ? secondVif(vife & ~EXTENSION) : firstVif(vife & ~EXTENSION)
    more = (vife & EXTENSION) !== 0
  } else if (first === 0xff) primary = OTHER
  let [backward, phase, scaler] = [false, 0, primary.scaler]
  let combined = false
  while (more) {
    const vife = extension(reader, count++, 'record.vife')
    more = (vife & EXTENSION) !== 0
    const meaning = vife & ~EXTENSION
    if (combined) {
      // Behind FC: 1 to 3 are the phases (EN 13757-3, table 16).
      if (meaning >= 1 && meaning <= 3) phase = meaning
      combined = false
    } else if (meaning === 0x7c) combined = true
    else if (meaning === 0x3c) backward = true
    else if (meaning >= 0x70 && meaning <= 0x77) scaler += (meaning & 7) - 6
    else if (meaning === 0x7d) scaler += 3
    // Any other extension changes what is meant: limits, averages, errors.
    else if (meaning !== 0x3b) primary = OTHER
  }
  return { ...primary, scaler, backward, phase }
}

/** EN 13757-3, table 10: the quantity and, in its last bits, the power of ten. */
function primaryVif(vif: number): Primary {
  const ranges: readonly (readonly [from: number, to: number, at: Primary])[] = [
    [0x00, 0x07, { quantity: 'energy', scaler: -3, unitCode: UNIT.wattHour }],
    [0x08, 0x0f, { quantity: 'energy', scaler: 0, unitCode: JOULE }],
    [0x10, 0x17, { quantity: 'volume', scaler: -6, unitCode: CUBIC_METRE }],
    [0x28, 0x2f, { quantity: 'power', scaler: -3, unitCode: UNIT.watt }],
    [0x38, 0x3f, { quantity: 'flow', scaler: -6, unitCode: HOURLY }],
    [0x58, 0x5b, { quantity: 'flow-temperature', scaler: -3, unitCode: UNIT.celsius }],
    [0x5c, 0x5f, { quantity: 'return-temperature', scaler: -3, unitCode: UNIT.celsius }],
    [0x60, 0x63, { quantity: 'temperature-difference', scaler: -3, unitCode: unitCode('K') }],
    [0x6c, 0x6d, { quantity: 'time', scaler: 0, unitCode: UNIT_NONE }],
    [0x6e, 0x6e, { quantity: 'cost-units', scaler: 0, unitCode: UNIT_NONE }],
  ]
  const found = ranges.find(([from, to]) => vif >= from && vif <= to)
  return found === undefined ? OTHER : { ...found[2], scaler: found[2].scaler + vif - found[0] }
}

/** Extension FB: larger energies (EN 13757-3, table 12). */
function secondVif(vife: number): Primary {
  if (vife <= 1) return { quantity: 'energy', scaler: 5 + vife, unitCode: UNIT.wattHour }
  if (vife === 8 || vife === 9) return { quantity: 'energy', scaler: vife, unitCode: JOULE }
  if (vife >= 0x2c && vife <= 0x2f) {
    return { quantity: 'frequency', scaler: vife - 0x2f, unitCode: UNIT.hertz }
  }
  return OTHER
}

/** Extension FD: voltage and current (EN 13757-3, table 14). */
function firstVif(vife: number): Primary {
  if (vife >= 0x40 && vife <= 0x4f) {
    return { quantity: 'voltage', scaler: vife - 0x49, unitCode: UNIT.volt }
  }
  if (vife >= 0x50 && vife <= 0x5f) {
    return { quantity: 'current', scaler: vife - 0x5c, unitCode: UNIT.ampere }
  }
  return OTHER
}
