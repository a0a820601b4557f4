import type { CborValue } from '../cbor.ts'
import { asArray, asInt, asInt64, badField, FieldReader } from '../field.ts'
import { SAMPLES_MAX, SCHEMA_REGISTERS_MAX } from '../limits.ts'
import {
  checkRange,
  HEADER_FIELDS,
  headerItems,
  readHeader,
  STATUS_MAX,
  TIME_MS_MAX,
  type RecordHeader,
} from './header.ts'
import { SCHEMA_ID_BYTES } from './schema.ts'

/** The registers at one moment. */
export interface Sample {
  /** Milliseconds since 1970. */
  readonly timeMs: number
  /** {@link Status} as bits. */
  readonly status: number
  /**
   * In the schema's order and at its scalers; null where the meter gave none. Empty marks a moment of
   * which nothing is known: a reading was due, and the status says why there is none.
   */
  readonly registers: readonly (bigint | null)[]
}

/**
 * One reading or a batch. Time and status of the header are those of the first sample; the samples
 * have consecutive sequence numbers from the header's on.
 */
export interface ReadingRecord extends RecordHeader {
  readonly kind: 'reading' | 'fast'
  readonly schemaId: Uint8Array
  readonly samples: readonly Sample[]
}

/*
 * Payload: [stream, seq, timeMs, status, prevHash16, schemaId, registers]
 * A batch has one element more, [+ [timeDelta, status, deltas]]: registers as differences from the
 * last value known in the batch, time as the change of the distance to the sample before (so that a
 * steady rhythm costs one byte).
 */

/** The payload items of a reading. */
export function encodeReading(record: ReadingRecord): CborValue[] {
  const { samples, schemaId } = record
  checkRange('reading.samples', samples.length, 1, SAMPLES_MAX)
  const [first, ...rest] = samples
  if (first?.timeMs !== record.timeMs || first.status !== record.status) {
    throw badField('reading.samples[0]', "the record's time and status", record.timeMs)
  }
  if (schemaId.length !== SCHEMA_ID_BYTES) {
    throw badField('reading.schemaId', `${SCHEMA_ID_BYTES} bytes`, schemaId)
  }
  checkRange('reading.registers', first.registers.length, 0, SCHEMA_REGISTERS_MAX)
  const registers = first.registers.map((value) => checkRegister(value))
  const items = [...headerItems(record), schemaId, registers]
  if (rest.length > 0) items.push(encodeDeltas(first, rest))
  return items
}

/** Reads the payload of a reading; the caller compares the number of registers with the schema's. */
export function decodeReading(value: CborValue, kind: 'reading' | 'fast'): ReadingRecord {
  const reader = new FieldReader(value, kind, HEADER_FIELDS + 2, HEADER_FIELDS + 3)
  const header = readHeader(reader)
  const schemaId = reader.bytes('schemaId', SCHEMA_ID_BYTES)
  const registers = reader
    .array('registers', 0, SCHEMA_REGISTERS_MAX)
    .map((item) => checkRegister(item))
  const first = { timeMs: header.timeMs, status: header.status, registers }
  const samples =
    reader.length === HEADER_FIELDS + 3
      ? decodeDeltas(first, reader.array('batch', 1, SAMPLES_MAX - 1))
      : [first]
  return { kind, ...header, schemaId, samples }
}

function checkRegister(value: CborValue): bigint | null {
  return value === null ? null : asInt64(value, 'reading.register')
}

function encodeDeltas(first: Sample, rest: readonly Sample[]): CborValue[] {
  const known = first.registers.map((value) => value ?? 0n)
  let timeMs = first.timeMs
  let distanceMs = 0
  return rest.map((sample) => {
    checkSample(sample, first.registers.length)
    const timeDelta = sample.timeMs - timeMs - distanceMs
    distanceMs = sample.timeMs - timeMs
    timeMs = sample.timeMs
    const deltas = sample.registers.map((value, index) => {
      if (value === null) return null
      const delta = checkDelta(value - (known[index] ?? 0n))
      known[index] = value
      return delta
    })
    return [timeDelta, sample.status, deltas]
  })
}

function decodeDeltas(first: Sample, items: readonly CborValue[]): Sample[] {
  const known = first.registers.map((value) => value ?? 0n)
  let timeMs = first.timeMs
  let distanceMs = 0
  const samples = [first]
  for (const item of items) {
    const reader = new FieldReader(item, 'reading.batch', 3)
    distanceMs += asInt(reader.any(), 'reading.batch.time')
    timeMs += distanceMs
    const status = reader.uint('status', STATUS_MAX)
    const deltas = asArray(reader.any(), 'reading.batch.registers')
    const registers = deltas.map((delta, index) => {
      if (delta === null) return null
      const value = asInt64(
        (known[index] ?? 0n) + asInt64(delta, 'reading.batch.register'),
        'reading.batch.register',
      )
      known[index] = value
      return value
    })
    const sample = { timeMs, status, registers }
    checkSample(sample, first.registers.length)
    samples.push(sample)
  }
  return samples
}

function checkSample(sample: Sample, registers: number): void {
  checkRange('reading.sample.timeMs', sample.timeMs, 0, TIME_MS_MAX)
  checkRange('reading.sample.status', sample.status, 0, STATUS_MAX)
  if (sample.registers.length !== registers) {
    throw badField('reading.sample.registers', `${registers} values`, sample.registers)
  }
  for (const value of sample.registers) checkRegister(value)
}

/** A difference may need 65 bits; such a jump belongs into a record of its own. */
function checkDelta(delta: bigint): bigint {
  return asInt64(delta, 'reading.batch.register')
}
