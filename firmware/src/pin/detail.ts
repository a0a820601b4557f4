import type { Reading, Register } from '@s3mp/meter'

/** What a meter shows of itself; both are kept back until its PIN was typed. */
export interface Detail {
  /** A power is among its registers. */
  readonly hasPower: boolean
  /** An energy is given more finely than in whole kilowatt-hours. */
  readonly hasDecimals: boolean
}

/** Net, imported and exported power. */
const POWERS = ['16.7.0', '15.7.0', '1.7.0', '2.7.0']
/** Energy imported and exported, in total and by tariff. */
const ENERGY = /^1-\d+:[12]\.8\.\d/u

/** What one telegram shows. A counter that happens to stand at a whole kilowatt-hour says nothing. */
export function detailOf({ registers }: Reading): Detail {
  return {
    hasPower: registers.some(({ obis }) => POWERS.some((code) => obis.includes(`:${code}`))),
    hasDecimals: registers.some((register) => ENERGY.test(register.obis) && isFine(register)),
  }
}

/** What several telegrams show together. */
export function joined(a: Detail, b: Detail): Detail {
  return {
    hasPower: a.hasPower || b.hasPower,
    hasDecimals: a.hasDecimals || b.hasDecimals,
  }
}

/** Nothing shown. */
export const NO_DETAIL: Detail = { hasPower: false, hasDecimals: false }

/** Everything is shown: there is nothing to type for. */
export function isFull({ hasPower, hasDecimals }: Detail): boolean {
  return hasPower && hasDecimals
}

/** Whether more is shown than before. */
export function isMore(now: Detail, before: Detail): boolean {
  return (now.hasPower && !before.hasPower) || (now.hasDecimals && !before.hasDecimals)
}

/** Not a multiple of a kilowatt-hour: `10^(3 − scaler)` digits, in Wh as every meter's energy is. */
function isFine({ digits, scaler, unit }: Register): boolean {
  const thousand = (unit === 'kWh' ? 0 : 3) - scaler
  return thousand > 0 && digits % 10n ** BigInt(Math.min(thousand, DIGITS_MAX)) !== 0n
}

/** Digits of the widest integer that a telegram carries (64 bits). */
const DIGITS_MAX = 20
