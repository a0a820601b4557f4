import { unsignedAt } from './bytes.ts'

/**
 * Texts of codes kept ready, a power of two. A meter uses a few dozen codes; two that share a place
 * take turns in it.
 */
export const OBIS_CACHE_ENTRIES_MAX = 1_024

const CODE_BYTES = 6
const cachedKeys = new Float64Array(OBIS_CACHE_ENTRIES_MAX).fill(-1)
const cachedTexts: string[] = Array.from({ length: OBIS_CACHE_ENTRIES_MAX }, () => '')

/**
 * Text of a six-byte OBIS code (IEC 62056-61): 'A-B:C.D.E*F'.
 *
 * Codes of another length, which the standard does not have, come out as 'x:' and hex.
 */
export function formatObis(bytes: Uint8Array, start = 0, length = bytes.length): string {
  if (length !== CODE_BYTES) {
    let text = 'x:'
    for (let at = start; at < start + length; at++) {
      text += (bytes[at] ?? 0).toString(16).padStart(2, '0')
    }
    return text
  }
  const high = (bytes[start + 2] ?? 0) * 31 + (bytes[start + 3] ?? 0) * 7 + (bytes[start + 4] ?? 0)
  const place = (high + (bytes[start + 5] ?? 0)) & (OBIS_CACHE_ENTRIES_MAX - 1)
  const key = unsignedAt(bytes, start, CODE_BYTES)
  if (cachedKeys[place] === key) return cachedTexts[place] ?? ''
  const [a, b, c, d, e, f] = bytes.subarray(start, start + CODE_BYTES)
  const text = `${a ?? 0}-${b ?? 0}:${c ?? 0}.${d ?? 0}.${e ?? 0}*${f ?? 0}`
  cachedKeys[place] = key
  cachedTexts[place] = text
  return text
}

/** The six numbers of an OBIS text; undefined when it is none. A missing `*F` counts as 255. */
export function parseObis(text: string): readonly number[] | undefined {
  const match = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[*&](\d{1,3}))?$/.exec(text)
  if (match === null) return undefined
  const numbers = match.slice(1).map((part) => Number((part as string | undefined) ?? 255))
  return numbers.every((number) => number <= 255) ? numbers : undefined
}

/** Quantities of electricity (A = 1) with D = 7, momentary values, by C. */
const MOMENTARY: Readonly<Record<number, string>> = {
  1: 'power imported',
  2: 'power exported',
  3: 'reactive power imported',
  4: 'reactive power exported',
  9: 'apparent power imported',
  10: 'apparent power exported',
  11: 'current',
  12: 'voltage',
  13: 'power factor',
  14: 'frequency',
  15: 'power, amount',
  16: 'power, import − export',
}

/** Phases follow the totals in C by steps of 20. */
const PHASE_STEP = 20
const ENERGY: Readonly<Record<number, string>> = {
  1: 'energy imported',
  2: 'energy exported',
  3: 'reactive energy imported',
  4: 'reactive energy exported',
  5: 'reactive energy QI',
  6: 'reactive energy QII',
  7: 'reactive energy QIII',
  8: 'reactive energy QIV',
  9: 'apparent energy imported',
  10: 'apparent energy exported',
  15: 'energy, amount',
  16: 'energy, import − export',
}

const HISTORY: Readonly<Record<number, string>> = {
  96: 'last day',
  97: 'last 7 days',
  98: 'last 30 days',
  99: 'last 365 days',
  100: 'since reset',
}

const ANGLES: Readonly<Record<number, string>> = {
  1: 'angle U L2 to U L1',
  2: 'angle U L3 to U L1',
  4: 'angle I L1 to U L1',
  15: 'angle I L2 to U L2',
  26: 'angle I L3 to U L3',
}

const FIXED: Readonly<Record<string, string>> = {
  '1-0:0.0.0': 'device number',
  '1-0:0.0.9': 'server id',
  '1-0:0.2.0': 'firmware version',
  '0-0:96.1.255': 'device number',
  '1-0:96.1.0': 'server id',
  '1-0:96.5.0': 'status',
  '1-0:96.5.5': 'status',
  '1-0:96.50.1': 'manufacturer',
  '1-0:96.8.0': 'operating time',
  '129-0:96.8.0': 'operating time',
  '0-0:1.0.0': 'clock',
  '0-0:96.1.0': 'device number',
  '0-0:96.1.1': 'device number',
  '0-0:96.13.0': 'message',
  '0-0:97.97.0': 'error register',
  '6-0:6.8.0': 'heat energy',
  '6-0:6.26.0': 'heat volume',
  '0-0:96.14.0': 'tariff in use',
  '0-0:96.7.21': 'power failures',
  '0-0:96.7.9': 'long power failures',
  '1-0:32.32.0': 'voltage sags L1',
  '1-0:52.32.0': 'voltage sags L2',
  '1-0:72.32.0': 'voltage sags L3',
  '129-129:199.130.3': 'manufacturer',
  '129-129:199.130.5': 'public key',
  '1-0:97.97.0': 'error register',
}

/** What an OBIS code stands for, in words; '' for codes of makers and those hardly met. */
export function obisName(text: string): string {
  const code = parseObis(text)
  if (code === undefined) return ''
  const fixed = FIXED[text.replace(/[*&].*$/, '')]
  if (fixed !== undefined) return fixed
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 255] = code
  if (a === 0 && c === 24 && d === 2) return `meter on channel ${b}`
  if (a !== 1) return ''
  if (c === 81 && d === 7) return ANGLES[e] ?? ''
  const step = c > PHASE_STEP && c < 4 * PHASE_STEP + 1 ? Math.floor((c - 1) / PHASE_STEP) : 0
  const phase = step > 0 ? ` L${step}` : ''
  const quantity = c - step * PHASE_STEP
  if (d === 7) return join(MOMENTARY[quantity], phase, '')
  if (d !== 8) return ''
  const tariff = e > 0 ? `, tariff ${e}` : ''
  const past = f === 255 ? '' : `, ${HISTORY[f] ?? `period ${f}`}`
  return join(ENERGY[quantity], phase, tariff + past)
}

function join(name: string | undefined, phase: string, rest: string): string {
  return name === undefined ? '' : `${name}${phase}${rest}`
}
