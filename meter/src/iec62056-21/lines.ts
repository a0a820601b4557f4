import type { ObisNumbers } from './code.ts'
import { obisNumbers } from './code.ts'
import { latin } from './framer.ts'

/** Entries of one telegram; the longest readout captured has 343. */
export const TEXT_ENTRIES_MAX = 4_096

/** A code and what stands in the brackets behind it. */
export interface DataEntry {
  readonly code: string
  /** What the code stands for if it is an electricity meter's. */
  readonly numbers: ObisNumbers
  readonly values: readonly string[]
}

/** The same while it is read: the next line may go on with its values. */
interface Entry extends DataEntry {
  readonly values: string[]
}

/** The data lines of a telegram. */
export interface TextLines {
  readonly entries: readonly DataEntry[]
  /** Lines that break the grammar. */
  readonly skipped: number
}

const ENTRY = /([0-9A-Z][0-9A-Z.:*&-]{0,31})((?:\([^()]*\))+)/y
const VALUES_ALONE = /^(?:\([^()]*\))+$/
const ACK = '\x06'

/**
 * Reads data lines: `code(value)(value)…`, several codes a line, lines of values that go on with
 * the entry before (tables, gas registers of DSMR 3), `END` and the echo of an acknowledgement
 * (IEC 62056-21, 6.5 and annex A). Undefined for more than {@link TEXT_ENTRIES_MAX} entries.
 */
export function parseLines(data: Uint8Array): TextLines | undefined {
  const entries: Entry[] = []
  let skipped = 0
  for (const padded of latin(data).split(/\r?\n/)) {
    const line = padded.trim()
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

function entriesOf(line: string): Entry[] | undefined {
  const found: Entry[] = []
  ENTRY.lastIndex = 0
  let at = 0
  while (at < line.length) {
    const match = ENTRY.exec(line)
    if (match === null) return undefined
    const [, code = ''] = match
    const numbers = obisNumbers(code)
    if (numbers === undefined) return undefined
    found.push({ code, numbers, values: valuesOf(match[2] ?? '') })
    at = ENTRY.lastIndex
  }
  return found
}

function valuesOf(text: string): string[] {
  return text.slice(1, -1).split(')(')
}
