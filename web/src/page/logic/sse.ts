/** Longest event that a page takes; a server that sends more is not ours. */
export const SSE_EVENT_CHARS_MAX = 4_000_000

/** One server-sent event, as it came. */
export interface SseEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

/**
 * Takes the text of an event stream apart (WHATWG HTML §9.2.6), whatever the pieces it comes in.
 *
 * The browser's own EventSource would do, but it cannot be told which event was seen last once it
 * has given up, and then a cut costs the events in between.
 */
export class SseParser {
  #buffer = ''
  #type = ''
  #data: string[] = []
  #dataChars = 0
  #lastEventId: string
  #retryMs: number | undefined

  constructor(lastEventId = '') {
    this.#lastEventId = lastEventId
  }

  /** Id of the last event that was complete, to be sent as `Last-Event-ID` when coming back. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  /** The wait that the server asked for, where it did. */
  get retryMs(): number | undefined {
    return this.#retryMs
  }

  /** Adds text and returns the events it completed. Throws a RangeError on an endless event. */
  push(text: string): readonly SseEvent[] {
    const events: SseEvent[] = []
    this.#buffer += text
    // A carriage return at the very end may be half of a CR LF: it waits for what follows.
    let start = 0
    for (const match of this.#buffer.matchAll(/\r\n|\n|\r(?!$)/g)) {
      this.#line(this.#buffer.slice(start, match.index), events)
      start = match.index + match[0].length
    }
    this.#buffer = this.#buffer.slice(start)
    if (this.#buffer.length + this.#dataChars > SSE_EVENT_CHARS_MAX) {
      throw new RangeError('event stream: an event without end')
    }
    return events
  }

  #line(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0) {
        events.push({
          type: this.#type || 'message',
          data: this.#data.join('\n'),
          lastEventId: this.#lastEventId,
        })
      }
      this.#type = ''
      this.#data = []
      this.#dataChars = 0
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#type = value
    if (field === 'id' && !value.includes('\0')) this.#lastEventId = value
    if (field === 'retry' && /^\d{1,6}$/.test(value)) this.#retryMs = Number(value)
    if (field === 'data') {
      this.#data.push(value)
      this.#dataChars += value.length
    }
  }
}

/**
 * Wait before attempt number `failures` to come back: doubling from the server's wish, at most 15 s,
 * spread so that a street of pages does not knock in step. `random` is in [0, 1).
 */
export function comebackDelayMs(failures: number, random: number, retryMs = 1000): number {
  const ceiling = Math.min(15_000, retryMs * 2 ** Math.min(failures, 10))
  return Math.round(ceiling * (0.5 + random / 2))
}
