import type { DecoderEvent, TelegramDecoder } from '../events.ts'
import type { ReadingSecurity } from '../reading.ts'

/** Meters whose counters a decoder remembers; the one unheard for longest makes room. */
export const DLMS_COUNTERS_MAX = 64

/** Behind the name of a meter whose telegrams no tag vouches for. */
const UNVOUCHED = ' unvouched'

/**
 * Under which name to keep a counter from one run of the program to the next, for the option
 * `counters`: the meter's, and whether a tag vouched for it. A telegram that nobody vouches for
 * never moves the counter of those with a tag.
 */
export function counterName(security: ReadingSecurity): string {
  return security.authentic ? security.systemTitle : `${security.systemTitle}${UNVOUCHED}`
}

/**
 * Refuses ciphered telegrams whose invocation counter does not rise (IEC 62056-5-3 §5.3.3).
 *
 * Stands behind the decoder that finds the telegrams, so that only what was accepted counts. Counters
 * that a tag vouches for are kept apart from the others: a forged telegram without tag cannot push
 * the counter up and silence the meter.
 */
export class ReplayGuard implements TelegramDecoder {
  readonly #decoder: TelegramDecoder
  readonly #authentic = new Map<string, number>()
  readonly #others = new Map<string, number>()

  /** `counters` are those of an earlier run, by {@link counterName}. */
  constructor(decoder: TelegramDecoder, counters: ReadonlyMap<string, number> | undefined) {
    this.#decoder = decoder
    for (const [name, counter] of counters ?? []) {
      const kept = name.endsWith(UNVOUCHED) ? this.#others : this.#authentic
      if (kept.size < DLMS_COUNTERS_MAX) kept.set(name, counter)
    }
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
    const { counter, authentic } = security
    const name = counterName(security)
    const counters = authentic ? this.#authentic : this.#others
    if (counter > (counters.get(name) ?? -1)) {
      remember(counters, name, counter)
      return event
    }
    const { offset, length } = event
    return { type: 'discarded', offset, bytes: length, reason: 'replay' }
  }
}

function remember(counters: Map<string, number>, name: string, counter: number): void {
  counters.delete(name)
  if (counters.size >= DLMS_COUNTERS_MAX) {
    for (const oldest of counters.keys()) {
      counters.delete(oldest)
      break
    }
  }
  counters.set(name, counter)
}
