import type { Household, HouseholdState } from './household.ts'
import { hashed } from './random.ts'
import type { SmlStyle } from './sml.ts'
import { SML_STYLES, encodeSml } from './sml.ts'

/** What can go wrong between a simulated meter and whoever reads it. */
export type Fault =
  /** Power far beyond what a house can draw, with valid checksums. */
  | 'spike'
  /** Power wraps in a 16-bit field, as old DZG firmware has it. */
  | 'wrap'
  /** Bits flip on the way. */
  | 'garble'
  /** Nothing is heard. */
  | 'silence'

/** What {@link SmlHousehold} is made of. */
export interface SmlHouseholdOptions {
  readonly household: Household
  readonly style?: Partial<SmlStyle>
  /** Milliseconds between telegrams; meters send every one to four seconds. */
  readonly intervalMs?: number
}

/** Power of the fault `spike`, in milliwatts. */
export const SPIKE_MW = 987_654_300
/** One bit in so many is wrong while the line is garbled. */
const GARBLE_BITS = 300

/** A household's meter as its optical port sounds: SML telegrams, with faults when wanted. */
export class SmlHousehold {
  /** Faults that are on; the owner adds and deletes. */
  readonly faults = new Set<Fault>()
  readonly intervalMs: number
  readonly #household: Household
  readonly #style: SmlStyle

  constructor(options: SmlHouseholdOptions) {
    this.#household = options.household
    this.#style = { ...SML_STYLES.modern, ...options.style }
    this.intervalMs = options.intervalMs ?? 1_000
  }

  /** The telegram sent at `timeMs`; empty while the meter is silent. */
  telegram(timeMs: number): Uint8Array {
    if (this.faults.has('silence')) return new Uint8Array()
    const state = this.#household.at(timeMs)
    const shown: HouseholdState = this.faults.has('spike') ? { ...state, powerMw: SPIKE_MW } : state
    const style: SmlStyle = this.faults.has('wrap')
      ? { ...this.#style, power: 'int16', powerScaler: -2, phases: false }
      : this.#style
    const bytes = encodeSml(shown, style)
    return this.faults.has('garble') ? garble(bytes, timeMs) : bytes
  }

  /** Every telegram from `fromMs` on and before `toMs`, with the time of each. */
  *between(
    fromMs: number,
    toMs: number,
  ): Generator<{ readonly timeMs: number; readonly bytes: Uint8Array }> {
    for (let timeMs = fromMs; timeMs < toMs; timeMs += this.intervalMs) {
      yield { timeMs, bytes: this.telegram(timeMs) }
    }
  }
}

/** Flips bits, at least one, in a way that follows from the time alone. */
export function garble(bytes: Uint8Array, timeMs: number): Uint8Array {
  const bits = 8 * bytes.length
  const flips = 1 + Math.floor(bits / GARBLE_BITS)
  for (let count = 0; count < flips; count++) {
    const bit = Math.floor(hashed(timeMs % 0x7fffffff, count) * bits)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  }
  return bytes
}
