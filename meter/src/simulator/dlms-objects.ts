import type { Data } from '../dlms/axdr.ts'
import { AXDR } from '../dlms/axdr.ts'
import { arrayData, numberData, octetData, structureData } from '../dlms/encode.ts'
import { nameOf } from '../dlms/client/services.ts'
import { COSEM_CLASS } from '../dlms/client/objects.ts'
import { unsignedAt } from '../bytes.ts'
import { formatObis } from '../obis.ts'
import { dateTime } from './dlms.ts'
import { pushEntries } from './dlms-body.ts'
import type { Household, HouseholdState } from './household.ts'

/** Rows that the load profile of a simulated meter keeps: ten days of quarter hours. */
export const SIMULATED_PROFILE_ROWS_MAX = 960

const PERIOD_MS = 900_000
const VALUE = 2
const SCALER_UNIT = 3
const CAPTURE_OBJECTS = 3
const CAPTURE_PERIOD = 4
const CLOCK = '0-0:1.0.0*255'
const DEVICE = '0-0:42.0.0*255'
const COUNTER = '0-0:43.1.0*255'
const PROFILE = '1-0:99.1.0*255'
const ENERGIES = ['1-0:1.8.0*255', '1-0:2.8.0*255'] as const

/** What a simulated meter is made of, as far as its objects go. */
export interface DlmsObjectsOptions {
  readonly household: Household
  readonly device: string
  /** From when on the load profile is kept, milliseconds since 1970. */
  readonly profileFromMs: number
  /** The last invocation counter seen under the global key. */
  readonly counter: () => number
}

interface Row {
  readonly timeMs: number
  readonly energies: readonly bigint[]
}

/** The objects of a simulated meter: registers, clock, number, counter, load profile. */
export class DlmsObjects {
  readonly #options: DlmsObjectsOptions
  readonly #rows: Row[] = []
  #nextMs: number

  constructor(options: DlmsObjectsOptions) {
    this.#options = options
    this.#nextMs = Math.ceil(options.profileFromMs / PERIOD_MS) * PERIOD_MS
  }

  /** The value of an attribute at a moment; undefined where there is no such object. */
  read(classId: number, obis: string, attribute: number, timeMs: number): Data | undefined {
    this.#capture(timeMs)
    const state = this.#options.household.at(timeMs)
    if (obis === CLOCK && classId === COSEM_CLASS.clock) return octetData(dateTime(timeMs))
    if (obis === DEVICE && classId === COSEM_CLASS.data) {
      return octetData(Uint8Array.from(this.#options.device, (letter) => letter.charCodeAt(0)))
    }
    if (obis === COUNTER && classId === COSEM_CLASS.data) {
      return numberData(AXDR.uint32, this.#options.counter())
    }
    if (classId === COSEM_CLASS.association && attribute === VALUE) return this.#list(state)
    if (obis === PROFILE && classId === COSEM_CLASS.profile) return this.#profile(attribute)
    return classId === COSEM_CLASS.register ? register(state, obis, attribute) : undefined
  }

  /** Rows of the profile between two moments, or by number, as their buffer. */
  rows(kept: (row: { readonly timeMs: number; readonly number: number }) => boolean): Data {
    const rows = this.#rows.filter(({ timeMs }, index) => kept({ timeMs, number: index + 1 }))
    return arrayData(
      rows.map(({ timeMs, energies }) => {
        const values = energies.map((energy) => numberData(AXDR.uint32, energy))
        return structureData(octetData(dateTime(timeMs)), ...values)
      }),
    )
  }

  #profile(attribute: number): Data | undefined {
    if (attribute === VALUE) return this.rows(() => true)
    if (attribute === CAPTURE_PERIOD) return numberData(AXDR.uint32, PERIOD_MS / 1_000)
    if (attribute !== CAPTURE_OBJECTS) return undefined
    const columns = [
      [COSEM_CLASS.clock, CLOCK] as const,
      ...ENERGIES.map((obis) => [COSEM_CLASS.register, obis] as const),
    ]
    return arrayData(columns.map(([classId, obis]) => column(classId, obis)))
  }

  #capture(timeMs: number): void {
    const { household } = this.#options
    for (; this.#nextMs <= timeMs; this.#nextMs += PERIOD_MS) {
      const { importMilliWh, exportMilliWh } = household.at(this.#nextMs)
      const energies = [importMilliWh / 1_000n, exportMilliWh / 1_000n]
      this.#rows.push({ timeMs: this.#nextMs, energies })
      if (this.#rows.length > SIMULATED_PROFILE_ROWS_MAX) this.#rows.shift()
    }
  }

  #list(state: HouseholdState): Data {
    const objects: readonly (readonly [number, string])[] = [
      [COSEM_CLASS.clock, CLOCK],
      [COSEM_CLASS.data, DEVICE],
      [COSEM_CLASS.data, COUNTER],
      [COSEM_CLASS.profile, PROFILE],
      ...pushEntries(state).map(
        ({ obis }) => [COSEM_CLASS.register, formatObis(Uint8Array.from(obis))] as const,
      ),
    ]
    // Access rights are those of nobody in particular: two empty lists.
    const rights = structureData(arrayData([]), arrayData([]))
    return arrayData(
      objects.map(([classId, obis]) =>
        structureData(
          numberData(AXDR.uint16, classId),
          numberData(AXDR.uint8, 0),
          octetData(nameOf(obis)),
          rights,
        ),
      ),
    )
  }
}

function column(classId: number, obis: string): Data {
  return structureData(
    numberData(AXDR.uint16, classId),
    octetData(nameOf(obis)),
    numberData(AXDR.int8, VALUE),
    numberData(AXDR.uint16, 0),
  )
}

function register(state: HouseholdState, obis: string, attribute: number): Data | undefined {
  const found = pushEntries(state).find((one) => formatObis(Uint8Array.from(one.obis)) === obis)
  if (found === undefined) return undefined
  const { value, scaler, unit } = found
  if (attribute === SCALER_UNIT) {
    return structureData(numberData(AXDR.int8, scaler), numberData(AXDR.enumeration, unit))
  }
  if (attribute !== VALUE) return undefined
  return numberData(value[0] ?? 0, unsignedAt(value, 1, value.length - 1))
}
