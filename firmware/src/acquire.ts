import {
  HalError,
  readWithin,
  ReopeningSerial,
  type ReopeningEvent,
  type Clock,
  type SerialBackend,
  type SerialSettings,
} from '@s3mp/hal'
import { createDecoder, type DecoderProtocol, type Reading } from '@s3mp/meter'

import { retryDelayMs } from './backoff.ts'
import { codeOf, reasonOf } from './errors.ts'
import { LinkQualityMeter } from './link-quality.ts'
import type { Log } from './log.ts'
import { RawRing } from './raw-ring.ts'

/** Longest wait before a port that cannot be opened at all is tried again, in milliseconds. */
export const SOURCE_RETRY_MS_MAX = 60_000

/** What reading the meter needs. */
export interface AcquireOptions {
  readonly serial: SerialBackend
  readonly path: string
  readonly settings: SerialSettings
  readonly protocol: DecoderProtocol
  /** Nothing heard for this long: the port is closed and opened again, in milliseconds. */
  readonly silenceMs: number
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly log: Log
  /** A telegram was understood; `bytes` are its raw bytes, as far as they are still held. */
  readonly onReading: (reading: Reading, bytes: Uint8Array) => void
  readonly onDiscarded: (bytes: number, reason: string) => void
  /** The meter fell silent, or is heard again. */
  readonly onSilence: (isSilent: boolean) => void
}

/**
 * Listens to the meter for ever: opens the port, feeds the decoder, opens again when the head was
 * pulled out, is silent, or could not be opened at first. It never gives up and never fills a log.
 */
export class Acquire {
  readonly quality = new LinkQualityMeter()
  readonly ring = new RawRing()
  readonly #options: AcquireOptions
  #isSilent = false
  #failures = 0
  /** Where the decoder's count of bytes began in the ring's. */
  #begin = 0

  constructor(options: AcquireOptions) {
    this.#options = options
  }

  /** Works until `signal` aborts; `progress` is called whenever the loop turns. */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { clock, random, log, path } = this.#options
    while (!signal.aborted) {
      try {
        await this.#listen(signal, progress)
      } catch (error) {
        if (isAborted(signal)) return
        this.#silent(true)
        if (!(error instanceof HalError)) throw error
        const isSilence = error.code === 'timeout'
        const bounds = { minMs: 1000, maxMs: SOURCE_RETRY_MS_MAX }
        const waitMs = isSilence ? 0 : retryDelayMs(this.#failures, random(), bounds)
        this.#failures += 1
        log.warn(isSilence ? 'meter.silent' : 'head.failed', {
          path,
          code: codeOf(error),
          reason: reasonOf(error),
          retryMs: waitMs,
        })
        await this.#pause(waitMs, signal, progress, clock)
      }
    }
  }

  /** One life of the port, until silence or an error that waiting inside it cannot heal. */
  async #listen(signal: AbortSignal, progress: () => void): Promise<void> {
    const { serial, path, settings, protocol, silenceMs, clock, random } = this.#options
    const decoder = createDecoder(protocol)
    this.#begin = this.ring.total
    const port = new ReopeningSerial({
      backend: serial,
      path,
      settings,
      clock,
      random,
      onEvent: (event) => {
        this.#tell(event)
      },
    })
    try {
      let silentMs = 0
      while (!signal.aborted) {
        progress()
        const partMs = Math.min(PART_MS, silenceMs - silentMs)
        const bytes = await this.#read(port, partMs, clock, signal)
        if (bytes === undefined) {
          silentMs += partMs
          if (silentMs < silenceMs) continue
          throw new HalError('timeout', `nothing heard for ${String(silenceMs)} ms`)
        }
        silentMs = 0
        this.#take(bytes, decoder)
      }
    } finally {
      await port.close()
    }
  }

  /** Bytes, or undefined when none came within the time. */
  async #read(
    port: ReopeningSerial,
    ms: number,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    try {
      return await readWithin(port, ms, clock, signal)
    } catch (error) {
      if (!(error instanceof HalError)) throw error
      if (error.code === 'timeout') return undefined
      if (error.code !== 'overrun') throw error
      this.quality.overrun()
      this.#options.log.warn('head.overrun', { reason: error.message })
      return new Uint8Array(0)
    }
  }

  #take(bytes: Uint8Array, decoder: ReturnType<typeof createDecoder>): void {
    const { onReading, onDiscarded, log } = this.#options
    this.quality.heard(bytes.length)
    this.ring.push(bytes)
    for (const event of decoder.push(bytes)) {
      this.quality.decoded(event)
      if (event.type === 'reading') {
        this.#failures = 0
        this.#silent(false)
        const from = this.#begin + event.offset
        onReading(event.reading, this.ring.slice(from, from + event.length))
      } else {
        // We come in the middle of a telegram; what is left of it says nothing about the head.
        const isEntry = event.offset === 0 && event.reason === 'garbage'
        log[isEntry ? 'debug' : 'info']('bytes.discarded', {
          bytes: event.bytes,
          reason: event.reason,
        })
        if (!isEntry) onDiscarded(event.bytes, event.reason)
      }
    }
  }

  #tell(event: ReopeningEvent): void {
    const { log } = this.#options
    if (event.type === 'opened') {
      log.info('head.opened', { path: event.path })
      return
    }
    if (event.type === 'lost') this.quality.reopened()
    this.#silent(true)
    log.warn(event.type === 'lost' ? 'head.lost' : 'head.waiting', {
      path: event.path,
      code: event.error.code,
      reason: event.error.message,
      ...(event.type === 'waiting' ? { failures: event.failures, retryMs: event.delayMs } : {}),
    })
  }

  #silent(isSilent: boolean): void {
    if (this.#isSilent === isSilent) return
    this.#isSilent = isSilent
    this.#options.onSilence(isSilent)
  }

  async #pause(ms: number, signal: AbortSignal, progress: () => void, clock: Clock): Promise<void> {
    for (let left = ms; left > 0 && !signal.aborted; left -= PART_MS) {
      progress()
      await clock.sleep(Math.min(left, PART_MS), signal).catch(() => undefined)
    }
  }
}

/** Waits are cut into parts, so that the watchdog sees the loop turn, in milliseconds. */
const PART_MS = 5000

/** Aborted meanwhile? A call, because the type checker remembers the loop's own question. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
