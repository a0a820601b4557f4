import { MeterError } from '../errors.ts'
import type { Household, HouseholdState } from './household.ts'

/** How a simulated meter writes SML; each field is a habit of real meters. */
export interface SmlStyle {
  /** Three letters of the maker. */
  readonly manufacturer: string
  /** DIN 43863-5 serial number. */
  readonly serial: number
}

/** What can go wrong between a simulated meter and whoever reads it. */
export type Fault =
  /** One power value far beyond what a house can draw, with valid checksums. */
  | 'spike'
  /** The power wraps in a 16-bit field, as old DZG firmware does. */
  | 'wrap'
  /** Bits flip on the way. */
  | 'garble'
  /** Nothing is heard. */
  | 'silence'

/** Encodes a state as a complete SML telegram: transport, three messages, checksums. */
export function encodeSml(state: HouseholdState, style?: Partial<SmlStyle>): Uint8Array {
  throw new MeterError('unsupported', `${state.timeMs} ${style?.manufacturer ?? ''}`)
}

/** A household's meter as its optical port sounds: SML telegrams, with faults when wanted. */
export class SmlHousehold {
  /** Faults that are on; the owner adds and deletes. */
  readonly faults = new Set<Fault>()
  readonly #household: Household

  constructor(options: { readonly household: Household; readonly style?: Partial<SmlStyle> }) {
    this.#household = options.household
  }

  /** The telegram sent at `timeMs`; empty while the meter is silent. */
  telegram(timeMs: number): Uint8Array {
    return encodeSml(this.#household.at(timeMs))
  }
}
