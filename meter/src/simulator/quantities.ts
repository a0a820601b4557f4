import type { HouseholdState } from './household.ts'

/** An exact number: `digits × 10^scaler` in the unit without prefix. */
export interface SimulatedQuantity {
  readonly digits: bigint
  readonly scaler: number
}

const MILLI = -3
const PHASES = [0, 1, 2] as const
/** Phases follow the totals in value group C by steps of 20. */
const PHASE_STEP = 20

/** What a meter in this house would show under a code; undefined for what the house does not know. */
export function quantityOf(state: HouseholdState, obis: string): SimulatedQuantity | undefined {
  const match = /^1-0:(\d+)\.([78])\.0\*255$/.exec(obis)
  if (match === null) return undefined
  const c = Number(match[1])
  const phase = PHASES.find(
    (index) => c > PHASE_STEP * (index + 1) && c <= PHASE_STEP * (index + 2),
  )
  const quantity = phase === undefined ? c : c - PHASE_STEP * (phase + 1)
  if (match[2] === '8') return phase === undefined ? energyOf(state, quantity) : undefined
  const value = phase === undefined ? totalOf(state, quantity) : phaseOf(state, quantity, phase)
  return value === undefined ? undefined : { digits: BigInt(value), scaler: MILLI }
}

function energyOf(state: HouseholdState, quantity: number): SimulatedQuantity | undefined {
  if (quantity === 1) return { digits: state.importMilliWh, scaler: MILLI }
  return quantity === 2 ? { digits: state.exportMilliWh, scaler: MILLI } : undefined
}

function totalOf(state: HouseholdState, quantity: number): number | undefined {
  const { powerMw, voltageMv, currentMa } = state
  const apparent = PHASES.reduce<number>(
    (sum, index) => sum + Math.round((voltageMv[index] * currentMa[index]) / 1_000),
    0,
  )
  switch (quantity) {
    case 1:
      return Math.max(0, powerMw)
    case 2:
      return Math.max(0, -powerMw)
    case 9:
      return apparent
    case 13:
      return Math.round((1_000 * Math.abs(powerMw)) / apparent)
    case 14:
      return state.frequencyMilliHz
    case 16:
      return powerMw
    default:
      return undefined
  }
}

function phaseOf(state: HouseholdState, quantity: number, phase: 0 | 1 | 2): number | undefined {
  const powerMw = state.phasePowerMw[phase]
  const [mv, ma] = [state.voltageMv[phase], state.currentMa[phase]]
  switch (quantity) {
    case 1:
      return Math.max(0, powerMw)
    case 2:
      return Math.max(0, -powerMw)
    case 11:
      return ma
    case 12:
      return mv
    case 13:
      return Math.round((1_000_000 * Math.abs(powerMw)) / Math.max(1, mv * ma))
    case 16:
      return powerMw
    default:
      return undefined
  }
}
