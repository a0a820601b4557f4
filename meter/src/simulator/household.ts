import { MeterError } from '../errors.ts'
import { DAY, addLoad, runsOfDay, solarShare } from './appliances.ts'
import { hashed, noise } from './random.ts'

/** What stands in a house and how it is used. */
export interface HouseholdOptions {
  /** Same seed, same house: every number below follows from it. */
  readonly seed: number
  /** When the meter's registers stood at their first values, Unix milliseconds. */
  readonly startMs: number
  /** Peak of the solar panels in watts; 0 for a house without. */
  readonly solarPeakW?: number
  /** Multiplies the household's consumption; 1 is some 3,500 kWh a year. */
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

const SECOND_MS = 1_000
/** The house lives in Central European Time; no summer time, so that a day is a day. */
const UTC_OFFSET_SECONDS = 3_600
/** A milliwatt-hour in milliwatt-milliseconds. */
const MILLI_WH = 3_600_000
/** Reactive power a phase, which makes current a little larger than power over voltage. */
const REACTIVE_MVAR = 45_000

/** Skies set by hand that a household remembers; beyond it the oldest is forgotten. */
export const HOUSEHOLD_SKIES_MAX = 256

/** Powers of one second, constant through it. */
interface Powers {
  readonly second: number
  readonly phaseMw: Phases
  readonly totalMw: number
  readonly solarMw: number
}

/**
 * A simulated home behind a three-phase meter, the same for the same seed: appliances by the time of
 * day, a fridge, evening lights, panels under passing clouds.
 *
 * Power is constant within each second, and the energy registers are its exact integral over the
 * sum of the phases, as a meter's that nets its phases.
 */
export class Household {
  readonly #seed: number
  readonly #startMs: number
  readonly #solarPeakW: number
  readonly #loadFactor: number
  readonly #first: readonly [bigint, bigint]
  /** Integrated up to here. */
  #atMs: number
  #importMilliWh: bigint
  #exportMilliWh: bigint
  /** What is integrated beyond the whole milliwatt-hours, in milliwatt-milliseconds. */
  #importRest = 0
  #exportRest = 0
  #powers: Powers | undefined
  #runs: ReturnType<typeof runsOfDay> = []
  #runsDay = NaN
  readonly #skies: { readonly fromMs: number; readonly clouds: number | undefined }[] = []

  constructor(options: HouseholdOptions) {
    this.#seed = options.seed
    this.#startMs = options.startMs
    this.#solarPeakW = options.solarPeakW ?? 0
    this.#loadFactor = options.loadFactor ?? 1
    this.#first = [options.importMilliWh ?? 0n, options.exportMilliWh ?? 0n]
    this.#atMs = options.startMs
    ;[this.#importMilliWh, this.#exportMilliWh] = this.#first
  }

  /**
   * The state at a moment. Going forward costs time in proportion to the seconds passed (a day some
   * 50 ms), going back starts over.
   *
   * @throws {@link MeterError} `range` for a moment before `startMs`.
   */
  at(timeMs: number): HouseholdState {
    if (!(timeMs >= this.#startMs)) {
      throw new MeterError('range', `timeMs: expected ${this.#startMs} or later, found ${timeMs}`)
    }
    if (timeMs < this.#atMs) this.#startOver()
    while (this.#atMs < timeMs) this.#integrate(timeMs)
    return this.#state(timeMs)
  }

  /**
   * Sets the sky from a moment on: `clouds` is the share of the sun that they take away, 0 to 1;
   * undefined gives the sky back to the weather.
   */
  setClouds(clouds: number | undefined, fromMs: number): void {
    if (clouds !== undefined && !(clouds >= 0 && clouds <= 1)) {
      throw new MeterError('range', `clouds: expected 0 to 1, found ${clouds}`)
    }
    this.#skies.push({ fromMs, clouds })
    if (this.#skies.length > HOUSEHOLD_SKIES_MAX) this.#skies.shift()
    this.#powers = undefined
  }

  #startOver(): void {
    this.#atMs = this.#startMs
    ;[this.#importMilliWh, this.#exportMilliWh] = this.#first
    this.#importRest = 0
    this.#exportRest = 0
  }

  /** Adds the energy up to the end of the present second, or to `untilMs`. */
  #integrate(untilMs: number): void {
    const second = Math.floor(this.#atMs / SECOND_MS)
    const nextMs = Math.min((second + 1) * SECOND_MS, untilMs)
    const energy = this.#powersAt(second).totalMw * (nextMs - this.#atMs)
    if (energy >= 0) this.#importRest += energy
    else this.#exportRest -= energy
    if (this.#importRest >= MILLI_WH) {
      this.#importMilliWh += BigInt(Math.floor(this.#importRest / MILLI_WH))
      this.#importRest %= MILLI_WH
    }
    if (this.#exportRest >= MILLI_WH) {
      this.#exportMilliWh += BigInt(Math.floor(this.#exportRest / MILLI_WH))
      this.#exportRest %= MILLI_WH
    }
    this.#atMs = nextMs
  }

  #powersAt(second: number): Powers {
    if (this.#powers?.second === second) return this.#powers
    const local = second + UTC_OFFSET_SECONDS
    const day = Math.floor(local / DAY)
    const secondOfDay = local - day * DAY
    if (day !== this.#runsDay) {
      this.#runs = runsOfDay(this.#seed, day)
      this.#runsDay = day
    }
    const watts: [number, number, number] = [0, 0, 0]
    addLoad(this.#seed, this.#runs, second, secondOfDay, watts)
    const solarW =
      this.#solarPeakW > 0
        ? this.#solarPeakW * solarShare(this.#seed, second, secondOfDay, this.#cloudsAt(second))
        : 0
    const jitter = 1 + 0.02 * (hashed(this.#seed ^ 0x41, second) - 0.5)
    const phase = (index: 0 | 1 | 2): number =>
      Math.round(1000 * (watts[index] * this.#loadFactor * jitter - solarW / 3))
    const phaseMw: Phases = [phase(0), phase(1), phase(2)]
    this.#powers = {
      second,
      phaseMw,
      totalMw: phaseMw[0] + phaseMw[1] + phaseMw[2],
      solarMw: Math.round(1000 * solarW),
    }
    return this.#powers
  }

  #cloudsAt(second: number): number | undefined {
    return this.#skies.findLast(({ fromMs }) => fromMs <= second * SECOND_MS)?.clouds
  }

  #state(timeMs: number): HouseholdState {
    const second = Math.floor(timeMs / SECOND_MS)
    const { phaseMw, totalMw, solarMw } = this.#powersAt(second)
    const voltage = (index: 0 | 1 | 2): number => this.#voltageMv(second, index, phaseMw[index])
    const voltageMv: Phases = [voltage(0), voltage(1), voltage(2)]
    const current = (index: 0 | 1 | 2): number =>
      Math.round((1000 * Math.hypot(phaseMw[index], REACTIVE_MVAR)) / voltageMv[index])
    return {
      timeMs,
      powerMw: totalMw,
      phasePowerMw: phaseMw,
      solarMw,
      voltageMv,
      currentMa: [current(0), current(1), current(2)],
      frequencyMilliHz: Math.round(50_000 + 25 * noise(this.#seed ^ 0x31, second, 40)),
      importMilliWh: this.#importMilliWh,
      exportMilliWh: this.#exportMilliWh,
    }
  }

  /** 230 V with the grid's slow moods, less what the house's own load pulls down. */
  #voltageMv(second: number, phase: number, powerMw: number): number {
    const mood = 2_200 * noise(this.#seed ^ (0x21 + phase), second, 240)
    const flicker = 300 * noise(this.#seed ^ (0x25 + phase), second, 5)
    return Math.round(230_400 + mood + flicker - powerMw / 1_300)
  }
}
