import type { CborValue } from '../cbor.ts'
import { badField, FieldReader } from '../field.ts'
import { SEQ_MAX } from '../limits.ts'
import { checkRange, HEADER_FIELDS, headerItems, readHeader, type RecordHeader } from './header.ts'

/**
 * The signature over a run of `fast` records: everything in its stream from `firstSeq` up to itself.
 * `prevHash16` chains it to the last of them; `digest` is SHA-256 over their full hashes in order.
 */
export interface SealRecord extends RecordHeader {
  readonly kind: 'seal'
  readonly firstSeq: number
  /** How many records (not readings) it covers. */
  readonly records: number
  readonly digest: Uint8Array
}

/** Most records under one seal. */
export const SEAL_RECORDS_MAX = 4096

/** The payload items of a seal. */
export function encodeSeal(record: SealRecord): CborValue[] {
  checkSeal(record)
  return [...headerItems(record), record.firstSeq, record.records, record.digest]
}

/** Reads the payload of a seal. */
export function decodeSeal(value: CborValue): SealRecord {
  const reader = new FieldReader(value, 'seal', HEADER_FIELDS + 3)
  const record: SealRecord = {
    kind: 'seal',
    ...readHeader(reader),
    firstSeq: reader.uint('firstSeq', SEQ_MAX),
    records: reader.uint('records', SEAL_RECORDS_MAX),
    digest: reader.bytes('digest', 32),
  }
  checkSeal(record)
  return record
}

function checkSeal(record: SealRecord): void {
  checkRange('seal.firstSeq', record.firstSeq, 1, record.seq - 1)
  checkRange(
    'seal.records',
    record.records,
    1,
    Math.min(SEAL_RECORDS_MAX, record.seq - record.firstSeq),
  )
  if (record.digest.length !== 32) throw badField('seal.digest', '32 bytes', record.digest)
}
