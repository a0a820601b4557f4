import { sha256 } from '@noble/hashes/sha2.js'
import { decodeCbor, encodeCbor, type CborValue } from './cbor.ts'
import type { RecordKind } from './kinds.ts'
import { decodeEvent, encodeEvent, type EventRecord } from './payload/event.ts'
import { decodeHeartbeat, encodeHeartbeat, type HeartbeatRecord } from './payload/heartbeat.ts'
import { decodeReading, encodeReading, type ReadingRecord } from './payload/reading.ts'
import { decodeSchemaRecord, encodeSchemaRecord, type SchemaRecord } from './payload/schema.ts'
import { decodeSeal, encodeSeal, type SealRecord } from './payload/seal.ts'

/** Any link of a stream's chain. */
export type DeviceRecord = ReadingRecord | SealRecord | EventRecord | HeartbeatRecord | SchemaRecord

/** The payload bytes of a record: what is hashed into the chain, and what the signature covers. */
export function encodeRecord(record: DeviceRecord): Uint8Array {
  return encodeCbor(recordItems(record))
}

function recordItems(record: DeviceRecord): CborValue[] {
  switch (record.kind) {
    case 'reading':
    case 'fast':
      return encodeReading(record)
    case 'seal':
      return encodeSeal(record)
    case 'event':
      return encodeEvent(record)
    case 'heartbeat':
      return encodeHeartbeat(record)
    case 'schema':
      return encodeSchemaRecord(record)
  }
}

/** Reads payload bytes of a known kind; every refusal is an `EnvelopeError` that names the field. */
export function decodeRecord(kind: RecordKind, payload: Uint8Array): DeviceRecord {
  const value = decodeCbor(payload)
  switch (kind) {
    case 'reading':
    case 'fast':
      return decodeReading(value, kind)
    case 'seal':
      return decodeSeal(value)
    case 'event':
      return decodeEvent(value)
    case 'heartbeat':
      return decodeHeartbeat(value)
    case 'schema':
      return decodeSchemaRecord(value)
  }
}

/** SHA-256 of a record's payload bytes: what the next record carries 16 bytes of. */
export function recordHash(payload: Uint8Array): Uint8Array {
  return sha256(payload)
}

/** How many sequence numbers a record takes: one for each sample of a batch, else one. */
export function recordSpan(record: DeviceRecord): number {
  return 'samples' in record ? record.samples.length : 1
}
