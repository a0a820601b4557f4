/** What this package reads: telegrams, pulses, registers, and what other programs received. */
export type Protocol = 'sml' | 'd0' | 'dsmr' | 'dlms' | 's0' | 'modbus' | 'wmbus' | 'adapter'

/** One number of a meter, exactly as it was sent: `digits × 10^scaler unit`, never a float. */
export interface Register {
  /** 'A-B:C.D.E*F' of IEC 62056-61, such as '1-0:16.7.0*255' for the sum of active power. */
  readonly obis: string
  readonly digits: bigint
  /** Power of ten, −128…127. */
  readonly scaler: number
  /** Name of the unit ('W', 'Wh', …), '' where the meter gives none. */
  readonly unit: string
  /** Code of the DLMS unit table; 255 for none. */
  readonly unitCode: number
  /** What stood on the wire where it was repaired; the reading's flags say how. */
  readonly wireDigits?: bigint
  /** True for a register that the telegram lacks and that follows from others. */
  readonly derived?: boolean
}

/** Something a meter said that is no number: names, keys, versions. */
export interface TextEntry {
  readonly obis: string
  readonly bytes: Uint8Array
}

/** The meter's own idea of time, which need not be right. */
export type MeterTime =
  /** Seconds since power-up or installation: good for intervals, not a date. */
  | { readonly kind: 'second-index'; readonly seconds: number }
  /** Seconds since 1970-01-01 UTC. */
  | { readonly kind: 'utc'; readonly seconds: number }
  /** The same with the meter's offsets to local time, in minutes. */
  | {
      readonly kind: 'local'
      readonly seconds: number
      readonly offsetMinutes: number
      readonly seasonMinutes: number
    }
  /** What a clock on the wall shows, counted as if it were UTC: the telegram names no zone. */
  | { readonly kind: 'wall'; readonly seconds: number; readonly summer?: boolean }

/** What one telegram says about one device. */
export interface Reading {
  readonly protocol: Protocol
  /** Identification of the metering device, '' where it gives none. */
  readonly device: string
  /** Three letters of the maker (FLAG association), where the telegram names it. */
  readonly manufacturer?: string
  readonly registers: readonly Register[]
  readonly texts: readonly TextEntry[]
  /** Doubts and repairs, each a {@link ReadingFlag}; empty for a reading beyond suspicion. */
  readonly flags: readonly ReadingFlag[]
  /** Status word of the energy registers (FNN or EDL21), where sent. */
  readonly statusWord?: bigint
  readonly meterTime?: MeterTime
  /** How the telegram was protected, where it was. */
  readonly security?: ReadingSecurity
}

/** Protection of a telegram, and what a decoder must know of it after a restart. */
export interface ReadingSecurity {
  /** Who protected it: maker and number of the meter's own name in the protocol. */
  readonly systemTitle: string
  /** Invocation counter, which must rise. */
  readonly counter: number
  /** A tag vouched for the telegram. */
  readonly authentic: boolean
}

/** Doubts about a reading and repairs made to it. */
export type ReadingFlag =
  /** A power in a 16-bit field had wrapped into the negative; 65,536 was added. */
  | 'sign-repaired-int16'
  /** The power's direction came from the status word, because the value carries no sign. */
  | 'sign-from-status'
  /** Value and status word say opposite directions and no rule explains it. */
  | 'sign-doubt'
  /** A power without sign on a two-way meter without status word: direction unknown. */
  | 'sign-unknown'
  /** Energy registers keep moving against the direction of the power. */
  | 'sign-contradicts-energy'
  /** An energy register that only grows became smaller. */
  | 'register-went-back'
  /** An energy register grew by more than any connection can carry in the time passed. */
  | 'register-jumped'
  /** Energy and the integral of power have drifted apart. */
  | 'energy-doubt'
  /** Power is more than voltage and current, or than the connection, can carry. */
  | 'power-doubt'
  /** The powers of the phases do not add up to the total. */
  | 'phase-doubt'
  /** A voltage or frequency that no public grid has. */
  | 'grid-doubt'
  /** The system clock was set while readings came in. */
  | 'clock-stepped'
  /** Nobody vouches for the system's time, or the battery-backed clock contradicts it. */
  | 'clock-doubt'
  /** The meter's clock or second index does not keep step with ours. */
  | 'meter-clock-doubt'
  /** The meter's second index began anew: it was without power. */
  | 'meter-restarted'
  /** The meter's CRC is the KERMIT variant. */
  | 'crc-kermit'
  /** A text telegram without block check character: nothing but its grammar protects it. */
  | 'bcc-missing'
  /** A DSMR telegram without CRC-16, as versions 2 and 3 have it. */
  | 'crc-missing'
  /** Lines that break the grammar were left out. */
  | 'lines-skipped'
  /** No checksum over the whole telegram: a body without its transport frame. */
  | 'unframed'
  /** A ciphered telegram for which no tag vouches: the meter sends none, or a key is not given. */
  | 'unauthenticated'
  /** The telegram is signed; its signature was not checked. */
  | 'signature-unchecked'
  /** The meter sends no scaler or unit; they follow from its list, its maker, or the OBIS code. */
  | 'scale-assumed'

/**
 * Exact decimal text of a register: digits and scaler, nothing rounded.
 *
 * ```ts
 * decimal({ digits: 50700n, scaler: -2 }) // '507.00'
 * decimal({ digits: 13391n, scaler: 3 })  // '13391000'
 * ```
 */
export function decimal(register: Pick<Register, 'digits' | 'scaler'>): string {
  const { digits, scaler } = register
  if (scaler === 0 || (scaler > 0 && digits === 0n)) return digits.toString()
  if (scaler > 0) return digits.toString() + '0'.repeat(scaler)
  const negative = digits < 0n
  const text = (negative ? -digits : digits).toString().padStart(1 - scaler, '0')
  const point = text.length + scaler
  return `${negative ? '-' : ''}${text.slice(0, point)}.${text.slice(point)}`
}
