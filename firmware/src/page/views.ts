import { decodeRecord, eventName, SEAL_RECORDS_MAX, toHex, type PublicKey, type Schema } from '@s3mp/envelope' // prettier-ignore
import type {
  Device,
  EventView,
  EvidenceAnswer,
  ReadingView,
  Severity,
  StreamState,
} from '@s3mp/web/api'
import { mediumOf } from '@s3mp/web/http'

import type { MeterStatus } from '../app.ts'
import type { History, HistoryRecord } from '../history/history.ts'
import { registerViews, Samples, type HistorySample } from '../history/sample.ts'
import { STREAM } from '../streams.ts'
import { placeOf, streamName, streamsOf } from './names.ts'

/** Alarms counted for a day. */
export const ALARMS_COUNTED_MAX = 1000

const DAY_MS = 86_400_000

/** Who this device is, and what it is called on its own page. */
export interface DeviceFacts {
  readonly name: string
  readonly key: PublicKey
  readonly ueid: Uint8Array
  /** Whom its records are signed for. */
  readonly recipientId: Uint8Array
}

/** What the views are made of. */
export interface ViewsOptions {
  readonly facts: DeviceFacts
  readonly history: History
  readonly status: () => MeterStatus
}

/** What the page shows, made of the meter's own signed records. */
export class Views {
  readonly samples: Samples
  readonly #options: ViewsOptions
  readonly #id: string

  constructor(options: ViewsOptions) {
    this.#options = options
    this.samples = new Samples(options.history)
    this.#id = toHex(options.facts.ueid)
  }

  /** The device's id, as addresses name it. */
  get id(): string {
    return this.#id
  }

  /** The device with its streams and its health. */
  device(nowMs: number): Device {
    const { facts, history, status } = this.#options
    const { clock, spool, uptimeMs } = status()
    const streams = history.streams()
    const latest = this.latest(undefined, 0)
    const schema = streams.map(({ newest }) => this.#schemaOf(newest)).find((one) => one)
    const beat = history.newest(STREAM.health, 'heartbeat', Number.MAX_SAFE_INTEGER, 1)[0]
    const last = Math.max(...streams.map(({ newest }) => newest.storedMs))
    return {
      id: this.#id,
      name: facts.name,
      state: 'active',
      algorithm: facts.key.algorithm,
      publicKey: toHex(facts.key.publicKey),
      enrolledMs: history.readingFrom(STREAM.billing, 0)?.timeMs ?? nowMs,
      ...(Number.isFinite(last) ? { lastSeenMs: last } : {}),
      ...(schema === undefined ? {} : { meterId: schema.meterId }),
      ...(latest === undefined ? {} : { latest }),
      streams: streams.map(({ newest }) => this.#stateOf(newest)),
      health: {
        atMs: beat?.timeMs ?? nowMs,
        clock,
        uptimeMs,
        spoolRecords: spool.objects,
        spoolBytes: spool.bytes,
      },
      alarms: this.#alarmsSince(nowMs - DAY_MS),
    }
  }

  /** The newest reading of a stream, or of the finest of a place that has one. */
  latest(stream: number | undefined, place: number): ReadingView | undefined {
    for (const one of stream === undefined ? streamsOf(place) : [stream]) {
      const record = this.#options.history.readingBefore(one, Number.MAX_SAFE_INTEGER)
      const sample = record && this.samples.of(record)
      if (sample !== undefined) return this.reading(sample)
    }
    return undefined
  }

  /** One reading. */
  reading(sample: HistorySample): ReadingView {
    const { record } = sample
    return {
      device: this.#id,
      stream: streamName(record.stream),
      seq: record.seq,
      timeMs: sample.timeMs,
      storedMs: record.storedMs,
      row: record.seq,
      registers: registerViews(sample),
      flags: sample.flags,
      proof: this.#proofOf(record),
    }
  }

  /** What proves one reading: its schema, itself, and the run up to its seal where it needs one. */
  evidence(record: HistoryRecord, sample: HistorySample): EvidenceAnswer {
    const { facts, history } = this.#options
    const seal = record.kind === 'fast' ? this.#sealOver(record) : undefined
    const run =
      seal === undefined
        ? [record]
        : history
            .from(record.stream, seal.firstSeq, SEAL_RECORDS_MAX + 1)
            .filter(({ seq }) => seq <= seal.record.seq)
    const schema = history.schema(sample.schemaId)
    const isInRun = run.some(({ stream, seq }) => stream === schema?.stream && seq === schema.seq)
    return {
      device: this.#id,
      algorithm: facts.key.algorithm,
      publicKey: toHex(facts.key.publicKey),
      recipientId: toHex(facts.recipientId),
      stream: streamName(record.stream),
      seq: record.seq,
      claimed: this.reading(sample),
      records: (schema === undefined || isInRun ? run : [schema, ...run]).map((one) => ({
        row: one.seq,
        stream: streamName(one.stream),
        seq: one.seq,
        kind: one.kind,
        bytes: toHex(one.object ?? one.payload),
      })),
    }
  }

  /** An event of the device. */
  event(record: HistoryRecord): EventView | undefined {
    const event = decodeRecord(record.kind, record.payload)
    if (event.kind !== 'event') return undefined
    const values = event.details.map((detail, index) => {
      const isSmall = typeof detail === 'bigint' && Number.isSafeInteger(Number(detail))
      return [`detail${String(index + 1)}`, isSmall ? Number(detail) : String(detail)] as const
    })
    return {
      id: String(record.seq),
      atMs: event.timeMs,
      severity: SEVERITY[event.severity],
      code: `device.${eventName(event.code)}`,
      values: Object.fromEntries(values),
      device: this.#id,
    }
  }

  #alarmsSince(fromMs: number): number {
    const { history } = this.#options
    const all = history.newest(STREAM.events, 'event', Number.MAX_SAFE_INTEGER, ALARMS_COUNTED_MAX)
    return all.filter((record) => {
      if (record.timeMs < fromMs) return false
      const event = decodeRecord(record.kind, record.payload)
      return event.kind === 'event' && event.severity === 'alarm'
    }).length
  }

  #stateOf(newest: HistoryRecord): StreamState {
    const { stream, seq, timeMs } = newest
    const head = placeOf(stream)
    const schema = head === undefined ? undefined : this.#schemaOf(newest)
    return {
      stream: streamName(stream),
      contiguousSeq: seq,
      newestSeq: seq,
      newestMs: timeMs,
      ...(head === undefined ? {} : { head }),
      ...(schema === undefined
        ? {}
        : {
            ...(schema.intervalMs > 0 ? { intervalMs: schema.intervalMs } : {}),
            meterId: schema.meterId,
            protocol: schema.protocol,
            medium: mediumOf(schema),
            registers: schema.registers.map(({ obis }) => obis),
          }),
    }
  }

  #schemaOf({ stream }: HistoryRecord): Schema | undefined {
    const reading = this.#options.history.readingBefore(stream, Number.MAX_SAFE_INTEGER)
    return reading && this.samples.of(reading)?.schema
  }

  #proofOf(record: HistoryRecord): ReadingView['proof'] {
    if (record.kind !== 'fast') return 'signed'
    return this.#sealOver(record) === undefined ? 'pending' : 'sealed'
  }

  #sealOver(
    record: HistoryRecord,
  ): { readonly record: HistoryRecord; readonly firstSeq: number } | undefined {
    const seal = this.#options.history.sealAfter(record.stream, record.seq)
    const decoded = seal && decodeRecord(seal.kind, seal.payload)
    if (seal === undefined || decoded?.kind !== 'seal' || decoded.firstSeq > record.seq) {
      return undefined
    }
    return { record: seal, firstSeq: decoded.firstSeq }
  }
}

const SEVERITY: Readonly<Record<'info' | 'notice' | 'warning' | 'alarm', Severity>> = {
  info: 'info',
  notice: 'info',
  warning: 'warning',
  alarm: 'alarm',
}
