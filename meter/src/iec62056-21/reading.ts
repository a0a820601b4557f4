import type { MeterTime, Protocol, Reading, ReadingFlag, Register, TextEntry } from '../reading.ts'
import { QUIRKS, mayHave } from '../quirks.ts'
import { UNIT } from '../units.ts'
import type { ObisNumbers } from './code.ts'
import { isShort, obisNumbers, obisText } from './code.ts'
import { latin } from './framer.ts'
import type { DataEntry } from './lines.ts'
import { parseQuantity } from './value.ts'

/** What is known of a telegram beside its lines. */
export interface TextOrigin {
  readonly protocol: Protocol
  /** Identification line without `/`. */
  readonly ident: string | undefined
  readonly flags: readonly ReadingFlag[]
}

/** Value group C of lists and profiles: their values belong together and stay text. */
const LISTS = [98, 99]
/** Value group C of what is said about the device itself. */
const ABSTRACT = 96
const NET_POWER = '1-0:16.7.0*255'

/**
 * Makes a reading of a telegram's lines: numbers with a unit, and counts without, become registers;
 * all else stays text. A code names one register: what is said under it again stays text, too.
 */
export function readText(lines: readonly DataEntry[], origin: TextOrigin): Reading {
  const medium = mediumOf(lines)
  const registers = new Map<string, Register>()
  const texts: TextEntry[] = []
  for (const { code, numbers: usual, values } of lines) {
    const numbers = medium === 1 || usual[0] !== 1 || !isShort(code) ? usual : heat(usual)
    const obis = obisText(numbers)
    if (LISTS.includes(numbers[2])) {
      texts.push({ obis, bytes: ascii(values.map((value) => `(${value})`).join('')) })
      continue
    }
    if (isGasProfile(numbers)) addGasProfile(registers, values)
    for (const value of values) {
      const register = registers.has(obis) ? undefined : registerOf(obis, numbers, value)
      if (register !== undefined) registers.set(obis, register)
      else if (value !== '') texts.push({ obis, bytes: ascii(value) })
    }
  }
  return assemble([...registers.values()], texts, origin)
}

function assemble(
  registers: readonly Register[],
  texts: readonly TextEntry[],
  origin: TextOrigin,
): Reading {
  const maker = origin.ident?.slice(0, 3).toUpperCase()
  const net = netPower(registers, maker)
  const statusWord = statusOf(texts)
  const meterTime = timeOf(texts)
  return {
    protocol: origin.protocol,
    device: deviceOf(texts),
    ...(maker === undefined ? {} : { manufacturer: maker }),
    registers: net === undefined ? registers : [...registers, net],
    texts,
    flags: origin.flags,
    ...(statusWord === undefined ? {} : { statusWord }),
    ...(meterTime === undefined ? {} : { meterTime }),
  }
}

/**
 * Short codes name no medium. Heat meters give volumes beside energy under theirs, which no
 * electricity meter does.
 */
function mediumOf(lines: readonly DataEntry[]): 1 | 6 {
  const volume = lines.some(
    ({ code, values }) => isShort(code) && values.some((value) => /\*m3(?:ph|\/h)?$/.test(value)),
  )
  return volume ? 6 : 1
}

/** A short code that names no medium, in the telegram of a heat meter. */
function heat([, b, c, d, e, f]: ObisNumbers): ObisNumbers {
  return [6, b, c, d, e, f]
}

function registerOf(obis: string, numbers: ObisNumbers, value: string): Register | undefined {
  const quantity = parseQuantity(value)
  if (quantity === undefined) return undefined
  return quantity.unit !== '' || isCount(numbers) ? { obis, ...quantity } : undefined
}

/** Numbers that mean something without a unit: measured values of a meter that sends none, counts. */
function isCount([a, , c, d]: ObisNumbers): boolean {
  if (a === 0) return c === ABSTRACT && d === 7
  if (a !== 1 || c === 0 || c >= ABSTRACT) return false
  return (d >= 2 && d <= 9) || ([32, 52, 72].includes(c) && (d === 32 || d === 36))
}

function isGasProfile([a, , c, d, e]: ObisNumbers): boolean {
  return a === 0 && c === 24 && d === 3 && e === 0
}

/** DSMR 2 and 3: `0-n:24.3.0(time)(00)(60)(1)(0-n:24.2.1)(m3)` and on the next line the value. */
function addGasProfile(registers: Map<string, Register>, values: readonly string[]): void {
  const [, , , , code = '', unit = '', value = ''] = values
  const numbers = obisNumbers(code)
  if (numbers === undefined) return
  const register = registerOf(obisText(numbers), numbers, `${value}*${unit}`)
  if (register !== undefined && !registers.has(register.obis)) {
    registers.set(register.obis, register)
  }
}

/** Import less export, where the meter does not say it itself and both sides are known. */
function netPower(registers: readonly Register[], maker: string | undefined): Register | undefined {
  const find = (pattern: RegExp): Register | undefined =>
    registers.find(({ obis, unitCode }) => unitCode === UNIT.watt && pattern.test(obis))
  if (find(/^1-\d+:16\.7\./) !== undefined) return undefined
  const bought = find(/^1-\d+:1\.7\.(?:0|255)\*255$/)
  const sold = find(/^1-\d+:2\.7\.(?:0|255)\*255$/)
  if (bought === undefined) return undefined
  const twoWay = registers.some(({ obis }) => /^1-\d+:2\.8\./.test(obis))
  const signed = maker !== undefined && mayHave(QUIRKS.signedImport, maker)
  if (sold === undefined && twoWay && !signed && bought.digits >= 0n) return undefined
  const scaler = Math.min(bought.scaler, sold?.scaler ?? bought.scaler)
  const at = ({ digits, scaler: own }: Register): bigint => digits * 10n ** BigInt(own - scaler)
  const digits = at(bought) - (sold === undefined ? 0n : at(sold))
  return { ...bought, obis: NET_POWER, digits, scaler, derived: true }
}

/** Where the number of a device may stand, best first; P1 writes it as the hex of its text. */
const DEVICE = [
  '0-0:96.1.255*255',
  '1-0:96.1.0*255',
  '0-0:96.1.1*255',
  '0-0:42.0.0*255',
  '0-0:96.1.0*255',
  '1-0:0.0.0*255',
  '6-0:0.0.0*255',
  '6-0:9.21.0*255',
]
/** Medium, maker, block and serial number as on the name plate (DIN 43863-5). */
const PLATE = /^\d[A-Z]{3}\d{10}$/

function deviceOf(texts: readonly TextEntry[]): string {
  const plate = texts.find(
    ({ obis, bytes }) => /^[01]-0:(?:0\.0|96\.1)\./.test(obis) && PLATE.test(plain(bytes)),
  )
  if (plate !== undefined) return plain(plate.bytes)
  for (const code of DEVICE) {
    const name = texts.filter(({ obis }) => obis === code).map(({ bytes }) => octetText(bytes))
    const first = name.find((text) => text !== '')
    if (first !== undefined) return first
  }
  return ''
}

/** Text that P1 sends as hex of its characters; what does not read so is left as it is. */
export function octetText(bytes: Uint8Array): string {
  const text = plain(bytes)
  if (!/^(?:[2-7][0-9A-Fa-f])+$/.test(text) || text.length < 8) return text
  const decoded = text.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16)))
  return /^[0-9A-Za-z -]+$/.test(decoded) ? decoded : text
}

function statusOf(texts: readonly TextEntry[]): bigint | undefined {
  const entry = texts.find(({ obis }) => /^1-0:96\.5\.[05]\*255$/.test(obis))
  const text = entry === undefined ? '' : plain(entry.bytes)
  return /^[0-9A-Fa-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined
}

/** The meter's clock: YYMMDDhhmmss, and S or W for summer and winter time. */
function timeOf(texts: readonly TextEntry[]): MeterTime | undefined {
  const at = (code: string): string => {
    const entry = texts.find(({ obis }) => obis === code)
    return entry === undefined ? '' : plain(entry.bytes)
  }
  const clock = clockTime(at('0-0:1.0.0*255'))
  if (clock !== undefined) return clock
  // Date and time apart, with or without marks, a season's digit or the century in front.
  const digits = (code: string): string => at(code).replace(/\D/g, '').slice(-6)
  return wallTime(digits('1-0:0.9.2*255') + digits('1-0:0.9.1*255'), '')
}

/** YYMMDDhhmmss, and S or W where the season is said: what a meter's clock shows. */
export function clockTime(text: string): MeterTime | undefined {
  const parts = /^(\d{12})([SWsw]?)$/.exec(text.trim())
  return parts === null ? undefined : wallTime(parts[1] ?? '', (parts[2] ?? '').toUpperCase())
}

function wallTime(digits: string, season: string): MeterTime | undefined {
  const pairs = /^\d{12}$/.test(digits) ? digits.match(/../g)?.map(Number) : undefined
  if (pairs === undefined) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = pairs
  const date = new Date(Date.UTC(2000 + year, month - 1, day, hour, minute, second))
  // What Date moved to another day or hour is no date.
  const written = date.toISOString().slice(2, 19).replace(/\D/g, '')
  if (written !== digits) return undefined
  return {
    kind: 'wall',
    seconds: date.getTime() / 1000,
    ...(season === '' ? {} : { summer: season === 'S' }),
  }
}

function plain(bytes: Uint8Array): string {
  return latin(bytes).trim()
}

function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}
