import { MeterError } from '../errors.ts'
import { parseQuantity } from '../iec62056-21/value.ts'
import type { Medium } from '../media.ts'
import { parseObis } from '../obis.ts'
import type { Reading, Register } from '../reading.ts'

/** Registers of one line. */
export const ADAPTER_REGISTERS_MAX = 64

/** Bytes of one telegram that an adapter hands over; a wireless one has at most 255. */
export const ADAPTER_TELEGRAM_BYTES_MAX = 4_096

/** What an adapter tells beside the telegram. */
export interface AdapterNote {
  /** When it was received, Unix milliseconds, by the adapter's clock. */
  readonly receivedMs?: number
  /** Strength of the signal in dBm. */
  readonly rssiDbm?: number
}

/** What one line says. */
export type AdapterLine =
  | {
      readonly kind: 'reading'
      readonly medium: Medium
      readonly reading: Reading
      readonly note: AdapterNote
    }
  | {
      readonly kind: 'telegram'
      readonly protocol: AdapterProtocol
      readonly bytes: Uint8Array
      readonly note: AdapterNote
    }

/** Protocols of telegrams that adapters hand over. */
export type AdapterProtocol = 'wmbus' | 'sml' | 'dlms' | 'd0' | 'dsmr'

const PROTOCOLS: readonly AdapterProtocol[] = ['wmbus', 'sml', 'dlms', 'd0', 'dsmr']
const MEDIA: readonly Medium[] = [
  'electricity',
  'gas',
  'heat',
  'cooling',
  'water',
  'hot-water',
  'heat-cost',
  'other',
]
const READING_KEYS = [
  'v',
  'kind',
  'device',
  'maker',
  'medium',
  'time',
  'registers',
  'received',
  'rssi',
]
const TELEGRAM_KEYS = ['v', 'kind', 'protocol', 'hex', 'received', 'rssi']
const REGISTER_KEYS = ['obis', 'value', 'unit']
const NUMBER = /^-?\d{1,15}(?:\.\d{1,9})?$/
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/
const VERSION = 1

/**
 * Reads one line of an adapter: a JSON object with these keys and no other.
 *
 * ```json
 * {"v":1,"kind":"reading","device":"12345678","medium":"water","registers":
 *   [{"obis":"8-0:1.0.0*255","value":"123.456","unit":"m3"}],"received":"2026-11-23T07:00:00Z"}
 * {"v":1,"kind":"telegram","protocol":"wmbus","hex":"2e44…","rssi":-71}
 * ```
 *
 * @throws {@link MeterError} `malformed`, naming the key: `registers[0].value: expected …, found …`.
 */
export function parseAdapterLine(text: string): AdapterLine {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return fail('line', 'a JSON object', text)
  }
  const line = record(json, 'line')
  if (line.v !== VERSION) fail('v', `${VERSION}`, line.v)
  if (line.kind === 'reading') return readingLine(line)
  if (line.kind === 'telegram') return telegramLine(line)
  return fail('kind', 'reading or telegram', line.kind)
}

function readingLine(line: Readonly<Record<string, unknown>>): AdapterLine {
  onlyKeys(line, READING_KEYS, 'line')
  const list: unknown = line.registers
  if (!Array.isArray(list) || list.length === 0 || list.length > ADAPTER_REGISTERS_MAX) {
    return fail('registers', `1 to ${ADAPTER_REGISTERS_MAX} registers`, list)
  }
  const registers = Array.from<unknown>(list).map(registerOf)
  const codes = registers.map(({ obis }) => obis)
  const twice = codes.find((code, index) => codes.indexOf(code) !== index)
  if (twice !== undefined) fail('registers', 'each code once', twice)
  const medium = MEDIA.find((one) => one === line.medium)
  if (medium === undefined) return fail('medium', `one of ${MEDIA.join(', ')}`, line.medium)
  const { maker, time } = line
  return {
    kind: 'reading',
    medium,
    reading: {
      protocol: 'adapter',
      device: words(line.device, 'device', /^[!-~](?:[ -~]{0,62}[!-~])?$/),
      ...(maker === undefined ? {} : { manufacturer: words(maker, 'maker', /^[A-Z]{3}$/) }),
      registers,
      texts: [],
      flags: [],
      ...(time === undefined
        ? {}
        : { meterTime: { kind: 'utc', seconds: Math.floor(instant(time, 'time') / 1_000) } }),
    },
    note: noteOf(line),
  }
}

function telegramLine(line: Readonly<Record<string, unknown>>): AdapterLine {
  onlyKeys(line, TELEGRAM_KEYS, 'line')
  const protocol = PROTOCOLS.find((one) => one === line.protocol)
  if (protocol === undefined) {
    return fail('protocol', `one of ${PROTOCOLS.join(', ')}`, line.protocol)
  }
  const hex = words(line.hex, 'hex', /^(?:[0-9a-fA-F]{2})+$/, 2 * ADAPTER_TELEGRAM_BYTES_MAX)
  const bytes = Uint8Array.from({ length: hex.length / 2 }, (_, at) =>
    Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  )
  return { kind: 'telegram', protocol, bytes, note: noteOf(line) }
}

function registerOf(json: unknown, index: number): Register {
  const at = `registers[${index}]`
  const register = record(json, at)
  onlyKeys(register, REGISTER_KEYS, at)
  const obis = words(register.obis, `${at}.obis`, /\*/)
  if (parseObis(obis) === undefined) fail(`${at}.obis`, "a code such as '8-0:1.0.0*255'", obis)
  const value = words(register.value, `${at}.value`, NUMBER)
  const unit = register.unit === '' ? '' : words(register.unit, `${at}.unit`, /^[^*()]{1,8}$/)
  const spelled = unit.replace('³', '3').replace('°C', 'C')
  const quantity = parseQuantity(spelled === '' ? value : `${value}*${spelled}`)
  return quantity === undefined
    ? fail(`${at}.unit`, 'a unit such as kWh, m3, C', unit)
    : { obis, ...quantity }
}

function noteOf({ received, rssi }: Readonly<Record<string, unknown>>): AdapterNote {
  if (rssi !== undefined && (typeof rssi !== 'number' || !(rssi >= -200 && rssi <= 50))) {
    return fail('rssi', 'dBm from -200 to 50', rssi)
  }
  return {
    ...(received === undefined ? {} : { receivedMs: instant(received, 'received') }),
    ...(rssi === undefined ? {} : { rssiDbm: rssi }),
  }
}

function instant(value: unknown, field: string): number {
  const ms = typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : NaN
  return Number.isNaN(ms) ? fail(field, "a time such as '2026-11-23T07:00:00Z'", value) : ms
}

function words(value: unknown, field: string, form: RegExp, most = 64): string {
  if (typeof value === 'string' && value.length <= most && form.test(value)) return value
  return fail(field, `text of the form ${form.source}`, value)
}

function record(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  return fail(field, 'an object', value)
}

function onlyKeys(
  object: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  field: string,
): void {
  const other = Object.keys(object).find((key) => !keys.includes(key))
  if (other !== undefined) fail(field, `no keys but ${keys.join(', ')}`, other)
}

function fail(field: string, expected: string, found: unknown): never {
  const shown = (JSON.stringify(found) as string | undefined) ?? 'nothing'
  throw new MeterError('malformed', `${field}: expected ${expected}, found ${shown.slice(0, 80)}`)
}
