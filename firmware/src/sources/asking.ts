import { HalError, type SerialPort } from '@s3mp/hal'
import { MeterError, type Reading } from '@s3mp/meter'

import { retryDelayMs } from '../backoff.ts'
import { codeOf, reasonOf } from '../errors.ts'
import { LinkQualityMeter } from '../link-quality.ts'
import { RawRing } from '../raw-ring.ts'
import { nextSlotMs } from '../schedule.ts'
import type { Bus } from './bus.ts'
import { pause } from './pause.ts'
import type { ReadingTime, Source, SourceContext, SourceKind } from './source.ts'

/** Longest wait before a meter that did not answer is asked again out of turn, in milliseconds. */
export const ASK_RETRY_MS_MAX = 60_000

/** Rounds without an answer before a meter counts as silent. */
export const ASK_FAILURES_MAX = 2

/**
 * The longest that one round may take, in milliseconds: a meter that answers for ever must not keep a
 * line from the others on it. More than the longest conversation.
 */
export const ASK_ROUND_MS_MAX = 1_200_000

/** What one round of questions is given. */
export interface Round {
  readonly port: SerialPort
  readonly canSwitch: boolean
  readonly signal: AbortSignal
  readonly progress: () => void
  /** Takes raw bytes that were heard. */
  readonly onBytes: (bytes: Uint8Array) => void
  readonly onReading: (reading: Reading, time?: ReadingTime) => void
  readonly onDiscarded: (bytes: number, reason: string) => void
  readonly onRefused: (request: string, reason: string) => void
}

/** Asks once. Answers undefined when a reading came, else why not. May throw HalError, MeterError. */
export type Ask = (round: Round) => Promise<string | undefined>

/** How a meter is asked. */
export interface AskingOptions {
  readonly name: string
  readonly kind: SourceKind
  readonly bus: Bus
  /** From one question to the next, by the wall clock, in milliseconds. */
  readonly askMs: number
  /** It lives on a battery: never asked out of turn, neither after a start nor after a failure. */
  readonly isSpared?: boolean
  readonly ask: Ask
}

/**
 * Asks a meter for ever, at whole multiples of its interval, so that its readings fall on the
 * beginnings of periods. A meter that does not answer is asked again soon, ever less often.
 */
export class AskingSource implements Source {
  readonly quality = new LinkQualityMeter()
  readonly ring = new RawRing()
  readonly #options: AskingOptions
  readonly #context: SourceContext
  #failures = 0
  #isSilent = false

  constructor(options: AskingOptions, context: SourceContext) {
    this.#options = options
    this.#context = context
  }

  async run(signal: AbortSignal, progress: () => void): Promise<void> {
    const { bus, askMs, isSpared = false } = this.#options
    const { clock, random, newestMs } = this.#context
    bus.join()
    try {
      const newest = newestMs()
      const isFresh = newest !== undefined && clock.nowMs() - newest < askMs
      if (isSpared && isFresh) await this.#waitForSlot(signal, progress)
      while (!signal.aborted) {
        const isAnswered = await this.#round(signal, progress)
        const isPatient = isAnswered || isSpared
        if (isPatient) await this.#waitForSlot(signal, progress)
        else {
          const bounds = { minMs: 1000, maxMs: Math.max(1000, Math.min(askMs, ASK_RETRY_MS_MAX)) }
          const retryMs = retryDelayMs(this.#failures, random(), bounds)
          await pause(retryMs, clock, signal, progress)
        }
      }
    } finally {
      await bus.leave()
    }
  }

  /** One round; answers whether a reading came of it. */
  async #round(signal: AbortSignal, progress: () => void): Promise<boolean> {
    const { bus, ask } = this.#options
    const { clock } = this.#context
    const start = this.ring.total
    const heard = { isGood: false }
    // Whoever waits for a line that others use is not stuck.
    const turn = new AbortController()
    const either = AbortSignal.any([signal, turn.signal])
    void pause(Number.MAX_SAFE_INTEGER, clock, either, progress)
    const end = new AbortController()
    try {
      const failure = await bus.use(this.#context, (port) => {
        turn.abort()
        const over = AbortSignal.any([signal, end.signal])
        void clock.sleep(ASK_ROUND_MS_MAX, over).then(
          () => {
            end.abort(new HalError('timeout', `no end of it within ${String(ASK_ROUND_MS_MAX)} ms`))
          },
          () => undefined,
        )
        return ask({
          port,
          canSwitch: bus.canSwitch,
          signal: over,
          progress,
          onBytes: (bytes) => {
            this.#heard(bytes)
          },
          onReading: (reading, time) => {
            heard.isGood = true
            this.quality.decoded({ type: 'reading', offset: 0, length: 0, reading })
            this.#context.onReading(reading, this.ring.slice(start, this.ring.total), time)
          },
          onDiscarded: (bytes, reason) => {
            this.#context.onDiscarded(bytes, reason)
          },
          onRefused: (request, reason) => {
            this.#context.onTrouble({ kind: 'meter-refused', request, reason })
          },
        })
      })
      if (failure !== undefined && !heard.isGood) this.#fail(failure, failure)
    } catch (error) {
      if (signal.aborted) return false
      if (!(error instanceof HalError) && !(error instanceof MeterError)) throw error
      if (!heard.isGood) this.#fail(codeOf(error), reasonOf(error))
    } finally {
      turn.abort()
      end.abort()
    }
    if (heard.isGood) this.#succeed()
    return heard.isGood
  }

  #heard(bytes: Uint8Array): void {
    this.#context.tap.bytes?.(bytes)
    this.quality.heard(bytes.length)
    this.ring.push(bytes)
  }

  #succeed(): void {
    this.#failures = 0
    if (!this.#isSilent) return
    this.#isSilent = false
    this.#context.onSilence(false)
  }

  #fail(code: string, reason: string): void {
    this.#failures += 1
    const { name, kind } = this.#options
    this.#context.log.warn('meter.unanswered', { meter: name, kind, code, reason })
    if (this.#isSilent || this.#failures < ASK_FAILURES_MAX) return
    this.#isSilent = true
    this.#context.onSilence(true)
  }

  async #waitForSlot(signal: AbortSignal, progress: () => void): Promise<void> {
    const { clock } = this.#context
    const { askMs } = this.#options
    const slotMs = nextSlotMs(askMs, clock.nowMs())
    await pause(slotMs - clock.nowMs(), clock, signal, progress)
  }
}
