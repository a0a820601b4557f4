import type { ReadingView, RegisterView } from '../../api.ts'

/** Sum active power, signed: positive is drawn from the grid, negative fed into it. */
export const POWER_OBIS = '1-0:16.7.0*255'
/** Active energy drawn from the grid, all tariffs. */
export const IMPORT_OBIS = '1-0:1.8.0*255'
/** Active energy fed into the grid, all tariffs. */
export const EXPORT_OBIS = '1-0:2.8.0*255'

const POWER_DRAWN_OBIS = '1-0:1.7.0*255'
const POWER_FED_OBIS = '1-0:2.7.0*255'

/** Which way the energy flows. */
export type Direction = 'drawn' | 'fed' | 'still'

/** Power now, as a picture needs it. */
export interface PowerNow {
  /** Positive is drawn from the grid. */
  readonly watts: number
  readonly direction: Direction
}

/** The register of that OBIS code; a code without storage group (`*255`) is the same register. */
export function findRegister(
  registers: readonly RegisterView[],
  obis: string,
): RegisterView | undefined {
  const bare = obis.replace(/\*255$/, '')
  return registers.find((register) => register.obis.replace(/\*255$/, '') === bare)
}

/** A register's value in its base unit (kW to W, kWh to Wh), for drawing only. */
export function numeric(register: RegisterView | undefined): number | undefined {
  if (register === undefined) return undefined
  const value = Number(register.value)
  if (!Number.isFinite(value)) return undefined
  return register.unit.startsWith('k') ? value * 1000 : value
}

/** Power now and its direction; undefined for a meter that does not tell its power. */
export function powerOf(reading: Pick<ReadingView, 'registers'>): PowerNow | undefined {
  const sum = numeric(findRegister(reading.registers, POWER_OBIS))
  const drawn = numeric(findRegister(reading.registers, POWER_DRAWN_OBIS))
  const fed = numeric(findRegister(reading.registers, POWER_FED_OBIS))
  const watts =
    sum ?? (drawn === undefined && fed === undefined ? undefined : (drawn ?? 0) - (fed ?? 0))
  if (watts === undefined) return undefined
  // Less than half a watt is a meter at rest, not a direction.
  const direction = Math.abs(watts) < 0.5 ? 'still' : watts > 0 ? 'drawn' : 'fed'
  return { watts, direction }
}

/** The parts of an OBIS code (IEC 62056-61): medium-channel:quantity.kind.tariff*storage. */
export interface ObisParts {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly e: number
  /** 255 for the value of now, below that one that the meter has stored at the end of a period. */
  readonly f: number
}

/** The last group of an OBIS code where the value is that of now. */
export const NOW = 255

/** Takes "1-0:16.7.0*255" apart; undefined for text that is no OBIS code. */
export function obisParts(obis: string): ObisParts | undefined {
  const match = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\*(\d{1,3}))?$/.exec(obis)
  if (match === null) return undefined
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = match.slice(1, 6).map(Number)
  return { a, b, c, d, e, f: Number(match[6] ?? NOW) }
}

/** The difference of two exact decimal strings, exact: what was used between two counter readings. */
export function subtractDecimals(later: string, earlier: string): string {
  const [left, right] = [parseDecimal(later), parseDecimal(earlier)]
  const scale = Math.max(left.scale, right.scale)
  const digits =
    left.digits * 10n ** BigInt(scale - left.scale) -
    right.digits * 10n ** BigInt(scale - right.scale)
  const sign = digits < 0n ? '-' : ''
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0')
  return scale === 0 ? sign + text : `${sign}${text.slice(0, -scale)}.${text.slice(-scale)}`
}

function parseDecimal(text: string): { digits: bigint; scale: number } {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (match === null) throw new RangeError(`value: expected a decimal number, found ${text}`)
  const [, sign = '', whole = '', fraction = ''] = match
  const digits = BigInt(whole + fraction)
  return { digits: sign === '-' ? -digits : digits, scale: fraction.length }
}
