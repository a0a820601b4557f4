import type { Household, HouseholdState } from './household.ts'
import type { Fault } from './sml-household.ts'
import { SPIKE_MW, garble } from './sml-household.ts'

/** What {@link TextHousehold} is made of. */
export interface TextHouseholdOptions {
  readonly household: Household
  /** `encodeD0` or `encodeDsmr` with a style. */
  readonly encode: (state: HouseholdState) => Uint8Array
  /** Milliseconds between telegrams: 1 s for DSMR 5, 10 s before, 2 s for most of D0. */
  readonly intervalMs?: number
}

/** A household's meter that sends text: IEC 62056-21 or DSMR P1, with faults when wanted. */
export class TextHousehold {
  /** Faults that are on; `wrap` means nothing to numbers written as text. */
  readonly faults = new Set<Fault>()
  readonly intervalMs: number
  readonly #household: Household
  readonly #encode: (state: HouseholdState) => Uint8Array

  constructor(options: TextHouseholdOptions) {
    this.#household = options.household
    this.#encode = options.encode
    this.intervalMs = options.intervalMs ?? 1_000
  }

  /** The telegram sent at `timeMs`; empty while the meter is silent. */
  telegram(timeMs: number): Uint8Array {
    if (this.faults.has('silence')) return new Uint8Array()
    const state = this.#household.at(timeMs)
    const bytes = this.#encode(this.faults.has('spike') ? { ...state, powerMw: SPIKE_MW } : state)
    return this.faults.has('garble') ? garble(bytes, timeMs) : bytes
  }
}
