import { SEAL_RECORDS_MAX, toHex } from '@s3mp/envelope'
import type { EvidenceAnswer, EvidenceRecord } from '@s3mp/web/api'
import type { StoredRecord } from '../store/queries.ts'
import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow } from '../store/types.ts'
import { need, type ApiOptions } from './parts.ts'
import { streamName } from './streams.ts'

/** The schema, the record, and the run up to its seal where it bears no signature itself. */
export function evidenceOf(
  { store, views, recipientId }: Pick<ApiOptions, 'store' | 'views' | 'recipientId'>,
  device: DeviceRow,
  stream: StreamRow,
  seq: number,
): EvidenceAnswer {
  const { queries } = store
  const record = need(queries.recordAt(stream.row, seq), 'seq')
  const sample = need(queries.sampleOf(record, seq), 'seq')
  const claimed = need(views.reading(toHex(device.ueid), stream, sample), 'seq')
  const seal = record.proof === 'sealed' ? queries.sealOver(stream.row, seq) : undefined
  const run =
    seal === undefined
      ? [record]
      : queries
          .recordsFrom(stream.row, seal.first, SEAL_RECORDS_MAX + 1)
          .filter((one) => one.seq <= seal.seal)
  const schema =
    record.schema === undefined ? undefined : queries.schemaRecord(record.schema, device.row)
  const withSchema = schema === undefined || run.some(({ row }) => row === schema.row)
  const records = withSchema ? run : [schema, ...run]
  return {
    device: toHex(device.ueid),
    algorithm: device.algorithm,
    publicKey: toHex(device.publicKey),
    recipientId: toHex(recipientId),
    stream: streamName(stream.number),
    seq,
    claimed,
    records: records.map((one) => evidenceRecord(one, store)),
  }
}

function evidenceRecord(record: StoredRecord, store: SqliteStore): EvidenceRecord {
  return {
    row: record.row,
    // A schema may have been announced in another stream than the one that uses it.
    stream: streamName(store.queries.streamNumberOf(record.stream)),
    seq: record.seq,
    kind: record.kind,
    bytes: toHex(record.bytes),
  }
}
