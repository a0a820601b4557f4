/** Six numbers of an OBIS code. */
export type ObisNumbers = readonly [number, number, number, number, number, number]

/** Letters that stand for numbers in value groups C and D (IEC 62056-61, annex A). */
const LETTERS: Readonly<Record<string, number>> = { C: 96, F: 97, L: 98, P: 99 }

/** 'A-B:C.D.E*F', colons for points as the examples of DSMR 4.0 have them. */
const FULL =
  /^(\d{1,3})-(\d{1,3}):(\d{1,3}|[CFLP])[.:](\d{1,3}|F)(?:[.:](\d{1,3}))?(?:[*&](\d{1,3}))?$/
/** The same with a group too many, `groupTooMany` in the list of quirks. */
const GROUP_TOO_MANY = /^(\d{1,3}-\d{1,3}:)\d{1,3}:(\d{1,3}\.\d{1,3}\.\d{1,3})$/
/** 'C.D.E*F', 'C.D', and 'F' for the error register. */
const SHORT = /^(\d{1,3}|[CFLP])\.(\d{1,3}|F)(?:\.(\d{1,3}))?(?:[*&](\d{1,3}))?$/

/** Codes kept ready. A meter uses a few dozen, the same in every telegram. */
export const CODE_CACHE_ENTRIES_MAX = 512

/** What the code of a data line stands for. */
export interface Code {
  readonly numbers: ObisNumbers
  /** The numbers as 'A-B:C.D.E*F'. */
  readonly obis: string
  /** Written without value groups A and B. */
  readonly short: boolean
  /** Written with a storage number. */
  readonly stored: boolean
}

const known = new Map<string, Code>()

/** The meaning of a data line's code; undefined when it is no code. */
export function codeOf(text: string): Code | undefined {
  const found = known.get(text)
  if (found !== undefined) return found
  const numbers = obisNumbers(text)
  if (numbers === undefined) return undefined
  const code = {
    numbers,
    obis: obisText(numbers),
    short: !text.includes('-'),
    stored: /[*&]/.test(text),
  }
  if (known.size >= CODE_CACHE_ENTRIES_MAX) known.clear()
  known.set(text, code)
  return code
}

/**
 * The six numbers that a code of a data line stands for; undefined when it is no code.
 *
 * Value groups that are left out: A and B are 0-0 before a letter, else 1-0 as of an electricity meter; E is 0, F is
 * 255 (IEC 62056-61, 4.6 and annex A).
 */
export function obisNumbers(code: string): ObisNumbers | undefined {
  if (code === 'F' || code === 'FF') return [0, 0, 97, 97, 0, 255]
  const full = FULL.exec(code)
  if (full !== null) {
    const [, a, b, c, d, e, f] = full as readonly (string | undefined)[]
    return checked([
      number(a, 0),
      number(b, 0),
      number(c, 0),
      number(d, 0),
      number(e, 0),
      number(f),
    ])
  }
  const short = SHORT.exec(code)
  if (short !== null) {
    const [, c = '', d, e, f] = short as readonly (string | undefined)[]
    const a = c in LETTERS ? 0 : 1
    return checked([a, 0, number(c, 0), number(d, 0), number(e, 0), number(f)])
  }
  const long = GROUP_TOO_MANY.exec(code)
  return long === null ? undefined : obisNumbers(`${long[1] ?? ''}${long[2] ?? ''}`)
}

/** The numbers as 'A-B:C.D.E*F'. */
export function obisText([a, b, c, d, e, f]: ObisNumbers): string {
  return `${a}-${b}:${c}.${d}.${e}*${f}`
}

function number(text: string | undefined, absent = 255): number {
  return text === undefined ? absent : (LETTERS[text] ?? Number(text))
}

function checked(numbers: ObisNumbers): ObisNumbers | undefined {
  return numbers.every((one) => one <= 255) ? numbers : undefined
}
