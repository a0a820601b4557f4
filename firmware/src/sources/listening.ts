import {
  formatSettings,
  HalError,
  parseSettings,
  readWithin,
  sameSettings,
  ReopeningSerial,
  type ReopeningEvent,
  type Clock,
  type SerialBackend,
  type SerialSettings,
} from '@s3mp/hal'
import { createDecoder, type DecoderProtocol, type OwnList, type ReadingEvent } from '@s3mp/meter'

import { retryDelayMs } from '../backoff.ts'
import { codeOf, FirmwareError, reasonOf } from '../errors.ts'
import { DETECT_GARBAGE_BYTES_MAX, DETECT_SETTINGS } from '../head/detect.ts'
import { LinkQualityMeter } from '../link-quality.ts'
import { RawRing } from '../raw-ring.ts'
import { Invocations } from './invocations.ts'
import { KeyWatch } from './key-watch.ts'
import type { MeterKeys } from './keys.ts'
import { ListWatch } from './list-watch.ts'
import { pause } from './pause.ts'
import type { Source, SourceContext, SourceSpec } from './source.ts'

/** Longest wait before a port that cannot be opened at all is tried again, in milliseconds. */
export const SOURCE_RETRY_MS_MAX = 60_000

/** Bytes but no telegram for this long: the line may have another speed, in milliseconds. */
export const GARBAGE_MS_MAX = 60_000

/** Bursts of bytes without a telegram in them that are needed for it: one may be damaged. */
export const GARBAGE_BURSTS_MIN = 4

/** Bytes without a pause for this long are one burst, in milliseconds. */
export const GARBAGE_PAUSE_MS = 500

/** A head that listens to a meter which sends by itself. */
export interface ListeningOptions {
  readonly name: string
  readonly serial: SerialBackend
  readonly path: string
  readonly settings: SerialSettings
  readonly protocol: DecoderProtocol
  /** Nothing heard for this long: the port is closed and opened again, in milliseconds. */
  readonly silenceMs: number
  readonly isSimulated: boolean
  /** Keys of a meter that ciphers. */
  readonly keys?: MeterKeys
  /** What stands where in its lists without codes. */
  readonly lists?: readonly OwnList[]
  /** Power of ten of energies that it sends without scale, where its owner has said so. */
  readonly energyScaler?: number | undefined
}

/** The source of a head that listens. */
export function listening(options: ListeningOptions): SourceSpec {
  const { name, isSimulated } = options
  return {
    name,
    kind: 'push',
    device: options.path,
    isSimulated,
    create: (context) => new ListeningSource(options, context),
  }
}

/**
 * Listens to the meter for ever: opens the port, feeds the decoder, opens again when the head was
 * pulled out, is silent, or could not be opened at first. It never gives up and never fills a log.
 */
class ListeningSource implements Source {
  readonly quality = new LinkQualityMeter()
  readonly ring = new RawRing()
  readonly #options: ListeningOptions
  readonly #context: SourceContext
  readonly #invocations: Invocations
  readonly #keyWatch: KeyWatch
  readonly #listWatch: ListWatch
  /** How other meters speak than this one is configured to. */
  readonly #lines: readonly SerialSettings[]
  /** How often the line was changed because nothing on it was understood. */
  #changes = 0
  #isSilent = false
  #failures = 0
  /** What came since the last telegram was understood; undefined while nothing did. */
  #noise: { readonly sinceMs: number; lastMs: number; bursts: number; bytes: number } | undefined
  /** Where the decoder's count of bytes began in the ring's. */
  #begin = 0

  constructor(options: ListeningOptions, context: SourceContext) {
    this.#options = options
    this.#context = context
    this.#invocations = new Invocations(context.invocations)
    this.#keyWatch = new KeyWatch(options.name, options.keys ?? {}, context)
    const { name, keys = {}, lists = [] } = options
    this.#listWatch = new ListWatch(name, keys, lists, context)
    const others = DETECT_SETTINGS.map(parseSettings)
    this.#lines = others.filter((line) => !sameSettings(line, options.settings))
  }

  /** Works until `signal` aborts; `progress` is called whenever the loop turns. */
  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { path } = this.#options
    const { clock, random, log } = this.#context
    while (!signal.aborted) {
      try {
        await this.#listen(signal, progress)
      } catch (error) {
        if (isAborted(signal)) return
        this.#silent(true)
        if (error instanceof Garbage) {
          this.#tryNextLine()
          continue
        }
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
        await pause(waitMs, clock, signal, progress)
      }
    }
  }

  /** One life of the port, until silence or an error that waiting inside it cannot heal. */
  async #listen(signal: AbortSignal, progress: () => void): Promise<void> {
    const { serial, path, protocol, silenceMs } = this.#options
    const { clock, random } = this.#context
    const settings = this.#settings()
    const { keys, lists = [], energyScaler } = this.#options
    const decoder = createDecoder(protocol, { ...keys, lists, energyScaler })
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
    this.#context.tap.port?.(port)
    try {
      let silentMs = 0
      this.#noise = undefined
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
        this.#hear(bytes.length, clock.monotonicMs())
        this.#take(bytes, decoder)
        if (this.#isGarbage()) throw new Garbage()
      }
    } finally {
      this.#context.tap.port?.(undefined)
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
      this.#context.log.warn('head.overrun', { reason: error.message })
      return new Uint8Array(0)
    }
  }

  #hear(bytes: number, nowMs: number): void {
    const noise = (this.#noise ??= { sinceMs: nowMs, lastMs: -Infinity, bursts: 0, bytes: 0 })
    if (nowMs - noise.lastMs > GARBAGE_PAUSE_MS) noise.bursts += 1
    noise.lastMs = nowMs
    noise.bytes += bytes
  }

  /** Whether what comes is no telegram: for long enough, and more than a damaged one of a slow meter. */
  #isGarbage(): boolean {
    if (this.#noise === undefined) return false
    const { sinceMs, lastMs, bursts, bytes } = this.#noise
    const isMuch = bursts >= GARBAGE_BURSTS_MIN || bytes > DETECT_GARBAGE_BYTES_MAX
    return isMuch && lastMs - sinceMs > GARBAGE_MS_MAX
  }

  #take(bytes: Uint8Array, decoder: ReturnType<typeof createDecoder>): void {
    const { onReading, onDiscarded, log, tap } = this.#context
    tap.bytes?.(bytes)
    this.quality.heard(bytes.length)
    this.ring.push(bytes)
    for (const event of decoder.push(bytes)) {
      this.quality.decoded(event)
      tap.event?.(event)
      if (event.type === 'reading') {
        this.#failures = 0
        this.#noise = undefined
        this.#silent(false)
        if (!this.#isNew(event)) continue
        onReading(event.reading, this.#rawOf(event.offset, event.length))
      } else {
        // We come in the middle of a telegram; what is left of it says nothing about the head.
        const isEntry = event.offset === 0 && event.reason === 'garbage'
        log[isEntry ? 'debug' : 'info']('bytes.discarded', {
          bytes: event.bytes,
          reason: event.reason,
        })
        // A whole telegram under another key, or with nothing to read in it, says that speed and framing are right.
        const raw = this.#rawOf(event.offset, event.bytes)
        const isWhole =
          this.#keyWatch.refused(event.reason, raw) || this.#listWatch.refused(event.reason, raw)
        if (isWhole) this.#noise = undefined
        if (!isEntry) onDiscarded(event.bytes, event.reason)
      }
    }
  }

  /** Bytes by their place in what the decoder was given; none if they are not held any more. */
  #rawOf(offset: number, length: number): Uint8Array {
    const from = this.#begin + offset
    return this.ring.slice(from, from + length)
  }

  /** Whether a telegram may be used: a ciphered one only if none like it was used before. */
  #isNew({ reading, length }: ReadingEvent): boolean {
    const { security } = reading
    if (security === undefined) return true
    const { log, onDiscarded } = this.#context
    this.#keyWatch.opened()
    try {
      if (this.#invocations.admit(security)) return true
      this.#keyWatch.refused('replay', new Uint8Array(0))
      onDiscarded(length, 'replay')
    } catch (error) {
      if (!(error instanceof FirmwareError)) throw error
      log.error('counter.unwritten', { reason: error.message })
      onDiscarded(length, 'counter')
    }
    return false
  }

  #tell(event: ReopeningEvent): void {
    const { log } = this.#context
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
    this.#context.onSilence(isSilent)
  }

  /**
   * What comes is no telegram: the next life of the port listens at another speed or framing, and
   * every second one as configured, because the head may only sit badly.
   */
  #tryNextLine(): void {
    this.#changes += 1
    this.#context.log.warn('head.garbled', {
      path: this.#options.path,
      trying: formatSettings(this.#settings()),
      remedy: 'when telegrams come, write this line into the configuration; else move the head',
    })
  }

  #settings(): SerialSettings {
    const { settings } = this.#options
    if (this.#changes % 2 === 0) return settings
    return this.#lines[(this.#changes >> 1) % this.#lines.length] ?? settings
  }
}

/** Waits are cut into parts, so that the watchdog sees the loop turn, in milliseconds. */
const PART_MS = 5000

/** Something is heard, and nothing of it is understood. */
class Garbage extends Error {}

/** Aborted meanwhile? A call, because the type checker remembers the loop's own question. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
