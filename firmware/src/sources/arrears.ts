import type { Reading } from '@s3mp/meter'

import { CLOCK_FLOOR_MS } from '../clock-state.ts'
import { FirmwareError } from '../errors.ts'
import { captureMs, type WallZone } from './capture-time.ts'
import type { SourceContext } from './source.ts'

/** The longest outage that is made up for from a meter's memory, in milliseconds: 40 days. */
export const BACKFILL_MS_MAX = 40 * 86_400_000

/** Part of a profile that is asked for at once, in milliseconds. */
export const BACKFILL_PART_MS = 86_400_000

/** Parts of a profile that one round asks for; the next goes on. */
export const BACKFILL_PARTS_MAX = 8

/** Outages of one meter that are owed at a time; beyond them the two oldest become one. */
export const BACKFILL_SPANS_MAX = 8

/** Rounds in vain, one after the other, after which an outage is given up. */
export const BACKFILL_ATTEMPTS_MAX = 8

/** Rows that wait for the disk at a time, so that they crowd nothing else out. */
export const BACKFILL_ROWS_MAX = 32

/** Intervals without a reading that make an outage. */
const MISSED_ROUNDS_MIN = 1.5

/** A time for which readings are owed: after `fromMs`, up to `toMs`. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/**
 * The times in which a meter was not read, until its own memory has made up for them. They survive the
 * end of the process and a power cut: what a round has not fetched the next one does, whoever runs it.
 */
export class Arrears {
  readonly #name: string
  readonly #askMs: number
  readonly #context: SourceContext
  #spans: readonly Span[]
  /** What was registered before this run; undefined until somebody looked. */
  #before: { readonly newestMs: number | undefined } | undefined
  /** Whether the time before this run has been looked at, with a clock that was set. */
  #isBegun = false
  #firstMs: number | undefined
  #heardMs = 0
  #attempts = 0

  /** `name` is that of the source; readings are wanted every `askMs`. */
  constructor(name: string, askMs: number, context: SourceContext) {
    this.#name = name
    this.#askMs = askMs
    this.#context = context
    this.#spans = parse(context.arrears.get(name))
  }

  /** The meter was read just now; call it before the reading is handed over. */
  heard(): void {
    const { clock, newestMs, isClockSet } = this.#context
    const [nowMs, monotonicMs] = [clock.nowMs(), clock.monotonicMs()]
    this.#before ??= { newestMs: newestMs() }
    this.#firstMs ??= monotonicMs
    // By a clock that was never set nothing can be dated; the time before this run can wait.
    if (isClockSet()) {
      const begunMs = nowMs - (monotonicMs - this.#firstMs)
      if (!this.#isBegun) this.#note(this.#before.newestMs ?? 0, begunMs)
      else this.#note(nowMs - (monotonicMs - this.#heardMs), nowMs)
      this.#isBegun = true
    }
    this.#heardMs = monotonicMs
  }

  /** The part to be fetched next, oldest first; undefined when nothing is owed, or no time is known. */
  next(): Span | undefined {
    const [first] = this.#spans
    // What a meter's wall clock means is known by comparing it with ours: not with a guess.
    if (first === undefined || !this.#context.isClockSet()) return undefined
    const fromMs = Math.max(first.fromMs, this.#context.clock.nowMs() - BACKFILL_MS_MAX)
    if (fromMs >= first.toMs) {
      this.#keep(this.#spans.slice(1))
      return this.next()
    }
    return { fromMs, toMs: Math.min(fromMs + BACKFILL_PART_MS, first.toMs) }
  }

  /** Everything up to a moment of the oldest outage is on the disk, or cannot be had. */
  settle(untilMs: number): void {
    this.#attempts = 0
    const [first, ...rest] = this.#spans
    if (first === undefined) return
    this.#keep(untilMs < first.toMs ? [{ ...first, fromMs: untilMs }, ...rest] : rest)
  }

  /** A round was in vain. Answers true when it was the last one: the oldest outage is given up. */
  fail(): boolean {
    this.#attempts += 1
    if (this.#attempts < BACKFILL_ATTEMPTS_MAX) return false
    this.settle(Infinity)
    return true
  }

  /**
   * Hands over the rows of a meter's memory that are within a span. Answers false where one of them
   * could not be stored: then the span is still owed.
   */
  async tell(
    rows: readonly Reading[],
    { fromMs, toMs }: Span,
    zone: WallZone | undefined,
    onReading: (reading: Reading, time: { timeMs: number; isBackfill: true }) => void,
  ): Promise<boolean> {
    let told = 0
    for (const past of rows) {
      const timeMs = captureMs(past.meterTime, zone)
      if (timeMs === undefined || timeMs <= fromMs || timeMs > toMs) continue
      onReading(past, { timeMs, isBackfill: true })
      told += 1
      if (told % BACKFILL_ROWS_MAX === 0 && !(await this.#context.stored())) return false
    }
    return this.#context.stored()
  }

  #note(fromMs: number, toMs: number): void {
    const isKnown = fromMs >= CLOCK_FLOOR_MS
    if (!isKnown || toMs - fromMs <= this.#askMs * MISSED_ROUNDS_MIN) return
    const spans = this.#spans.filter((span) => span.toMs < fromMs)
    const met = this.#spans.filter((span) => span.toMs >= fromMs)
    const span = {
      fromMs: Math.min(fromMs, ...met.map((one) => one.fromMs)),
      toMs: Math.max(toMs, ...met.map((one) => one.toMs)),
    }
    const all = [...spans, span]
    // Too many: the two oldest are made up for as one.
    const [oldest] = all.length > BACKFILL_SPANS_MAX ? all.splice(0, 1) : []
    const fromOf = (one: Span, at: number): number => (at > 0 ? one : (oldest ?? one)).fromMs
    this.#keep(all.map((one, at) => ({ ...one, fromMs: fromOf(one, at) })))
  }

  #keep(spans: readonly Span[]): void {
    this.#spans = spans
    const { arrears, log } = this.#context
    try {
      const text = JSON.stringify(spans.map(({ fromMs, toMs }) => [fromMs, toMs]))
      arrears.set(this.#name, text, true)
    } catch (error) {
      if (!(error instanceof FirmwareError)) throw error
      log.error('arrears.unwritten', { meter: this.#name, reason: error.message })
    }
  }
}

/** Reads what {@link Arrears} keeps; what is not readable is nothing owed. */
function parse(text: string | undefined): readonly Span[] {
  let value: unknown
  try {
    value = JSON.parse(text ?? '[]')
  } catch {
    return []
  }
  if (!Array.isArray(value)) return []
  return value.slice(0, BACKFILL_SPANS_MAX).flatMap((pair: unknown) => {
    const [fromMs, toMs] = Array.isArray(pair) ? (pair as readonly unknown[]) : []
    const isSpan = Number.isSafeInteger(fromMs) && Number.isSafeInteger(toMs)
    return isSpan ? [{ fromMs: fromMs as number, toMs: toMs as number }] : []
  })
}
