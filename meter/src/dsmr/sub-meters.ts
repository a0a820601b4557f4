import { octetText } from '../iec62056-21/reading.ts'
import type { Reading, Register } from '../reading.ts'

/** A meter behind the electricity meter: gas, water, heat. */
export interface SubMeter {
  /** M-Bus channel, 1 to 4: B of its codes. */
  readonly channel: number
  /** Medium by EN 13757-3: 3 gas, 4 heat, 6 hot water, 7 water, 12 heat; undefined if not said. */
  readonly medium: number | undefined
  /** Its own number, '' where the telegram gives none. */
  readonly device: string
  /** Its newest value (24.2.1, or 24.2.3 for gas not converted to normal temperature). */
  readonly register: Register
}

const VALUE = /^0-([1-4]):24\.2\.[13]\*255$/

/** The meters that a P1 telegram speaks for, by channel; those without a value are left out. */
export function subMeters(reading: Reading): readonly SubMeter[] {
  return reading.registers.flatMap((register) => {
    const channel = VALUE.exec(register.obis)?.[1]
    if (channel === undefined || register.unit === '') return []
    const text = (code: string): string => {
      const entry = reading.texts.find(({ obis }) => obis === `0-${channel}:${code}*255`)
      return entry === undefined ? '' : octetText(entry.bytes)
    }
    const medium = text('24.1.0')
    return [
      {
        channel: Number(channel),
        medium: /^\d{1,3}$/.test(medium) ? Number(medium) : undefined,
        device: text('96.1.0') || text('96.1.1'),
        register,
      },
    ]
  })
}
