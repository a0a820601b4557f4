import type { DecoderEvent, Reading } from '@s3mp/meter'
import { createDecoder, decimal } from '@s3mp/meter'
import type { Capture, JsonObject } from './corpus.ts'
import { list, object, text } from './corpus.ts'
import type { Score, Tally } from './score.ts'

/** Kinds of folders that hold text telegrams: IEC 62056-21 and DSMR P1. */
export const TEXT_KINDS = ['d0', 'dsmr']

/** Decodes a capture of text telegrams and compares it with the lines that are expected. */
export function scoreText(capture: Capture): Score {
  const decoder = createDecoder('auto', { bodies: true })
  const events: readonly DecoderEvent[] = [...decoder.push(capture.bytes), ...decoder.end()]
  const readings = events.filter((event) => event.type === 'reading').map((event) => event.reading)
  const lines = capture.others.get('expected-lines.json') ?? {}
  const due = telegramsDue(capture, lines)
  const differences: string[] = []
  const exceptions = due.why === '' ? [] : [`${capture.name}: ${due.why}`]
  if (readings.length !== due.count) {
    differences.push(`${capture.name}: expected ${due.count} readings, found ${readings.length}`)
  }
  const tally = { name: capture.name, compared: 0, differences, exceptions }
  const reading = readings.at(-1)
  if (reading !== undefined) compareLines(tally, capture, lines, reading)
  return {
    protocol: capture.kind,
    vendor: capture.vendor,
    file: capture.name,
    telegrams: due.count,
    readings: readings.length,
    compared: tally.compared,
    differences,
    exceptions,
  }
}

/** Whether a file's telegram must yield a reading, from the state of its checksum and its end. */
function telegramsDue(
  capture: Capture,
  lines: JsonObject,
): { readonly count: number; readonly why: string } {
  const content = latin(capture.bytes)
  if (list(lines.entries).length === 0) return { count: 0, why: '' }
  const checks = [object(lines.crc), object(lines.bcc)]
  if (checks.some(({ ok }) => ok === false)) {
    const second = lastTelegram(content)
    return second.first || !second.holds
      ? { count: 0, why: '' }
      : { count: 1, why: 'a cut telegram stands before one whose checksum holds' }
  }
  return content.includes('!') ? { count: 1, why: '' } : { count: 0, why: 'stops before its `!`' }
}

/** The part from the last line that begins with `/`, and whether its CRC-16 holds. */
function lastTelegram(content: string): { readonly first: boolean; readonly holds: boolean } {
  const at = content.lastIndexOf('\n/') + 1
  const end = content.lastIndexOf('!') + 1
  const sent = /^[0-9A-F]{1,4}/.exec(content.slice(end))?.[0] ?? ''
  let crc = 0
  for (const letter of content.slice(at, end)) {
    crc ^= letter.charCodeAt(0)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return { first: at === 0, holds: crc === parseInt(sent, 16) }
}

function compareLines(tally: Tally, capture: Capture, lines: JsonObject, reading: Reading): void {
  const content = latin(capture.bytes)
  const entries = list(lines.entries).map((entry) => list(entry))
  // Where a cut telegram stands in front, its lines are in the list, too.
  const own = tally.exceptions.length > 0 ? lastBlock(entries.map(([code]) => text(code))) : 0
  for (const [code, values] of entries.slice(own)) {
    const obis = fullCode(text(code), content)
    for (const value of list(values).map(text)) {
      if (value === '') continue
      tally.compared++
      if (has(reading, obis, value)) continue
      const line = content.split(/\r?\n/).find((one) => one.includes(`(${value})`)) ?? ''
      if (reading.flags.includes('lines-skipped') && /\({2}|\){2}|\([^)]*$/.test(line)) {
        tally.exceptions.push(`${tally.name}: ${line} has brackets without partner`)
      } else
        tally.differences.push(`${tally.name}: ${obis}: expected ${value}, found nothing alike`)
    }
  }
}

/** Index of the last entry that repeats the first one's code. */
function lastBlock(codes: readonly string[]): number {
  return Math.max(0, codes.lastIndexOf(codes[0] ?? ''))
}

/** The code as a reading has it, written down anew here and not taken from the decoder. */
function fullCode(code: string, content: string): string {
  if (code === 'F' || code === 'FF' || code === 'F.F') return '0-0:97.97.0*255'
  const letters = code
    .replace(/\b(C|F|L|P)\b/g, (letter) => String({ C: 96, F: 97, L: 98 }[letter] ?? 99))
    .replaceAll(':', '.')
  const [, area = '', rest = letters] = /^(\d+-\d+)\.(.*)$/.exec(letters) ?? []
  const [groups = '', storage = '255'] = rest.split('*')
  const [c = '', d = '', e = '0'] = groups.split('.')
  const medium = content.includes('*m3)6.') ? '6-0' : '1-0'
  const place = area === '' ? (Number(c) >= 96 && !/^\d/.test(code) ? '0-0' : medium) : area
  return `${place}:${c}.${d}.${e}*${Number(storage)}`
}

/** Powers of ten between units as meters write them and those of a register. */
const SCALES: Readonly<Record<string, number>> = { k: 3, M: 6, G: 9 }

function has(reading: Reading, obis: string, value: string): boolean {
  const number = /^([+-]?)(\d+)(\.\d+)?(?:[* ]+([kMG]?)([A-Za-z]\w*))?$/.exec(value)
  if (number !== null) {
    const [, sign = '', whole = '', point = '', prefix = ''] = number
    const wanted = shifted(sign, whole, point.slice(1), SCALES[prefix] ?? 0)
    const same = reading.registers.some(
      (register) => register.obis === obis && plainNumber(decimal(register)) === wanted,
    )
    if (same) return true
  }
  // DSMR 2 and 3 say in one line which register the next line's number belongs to.
  if (number !== null && obis.includes(':24.3.0')) {
    return has(reading, obis.replace(':24.3.0', ':24.2.1'), value) || hasText(reading, obis, value)
  }
  return hasText(reading, obis, value)
}

function hasText(reading: Reading, obis: string, value: string): boolean {
  return reading.texts.some(
    (entry) => entry.obis === obis && listed(latin(entry.bytes)).includes(value),
  )
}

/** Values of a list, or the one value. */
function listed(found: string): readonly string[] {
  return found.startsWith('(') ? found.slice(1, -1).split(')(') : [found]
}

/** A decimal moved by powers of ten, without zeros that say nothing. */
function shifted(sign: string, whole: string, fraction: string, places: number): string {
  const digits = whole + fraction.padEnd(places, '0')
  const point = whole.length + places
  return plainNumber(`${sign === '-' ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`)
}

function plainNumber(decimalText: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d*)\.?(\d*)$/.exec(decimalText) ?? []
  const short = `${whole.replace(/^0+/, '')}.${fraction.replace(/0+$/, '')}`
  return short === '.' ? '0' : `${sign}${short}`
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
