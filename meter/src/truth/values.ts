import type { Reading, Register } from '../reading.ts'

/** Registers of one reading by code. */
export type Values = ReadonlyMap<string, Register>

/** A physical value and how far it may be from what was measured, because digits end. */
export interface Value {
  readonly value: number
  readonly step: number
}

/** The registers of a reading by code. */
export function valuesOf(reading: Reading): Values {
  return new Map(reading.registers.map((register) => [register.obis, register]))
}

/** A register as a number in its unit, with the worth of its last digit. */
export function valueAt(values: Values, obis: string): Value | undefined {
  const register = values.get(obis)
  if (register === undefined) return undefined
  return { value: numberOf(register), step: 10 ** register.scaler }
}

/** A register as a number in its unit. */
export function numberOf({ digits, scaler }: Pick<Register, 'digits' | 'scaler'>): number {
  // Negative powers of ten are not exact: dividing by the positive one is, up to the last bit.
  return scaler >= 0 ? Number(digits) * 10 ** scaler : Number(digits) / 10 ** -scaler
}

/** The exact difference of two registers, as a number in their unit. */
export function difference(now: Register, before: Register): number {
  const scaler = Math.min(now.scaler, before.scaler)
  const at = ({ digits, scaler: own }: Register): bigint => digits * 10n ** BigInt(own - scaler)
  return numberOf({ digits: at(now) - at(before), scaler })
}
