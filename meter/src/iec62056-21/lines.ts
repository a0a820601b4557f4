import { obisNumbers } from './code.ts'
import { latin } from './framer.ts'

/** Entries of one telegram; the longest readout captured has 343. */
export const TEXT_ENTRIES_MAX = 4_096

/** A code and what stands in the brackets behind it. */
export interface DataEntry {
  readonly code: string
  readonly values: readonly string[]
}

/** The data lines of a telegram. */
export interface TextLines {
  readonly entries: readonly DataEntry[]
  /** Lines that break the grammar. */
  readonly skipped: number
}

const ENTRY = /([0-9A-Z][0-9A-Z.:*&-]{0,31})((?:\([^()]*\))+)/y
const VALUES_ALONE = /^(?:\([^()]*\))+$/
const VALUE = /\(([^()]*)\)/g
const ACK = '\x06'

/**
 * Reads data lines: `code(value)(value)…`, several codes a line, lines of values that go on with
 * the entry before (tables, gas registers of DSMR 3), `END` and the echo of an acknowledgement
 * (IEC 62056-21, 6.5 and annex A). Undefined for more than {@link TEXT_ENTRIES_MAX} entries.
 */
export function parseLines(data: Uint8Array): TextLines | undefined {
  const entries: { code: string; values: string[] }[] = []
  let skipped = 0
  for (const line of latin(data).split(/\r?\n/)) {
    if (line === '' || line === 'END' || line.startsWith(ACK)) continue
    const last = entries.at(-1)
    if (line.startsWith('(') && last !== undefined && VALUES_ALONE.test(line)) {
      for (const value of valuesOf(line)) last.values.push(value)
      continue
    }
    const found = entriesOf(line)
    if (found === undefined) skipped++
    else entries.push(...found)
    if (entries.length > TEXT_ENTRIES_MAX) return undefined
  }
  return { entries, skipped }
}

function entriesOf(line: string): { code: string; values: string[] }[] | undefined {
  const found: { code: string; values: string[] }[] = []
  ENTRY.lastIndex = 0
  let at = 0
  while (at < line.length) {
    const match = ENTRY.exec(line)
    if (match === null) return undefined
    const [, code = ''] = match
    if (obisNumbers(code) === undefined) return undefined
    found.push({ code, values: valuesOf(match[2] ?? '') })
    at = ENTRY.lastIndex
  }
  return found
}

function valuesOf(text: string): string[] {
  return [...text.matchAll(VALUE)].map((match) => match[1] ?? '')
}
