import {
  advance,
  encodeRecord,
  encodeStatus,
  genesis,
  kindRule,
  nextLink,
  recordSpan,
  restart,
  signRecord,
  type ChainState,
  type DeviceRecord,
  type Signer,
  type StatusFlag,
} from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

import type { ClockState } from './clock-state.ts'
import type { Epochs } from './epochs.ts'
import { codeOf, FirmwareError, reasonOf } from './errors.ts'
import type { Log } from './log.ts'
import type { SpoolBox } from './spool/box.ts'
import type { Priority } from './spool/priority.ts'
import type { Dropped, StreamState } from './spool/spool.ts'
import { placeLabel, type Vault } from './spool/vault.ts'
import type { OnTrace } from './trace.ts'

/** Records that wait to be made; live ones beyond this are given up. */
export const RECORD_QUEUE_MAX = 256

/** What every record of a stream begins with: its place in the chain. */
export type Link = ReturnType<typeof nextLink>

/** A record to be made when its turn comes. */
export interface Order {
  readonly stream: number
  readonly priority: Priority
  /** No real meter is behind it; as the whole device when left out. */
  readonly isSimulated?: boolean
  /** Makes the record for its place; called once, in the stream's order. */
  readonly build: (link: Link, status: (flags: readonly StatusFlag[]) => number) => DeviceRecord
  /** What the stream remembers from now on; as before when left out. */
  readonly memory?: string
}

/** What the recorder needs. */
export interface RecorderOptions {
  readonly signer: Signer
  readonly epochs: Epochs
  readonly box: SpoolBox
  readonly vault: Vault
  readonly clock: Clock
  readonly clockState: () => ClockState
  /** Nothing real is behind this device: every record says so. */
  readonly isSimulated: boolean
  /** Whether the device's own case is open: every record says so. */
  readonly isTampered: () => boolean
  readonly log: Log
  readonly onTrace: OnTrace
  /** Something is new in the spool. */
  readonly onStored: () => void
  /** These gave way without having been acknowledged. */
  readonly onDropped: (dropped: readonly Dropped[]) => void
  /** A record could not be kept, because everything is full; or can be again. */
  readonly onFull: (isFull: boolean) => void
  /** The spool was broken and was replaced. */
  readonly onBroken: (reason: string) => void
}

/**
 * Makes records durable: link them into their stream's chain, sign, seal under the epoch, store.
 * One at a time and in order; whatever happens in between, the chain on the disk is the chain.
 */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #begun = new Set<number>()
  #queue: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #isFull = false

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** What a stream remembered with its last record; empty for a new one. */
  memory(stream: number): string {
    return this.#options.box.spool.stream(stream).memory
  }

  /**
   * Makes a record when all before it are made. Resolves with it once it is on the disk, or with
   * undefined when there was no room for it.
   */
  append(order: Order): Promise<DeviceRecord | undefined> {
    if (this.#waiting >= RECORD_QUEUE_MAX) {
      this.#options.log.warn('record.dropped', { stream: order.stream, waiting: this.#waiting })
      return Promise.resolve(undefined)
    }
    this.#waiting += 1
    const done = this.#queue.then(() => this.#append(order))
    this.#queue = done.then(
      () => {
        this.#waiting -= 1
      },
      (error: unknown) => {
        this.#waiting -= 1
        // Many who order a record do not wait for it: one that cannot be made must not go unseen.
        const { stream } = order
        this.#options.log.error('record.failed', {
          stream,
          code: codeOf(error),
          reason: reasonOf(error),
        })
      },
    )
    return done
  }

  /** Whether the last record found no room. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Resolves when everything ordered until now is made. */
  async idle(): Promise<void> {
    await this.#queue
  }

  async #append(order: Order): Promise<DeviceRecord | undefined> {
    try {
      return await this.#make(order)
    } catch (error) {
      if (!(error instanceof FirmwareError)) throw error
      if (error.code === 'spool-full') {
        this.#full(true)
        return undefined
      }
      if (error.code !== 'spool') throw error
      this.#options.log.error('spool.broken', { reason: error.message })
      this.#options.box.renew()
      this.#options.onBroken(reasonOf(error))
      return this.#make(order)
    }
  }

  async #make(order: Order): Promise<DeviceRecord> {
    const { signer, epochs, box, vault, clock, onTrace, onDropped } = this.#options
    const before = box.spool.stream(order.stream)
    const chain = this.#chainOf(before)
    const isFirst = !this.#begun.has(order.stream)
    const record = order.build(nextLink(chain), (flags) =>
      this.#status(flags, isFirst, order.isSimulated ?? this.#options.isSimulated),
    )
    const payload = encodeRecord(record)
    const epoch = await epochs.current()
    const object = kindRule(record.kind).signed
      ? await signRecord(signer, record, epochs.recipientId)
      : payload
    const datagram = epoch.seal(record.kind, object, clock.monotonicMs())
    const span = recordSpan(record)
    const after = advance(chain, payload, span)
    const entry = {
      stream: order.stream,
      seq: record.seq,
      lastSeq: record.seq + span - 1,
      kind: record.kind,
      priority: order.priority,
      epoch: epoch.number,
      madeMs: clock.nowMs(),
      hash: after.head,
      datagram,
      kept: vault.lock(object, placeLabel({ ...record, stream: order.stream })),
    }
    const seal = record.kind === 'fast' ? 'opens' : record.kind === 'seal' ? 'closes' : 'none'
    const state = { ...after, memory: order.memory ?? before.memory }
    const { id, dropped } = box.spool.append(entry, state, seal)
    this.#begun.add(order.stream)
    this.#full(false)
    if (dropped.length > 0) onDropped(dropped)
    onTrace({
      type: 'stored',
      atMs: entry.madeMs,
      id,
      stream: order.stream,
      seq: record.seq,
      record,
      payload,
      object,
      datagram,
    })
    this.#options.onStored()
    return record
  }

  /** Where the chain goes on: from its head, from the beginning, or anew after a loss. */
  #chainOf(state: StreamState): ChainState {
    const { stream, nextSeq, head } = state
    if (head.length > 0) return { stream, nextSeq, head }
    const beginning = genesis(this.#options.signer.ueid, stream)
    return nextSeq === beginning.nextSeq ? beginning : restart(stream, nextSeq)
  }

  #status(flags: readonly StatusFlag[], isFirst: boolean, isSimulated: boolean): number {
    const all = new Set(flags)
    if (isFirst) all.add('restart')
    if (this.#options.isTampered()) all.add('tamper')
    if (isSimulated) all.add('simulated')
    return encodeStatus({ clock: this.#options.clockState(), flags: [...all] })
  }

  #full(isFull: boolean): void {
    if (this.#isFull === isFull) return
    this.#isFull = isFull
    this.#options.onFull(isFull)
  }
}
