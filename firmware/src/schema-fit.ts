import {
  SCHEMA_REGISTERS_MAX,
  TEXT_BYTES_MAX,
  type Schema,
  type SchemaRegister,
} from '@s3mp/envelope'
import type { Reading } from '@s3mp/meter'

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

/** The same schema, and the registers of a reading in its order and at its scalers. */
export interface Fitted {
  readonly schema: Schema
  /** Null where the reading lacks a register or its value leaves 64 bits. */
  readonly registers: readonly (bigint | null)[]
}

/**
 * Brings a reading into the columns of its stream's schema. The schema only ever grows: a register
 * that is new, or finer than before, makes a new schema; one that is missing this time is null. So a
 * meter whose telegrams alternate between two lists settles on one schema after two telegrams.
 */
export function fitSchema(known: Schema | undefined, reading: Reading, intervalMs: number): Fitted {
  const meterId = cut(reading.device)
  const isSame =
    known?.meterId === meterId &&
    known.protocol === reading.protocol &&
    known.intervalMs === intervalMs
  const columns = new Map<string, SchemaRegister>()
  if (isSame) for (const register of known.registers) columns.set(register.obis, register)
  for (const { obis, unitCode, scaler } of reading.registers) {
    const column = columns.get(obis)
    if (column === undefined) {
      if (columns.size < SCHEMA_REGISTERS_MAX) columns.set(obis, { obis, unitCode, scaler })
    } else if (column.unitCode !== unitCode || scaler < column.scaler) {
      columns.set(obis, { obis, unitCode, scaler: Math.min(scaler, column.scaler) })
    }
  }
  const registers = [...columns.values()]
  const schema = { meterId, protocol: reading.protocol, intervalMs, registers }
  return { schema, registers: registers.map((column) => valueOf(column, reading)) }
}

/** The digits of a reading's register at the column's scaler. */
function valueOf(column: SchemaRegister, reading: Reading): bigint | null {
  const register = reading.registers.find(({ obis }) => obis === column.obis)
  if (register === undefined) return null
  const digits = register.digits * 10n ** BigInt(Math.max(0, register.scaler - column.scaler))
  return digits <= INT64_MAX && digits >= INT64_MIN ? digits : null
}

/** As much of a text as a schema may carry, without cutting a character in two. */
function cut(text: string): string {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= TEXT_BYTES_MAX) return text
  return new TextDecoder().decode(bytes.subarray(0, TEXT_BYTES_MAX)).replace(/\uFFFD+$/u, '')
}
