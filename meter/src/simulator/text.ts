import type { HouseholdState } from './household.ts'

/** Milliwatts in a watt, millivolts in a volt. */
const MILLI = 3

/**
 * A number as a meter's display has it: `value × 10^-places`, cut (not rounded) to some decimals,
 * with zeros in front.
 */
export function fixed(
  value: bigint | number,
  places: number,
  whole: number,
  decimals: number,
): string {
  const exact = BigInt(value)
  const cut =
    places >= decimals
      ? exact / 10n ** BigInt(places - decimals)
      : exact * 10n ** BigInt(decimals - places)
  const digits = (cut < 0n ? -cut : cut).toString().padStart(whole + decimals, '0')
  const point = digits.length - decimals
  const text = decimals > 0 ? `${digits.slice(0, point)}.${digits.slice(point)}` : digits
  return cut < 0n ? `-${text}` : text
}

/** Energy from milliwatt-hours in kilowatt-hours. */
export function kiloWattHours(milliWh: bigint, whole: number, decimals: number): string {
  return `${fixed(milliWh, 2 * MILLI, whole, decimals)}*kWh`
}

/** Power from milliwatts in watts. */
export function watts(mw: number, whole: number, decimals: number): string {
  return `${fixed(mw, MILLI, whole, decimals)}*W`
}

/** Power from milliwatts in kilowatts. */
export function kiloWatts(mw: number, whole: number, decimals: number): string {
  return `${fixed(mw, 2 * MILLI, whole, decimals)}*kW`
}

/** Import and export as two amounts, one of which is zero. */
export function bothWays(mw: number): readonly [bought: number, sold: number] {
  return mw >= 0 ? [mw, 0] : [0, -mw]
}

/** The simulated household lives in Central European Time without summer time. */
const UTC_OFFSET_MS = 3_600_000

/** YYMMDDhhmmss on the wall of the household, at the last whole step of so many seconds. */
export function wallClock(state: HouseholdState, stepSeconds = 1): string {
  const step = 1_000 * stepSeconds
  const shown = new Date(Math.floor(state.timeMs / step) * step + UTC_OFFSET_MS)
  return shown.toISOString().slice(2, 19).replace(/\D/g, '')
}

/** Text as bytes, one a character. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}
