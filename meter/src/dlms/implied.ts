import { UNIT, UNIT_NONE } from '../units.ts'
import type { Entry, Layout } from './layouts.ts'
import { parseObis } from '../obis.ts'

/** What a register means when its meter sends neither scaler nor unit. */
export interface Implied {
  readonly scaler: number
  readonly unitCode: number
}

/** What counts for the scale of a whole telegram. */
export interface ScaleHints {
  /** Maker by the FLAG association, or the name of a list, as far as known. */
  readonly maker: string | undefined
  /** The largest voltage as sent: it tells volts from tenths of volts. */
  readonly voltage: number
  /** Power of ten of energies, where the owner of the meter has compared it with the display. */
  readonly energyScaler?: number | undefined
}

/** Mains lie between these voltages; so does the largest one of a telegram, rightly scaled. */
const MAINS_VOLTS_MIN = 50
const MAINS_VOLTS_MAX = 500

/** Phases follow the totals in group C by steps of 20. */
const PHASE_STEP = 20

/** Unit of a quantity by its number in group C, as a momentary value (D = 7). */
const MOMENTARY: Readonly<Record<number, number>> = {
  1: UNIT.watt,
  2: UNIT.watt,
  3: UNIT.reactive,
  4: UNIT.reactive,
  5: UNIT.reactive,
  6: UNIT.reactive,
  7: UNIT.reactive,
  8: UNIT.reactive,
  9: UNIT.voltAmpere,
  10: UNIT.voltAmpere,
  11: UNIT.ampere,
  12: UNIT.volt,
  13: UNIT_NONE,
  14: UNIT.hertz,
  15: UNIT.watt,
  16: UNIT.watt,
}

/** Energies (D = 8) are the momentary quantities times hours. */
const ENERGY = new Map<number, number>([
  [UNIT.watt, UNIT.wattHour],
  [UNIT.reactive, UNIT.reactiveHour],
  [UNIT.voltAmpere, UNIT.voltAmpereHour],
])

/** Scalers that makers imply, where they differ from the others' (`quirks.ts`: impliedScale). */
const MAKER_SCALERS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  KAM: { [UNIT.wattHour]: 1, [UNIT.reactiveHour]: 1, [UNIT_NONE]: -2 },
  KFM: { [UNIT.ampere]: -3, [UNIT.volt]: -1 },
}

/** Scalers that most meters imply: watts, watt-hours, hundredths of amperes. */
const COMMON_SCALERS: Readonly<Record<number, number>> = {
  [UNIT.ampere]: -2,
  [UNIT_NONE]: -3,
  [UNIT.hertz]: -2,
}

/** Looks at all values of a telegram for what they tell about its scale. */
export function scaleHints(layout: Layout, maker: string | undefined): ScaleHints {
  let voltage = 0
  for (const { obis, value } of layout.entries) {
    if (value.type === 'number' && impliedUnit(obis) === UNIT.volt) {
      voltage = Math.max(voltage, Number(value.digits))
    }
  }
  return { maker, voltage }
}

/** Scaler and unit of an entry without them; undefined for what is no electrical quantity. */
export function implied(entry: Entry, hints: ScaleHints): Implied | undefined {
  const unitCode = impliedUnit(entry.obis)
  if (unitCode === undefined) return undefined
  const isEnergy = unitCode === UNIT.wattHour || unitCode === UNIT.reactiveHour
  if (isEnergy && hints.energyScaler !== undefined) return { scaler: hints.energyScaler, unitCode }
  const own = MAKER_SCALERS[hints.maker ?? '']?.[unitCode]
  if (own !== undefined) return { scaler: own, unitCode }
  if (unitCode === UNIT.volt) return { scaler: voltScaler(hints.voltage), unitCode }
  return { scaler: COMMON_SCALERS[unitCode] ?? 0, unitCode }
}

/** The power of ten that makes a voltage one of the mains; 0 where none does. */
function voltScaler(voltage: number): number {
  for (const scaler of [0, -1, -2, -3]) {
    const volts = voltage * 10 ** scaler
    if (volts >= MAINS_VOLTS_MIN && volts <= MAINS_VOLTS_MAX) return scaler
  }
  return 0
}

/** DLMS unit of an electrical quantity by its OBIS code; undefined for everything else. */
export function impliedUnit(obis: string): number | undefined {
  const [medium, , c = 0, d] = parseObis(obis) ?? []
  if (medium !== 1 || c === 0 || c > 4 * PHASE_STEP) return undefined
  const unit = MOMENTARY[((c - 1) % PHASE_STEP) + 1]
  if (unit === undefined || d === 7) return unit
  return d === 8 ? ENERGY.get(unit) : undefined
}
