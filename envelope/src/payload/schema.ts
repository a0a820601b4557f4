import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8 } from '../bytes.ts'
import { encodeCbor, type CborValue } from '../cbor.ts'
import { asInt, asText, badField, FieldReader } from '../field.ts'
import { PROTOCOL_ID } from '../kinds.ts'
import { SCHEMA_REGISTERS_MAX } from '../limits.ts'
import { checkRange, HEADER_FIELDS, headerItems, readHeader, type RecordHeader } from './header.ts'

/** One column of a reading. */
export interface SchemaRegister {
  /** OBIS code in full, `1-0:16.7.0*255`. */
  readonly obis: string
  /** Unit as DLMS numbers it (IEC 62056-6-2 table of units): 27 W, 30 Wh; 255 none. */
  readonly unitCode: number
  /** Power of ten: value = integer × 10^scaler. */
  readonly scaler: number
}

/** What readings refer to by their schema id. */
export interface Schema {
  /** The meter's own number as it reports it. */
  readonly meterId: string
  /** How it is read: `sml`, `dlms`, … */
  readonly protocol: string
  /** Nominal distance of readings, milliseconds; 0 if there is none. */
  readonly intervalMs: number
  readonly registers: readonly SchemaRegister[]
}

/** Announces a schema in the stream that uses it. */
export interface SchemaRecord extends RecordHeader {
  readonly kind: 'schema'
  readonly schema: Schema
}

/** Bytes of a schema id. */
export const SCHEMA_ID_BYTES = 8
const INTERVAL_MS_MAX = 366 * 86_400_000
const UNIT_CODE_MAX = 255

/** First eight bytes of SHA-256 over the protocol name and the schema: its name and its proof. */
export function schemaIdOf(schema: Schema): Uint8Array {
  const definition = encodeCbor(schemaItems(schema))
  return sha256(concatBytes(utf8(`${PROTOCOL_ID} schema`), definition)).slice(0, SCHEMA_ID_BYTES)
}

/** The payload items of a schema record. */
export function encodeSchemaRecord(record: SchemaRecord): CborValue[] {
  return [...headerItems(record), ...schemaItems(record.schema)]
}

/** Reads the payload of a schema record. */
export function decodeSchemaRecord(value: CborValue): SchemaRecord {
  const reader = new FieldReader(value, 'schema', HEADER_FIELDS + 4)
  const header = readHeader(reader)
  const meterId = reader.text('meterId')
  const protocol = reader.text('protocol')
  const intervalMs = reader.uint('intervalMs', INTERVAL_MS_MAX)
  const registers = reader.array('registers', 1, SCHEMA_REGISTERS_MAX).map(readRegister)
  const schema = { meterId, protocol, intervalMs, registers }
  checkUnique(schema)
  return { kind: 'schema', ...header, schema }
}

function schemaItems(schema: Schema): CborValue[] {
  checkRange('schema.intervalMs', schema.intervalMs, 0, INTERVAL_MS_MAX)
  checkRange('schema.registers', schema.registers.length, 1, SCHEMA_REGISTERS_MAX)
  checkUnique(schema)
  return [
    asText(schema.meterId, 'schema.meterId'),
    asText(schema.protocol, 'schema.protocol'),
    schema.intervalMs,
    schema.registers.map(({ obis, unitCode, scaler }) => {
      checkRange('schema.unitCode', unitCode, 0, UNIT_CODE_MAX)
      checkRange('schema.scaler', scaler, -128, 127)
      return [obisBytes(obis), unitCode, scaler]
    }),
  ]
}

function checkUnique(schema: Schema): void {
  const codes = new Set(schema.registers.map(({ obis }) => obis))
  if (codes.size !== schema.registers.length) {
    throw badField('schema.registers', 'every OBIS code once', schema.registers.length)
  }
}

function readRegister(value: CborValue): SchemaRegister {
  const reader = new FieldReader(value, 'schema.register', 3)
  const obis = obisText(reader.bytes('obis', 6))
  const unitCode = reader.uint('unitCode', UNIT_CODE_MAX)
  const scaler = asInt(reader.any(), 'schema.register.scaler')
  checkRange('schema.register.scaler', scaler, -128, 127)
  return { obis, unitCode, scaler }
}

const OBIS = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})\*(\d{1,3})$/

function obisBytes(obis: string): Uint8Array {
  const groups = OBIS.exec(obis)?.slice(1).map(Number) ?? []
  if (groups.length !== 6 || groups.some((group) => group > 255) || obisText(groups) !== obis) {
    throw badField('schema.obis', 'A-B:C.D.E*F with groups up to 255', obis)
  }
  return Uint8Array.from(groups)
}

function obisText(groups: ArrayLike<number>): string {
  const [a, b, c, d, e, f] = Array.from(groups).map(String)
  return `${a ?? ''}-${b ?? ''}:${c ?? ''}.${d ?? ''}.${e ?? ''}*${f ?? ''}`
}
