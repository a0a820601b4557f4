import { Counter, Gauge, Registry } from 'prom-client'
import type { Receiver } from './receive/receiver.ts'
import type { Counts } from './receive/refusals.ts'
import type { SqliteStore } from './store/store.ts'

/** Counters in the format of Prometheus; they only read what the receiver counts anyway. */
export class Metrics {
  readonly #registry = new Registry()

  constructor(receiver: Receiver, store: SqliteStore) {
    for (const [field, help] of FIELDS) this.#counter(field, help, () => receiver.counts[field])
    this.#refusals(receiver.counts)
    this.#gauge('queue_fill_ratio', 'How full the queue is', () => receiver.fill)
    this.#gauge('epochs_held', 'Epochs whose keys are in memory', () => receiver.epochs.size)
    this.#gauge('devices', 'Devices enrolled', () => store.registry.deviceCount())
    this.#gauge('memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
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
