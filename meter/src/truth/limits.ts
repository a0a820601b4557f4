/** What counts as possible at one connection. */
export interface TruthLimits {
  /** Most power that the connection can carry in either direction, in watts. */
  readonly powerW: number
  /** Least and most volts of a phase that is connected. */
  readonly voltage: readonly [least: number, most: number]
  /** Least and most hertz. */
  readonly frequency: readonly [least: number, most: number]
  /** Share by which measured quantities may differ that should agree. */
  readonly share: number
  /** Watts by which they may differ on top. */
  readonly watts: number
  /** Milliseconds by which clocks may differ. */
  readonly clockMs: number
  /** Earliest and latest time that a clock may show, Unix milliseconds: nothing is read outside. */
  readonly earliestMs: number
  readonly latestMs: number
}

/** Limits of a house: a connection of three times 100 A, European grid. */
export const TRUTH_LIMITS: TruthLimits = {
  powerW: 70_000,
  voltage: [80, 300],
  frequency: [45, 65],
  share: 0.05,
  watts: 20,
  clockMs: 60_000,
  earliestMs: Date.UTC(2024, 0, 1),
  latestMs: Date.UTC(2100, 0, 1),
}

/** Meters that are remembered; the one unheard for longest makes room. */
export const TRUTH_DEVICES_MAX = 16

/** Registers of one meter that are remembered. */
export const TRUTH_REGISTERS_MAX = 256

/** Readings in a row that must contradict themselves before they are flagged. */
export const TRUTH_WITNESSES_MIN = 2

/** Milliseconds over which energy is compared with the integral of power. */
export const TRUTH_WINDOW_MS = 300_000

/** Longest pause between readings over which power is integrated, in milliseconds. */
export const TRUTH_PAUSE_MS_MAX = 30_000
