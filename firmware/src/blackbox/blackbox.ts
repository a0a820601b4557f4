import type { Clock, SerialSettings } from '@s3mp/hal'
import type { DecoderEvent } from '@s3mp/meter'

import type { SourceTap } from '../sources/source.ts'
import { captureLines, type CaptureChunk } from './capture.ts'

/** Bytes kept of before a fault: a minute of a common meter. */
export const BLACKBOX_BEFORE_BYTES_MAX = 16_384

/** Bytes kept of after it. */
export const BLACKBOX_AFTER_BYTES_MAX = 16_384

/** How long what follows a fault is kept with it, in milliseconds. */
export const BLACKBOX_AFTER_MS = 10_000

/** Captures kept on the disk, the newest ones. */
export const BLACKBOX_FILES_MAX = 32

/** Least time from one capture to the next, in milliseconds; doubles while faults go on. */
export const BLACKBOX_PAUSE_MS_MIN = 60_000

/** Longest such time, in milliseconds: a head that sits badly must not wear out the disk. */
export const BLACKBOX_PAUSE_MS_MAX = 6 * 3_600_000

/** What one black box needs. */
export interface BlackBoxOptions {
  /** The source's name, which the capture's is made of. */
  readonly source: string
  readonly settings?: SerialSettings
  readonly clock: Clock
  /** Keeps a capture under a name, and lets the oldest go. Must not throw. */
  readonly keep: (name: string, text: string) => void
}

interface Fault {
  readonly atMs: number
  readonly reasons: string[]
  readonly chunks: CaptureChunk[]
  bytes: number
}

/**
 * Remembers what came before and after every fault of one source, as it came: what somebody needs who
 * was not there. Bounded in memory, in files, and in how often it writes.
 */
export class BlackBox {
  readonly #options: BlackBoxOptions
  readonly #recent: CaptureChunk[] = []
  #recentBytes = 0
  #fault: Fault | undefined
  #nextMs = -Infinity
  #pauseMs = BLACKBOX_PAUSE_MS_MIN

  constructor(options: BlackBoxOptions) {
    this.#options = options
  }

  /** The hooks through which it listens along. */
  get tap(): SourceTap {
    return {
      bytes: (bytes) => {
        this.#hear(bytes)
      },
      event: (event) => {
        this.#judge(event)
      },
    }
  }

  #hear(bytes: Uint8Array): void {
    const atMs = this.#options.clock.monotonicMs()
    const chunk = { atMs, bytes: Uint8Array.from(bytes.subarray(-BLACKBOX_AFTER_BYTES_MAX)) }
    const fault = this.#fault
    if (fault !== undefined) {
      fault.chunks.push(chunk)
      fault.bytes += chunk.bytes.length
      const isOver = atMs - fault.atMs >= BLACKBOX_AFTER_MS
      if (isOver || fault.bytes >= BLACKBOX_AFTER_BYTES_MAX) this.#close(fault)
    }
    this.#recent.push(chunk)
    this.#recentBytes += chunk.bytes.length
    while (this.#recentBytes > BLACKBOX_BEFORE_BYTES_MAX) {
      this.#recentBytes -= this.#recent.shift()?.bytes.length ?? 0
    }
  }

  #judge(event: DecoderEvent): void {
    if (event.type !== 'discarded') return
    // We came in the middle of a telegram: no fault of anybody.
    if (event.offset === 0 && event.reason === 'garbage') return
    if (this.#fault !== undefined) {
      this.#fault.reasons.push(event.reason)
      return
    }
    const atMs = this.#options.clock.monotonicMs()
    if (atMs < this.#nextMs) return
    const isCalm = atMs - this.#nextMs > BLACKBOX_PAUSE_MS_MAX
    this.#pauseMs = isCalm
      ? BLACKBOX_PAUSE_MS_MIN
      : Math.min(2 * this.#pauseMs, BLACKBOX_PAUSE_MS_MAX)
    this.#nextMs = atMs + this.#pauseMs
    this.#fault = { atMs, reasons: [event.reason], chunks: [...this.#recent], bytes: 0 }
  }

  #close({ atMs, reasons, chunks }: Fault): void {
    this.#fault = undefined
    const { source, settings, clock, keep } = this.#options
    const firstMs = chunks[0]?.atMs ?? atMs
    const startedMs = Math.round(clock.nowMs() - (clock.monotonicMs() - firstMs))
    const lines = captureLines({
      ...(settings === undefined ? {} : { settings }),
      startedMs,
      isTimed: true,
      notes: [
        `source ${source}`,
        `fault ${String(Math.round(atMs - firstMs))} ms after the beginning: ${countsOf(reasons)}`,
      ],
      chunks: chunks.map((chunk) => ({ atMs: chunk.atMs - firstMs, bytes: chunk.bytes })),
    })
    const time = new Date(startedMs).toISOString().replace(/[:.]/gu, '-')
    const name = `${time}-${source.replace(/[^A-Za-z0-9-]/gu, '_').slice(0, 40)}.capture`
    keep(name, `${[...lines].join('\n')}\n`)
  }
}

/** `crc 2, truncated 1` */
function countsOf(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].map(([reason, count]) => `${reason} ${String(count)}`).join(', ')
}
