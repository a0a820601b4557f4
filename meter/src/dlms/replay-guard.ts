import type { DecoderEvent, TelegramDecoder } from '../events.ts'

/** Meters whose counters a decoder remembers; the one unheard for longest makes room. */
export const DLMS_COUNTERS_MAX = 64

/**
 * Refuses ciphered telegrams whose invocation counter does not rise (IEC 62056-5-3 §5.3.3).
 *
 * Stands behind the decoder that finds the telegrams, so that only what was accepted counts. Counters
 * that a tag vouches for are kept apart from the others: a forged telegram without tag cannot push
 * the counter up and silence the meter.
 */
export class ReplayGuard implements TelegramDecoder {
  readonly #decoder: TelegramDecoder
  readonly #authentic: Map<string, number>
  readonly #others: Map<string, number>

  /** `counters` are those of an earlier run, by system title. */
  constructor(decoder: TelegramDecoder, counters: ReadonlyMap<string, number> | undefined) {
    this.#decoder = decoder
    this.#authentic = new Map(counters)
    this.#others = new Map(counters)
  }

  push(chunk: Uint8Array): readonly DecoderEvent[] {
    return this.#judge(this.#decoder.push(chunk))
  }

  end(): readonly DecoderEvent[] {
    return this.#judge(this.#decoder.end())
  }

  #judge(events: readonly DecoderEvent[]): readonly DecoderEvent[] {
    const suspect = events.some((event) => event.type === 'reading' && event.reading.security)
    return suspect ? events.map((event) => this.#judgeOne(event)) : events
  }

  #judgeOne(event: DecoderEvent): DecoderEvent {
    const security = event.type === 'reading' ? event.reading.security : undefined
    if (event.type !== 'reading' || security === undefined) return event
    const { systemTitle, counter, authentic } = security
    const counters = authentic ? this.#authentic : this.#others
    if (counter > (counters.get(systemTitle) ?? -1)) {
      remember(counters, systemTitle, counter)
      return event
    }
    const { offset, length } = event
    return { type: 'discarded', offset, bytes: length, reason: 'replay' }
  }
}

function remember(counters: Map<string, number>, title: string, counter: number): void {
  counters.delete(title)
  if (counters.size >= DLMS_COUNTERS_MAX) {
    for (const oldest of counters.keys()) {
      counters.delete(oldest)
      break
    }
  }
  counters.set(title, counter)
}
