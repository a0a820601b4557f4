import type { DecoderEvent, Reading, Register } from '@s3mp/meter'
import { createDecoder, decimal } from '@s3mp/meter'
import type { Capture, Json, JsonObject } from './corpus.ts'
import { list, number, object, text } from './corpus.ts'
import type { Score, Tally } from './score.ts'

/** Kinds of folders that hold SML. */
export const SML_KINDS = ['sml', 'sml-frame-only']

/** Decodes an SML capture and compares it with everything that is said about it. */
export function scoreSml(capture: Capture): Score {
  const decoder = createDecoder('auto', { bodies: true })
  const events: readonly DecoderEvent[] = [...decoder.push(capture.bytes), ...decoder.end()]
  const readings = events.filter((event) => event.type === 'reading').map((event) => event.reading)
  const differences: string[] = []
  const exceptions: string[] = []
  const due = telegramsDue(capture.facts)
  if (readings.length < due.least || readings.length > due.most) {
    const wanted = due.least === due.most ? `${due.least}` : `${due.least} to ${due.most}`
    differences.push(`${capture.name}: expected ${wanted} readings, found ${readings.length}`)
  }
  const tally: Tally = { name: capture.name, compared: 0, differences, exceptions }
  compareFacts(tally, object(capture.facts.expected), readings)
  const libsml = capture.others.get('expected-libsml.json')
  if (libsml !== undefined) compareLibsml(tally, libsml, readings, due.broken)
  return {
    protocol: 'sml',
    vendor: capture.vendor,
    file: capture.name,
    telegrams: Math.max(due.least, Math.min(readings.length, due.most)),
    readings: readings.length,
    compared: tally.compared,
    differences,
    exceptions,
  }
}

/** How many telegrams of a file must yield a reading, from its counts of checksums that hold. */
function telegramsDue(facts: JsonObject): {
  readonly least: number
  readonly most: number
  readonly broken: number
} {
  const frames = object(facts.transport_crc)
  const messages = object(facts.message_crc)
  const badMessages = number(messages.bad) ?? 0
  const goodMessages = (number(messages.x25) ?? 0) + (number(messages.kermit) ?? 0)
  const bodies = number(frames.none) ?? 0
  const goodFrames = (number(frames.x25) ?? 0) + (number(frames.kermit) ?? 0)
  const broken = number(frames.bad) ?? 0
  const most = goodFrames + bodies
  // Which frame holds the bad messages is not said, unless no frame is good but this one.
  const spoiled = broken > 0 ? 0 : badMessages
  const least = goodMessages === 0 ? 0 : Math.max(0, most - spoiled)
  return { least, most: spoiled > 0 && most === 1 ? 0 : most, broken }
}

const SHORT_NAMES: Readonly<Record<string, string>> = { sum: '1-0:1.8.0', T1: '1-0:1.8.1' }

/** Values that the source of a capture states, in the spellings that sources use. */
function compareFacts(tally: Tally, expected: JsonObject, readings: readonly Reading[]): void {
  const [first] = readings
  if (first === undefined) return
  for (const [key, value] of Object.entries(expected)) {
    if (key === 'obis_count') {
      const found =
        first.texts.length + first.registers.filter(({ derived }) => derived !== true).length
      check(tally, found === value, `expected ${JSON.stringify(value)} entries, found ${found}`)
      continue
    }
    const [name = '', unit = ''] = key.split('_')
    const obis = SHORT_NAMES[name] ?? name
    const wanted = statedValue(value, unit)
    if (wanted === undefined) continue
    const registers = readings.flatMap((reading) => reading.registers)
    const found = registers.filter((register) => register.obis.startsWith(obis))
    check(
      tally,
      found.some((register) => near(wanted, register)),
      `${obis}: expected ${wanted.text}, found ${found.slice(0, 3).map(decimal).join(', ')}`,
    )
  }
}

interface Stated {
  readonly value: number
  /** Half of the last digit given, since sources round. */
  readonly tolerance: number
  readonly text: string
}

function statedValue(value: Json, unit: string): Stated | undefined {
  const plain = number(value)
  const entry = object(value)
  const raw = number(entry.true_raw_unsigned) ?? number(entry.raw)
  if (raw !== undefined) {
    const scaled = raw * 10 ** (number(entry.scaler) ?? 0)
    return { value: scaled, tolerance: 1e-6, text: String(scaled) }
  }
  const given = plain ?? number(entry.value)
  if (given === undefined) return undefined
  const factor = (unit || text(entry.unit)) === 'kWh' ? 1000 : 1
  const decimals = (/\.(\d+)$/.exec(String(given))?.[1] ?? '').length
  const tolerance = factor * 10 ** -decimals
  return { value: given * factor, tolerance, text: `${given * factor}` }
}

function near(wanted: Stated, register: Register): boolean {
  return Math.abs(Number(decimal(register)) - wanted.value) <= wanted.tolerance
}

/** At most so many telegrams a file are in libsml's list. */
const LIBSML_TELEGRAMS = 20

/** libsml's values, telegram by telegram: the two lists are laid side by side where they fit best. */
function compareLibsml(
  tally: Tally,
  facts: JsonObject,
  readings: readonly Reading[],
  broken: number,
): void {
  const theirs = list(facts.telegrams)
    .map((telegram) => list(object(telegram).entries).map(object))
    .filter((entries) => entries.length > 0)
  const ours = readings.slice(0, LIBSML_TELEGRAMS + broken)
  let spare = broken
  for (const [index, partner] of align(theirs, ours).entries()) {
    const entries = theirs[index] ?? []
    if (partner === undefined) {
      if (spare > 0) {
        spare--
        tally.exceptions.push(`${tally.name}: libsml takes a telegram whose transport CRC is wrong`)
      } else check(tally, false, `libsml has a telegram more, its number ${index + 1}`)
      continue
    }
    for (const entry of entries) {
      const verdict = compareEntry(entry, partner)
      if (verdict === 'wire') {
        tally.exceptions.push(
          `${tally.name}: libsml shows ${text(entry.obis)} as on the wire, before its sign was repaired`,
        )
      } else {
        const found = partner.registers.find(({ obis }) => obis === entry.obis)
        check(
          tally,
          verdict === 'same',
          `${text(entry.obis)}: expected ${String(number(entry.raw))}e${String(number(entry.scaler))}` +
            `, found ${found === undefined ? 'nothing' : decimal(found)}`,
        )
      }
    }
  }
}

/** For each of `theirs` the reading that goes with it, order kept, fewest values different. */
function align(
  theirs: readonly (readonly JsonObject[])[],
  ours: readonly Reading[],
): readonly (Reading | undefined)[] {
  const width = ours.length + 1
  const cost = new Float64Array((theirs.length + 1) * width)
  const at = (row: number, column: number): number => row * width + column
  for (let row = theirs.length - 1; row >= 0; row--) {
    const entries = theirs[row] ?? []
    const skip = entries.length
    cost[at(row, ours.length)] = (cost[at(row + 1, ours.length)] ?? 0) + skip
    for (let column = ours.length - 1; column >= 0; column--) {
      cost[at(row, column)] = Math.min(
        (cost[at(row + 1, column)] ?? 0) + skip,
        (cost[at(row, column + 1)] ?? 0) + 0.01,
        (cost[at(row + 1, column + 1)] ?? 0) + distance(entries, ours[column]),
      )
    }
  }
  const pairs: (Reading | undefined)[] = []
  for (let row = 0, column = 0; row < theirs.length;) {
    const entries = theirs[row] ?? []
    const here = cost[at(row, column)] ?? 0
    const together = (cost[at(row + 1, column + 1)] ?? 0) + distance(entries, ours[column])
    if (column < ours.length && here === together) {
      pairs.push(ours[column])
      row++
      column++
    } else if (column < ours.length && here === (cost[at(row, column + 1)] ?? 0) + 0.01) column++
    else {
      pairs.push(undefined)
      row++
    }
  }
  return pairs
}

function distance(entries: readonly JsonObject[], reading: Reading | undefined): number {
  if (reading === undefined) return Infinity
  return entries.filter((entry) => compareEntry(entry, reading) === 'other').length
}

/** `wire` where libsml has what stood on the wire and our reading says that it repaired it. */
function compareEntry(entry: JsonObject, reading: Reading): 'same' | 'wire' | 'other' {
  const obis = text(entry.obis)
  const raw = number(entry.raw)
  if (raw === undefined) {
    const wanted = text(entry.octets)
    const found = reading.texts.some(
      (one) => one.obis === obis && Buffer.from(one.bytes).toString('hex') === wanted,
    )
    return found || entry.octets === undefined ? 'same' : 'other'
  }
  // Above 2^53 libsml's JSON has lost digits; numbers compare as far as they go.
  const matches = (digits: bigint): boolean => Number(digits) === raw
  let result: 'same' | 'wire' | 'other' = 'other'
  for (const register of reading.registers) {
    if (register.obis !== obis || register.derived === true) continue
    const unit = number(entry.unit)
    const sameShape =
      register.scaler === (number(entry.scaler) ?? 0) &&
      (unit === undefined || register.unitCode === unit)
    if (!sameShape) continue
    if (matches(register.digits)) return 'same'
    if (register.wireDigits !== undefined && matches(register.wireDigits)) result = 'wire'
  }
  return result
}

function check(tally: Tally, ok: boolean, words: string): void {
  tally.compared++
  if (!ok) tally.differences.push(`${tally.name}: ${words}`)
}
