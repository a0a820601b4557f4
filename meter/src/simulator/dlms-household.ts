import type { DlmsStyle } from './dlms.ts'
import { encodeDlms } from './dlms.ts'
import type { Sealing } from '../dlms/ciphering.ts'
import type { Household } from './household.ts'
import type { Fault } from './sml-household.ts'
import { SPIKE_MW, garble } from './sml-household.ts'

/** What {@link DlmsHousehold} is made of. */
export interface DlmsHouseholdOptions {
  readonly household: Household
  /** One of `DLMS_STYLES`, or changes to the first of them. */
  readonly style?: Partial<DlmsStyle>
  /** Milliseconds between telegrams: 10 s in Norway, 5 s in Austria and Switzerland. */
  readonly intervalMs?: number
  /** How telegrams are protected; the counter rises with time, over restarts too. */
  readonly protection?: Omit<Sealing, 'counter'>
}

/** Invocation counters begin at this moment: 2025-01-01, so that 32 bits last for generations. */
const COUNTER_EPOCH_MS = Date.UTC(2025, 0, 1)

/** A household's meter that pushes DLMS, with faults when wanted. */
export class DlmsHousehold {
  /** Faults that are on; `wrap` means nothing to powers sent apart for each direction. */
  readonly faults = new Set<Fault>()
  readonly intervalMs: number
  readonly #options: DlmsHouseholdOptions

  constructor(options: DlmsHouseholdOptions) {
    this.#options = options
    this.intervalMs = options.intervalMs ?? 5_000
  }

  /** The telegram sent at `timeMs`; empty while the meter is silent. */
  telegram(timeMs: number): Uint8Array {
    if (this.faults.has('silence')) return new Uint8Array()
    const { household, style, protection } = this.#options
    const state = household.at(timeMs)
    const shown = this.faults.has('spike') ? { ...state, powerMw: SPIKE_MW } : state
    const sealing =
      protection === undefined ? undefined : { ...protection, counter: this.#counter(timeMs) }
    const bytes = encodeDlms(shown, style, sealing)
    return this.faults.has('garble') ? garble(bytes, timeMs) : bytes
  }

  /** A number that is greater for every later telegram, and the same for the same one. */
  #counter(timeMs: number): number {
    return Math.max(0, Math.floor((timeMs - COUNTER_EPOCH_MS) / this.intervalMs)) >>> 0
  }
}
