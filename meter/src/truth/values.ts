import type { Reading, Register } from '../reading.ts'

/** Registers of one reading by code. */
export type Values = ReadonlyMap<string, Register>

/** A physical value and how far it may be from what was measured, because digits end. */
export interface Value {
  readonly value: number
  readonly step: number
}

/**
 * The registers of a reading by code. Electricity that a meter has on another channel than 0
 * (`1-1:1.8.0`) goes by the code of channel 0, unless something stands there already.
 */
export function valuesOf(reading: Reading): Values {
  const values = new Map(reading.registers.map((register) => [register.obis, register]))
  for (const register of reading.registers) {
    if (!OTHER_CHANNEL.test(register.obis)) continue
    const obis = register.obis.replace(OTHER_CHANNEL, '1-0:')
    if (values.has(obis)) continue
    values.delete(register.obis)
    values.set(obis, { ...register, obis })
  }
  return values
}

const OTHER_CHANNEL = /^1-[1-9]\d*:/

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
