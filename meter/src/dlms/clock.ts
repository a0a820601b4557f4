import type { MeterTime } from '../reading.ts'

const BYTES = 12
const UNKNOWN_DEVIATION = -0x8000
/** Deviations beyond this are no time zone. */
const DEVIATION_MINUTES_MAX = 840
const DAYLIGHT_SAVING = 0x80
const INVALID = 0x01
const UNKNOWN = 0xff
/** Months and days from here on mean "the last", "the last but one", begin or end of summer time. */
const REPEATED = 0xe0
const YEAR_END = 10_000

/**
 * A COSEM date-time (IEC 62056-6-2 §4.1.6.1): year, month, day, day of week, hour, minute, second,
 * hundredths, deviation of UTC from local time in minutes, clock status.
 *
 * Undefined where a part of it is left open, is no date, or the clock itself says that it is wrong.
 * Without deviation the answer is of kind 'wall': what the meter's clock shows, zone unknown.
 */
export function decodeDateTime(bytes: Uint8Array): MeterTime | undefined {
  if (bytes.length !== BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, BYTES)
  const year = view.getUint16(0)
  const [month = 0, day = 0, , hour = 0, minute = 0, second = 0] = bytes.subarray(2)
  const seconds = second === UNKNOWN ? 0 : second
  const status = bytes[11] ?? 0
  if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return undefined
  if (hour > 23 || minute > 59 || seconds > 59) return undefined
  if (status !== UNKNOWN && (status & INVALID) !== 0) return undefined
  const wall = Date.UTC(year, month - 1, day, hour, minute, seconds)
  // A day that the month does not have comes back as one of the next month.
  if (new Date(wall).getUTCDate() !== day) return undefined
  const deviation = view.getInt16(9)
  if (deviation === UNKNOWN_DEVIATION || Math.abs(deviation) > DEVIATION_MINUTES_MAX) {
    return { kind: 'wall', seconds: wall / 1000 }
  }
  const summer = status !== UNKNOWN && (status & DAYLIGHT_SAVING) !== 0
  return {
    kind: 'local',
    seconds: wall / 1000 + deviation * 60,
    // The deviation includes the season; it is taken out to be named apart.
    offsetMinutes: 0 - deviation - (summer ? 60 : 0),
    seasonMinutes: summer ? 60 : 0,
  }
}

/**
 * Whether bytes have the form of a COSEM date-time, whatever is left open in it (FF, and FD and FE
 * where it repeats) and whether or not its clock says that it is wrong: a clock that nobody has set
 * is a clock.
 */
export function isDateTime(bytes: Uint8Array): boolean {
  if (bytes.length !== BYTES) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, BYTES)
  const [month = 0, day = 0, weekday = 0, hour = 0, minute = 0, second = 0] = bytes.subarray(2)
  const hundredths = bytes[8] ?? 0
  const deviation = view.getInt16(9)
  const open = (value: number, most: number): boolean => value <= most || value === UNKNOWN
  return (
    (view.getUint16(0) < YEAR_END || view.getUint16(0) === 0xffff) &&
    (open(month, 12) || month >= REPEATED) &&
    (open(day, 31) || day >= REPEATED) &&
    open(weekday, 7) &&
    open(hour, 23) &&
    open(minute, 59) &&
    open(second, 59) &&
    open(hundredths, 99) &&
    (Math.abs(deviation) <= DEVIATION_MINUTES_MAX || deviation === UNKNOWN_DEVIATION)
  )
}

/**
 * A time as COSEM date-time: that of a clock whose local time deviates from UTC by so many minutes
 * (UTC − local, as clocks give it), without naming the day of the week.
 */
export function encodeDateTime(timeMs: number, deviationMinutes: number): Uint8Array {
  const date = new Date(timeMs - deviationMinutes * 60_000)
  const year = date.getUTCFullYear()
  const parts = [date.getUTCMonth() + 1, date.getUTCDate(), UNKNOWN]
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), 0]
  const deviation = deviationMinutes & 0xffff
  const end = [deviation >> 8, deviation & 0xff, 0]
  return Uint8Array.from([year >> 8, year & 0xff, ...parts, ...time, ...end])
}
