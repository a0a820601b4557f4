import type { Household, HouseholdState } from './household.ts'
import { fixed, wallClock } from './text.ts'

/** Length of a period of the simulated load profile. */
const PERIOD_MS = 900_000

/**
 * A load profile P.01 as meters write it: a head with the end of the first period, status, minutes,
 * and the columns, then a line a period of mean import and export power in kilowatts.
 */
export function profileRows(household: Household, untilMs: number, rows: number): string {
  const lastMs = Math.floor(untilMs / PERIOD_MS) * PERIOD_MS
  const ends = Array.from({ length: rows + 1 }, (_, row) => lastMs - (rows - row) * PERIOD_MS)
  const states = ends.map((ms) => household.at(ms))
  const [, first] = states
  if (first === undefined) return '(ER01)'
  const lines = states.slice(1).map((state, index) => {
    const before = states[index] ?? state
    return `(${mean(state, before, 'importMilliWh')})(${mean(state, before, 'exportMilliWh')})`
  })
  const head = `P.01(0${wallClock(first)})(00)(15)(2)(1.5)(kW)(2.5)(kW)`
  return `${head}\r\n${lines.join('\r\n')}\r\n`
}

/** Mean power of a quarter hour: four times its energy. */
function mean(
  state: HouseholdState,
  before: HouseholdState,
  register: 'importMilliWh' | 'exportMilliWh',
): string {
  return fixed(4n * (state[register] - before[register]), 6, 2, 4)
}
