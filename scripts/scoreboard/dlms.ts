import type { DecoderEvent, DecoderOptions, Reading } from '@s3mp/meter'
import { createDecoder, decimal, printable, toHex } from '@s3mp/meter'
import type { Capture, Json, JsonObject } from './corpus.ts'
import { list, number, object, text } from './corpus.ts'
import type { Score, Tally } from './score.ts'

/** Kinds of folders that hold DLMS push. */
export const DLMS_KINDS = ['dlms']

/** Decodes a DLMS capture with the key published for it and compares all that is said about it. */
export function scoreDlms(capture: Capture): Score {
  const { name, facts } = capture
  const key = hex(text(facts.key))
  const authenticationKey = hex(text(facts.auth_key))
  const events = decode(capture.bytes, 'auto', {
    bodies: true,
    ...(key === undefined ? {} : { key }),
    ...(authenticationKey === undefined ? {} : { authenticationKey }),
  })
  const readings = readingsOf(events)
  const due = telegramsDue(capture)
  const tally: Tally = { name, compared: 0, differences: [], exceptions: [] }
  const wanted = due.least === due.most ? `${due.least}` : `${due.least} to ${due.most}`
  if (readings.length < due.least || readings.length > due.most) {
    tally.differences.push(`${name}: expected ${wanted} readings, found ${readings.length}`)
  }
  if (due.keyless && !events.some((event) => reasonOf(event) === 'key-missing')) {
    tally.differences.push(`${name}: expected key-missing, found another reason`)
  }
  const [first] = readings
  if (first !== undefined) {
    compareDecoded(tally, object(facts.expected), first)
    compareObjects(tally, object(facts.expected), first)
    compareLines(tally, object(object(facts.expected).cosem), first)
    if (/CFG\d/.test(text(facts.note))) {
      compareMeasured(tally, object(object(facts.expected).VSE), first)
    }
    comparePlaintext(tally, capture.others.get('expected-plaintext.json'), first)
  }
  return {
    protocol: 'dlms',
    vendor: capture.vendor,
    file: name,
    telegrams: Math.max(due.least, Math.min(readings.length, due.most)),
    readings: readings.length,
    compared: tally.compared,
    differences: tally.differences,
    exceptions: tally.exceptions,
  }
}

function decode(
  bytes: Uint8Array,
  protocol: 'auto' | 'dlms' | 'dsmr',
  options: DecoderOptions,
): readonly DecoderEvent[] {
  const decoder = createDecoder(protocol, options)
  return [...decoder.push(bytes), ...decoder.end()]
}

function readingsOf(events: readonly DecoderEvent[]): readonly Reading[] {
  return events.flatMap((event) => (event.type === 'reading' ? [event.reading] : []))
}

function reasonOf(event: DecoderEvent): string {
  return event.type === 'discarded' ? event.reason : ''
}

interface Due {
  readonly least: number
  readonly most: number
  /** Sound frames that nobody has a key for. */
  readonly keyless: boolean
}

/** Tags of APDUs that carry readings: notification, general-glo-ciphering. */
const PUSH_TAGS = ['f', 'db']

/** How many telegrams must yield a reading, from what the source says of its capture. */
function telegramsDue({ facts, bytes, others }: Capture): Due {
  const note = text(facts.note)
  const frames = number(facts.hdlc_frames) ?? 0
  const good = (number(facts.hdlc_fcs_ok) ?? 0) + (number(facts.mbus_ok) ?? 0)
  const raw = frames === 0 && (number(facts.mbus_frames) ?? 0) === 0
  const gcm = object(facts.gcm)
  const decoded = object(facts.expected).decoded
  const none = { least: 0, most: 0, keyless: false }
  const spoiled =
    decoded === false ||
    gcm.short === true ||
    (!raw && good === 0) ||
    !PUSH_TAGS.includes(text(facts.first_apdu_tag)) ||
    loneSegment(facts, bytes) ||
    // What a source cut out of two frames, or broke on purpose.
    /merge boundary|INVALID_DATA/.test(note) ||
    saysUnread(facts)
  if (spoiled) return none
  if (Object.keys(gcm).length > 0 && text(facts.key) === '') {
    return { ...none, keyless: !/expect=(edge|reject)/.test(note) }
  }
  if (/expect=(edge|reject)/.test(note) && decoded !== true) return none
  if (text(facts.first_apdu_tag) === 'db') {
    // A plaintext without a register in it is no reading.
    const plain = text(others.get('expected-plaintext.json')?.plaintext_hex)
    if (/^0f.{8}0009/.test(plain)) return none
  }
  const stream = note.includes('stream') ? frames : 1
  return { least: stream, most: stream, keyless: false }
}

/** One HDLC frame that says itself that others follow. */
function loneSegment(facts: JsonObject, bytes: Uint8Array): boolean {
  return number(facts.hdlc_frames) === 1 && bytes[0] === 0x7e && ((bytes[1] ?? 0) & 0x08) !== 0
}

/** The source itself could not read registers of the telegram, which it had cut off. */
function saysUnread(facts: JsonObject): boolean {
  const objects = list(object(object(facts.expected).cosem).unknownObjects)
  return objects.some((line) => text(line).includes('7.0(null)'))
}

/** Values as a firmware reported them: 0 and '' where the telegram had none. */
function compareDecoded(tally: Tally, expected: JsonObject, reading: Reading): void {
  if (expected.decoded !== true) return
  near(tally, reading, '1.7.0', number(expected.activeImportW))
  near(tally, reading, '2.7.0', number(expected.activeExportW))
  const voltages = list(expected.voltage)
  // Where its voltages are not those of the mains it applied no scale, to currents neither.
  const scaled = voltages.every((volts) => volts === 0 || inMains(number(volts) ?? 0))
  if (!scaled) {
    tally.exceptions.push('dlms: voltages of an expectation are not those of the mains')
  } else {
    for (const [phase, code] of ['32.7.0', '52.7.0', '72.7.0'].entries()) {
      near(tally, reading, code, number(voltages[phase]))
    }
    for (const [phase, code] of ['31.7.0', '51.7.0', '71.7.0'].entries()) {
      // Rounded to hundredths by the source.
      near(tally, reading, code, number(list(expected.current)[phase]), 0.0051)
    }
  }
  // A firmware carries the counter over from an earlier telegram.
  const counter = number(expected.importCounter_kWh) ?? 0
  if (find(reading, '1.8.0') !== undefined) near(tally, reading, '1.8.0', counter * 1000, 10)
  const id = text(expected.meterId)
  if (/^\d{16}$/.test(id)) check(tally, reading.device === id, `device: found ${reading.device}`)
}

function inMains(volts: number): boolean {
  return volts >= 50 && volts <= 500
}

/** Raw numbers and texts by OBIS codes with dots. */
function compareObjects(tally: Tally, expected: JsonObject, reading: Reading): void {
  for (const [code, value] of Object.entries(object(expected.numbers))) {
    const wanted = number(value) ?? 0
    const register = reading.registers.find(({ obis }) => dotted(obis) === code)
    const found = register === undefined ? NaN : Number(decimal(register))
    const raw = register === undefined ? NaN : Number(register.digits)
    const ok = Math.abs(found - wanted) < 1e-6 || raw === wanted
    check(tally, ok, `${code}: expected ${wanted}, found ${found} (${raw} sent)`)
  }
  for (const [code, value] of Object.entries(object(expected.strings))) {
    const entry = reading.texts.find(({ obis }) => dotted(obis) === code)
    // Its clocks and list versions are no texts here, and empty ones are not compared.
    if (entry === undefined) continue
    const found = printable(entry.bytes) ?? ''
    check(tally, found === value, `${code}: expected ${text(value)}, found ${found}`)
  }
}

function dotted(obis: string): string {
  return obis.replace(/[-:*]/g, '.')
}

/** Lines such as `1-1:5.8.0(155900)`, numbers as sent. */
function compareLines(tally: Tally, cosem: JsonObject, reading: Reading): void {
  for (const line of [...list(cosem.knownObjects), ...list(cosem.unknownObjects)]) {
    const [, code = '', value = ''] = /^(\S+?)\((.*)\)$/.exec(text(line)) ?? []
    const register = reading.registers.find(({ obis }) => obis.startsWith(`${code}*`))
    if (register === undefined) continue
    check(
      tally,
      `${register.digits}` === value,
      `${code}: expected ${value}, found ${decimal(register)}`,
    )
  }
}

const MEASURED: Readonly<Record<string, readonly string[]>> = {
  'P+W': ['1.7.0'],
  'P-W': ['2.7.0'],
  'E+Wh': ['1.8.0'],
  'E-Wh': ['2.8.0'],
  'R+varh': ['3.8.0'],
  'R-varh': ['4.8.0'],
  U: ['32.7.0', '52.7.0', '72.7.0'],
  U1: ['32.7.0'],
  U2: ['52.7.0'],
  U3: ['72.7.0'],
  I: ['31.7.0', '51.7.0', '71.7.0'],
  I1: ['31.7.0'],
  I2: ['51.7.0'],
  I3: ['71.7.0'],
}

/** Values as people wrote them down, with the device's number. */
function compareMeasured(tally: Tally, expected: JsonObject, reading: Reading): void {
  for (const [key, value] of Object.entries(expected)) {
    const values: readonly Json[] = Array.isArray(value) ? list(value) : [value]
    for (const [index, code] of (MEASURED[key] ?? []).entries()) {
      near(tally, reading, code, number(values[index]), undefined, true)
    }
  }
  const id = text(expected.id)
  if (id !== '') check(tally, reading.device === id, `device: expected ${id}`)
}

/** The plaintext read by itself gives the same registers as the ciphered telegram. */
function comparePlaintext(tally: Tally, facts: JsonObject | undefined, reading: Reading): void {
  const plain = hex(text(facts?.plaintext_hex))
  if (plain === undefined) return
  const protocol = plain[0] === 0x2f ? 'dsmr' : 'dlms'
  const [same] = readingsOf(decode(plain, protocol, { bodies: true }))
  const registers = same?.registers ?? []
  check(
    tally,
    registers.length === reading.registers.length,
    'plaintext: another number of registers',
  )
  for (const [index, { obis, digits }] of registers.entries()) {
    const other = reading.registers[index]
    check(tally, other?.obis === obis && other.digits === digits, `plaintext: ${obis} differs`)
  }
}

function find(reading: Reading, code: string): Reading['registers'][number] | undefined {
  return reading.registers.find(({ obis }) => /^1-\d+:/.test(obis) && obis.endsWith(`:${code}*255`))
}

function near(
  tally: Tally,
  reading: Reading,
  code: string,
  wanted: number | undefined,
  tolerance = 1e-6,
  zeros = false,
): void {
  if (wanted === undefined || (wanted === 0 && !zeros)) return
  const register = find(reading, code)
  const found = register === undefined ? NaN : Number(decimal(register))
  check(tally, Math.abs(found - wanted) <= tolerance, `${code}: expected ${wanted}, found ${found}`)
}

function check(tally: Tally, ok: boolean, words: string): void {
  tally.compared++
  if (!ok) tally.differences.push(`${tally.name}: ${words}`)
}

function hex(digits: string): Uint8Array | undefined {
  if (digits === '' || !/^(?:[0-9A-Fa-f]{2})+$/.test(digits)) return undefined
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (byte) => parseInt(byte, 16))
  return toHex(bytes) === digits.toLowerCase() ? bytes : undefined
}
