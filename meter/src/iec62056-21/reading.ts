import type { MeterTime, Protocol, Reading, ReadingFlag, Register, TextEntry } from '../reading.ts'
import { netOfDirections } from '../net-power.ts'
import { UNIT } from '../units.ts'
import type { ObisNumbers } from './code.ts'
import { codeOf, obisText } from './code.ts'
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

/** What the whole of a telegram is asked for, met on the way through its lines. */
interface Findings {
  readonly registers: Register[]
  readonly texts: TextEntry[]
  /** Texts under the codes of groups 0, 42 and 96: names, clocks, status words. */
  readonly about: Map<string, string[]>
  hasNet: boolean
  bought: Register | undefined
  sold: Register | undefined
  twoWay: boolean
}

/**
 * Makes a reading of a telegram's lines: numbers with a unit, and counts without, become registers;
 * all else stays text. A code names one register: what is said under it again stays text, too.
 */
export function readText(lines: readonly DataEntry[], origin: TextOrigin): Reading {
  const medium = mediumOf(lines)
  const seen = new Set<string>()
  const findings: Findings = {
    registers: [],
    texts: [],
    about: new Map(),
    hasNet: false,
    bought: undefined,
    sold: undefined,
    twoWay: false,
  }
  for (const { code, values } of lines) {
    const asHeat = medium !== 1 && code.numbers[0] === 1 && code.short
    const numbers = asHeat ? heat(code.numbers) : code.numbers
    const obis = asHeat ? obisText(numbers) : code.obis
    if (LISTS.includes(numbers[2])) {
      findings.texts.push({ obis, bytes: ascii(values.map((value) => `(${value})`).join('')) })
      continue
    }
    if (isGasProfile(numbers)) addGasProfile(findings, seen, values)
    for (const value of values) {
      const register = seen.has(obis) ? undefined : registerOf(obis, numbers, value)
      if (register !== undefined) {
        seen.add(obis)
        addRegister(findings, register, numbers)
      } else if (value !== '') addText(findings, obis, numbers, value)
    }
  }
  return assemble(findings, origin)
}

function addRegister(findings: Findings, register: Register, [a, , c, d, e, f]: ObisNumbers): void {
  findings.registers.push(register)
  if (a !== 1) return
  if (d === 8 && c === 2) findings.twoWay = true
  if (d !== 7 || register.unitCode !== UNIT.watt) return
  if (c === 16) findings.hasNet = true
  const total = f === 255 && (e === 0 || e === 255)
  if (total && c === 1) findings.bought ??= register
  if (total && c === 2) findings.sold ??= register
}

function addText(findings: Findings, obis: string, [a, , c]: ObisNumbers, value: string): void {
  findings.texts.push({ obis, bytes: ascii(value) })
  const isAbout = c === 0 || c === ABSTRACT || c === 1 || c === 9 || c === 42
  if (!isAbout || (a > 1 && a !== 6)) return
  const known = findings.about.get(obis)
  if (known === undefined) findings.about.set(obis, [value.trim()])
  else known.push(value.trim())
}

function assemble(findings: Findings, origin: TextOrigin): Reading {
  const { registers, texts, about } = findings
  const maker = origin.ident?.slice(0, 3).toUpperCase()
  const net = findings.hasNet ? undefined : netOfDirections(findings, maker)
  if (net !== undefined) registers.push(net)
  const statusWord = statusOf(about)
  const meterTime = timeOf(about)
  return {
    protocol: origin.protocol,
    device: deviceOf(about),
    ...(maker === undefined ? {} : { manufacturer: maker }),
    registers,
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
    ({ code, values }) =>
      code.short && values.some((value) => value.includes('*m3') && VOLUME.test(value)),
  )
  return volume ? 6 : 1
}

const VOLUME = /\*m3(?:ph|\/h)?$/

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
function addGasProfile(
  { registers }: Findings,
  seen: Set<string>,
  values: readonly string[],
): void {
  const [, , , , name = '', unit = '', value = ''] = values
  const code = codeOf(name)
  if (code === undefined || seen.has(code.obis)) return
  const register = registerOf(code.obis, code.numbers, `${value}*${unit}`)
  if (register === undefined) return
  seen.add(code.obis)
  registers.push(register)
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

function deviceOf(about: ReadonlyMap<string, readonly string[]>): string {
  for (const [obis, values] of about) {
    const plate = PLATED.test(obis) ? values.find((value) => PLATE.test(value)) : undefined
    if (plate !== undefined) return plate
  }
  for (const code of DEVICE) {
    const first = about
      .get(code)
      ?.map(plainText)
      .find((text) => text !== '')
    if (first !== undefined) return first
  }
  return ''
}

const PLATED = /^[01]-0:(?:0\.0|96\.1)\./

/** Text that P1 sends as hex of its characters; what does not read so is left as it is. */
export function octetText(bytes: Uint8Array): string {
  return plainText(plain(bytes))
}

function plainText(text: string): string {
  if (!/^(?:[2-7][0-9A-Fa-f])+$/.test(text) || text.length < 8) return text
  const decoded = text.replace(/../g, (pair) => String.fromCharCode(parseInt(pair, 16)))
  return /^[0-9A-Za-z -]+$/.test(decoded) ? decoded : text
}

function statusOf(about: ReadonlyMap<string, readonly string[]>): bigint | undefined {
  const [text = ''] = about.get('1-0:96.5.0*255') ?? about.get('1-0:96.5.5*255') ?? []
  return /^[0-9A-Fa-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined
}

/** The meter's clock: YYMMDDhhmmss, and S or W for summer and winter time. */
function timeOf(about: ReadonlyMap<string, readonly string[]>): MeterTime | undefined {
  const at = (code: string): string => about.get(code)?.[0] ?? ''
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
