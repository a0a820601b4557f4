import type { Code } from './code.ts'
import { codeOf } from './code.ts'
import { latin } from './framer.ts'

/** Entries of one telegram; the longest readout captured has 343. */
export const TEXT_ENTRIES_MAX = 4_096

/** A code and what stands in the brackets behind it. */
export interface DataEntry {
  /** What the code stands for if it is an electricity meter's. */
  readonly code: Code
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

/** Letters of a code, value groups of three digits and their marks. */
const CODE_LETTERS_MAX = 32
const ACK = 0x06
const BLANK = 0x20
const OPEN = 0x28

/**
 * Reads data lines: `code(value)(value)…`, several codes a line, lines of values that go on with
 * the entry before (tables, gas registers of DSMR 3), `END` and the echo of an acknowledgement
 * (IEC 62056-21, 6.5 and annex A). Undefined for more than {@link TEXT_ENTRIES_MAX} entries.
 */
export function parseLines(data: Uint8Array): TextLines | undefined {
  const text = latin(data)
  const entries: Entry[] = []
  let skipped = 0
  for (let next = 0; next < text.length;) {
    const newline = text.indexOf('\n', next)
    let [from, to] = [next, newline < 0 ? text.length : newline]
    next = to + 1
    // Blanks and CR around a line mean nothing.
    while (from < to && text.charCodeAt(from) <= BLANK && text.charCodeAt(from) !== ACK) from++
    while (to > from && text.charCodeAt(to - 1) <= BLANK) to--
    if (from === to || text.charCodeAt(from) === ACK || isEnd(text, from, to)) continue
    if (!addLine(entries, text, from, to)) skipped++
    if (entries.length > TEXT_ENTRIES_MAX) return undefined
  }
  return { entries, skipped }
}

function isEnd(text: string, from: number, to: number): boolean {
  return to - from === 3 && text.startsWith('END', from)
}

/** Adds what a line says, all or nothing; false where it breaks the grammar. */
function addLine(entries: Entry[], text: string, from: number, to: number): boolean {
  const before = entries.length
  let at = from
  let values: string[] | undefined
  if (text.charCodeAt(from) === OPEN) {
    values = entries.at(-1)?.values
    const more: string[] = []
    if (values === undefined || addValues(more, text, from, to) !== to) return false
    for (const value of more) values.push(value)
    return true
  }
  while (at < to) {
    const open = text.indexOf('(', at)
    const code =
      open < 0 || open >= to || open - at > CODE_LETTERS_MAX
        ? undefined
        : codeOf(text.slice(at, open))
    values = []
    const end = code === undefined ? -1 : addValues(values, text, open, to)
    if (code === undefined || end < 0) {
      entries.length = before
      return false
    }
    entries.push({ code, values })
    at = end
  }
  return true
}

/** Adds the values of brackets one after the other; answers the position behind, −1 for bad ones. */
function addValues(values: string[], text: string, from: number, to: number): number {
  let at = from
  while (at < to && text.charCodeAt(at) === OPEN) {
    const close = text.indexOf(')', at)
    if (close < 0 || close >= to) return -1
    const value = text.slice(at + 1, close)
    if (value.includes('(')) return -1
    values.push(value)
    at = close + 1
  }
  return at
}
