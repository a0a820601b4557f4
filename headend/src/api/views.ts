import { decimalText, decodeStatus, toHex, unitText, type Schema } from '@s3mp/envelope'
import type {
  Device,
  DeviceHealth,
  EventView,
  ReadingView,
  RegisterView,
  StreamState,
} from '@s3mp/web/api'
import type { StoredSample } from '../store/queries.ts'
import { unpackRegisters } from '../store/registers.ts'
import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow, EventRow } from '../store/types.ts'
import { mediumOf } from '@s3mp/web/http'
import { curveStreams, headOfStream, streamName, streamNumber } from './streams.ts'

const DAY_MS = 86_400_000
/** Events of a device looked at to count the alarms of its day. */
export const ALARMS_COUNTED_MAX = 1000

/** Makes what the API answers of what the store holds. */
export class Views {
  readonly #store: SqliteStore
  readonly #ids = new Map<number, string>()

  constructor(store: SqliteStore) {
    this.#store = store
  }

  /** A device with its latest reading, its streams and its health. */
  device(row: DeviceRow, nowMs: number): Device {
    const { queries } = this.#store
    const streams = queries.streams(row.row)
    const schema = this.#newestSchema(streams)
    const health = this.#health(row)
    const latest = this.latest(row, undefined)
    const completeness = this.#completeness(row, streams, nowMs)
    return {
      id: toHex(row.ueid),
      name: row.name,
      state: row.state,
      algorithm: row.algorithm,
      publicKey: toHex(row.publicKey),
      enrolledMs: row.enrolledMs,
      ...(row.lastSeenMs !== undefined && { lastSeenMs: row.lastSeenMs }),
      ...(schema !== undefined && { meterId: schema.meterId }),
      ...(latest !== undefined && { latest }),
      streams: streams.map((stream) => this.#streamState(stream)),
      ...(health !== undefined && { health }),
      ...(completeness !== undefined && { completeness }),
      alarms: queries.alarmsSince(row.row, nowMs - DAY_MS, ALARMS_COUNTED_MAX),
    }
  }

  /** The newest reading of a stream, or of the finest stream that has one. */
  latest(device: DeviceRow, name: string | undefined, head = 0): ReadingView | undefined {
    for (const each of name === undefined ? curveStreams(head) : [name]) {
      const number = streamNumber(each)
      const stream =
        number === undefined ? undefined : this.#store.queries.stream(device.row, number)
      const sample = stream && this.#store.queries.newestSample(stream.row)
      const view = stream && sample && this.reading(toHex(device.ueid), stream, sample)
      if (view !== undefined) return view
    }
    return undefined
  }

  /** One stored reading; undefined where its record is gone, which is never. */
  reading(id: string, stream: StreamRow, sample: StoredSample): ReadingView | undefined {
    const record = this.#store.queries.record(sample.record)
    if (record === undefined) return undefined
    const schema =
      record.schema === undefined ? undefined : this.#store.queries.schema(record.schema)
    const { flags } = decodeStatus(sample.status)
    return {
      device: id,
      stream: streamName(stream.number),
      seq: sample.seq,
      timeMs: sample.timeMs,
      storedMs: record.storedMs,
      row: record.row,
      registers: registerViews(unpackRegisters(sample.registers), schema),
      flags,
      proof: record.proof,
      ...(record.path !== undefined && { path: toHex(record.path) }),
      ...(record.quarantined && { quarantined: true }),
    }
  }

  /** One event. */
  event(event: EventRow): EventView {
    const device = event.device === undefined ? undefined : this.#idOf(event.device)
    return {
      id: String(event.row),
      atMs: event.atMs,
      severity: event.severity,
      code: event.code,
      values: event.details,
      ...(device !== undefined && { device }),
      ...(event.reason !== undefined && { reason: event.reason }),
    }
  }

  #idOf(row: number): string | undefined {
    const known = this.#ids.get(row)
    if (known !== undefined) return known
    const device = this.#store.registry.deviceOfRow(row)
    if (device === undefined) return undefined
    const id = toHex(device.ueid)
    if (this.#ids.size >= IDS_CACHED_MAX) this.#ids.clear()
    this.#ids.set(row, id)
    return id
  }

  #streamState(stream: StreamRow): StreamState {
    const schema =
      stream.schema === undefined ? undefined : this.#store.queries.schema(stream.schema)
    const head = headOfStream(stream.number)
    return {
      stream: streamName(stream.number),
      contiguousSeq: stream.contiguous,
      newestSeq: stream.newest,
      ...(stream.newestMs > 0 && { newestMs: stream.newestMs }),
      ...(head !== undefined && { head }),
      ...(schema !== undefined && {
        ...(schema.intervalMs > 0 && { intervalMs: schema.intervalMs }),
        meterId: schema.meterId,
        protocol: schema.protocol,
        medium: mediumOf(schema),
        registers: schema.registers.map(({ obis }) => obis),
      }),
    }
  }

  #newestSchema(streams: readonly StreamRow[]): Schema | undefined {
    for (const { schema } of streams) {
      const found = schema === undefined ? undefined : this.#store.queries.schema(schema)
      if (found !== undefined) return found
    }
    return undefined
  }

  #health(row: DeviceRow): DeviceHealth | undefined {
    const beat =
      row.heartbeat === undefined ? undefined : this.#store.queries.heartbeat(row.heartbeat)
    if (beat === undefined) return undefined
    return {
      atMs: beat.timeMs,
      firmware: toHex(beat.firmwareHash),
      clock: decodeStatus(beat.status).clock,
      uptimeMs: beat.uptimeS * 1000,
      spoolRecords: beat.spool.records,
      spoolBytes: beat.spool.bytes,
      spoolBytesMax: beat.spool.bytesMax,
    }
  }

  /**
   * Slots of the billing stream since midnight UTC, or since enrolment on the first day; unknown
   * until its schema says its interval.
   */
  #completeness(
    device: DeviceRow,
    streams: readonly StreamRow[],
    nowMs: number,
  ): Device['completeness'] {
    const billing = streams.find(({ number }) => streamName(number) === 'quarter')
    const interval =
      billing?.schema === undefined
        ? undefined
        : this.#store.queries.schema(billing.schema)?.intervalMs
    if (billing === undefined || interval === undefined || interval === 0) return undefined
    const fromMs = Math.max(nowMs - (nowMs % DAY_MS), device.enrolledMs)
    const due = Math.max(0, Math.floor((nowMs - fromMs) / interval))
    const received = this.#store.queries.sampleCount(billing.row, fromMs, nowMs, due)
    return { received, due }
  }
}

/** Devices whose ids are kept for events. */
export const IDS_CACHED_MAX = 100_000

/**
 * Registers as text: exactly what the signed record says. Without their schema they have no names,
 * and nothing is guessed.
 */
export function registerViews(
  registers: readonly (bigint | null)[],
  schema: Schema | undefined,
): readonly RegisterView[] {
  return (schema?.registers ?? []).flatMap(({ obis, scaler, unitCode }, index) => {
    const digits = registers[index]
    if (digits === undefined || digits === null) return []
    return [{ obis, value: decimalText(digits, scaler), unit: unitText(unitCode) }]
  })
}
