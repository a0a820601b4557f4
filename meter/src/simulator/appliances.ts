import { hashed, noise } from './random.ts'

const MINUTE = 60
const HOUR = 3_600
/** Seconds of a day. */
export const DAY = 86_400

/** One run of an appliance. */
interface Run {
  /** Second of the day. */
  readonly start: number
  readonly end: number
  readonly watts: number
  /** 0, 1, 2 for L1, L2, L3. */
  readonly phase: number
  /** Seconds of one heating cycle, of which the thermostat is on for half; 0 for steady. */
  readonly cycle: number
}

/** What may run on a day: about when, for how long, how strong, how likely. */
interface Habit {
  readonly hour: number
  readonly spreadHours: number
  readonly minutes: number
  readonly watts: number
  readonly phase: number
  readonly cycle: number
  readonly chance: number
}

const HABITS: readonly Habit[] = [
  { hour: 6.6, spreadHours: 0.7, minutes: 4, watts: 2000, phase: 0, cycle: 0, chance: 0.9 },
  { hour: 7.0, spreadHours: 0.5, minutes: 7, watts: 1400, phase: 2, cycle: 0, chance: 0.6 },
  { hour: 10.2, spreadHours: 1.5, minutes: 26, watts: 2050, phase: 1, cycle: 0, chance: 0.5 },
  { hour: 10.7, spreadHours: 1.5, minutes: 55, watts: 260, phase: 1, cycle: 0, chance: 0.5 },
  { hour: 12.2, spreadHours: 0.8, minutes: 35, watts: 1800, phase: 0, cycle: 40, chance: 0.7 },
  { hour: 12.4, spreadHours: 0.6, minutes: 20, watts: 1200, phase: 1, cycle: 30, chance: 0.5 },
  { hour: 15.8, spreadHours: 1.0, minutes: 4, watts: 2000, phase: 0, cycle: 0, chance: 0.7 },
  { hour: 18.4, spreadHours: 1.0, minutes: 45, watts: 2200, phase: 0, cycle: 45, chance: 0.8 },
  { hour: 18.6, spreadHours: 0.8, minutes: 30, watts: 1800, phase: 1, cycle: 35, chance: 0.7 },
  { hour: 18.7, spreadHours: 0.8, minutes: 40, watts: 2400, phase: 2, cycle: 120, chance: 0.4 },
  { hour: 20.3, spreadHours: 1.0, minutes: 18, watts: 2100, phase: 2, cycle: 0, chance: 0.6 },
  { hour: 20.9, spreadHours: 1.0, minutes: 70, watts: 90, phase: 2, cycle: 0, chance: 0.6 },
  { hour: 21.5, spreadHours: 1.2, minutes: 4, watts: 2000, phase: 0, cycle: 0, chance: 0.6 },
]

/** The appliance runs of one day of one house. */
export function runsOfDay(seed: number, day: number): readonly Run[] {
  const runs: Run[] = []
  for (const [index, habit] of HABITS.entries()) {
    const key = day * HABITS.length + index
    if (hashed(seed ^ 0x51, key) >= habit.chance) continue
    const shift = (hashed(seed ^ 0x52, key) - 0.5) * 2 * habit.spreadHours
    const start = Math.floor((habit.hour + shift) * HOUR)
    const minutes = habit.minutes * (0.8 + 0.4 * hashed(seed ^ 0x53, key))
    runs.push({
      start,
      end: start + Math.floor(minutes * MINUTE),
      watts: habit.watts * (0.9 + 0.2 * hashed(seed ^ 0x54, key)),
      phase: habit.phase,
      cycle: habit.cycle,
    })
  }
  return runs
}

/** Adds to `watts` (one number a phase) what the house draws in a second of a day. */
export function addLoad(
  seed: number,
  runs: readonly Run[],
  second: number,
  secondOfDay: number,
  watts: [number, number, number],
): void {
  watts[0] += 95 + 25 * noise(seed ^ 0x61, second, 10 * MINUTE)
  watts[1] += 35 + 10 * noise(seed ^ 0x62, second, 7 * MINUTE)
  watts[2] += 30 + 10 * noise(seed ^ 0x63, second, 13 * MINUTE)
  if (cycles(second + 997 * (seed & 31), 46 * MINUTE, 0.34)) watts[0] += 92
  if (cycles(second + 613 * (seed & 63), 53 * MINUTE, 0.28)) watts[1] += 78
  const evening =
    hump(secondOfDay, 19.9 * HOUR, 3.4 * HOUR) + 0.5 * hump(secondOfDay, 7 * HOUR, HOUR)
  watts[0] += 120 * evening
  watts[2] += 160 * evening
  for (const { start, end, watts: power, phase, cycle } of runs) {
    if (secondOfDay < start || secondOfDay >= end) continue
    const on = cycle === 0 || (secondOfDay - start) % cycle < cycle / 2
    if (on) watts[phase as 0 | 1 | 2] += power
  }
}

function cycles(second: number, period: number, duty: number): boolean {
  return second % period < period * duty
}

/** 1 at `centre`, falling to 0 at `width` to either side. */
function hump(second: number, centre: number, width: number): number {
  const distance = Math.abs(second - centre) / width
  return distance >= 1 ? 0 : (1 + Math.cos(Math.PI * distance)) / 2
}

const LATITUDE = (50.5 * Math.PI) / 180
const TILT = (23.44 * Math.PI) / 180
const YEAR_DAYS = 365.2425

/**
 * Output of the panels as a share of their peak: the sun's height under passing clouds, or under
 * `clouds`, the share that they take away.
 */
export function solarShare(
  seed: number,
  second: number,
  secondOfDay: number,
  clouds: number | undefined,
): number {
  const dayOfYear = (second / DAY) % YEAR_DAYS
  const declination = TILT * Math.sin((2 * Math.PI * (dayOfYear - 81)) / YEAR_DAYS)
  const hourAngle = ((secondOfDay - DAY / 2) / DAY) * 2 * Math.PI
  const height =
    Math.sin(LATITUDE) * Math.sin(declination) +
    Math.cos(LATITUDE) * Math.cos(declination) * Math.cos(hourAngle)
  const clear = height <= 0 ? 0 : Math.min(1, 1.12 * height ** 1.1)
  return clear * (clouds === undefined ? weatherAt(seed, second) : 1 - clouds)
}

/** Between 0.12 under a closed sky and 1 in the sun. */
function weatherAt(seed: number, second: number): number {
  const weather = noise(seed ^ 0x71, second, 9 * HOUR)
  const passing = noise(seed ^ 0x72, second, 6 * MINUTE) + 0.4 * noise(seed ^ 0x73, second, 50)
  const cover = 0.45 + 0.45 * weather + 0.5 * passing
  return 1 - 0.88 * Math.min(1, Math.max(0, cover))
}
