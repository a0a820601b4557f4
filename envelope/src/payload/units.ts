/** Unit symbols by their DLMS code (IEC 62056-6-2, table of units); those that electricity meters use. */
const SYMBOLS: Readonly<Record<number, string>> = {
  1: 'a',
  2: 'mo',
  3: 'wk',
  4: 'd',
  5: 'h',
  6: 'min',
  7: 's',
  8: '°',
  9: '°C',
  13: 'm³',
  14: 'm³',
  19: 'l',
  27: 'W',
  28: 'VA',
  29: 'var',
  30: 'Wh',
  31: 'VAh',
  32: 'varh',
  33: 'A',
  35: 'V',
  44: 'Hz',
  56: '%',
  255: '',
}

/** The symbol of a unit, `unit N` for a code without one here. */
export function unitText(unitCode: number): string {
  return SYMBOLS[unitCode] ?? `unit ${unitCode}`
}

/** `digits` × 10^`scaler` as an exact decimal: 123456 at −1 is `12345.6`. */
export function decimalText(digits: bigint, scaler: number): string {
  const sign = digits < 0n ? '-' : ''
  const magnitude = (digits < 0n ? -digits : digits).toString()
  if (scaler >= 0) return digits === 0n ? '0' : `${sign}${magnitude}${'0'.repeat(scaler)}`
  const padded = magnitude.padStart(1 - scaler, '0')
  return `${sign}${padded.slice(0, scaler)}.${padded.slice(scaler)}`
}
