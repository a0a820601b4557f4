import { MeterError } from '../errors.ts'
import { UNIT, unitName } from '../units.ts'
import type { Column, MappingSample } from './columns.ts'
import {
  MAPPING_SAMPLES_MAX,
  MAPPING_SAMPLES_MIN,
  MAPPING_SPAN_MS_MIN,
  columnsOf,
} from './columns.ts'
import type { EnergyRelation } from './relations.ts'
import { addends, apparentError, combinations, energyRelations } from './relations.ts'

/** What one place of a list without codes seems to be. A person has to confirm it. */
export interface MappingProposal {
  readonly place: number
  readonly obis: string
  readonly scaler: number
  readonly unit: string
  readonly unitCode: number
  /** 0 to 1: above 0.8 several relations agree, below 0.5 it is little more than a guess. */
  readonly confidence: number
  /** What it rests on, in words. */
  readonly evidence: string
}

const MAINS_V = [195, 265] as const
const GRID_HZ = [49, 51] as const
const STEADY = 0.12
const CURRENT_ERROR_MAX = 0.3
const POWER_W_MAX = 70_000

/**
 * Finds out what the places of a list mean by how their numbers go together: what only grows is an
 * energy, its slope is a power; three numbers that add up to it are the phases; what lies around 230
 * and hardly moves is a voltage; what times a voltage makes a power is a current.
 *
 * Which phase is which, and which of two energies is import, is not in the numbers: phases follow the
 * order of their places, a power counts as import where it is positive, and the evidence says so.
 *
 * @throws {@link MeterError} `range` for too few samples, or samples that span too little time.
 */
export function proposeMapping(samples: readonly MappingSample[]): readonly MappingProposal[] {
  const used = samples.slice(-MAPPING_SAMPLES_MAX)
  const spanMs = (used.at(-1)?.timeMs ?? 0) - (used[0]?.timeMs ?? 0)
  if (used.length < MAPPING_SAMPLES_MIN || !(spanMs >= MAPPING_SPAN_MS_MIN)) {
    throw new MeterError(
      'range',
      `samples: expected ${MAPPING_SAMPLES_MIN} over ${MAPPING_SPAN_MS_MIN} ms, found ${used.length} over ${spanMs} ms`,
    )
  }
  return new Proposer(used).propose()
}

class Proposer {
  readonly #samples: readonly MappingSample[]
  readonly #columns: readonly Column[]
  readonly #found = new Map<number, MappingProposal>()

  constructor(samples: readonly MappingSample[]) {
    this.#samples = samples
    this.#columns = columnsOf(samples).filter(({ isClock }) => !isClock)
  }

  propose(): readonly MappingProposal[] {
    const counters = this.#columns.filter(({ grows, least }) => grows && least >= 0)
    const moving = this.#columns.filter(({ grows }) => !grows)
    const voltages = this.#voltages(moving)
    this.#frequency(moving)
    const rest = moving.filter(({ place }) => !this.#found.has(place))
    const relations = energyRelations(counters, rest, this.#samples)
    const power = this.#power(relations, counters)
    if (power !== undefined) this.#phases(power, voltages)
    return [...this.#found.values()].sort((left, right) => left.place - right.place)
  }

  /** Steady numbers that some power of ten brings to the mains voltage. */
  #voltages(columns: readonly Column[]): readonly (readonly [Column, scaler: number])[] {
    const found = columns.flatMap((column) => {
      const scaler = scalerInto(column, MAINS_V, [0, -1, -2, -3])
      const steady = column.most - column.least <= STEADY * column.mean
      return scaler === undefined || !steady ? [] : [[column, scaler] as const]
    })
    // Three phases or one; two or four would be something else that looks alike.
    const sure = found.length === 1 || found.length === 3
    found.slice(0, 3).forEach(([column, scaler], index) => {
      const volts = (column.mean * 10 ** scaler).toFixed(1)
      this.#add(column, code(12, index + 1), scaler, UNIT.volt, sure ? 0.8 : 0.5, [
        `stays around ${volts} V`,
        'phase by the order of places',
      ])
    })
    return found.slice(0, 3)
  }

  #frequency(columns: readonly Column[]): void {
    for (const column of columns) {
      if (this.#found.has(column.place)) continue
      const scaler = scalerInto(column, GRID_HZ, [0, -1, -2, -3])
      if (scaler === undefined || column.most - column.least > 0.01 * column.mean) continue
      this.#add(column, '1-0:14.7.0*255', scaler, UNIT.hertz, 0.7, ['stays at 50 Hz within 1 %'])
      return
    }
  }

  /** The power whose integral an energy is, and the energies; answers the net power. */
  #power(relations: readonly EnergyRelation[], counters: readonly Column[]): Column | undefined {
    // A power that also falls below zero is the net of both directions, and says more.
    const best = relations.find(({ power }) => power.least < 0) ?? relations[0]
    if (best === undefined) return undefined
    const { power, exponent } = best
    const own = relations.filter((one) => one.power === power && one.exponent === exponent)
    const bought = own.find(({ part }) => part === 'positive')
    const sold =
      own.find(({ part, energy }) => part === 'negative' && energy !== bought?.energy) ??
      relations.find(
        (one) =>
          one.part === 'positive' &&
          one.power !== power &&
          one.energy !== bought?.energy &&
          one.exponent === exponent &&
          takeTurns(one.power, power),
      )
    const scaler = powerScaler(power)
    const signed = power.least < 0
    const taken = signed ? 'taken for import where positive' : 'never negative here'
    this.#add(power, code(signed ? 16 : 1, 0), scaler, UNIT.watt, sureness(best), [
      `place ${best.energy.place} is its integral`,
      taken,
    ])
    if (bought !== undefined) this.#energy(bought, '1-0:1.8.0*255', scaler - exponent, counters)
    if (sold !== undefined) this.#energy(sold, '1-0:2.8.0*255', scaler - exponent, counters)
    if (sold !== undefined && sold.power !== power) {
      this.#add(sold.power, code(2, 0), scaler, UNIT.watt, 0.65, [
        `place ${sold.energy.place} is its integral`,
        `never with place ${power.place} at once`,
        'which of the two is import is not in the numbers',
      ])
    }
    return power
  }

  /** An energy, and the tariffs that add up to it. */
  #energy(
    relation: EnergyRelation,
    obis: string,
    scaler: number,
    counters: readonly Column[],
  ): void {
    const { energy: column, power, part, error } = relation
    const below = part === 'negative' ? ' below zero' : ''
    const near = (100 * error).toFixed(1)
    this.#add(column, obis, scaler, UNIT.wattHour, sureness(relation), [
      `grows as place ${power.place} says${below}, within ${near} %`,
    ])
    const others = this.#columns.filter(
      ({ place }) => !this.#found.has(place) && place !== column.place,
    )
    const tariffs = addends(
      column,
      others.filter((one) => one.least >= 0 && (one.grows || counters.includes(one))),
      2,
    )
    tariffs?.chosen.forEach((one, index) => {
      const confidence = tariffs.isUnique ? 0.7 : 0.5
      this.#add(one, obis.replace('.8.0*', `.8.${index + 1}*`), scaler, UNIT.wattHour, confidence, [
        `adds up to place ${column.place} with the other tariff`,
      ])
    })
  }

  /** Powers of the phases, and currents that make the power with the voltages. */
  #phases(power: Column, voltages: readonly (readonly [Column, number])[]): void {
    const scaler = this.#found.get(power.place)?.scaler ?? 0
    const left = (): readonly Column[] =>
      this.#columns.filter(({ place, grows }) => !grows && !this.#found.has(place))
    const found = power.least < 0 || voltages.length === 3 ? addends(power, left(), 3) : undefined
    const phases = found?.chosen
    phases?.forEach((one, index) => {
      this.#add(
        one,
        code(16, index + 1),
        scaler,
        UNIT.watt,
        found?.isUnique === true ? 0.85 : 0.6,
        [`adds up to place ${power.place} with the two others`, 'phase by the order of places'],
      )
    })
    if (voltages.length === 0) return
    const watts = (column: Column): readonly number[] =>
      column.values.map((value) => value * 10 ** scaler)
    if (phases === undefined) this.#sumOfCurrents(watts(power), voltages, left())
    else
      phases.forEach((one, index) => {
        this.#currentOf(watts(one), index, voltages, left())
      })
  }

  /** The column that times the voltage makes the power of one phase. */
  #currentOf(
    power: readonly number[],
    index: number,
    voltages: readonly (readonly [Column, number])[],
    columns: readonly Column[],
  ): void {
    const [volts, voltScaler] = voltages[index] ?? voltages[0] ?? []
    if (volts === undefined || voltScaler === undefined) return
    let best: { column: Column; scaler: number; error: number } | undefined
    for (const column of columns) {
      if (column.least < 0) continue
      for (const scaler of [0, -1, -2, -3]) {
        const amperes = column.values.map((value) => value * 10 ** (scaler + voltScaler))
        const error = apparentError(power, volts.values, amperes)
        if (error < (best?.error ?? CURRENT_ERROR_MAX)) best = { column, scaler, error }
      }
    }
    if (best === undefined) return
    const { column, scaler, error } = best
    this.#add(column, code(11, index + 1), scaler, UNIT.ampere, error < 0.15 ? 0.75 : 0.5, [
      `times the voltage is the power within ${(100 * error).toFixed(0)} %`,
    ])
  }

  /** One current, or three, that make the total power together. */
  #sumOfCurrents(
    power: readonly number[],
    voltages: readonly (readonly [Column, number])[],
    columns: readonly Column[],
  ): void {
    const positive = columns.filter(({ least }) => least >= 0)
    const [volts, voltScaler] = voltages[0] ?? []
    if (volts === undefined || voltScaler === undefined) return
    const count = voltages.length === 3 ? 3 : 1
    let best: { chosen: readonly Column[]; scaler: number; error: number } | undefined
    for (const chosen of combinations(positive, count)) {
      const sum = power.map((_, at) =>
        chosen.reduce((all, { values }) => all + (values[at] ?? 0), 0),
      )
      for (const scaler of [0, -1, -2, -3]) {
        const amperes = sum.map((value) => value * 10 ** (scaler + voltScaler))
        const error = apparentError(power, volts.values, amperes)
        if (error < (best?.error ?? CURRENT_ERROR_MAX)) best = { chosen, scaler, error }
      }
    }
    best?.chosen.forEach((column, index) => {
      this.#add(column, code(11, index + 1), best.scaler, UNIT.ampere, 0.55, [
        `times the voltage make up the power within ${(100 * best.error).toFixed(0)} %`,
        'phase by the order of places',
      ])
    })
  }

  #add(
    { place }: Column,
    obis: string,
    scaler: number,
    unit: number,
    confidence: number,
    evidence: readonly string[],
  ): void {
    if (this.#found.has(place)) return
    const rounded = Math.round(confidence * 100) / 100
    this.#found.set(place, {
      place,
      obis,
      scaler,
      unit: unitName(unit),
      unitCode: unit,
      confidence: rounded,
      evidence: evidence.join('; '),
    })
  }
}

/** The power of ten that brings all of a column between two bounds. */
function scalerInto(
  { least, most }: Column,
  [low, high]: readonly [number, number],
  scalers: readonly number[],
): number | undefined {
  return scalers.find((scaler) => least * 10 ** scaler >= low && most * 10 ** scaler <= high)
}

/** Watts, unless so many would be more than a house has: then tenths, hundredths, …. */
function powerScaler({ least, most }: Column): number {
  const largest = Math.max(-least, most)
  return largest <= POWER_W_MAX ? 0 : -Math.ceil(Math.log10(largest / POWER_W_MAX))
}

function sureness({ error }: EnergyRelation): number {
  return error < 0.05 ? 0.9 : 0.75
}

/** Whether two powers are never both above zero: import and export of one meter. */
function takeTurns(one: Column, other: Column): boolean {
  return one.values.every((value, at) => value === 0 || other.values[at] === 0)
}

/** Momentary value of a phase, 0 for the total: phases follow in C by steps of 20. */
function code(quantity: number, phase: number): string {
  return `1-0:${quantity + 20 * phase}.7.0*255`
}
