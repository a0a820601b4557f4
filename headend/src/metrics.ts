import type { LiveFeed } from '@s3mp/web'
import type { FleetCounts } from '@s3mp/web/api'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Access, AccessCounts } from './access/access.ts'
import type { Clock } from './clock.ts'
import type { Receiver } from './receive/receiver.ts'
import type { Counts } from './receive/refusals.ts'
import type { SqliteStore } from './store/store.ts'

/** What is measured. */
export interface Measured {
  readonly receiver: Receiver
  readonly store: SqliteStore
  readonly access: Access
  readonly live: LiveFeed
  readonly clock: Clock
}

/** Counters in the format of Prometheus; they only read what the receiver counts anyway. */
export class Metrics {
  readonly #registry = new Registry()

  constructor({ receiver, store, access, live, clock }: Measured) {
    for (const [field, help] of FIELDS) this.#counter(field, help, () => receiver.counts[field])
    this.#refusals(receiver.counts)
    this.#gauge('queue_fill_ratio', 'How full the queue is', () => receiver.fill)
    this.#gauge('epochs_held', 'Epochs whose keys are in memory', () => receiver.epochs.size)
    this.#gauge('devices', 'Devices enrolled', () => store.fleet.counts(clock.nowMs()).all)
    this.#kinds(() => store.fleet.counts(clock.nowMs()))
    this.#gauge('memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
    this.#gauge('live_readers', 'Live streams open', () => live.readers)
    for (const [field, help] of ACCESS_FIELDS)
      this.#counter(`access_${field}`, help, () => access.counts[field])
  }

  /** The text of an answer, and its type. */
  async render(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() }
  }

  #counter(field: string, help: string, read: () => number): void {
    new Counter({
      name: `s3mp_headend_${field}_total`,
      help,
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  #refusals(counts: Counts): void {
    new Counter({
      name: 's3mp_headend_refused_total',
      help: 'Datagrams that led to nothing, by reason',
      labelNames: ['reason'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [reason, count] of Object.entries(counts.refused)) this.inc({ reason }, count)
      },
    })
  }

  #kinds(read: () => FleetCounts): void {
    new Gauge({
      name: 's3mp_headend_fleet',
      help: 'Devices by state, and those with alarms or silent',
      labelNames: ['kind'],
      registers: [this.#registry],
      collect() {
        const counts = read()
        for (const kind of KINDS) this.set({ kind }, counts[kind])
      },
    })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `s3mp_headend_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}

const FIELDS = [
  ['received', 'Datagrams that arrived'],
  ['opened', 'Objects decrypted'],
  ['stored', 'Records stored'],
  ['known', 'Records that were stored before'],
  ['conflicts', 'Records that contradict a stored one'],
  ['epochs', 'Epochs accepted'],
  ['acks', 'Acknowledgements sent'],
  ['prekeys', 'Prekeys sent'],
  ['commits', 'Commits'],
] as const satisfies readonly (readonly [Exclude<keyof Counts, 'refused'>, string])[]

const KINDS = ['active', 'quarantined', 'revoked', 'alarms', 'silent'] as const

const ACCESS_FIELDS = [
  ['logins', 'Log-ins that succeeded'],
  ['refused', 'Log-ins with a wrong name or password'],
  ['throttled', 'Log-ins that had to wait'],
  ['denied', 'Requests without, or with too small a permission'],
] as const satisfies readonly (readonly [keyof AccessCounts, string])[]
