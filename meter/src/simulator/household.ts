import { MeterError } from '../errors.ts'

/** What stands in a house and how it is used. */
export interface HouseholdOptions {
  /** Same seed, same house: every number below follows from it. */
  readonly seed: number
  /** When the meter's registers stood at their first values, Unix milliseconds. */
  readonly startMs: number
  /** Peak of the solar panels in watts; 0 for a house without. */
  readonly solarPeakW?: number
  /** Multiplies the household's consumption; 1 is about 4,000 kWh a year. */
  readonly loadFactor?: number
  /** Registers at `startMs`, in milliwatt-hours. */
  readonly importMilliWh?: bigint
  readonly exportMilliWh?: bigint
}

/** Three numbers, one a phase: L1, L2, L3. */
export type Phases = readonly [number, number, number]

/** Everything a meter in this house could show at one moment, as integers. */
export interface HouseholdState {
  /** Unix milliseconds. */
  readonly timeMs: number
  /** Net power of the house, positive for import, in milliwatts. */
  readonly powerMw: number
  readonly phasePowerMw: Phases
  /** Production of the panels before the house takes its part, in milliwatts. */
  readonly solarMw: number
  readonly voltageMv: Phases
  readonly currentMa: Phases
  readonly frequencyMilliHz: number
  /** Energy taken from the grid (1.8.0) and given to it (2.8.0), in milliwatt-hours. */
  readonly importMilliWh: bigint
  readonly exportMilliWh: bigint
}

/** A simulated home behind a three-phase meter, the same for the same seed. */
export class Household {
  readonly #options: HouseholdOptions

  constructor(options: HouseholdOptions) {
    this.#options = options
  }

  /**
   * The state at a moment at or after `startMs`. Energy is the exact integral of power since then;
   * going forward costs time in proportion to the seconds passed, going back starts over.
   */
  at(timeMs: number): HouseholdState {
    throw new MeterError('unsupported', `household ${this.#options.seed} at ${timeMs}`)
  }
}
