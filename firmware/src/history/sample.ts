import {
  decimalText,
  decodeRecord,
  decodeStatus,
  toHex,
  unitText,
  type Schema,
} from '@s3mp/envelope'
import type { RegisterView } from '@s3mp/web/api'

import type { History, HistoryRecord } from './history.ts'

/** Schemas held decoded; a meter has a handful in its life. */
export const SCHEMAS_HELD_MAX = 64

/** What one reading says. */
export interface HistorySample {
  readonly record: HistoryRecord
  readonly timeMs: number
  readonly flags: readonly string[]
  readonly clock: string
  readonly schema: Schema | undefined
  readonly schemaId: Uint8Array
  readonly registers: readonly (bigint | null)[]
}

/** Reads samples out of records; keeps the schemas that name their registers. */
export class Samples {
  readonly #history: History
  readonly #schemas = new Map<string, Schema | undefined>()

  constructor(history: History) {
    this.#history = history
  }

  /** What a record of a reading says; undefined for any other record. */
  of(record: HistoryRecord): HistorySample | undefined {
    const decoded = decodeRecord(record.kind, record.payload)
    if (decoded.kind !== 'reading' && decoded.kind !== 'fast') return undefined
    const sample = decoded.samples[0]
    if (sample === undefined) return undefined
    const { flags, clock } = decodeStatus(sample.status)
    const { schemaId } = decoded
    return {
      record,
      timeMs: sample.timeMs,
      flags,
      clock,
      schemaId,
      schema: this.schema(schemaId),
      registers: sample.registers,
    }
  }

  /** The schema of that id, as far as it is remembered. */
  schema(id: Uint8Array): Schema | undefined {
    const key = toHex(id)
    const known = this.#schemas.get(key)
    if (known !== undefined) return known
    const record = this.#history.schema(id)
    const decoded = record && decodeRecord(record.kind, record.payload)
    const schema = decoded?.kind === 'schema' ? decoded.schema : undefined
    if (this.#schemas.size >= SCHEMAS_HELD_MAX) this.#schemas.clear()
    this.#schemas.set(key, schema)
    return schema
  }
}

/** The registers of a sample as text: exactly what was signed, and nothing without its name. */
export function registerViews({ schema, registers }: HistorySample): readonly RegisterView[] {
  return (schema?.registers ?? []).flatMap(({ obis, scaler, unitCode }, index) => {
    const digits = registers[index]
    if (digits === undefined || digits === null) return []
    return [{ obis, value: decimalText(digits, scaler), unit: unitText(unitCode) }]
  })
}

/** One register of a sample: its exact value and its unit. */
export function registerOf(
  { schema, registers }: HistorySample,
  obis: string,
): { readonly value: string; readonly unit: string } | undefined {
  const index = schema?.registers.findIndex((register) => register.obis === obis) ?? -1
  const register = schema?.registers[index]
  const digits = registers[index]
  if (register === undefined || digits === undefined || digits === null) return undefined
  return { value: decimalText(digits, register.scaler), unit: unitText(register.unitCode) }
}
