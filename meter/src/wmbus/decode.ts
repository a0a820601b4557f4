import { createDecipheriv } from 'node:crypto'
import { Reader } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import type { Medium } from '../media.ts'
import type { Reading, Register } from '../reading.ts'
import { unitName } from '../units.ts'
import { withoutBlockChecks } from './blocks.ts'
import type { Quantity, WmbusRecord } from './records.ts'
import { decodeRecords } from './records.ts'

/** Keys of wireless M-Bus meters, sixteen bytes each, by number: eight digits as on the meter. */
export type WmbusKeys = ReadonlyMap<string, Uint8Array>

/** Why a telegram was not read. */
export type WmbusRefusal =
  'malformed' | 'unsupported' | 'key-missing' | 'key-wrong' | 'empty' | 'crc'

/** A telegram of a wireless meter, read or not. */
export type WmbusOutcome =
  { readonly medium: Medium; readonly reading: Reading } | { readonly reason: WmbusRefusal }

/** Link layer address: who sends (EN 13757-4). */
interface Address {
  readonly maker: string
  /** Eight digits. */
  readonly number: string
  readonly type: number
  /** Maker, number, version and type as on the wire: the first half of a key's vector. */
  readonly bytes: Uint8Array
}

const HEADER_BYTES = 10
const KEY_BYTES = 16
const BLOCK_BYTES = 16
const CI = { none: 0x78, short: 0x7a, long: 0x72, extended: 0x8c } as const
const MODE = { none: 0, cbc: 5 } as const
/** Decrypted data begin with two idle fillers. */
const FILLER = 0x2f

/** Device types of EN 13757-3, table 6. */
const MEDIA: Readonly<Record<number, Medium>> = {
  0x02: 'electricity',
  0x03: 'gas',
  0x04: 'heat',
  0x06: 'hot-water',
  0x07: 'water',
  0x08: 'heat-cost',
  0x0a: 'cooling',
  0x0b: 'cooling',
  0x0c: 'heat',
  0x0d: 'heat',
  0x15: 'hot-water',
  0x16: 'water',
}

/** Value groups A and C of EN 13757-1 by medium: what a meter of it measures. */
const CODES: Readonly<Partial<Record<Medium, Readonly<Partial<Record<Quantity, string>>>>>> = {
  electricity: {
    energy: '1-0:1.8.T',
    power: '1-0:1.7.0',
    voltage: '1-0:12.7.0',
    current: '1-0:11.7.0',
    frequency: '1-0:14.7.0',
  },
  gas: { volume: '7-0:3.0.0', 'flow-temperature': '7-0:41.0.0', flow: '7-0:43.0.0' },
  water: { volume: '8-0:1.0.0', flow: '8-0:2.0.0' },
  'hot-water': { volume: '9-0:1.0.0', flow: '9-0:2.0.0' },
  'heat-cost': { 'cost-units': '4-0:1.0.0' },
  heat: {
    energy: '6-0:1.0.T',
    volume: '6-0:2.0.0',
    power: '6-0:8.0.0',
    flow: '6-0:9.0.0',
    'flow-temperature': '6-0:10.0.0',
    'return-temperature': '6-0:11.0.0',
    'temperature-difference': '6-0:12.0.0',
  },
  cooling: {
    energy: '5-0:1.0.T',
    volume: '5-0:2.0.0',
    power: '5-0:8.0.0',
    flow: '5-0:9.0.0',
    'flow-temperature': '5-0:10.0.0',
    'return-temperature': '5-0:11.0.0',
    'temperature-difference': '5-0:12.0.0',
  },
}

/**
 * Reads one wireless M-Bus telegram (EN 13757-4 and -3, OMS volume 2): link layer with or without
 * its block checksums, short, long or no header, security mode 0 or 5.
 *
 * ```text
 *  L │ C │ maker, 2 │ number, 4 │ version │ type │ CI │ access │ status │ configuration, 2 │ records
 * ```
 *
 * A telegram of mode 5 that decrypts to the two idle fillers was opened by the right key; without a
 * checksum of its own in the link layer it carries `unauthenticated`.
 */
export function decodeWmbus(bytes: Uint8Array, keys: WmbusKeys = new Map()): WmbusOutcome {
  const frame = withoutBlockChecks(bytes)
  if (frame === undefined) return { reason: 'crc' }
  try {
    return decodeFrame(frame, keys)
  } catch (error) {
    if (error instanceof MeterError) return { reason: 'malformed' }
    throw error
  }
}

function decodeFrame(frame: Uint8Array, keys: WmbusKeys): WmbusOutcome {
  const reader = new Reader(frame)
  const length = reader.u8('link.length')
  if (length !== frame.length - 1 || frame.length < HEADER_BYTES + 1) return { reason: 'malformed' }
  reader.skip(1, 'link.control')
  const sender = addressOf(reader.bytes(8, 'link.address'), 'maker-first')
  let ci = reader.u8('ci')
  if (ci === CI.extended) {
    reader.skip(2, 'extended')
    ci = reader.u8('ci')
  }
  if (ci === CI.none) {
    return readingOf(sender, decodeRecords(reader.bytes(reader.remaining, 'records')), false)
  }
  if (ci !== CI.short && ci !== CI.long) return { reason: 'unsupported' }
  // A long header names the meter behind a radio adapter, which is the link layer's sender.
  const meter = ci === CI.long ? addressOf(reader.bytes(8, 'meter'), 'number-first') : sender
  const access = reader.u8('access')
  reader.skip(1, 'status')
  const [low, high] = [reader.u8('configuration'), reader.u8('configuration')]
  const rest = reader.bytes(reader.remaining, 'records')
  const mode = high & 0x1f
  if (mode === MODE.none) return readingOf(meter, decodeRecords(rest), false)
  if (mode !== MODE.cbc) return { reason: 'unsupported' }
  const encrypted = (low >> 4) * BLOCK_BYTES
  if (encrypted > rest.length) return { reason: 'malformed' }
  const key = keys.get(meter.number)
  // Adapters may have decrypted it already: then the fillers are there.
  const isPlain = rest[0] === FILLER && rest[1] === FILLER
  if (isPlain || encrypted === 0) return readingOf(meter, decodeRecords(rest), false)
  if (key?.length !== KEY_BYTES) return { reason: 'key-missing' }
  const plain = decrypt(rest, encrypted, key, meter.bytes, access)
  if (plain[0] !== FILLER || plain[1] !== FILLER) return { reason: 'key-wrong' }
  return readingOf(meter, decodeRecords(plain), true)
}

/** Mode 5 (OMS volume 2, 9.2.4): AES-128-CBC, vector of address and access number. */
function decrypt(
  data: Uint8Array,
  encrypted: number,
  key: Uint8Array,
  address: Uint8Array,
  access: number,
): Uint8Array {
  const vector = new Uint8Array(BLOCK_BYTES).fill(access)
  vector.set(address)
  const decipher = createDecipheriv('aes-128-cbc', key, vector).setAutoPadding(false)
  const plain = decipher.update(data.subarray(0, encrypted))
  return Uint8Array.from([...plain, ...decipher.final(), ...data.subarray(encrypted)])
}

function addressOf(bytes: Uint8Array, order: 'maker-first' | 'number-first'): Address {
  const wire =
    order === 'maker-first'
      ? bytes
      : Uint8Array.from([...bytes.subarray(4, 6), ...bytes.subarray(0, 4), ...bytes.subarray(6)])
  const code = (wire[0] ?? 0) + 256 * (wire[1] ?? 0)
  const letter = (shift: number): string => String.fromCharCode(0x40 + ((code >> shift) & 0x1f))
  let number = ''
  for (const byte of wire.subarray(2, 6)) number = byte.toString(16).padStart(2, '0') + number
  return {
    maker: letter(10) + letter(5) + letter(0),
    number,
    type: wire[7] ?? 0,
    bytes: wire,
  }
}

function readingOf(
  { maker, number, type }: Address,
  records: readonly WmbusRecord[],
  isEncrypted: boolean,
): WmbusOutcome {
  const medium = MEDIA[type] ?? 'other'
  const registers = new Map<string, Register>()
  for (const record of records) {
    const obis = codeOf(medium, record)
    if (obis === undefined || record.digits === undefined || registers.has(obis)) continue
    const { digits, scaler, unitCode } = record
    registers.set(obis, { obis, digits, scaler, unit: unitName(unitCode), unitCode })
  }
  if (registers.size === 0) return { reason: 'empty' }
  return {
    medium,
    reading: {
      protocol: 'wmbus',
      device: number,
      ...(/^[A-Z]{3}$/.test(maker) ? { manufacturer: maker } : {}),
      registers: [...registers.values()],
      texts: [],
      flags: isEncrypted ? ['unauthenticated'] : [],
    },
  }
}

/** The code of a momentary value or of one stored at an end of period; undefined for all others. */
function codeOf(medium: Medium, record: WmbusRecord): string | undefined {
  const { quantity, storage, tariff, subunit, backward, phase } = record
  const code = CODES[medium]?.[quantity]
  if (code === undefined || record.function !== 0 || subunit !== 0) return undefined
  if (storage > 99 || tariff > 9) return undefined
  const total = code.replace('T', String(tariff))
  const way = backward && medium === 'electricity' ? total.replace(/^1-0:1\./, '1-0:2.') : total
  if (backward && way === total) return undefined
  return `${phased(way, phase, quantity)}*${storage === 0 ? 255 : storage}`
}

/** Phases follow the totals in value group C by steps of 20; voltage without a phase is that of L1. */
function phased(code: string, phase: number, quantity: Quantity): string {
  const step = phase === 0 && (quantity === 'voltage' || quantity === 'current') ? 1 : phase
  return code.replace(/:(\d+)\./, (_, c: string) => `:${Number(c) + 20 * step}.`)
}
