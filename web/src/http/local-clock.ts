import { HttpError } from './errors.ts'

const DAY_MS = 86_400_000

/** What clocks on a wall show. */
export interface WallTime {
  /** 1 Monday … 7 Sunday (ISO 8601). */
  readonly weekday: number
  readonly minute: number
}

/** A run of time in which local clocks stay the same distance from UTC. */
interface Stretch {
  readonly fromMs: number
  readonly toMs: number
  readonly offsetMs: number
}

/** The clocks on the walls of one time zone, put forward and back as its law says. */
export class LocalClock {
  readonly #format: Intl.DateTimeFormat

  /** @throws HttpError `ERR_HTTP_TARIFF` for a zone that the IANA database does not have. */
  constructor(timeZone: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-US', { ...FIELDS, timeZone })
    } catch (error) {
      const found = JSON.stringify(timeZone.slice(0, 40))
      const message = `timeZone: expected a name such as "Europe/Zurich", found ${found}`
      throw new HttpError('ERR_HTTP_TARIFF', message, { cause: error })
    }
  }

  /** What clocks show at a moment. */
  at(atMs: number): WallTime {
    return wallTime(atMs + this.#offsetMs(atMs))
  }

  /**
   * Every moment strictly between two at which clocks reach one of these minutes of a day, or are put
   * forward or back, and what they show then; in order. A minute that is left out is not reached, one
   * that comes twice is reached twice.
   */
  *reach(
    minutes: readonly number[],
    fromMs: number,
    toMs: number,
  ): Generator<{ readonly atMs: number; readonly time: WallTime }> {
    const ordered = [...new Set(minutes)].sort((one, two) => one - two)
    for (const stretch of this.#stretches(fromMs, toMs)) {
      const { offsetMs } = stretch
      const at = (atMs: number) => ({ atMs, time: wallTime(atMs + offsetMs) })
      if (stretch.fromMs > fromMs) yield at(stretch.fromMs)
      let day = Math.floor((stretch.fromMs + offsetMs) / DAY_MS)
      for (; day * DAY_MS - offsetMs < stretch.toMs; day++) {
        for (const minute of ordered) {
          const atMs = day * DAY_MS + minute * 60_000 - offsetMs
          if (atMs > stretch.fromMs && atMs < stretch.toMs) yield at(atMs)
        }
      }
    }
  }

  *#stretches(fromMs: number, toMs: number): Generator<Stretch> {
    let begin = fromMs
    let offsetMs = this.#offsetMs(fromMs)
    // No law puts clocks forward and back again within a day.
    for (let at = fromMs; at < toMs;) {
      const next = Math.min(at + DAY_MS, toMs)
      const nextOffsetMs = this.#offsetMs(next)
      if (nextOffsetMs !== offsetMs) {
        const change = this.#changeBetween(at, next, offsetMs)
        if (change < toMs) {
          yield { fromMs: begin, toMs: change, offsetMs }
          begin = change
        }
        offsetMs = nextOffsetMs
      }
      at = next
    }
    if (begin < toMs) yield { fromMs: begin, toMs, offsetMs: this.#offsetMs(begin) }
  }

  /** The first moment after `fromMs` at which clocks are not `offsetMs` from UTC any more. */
  #changeBetween(fromMs: number, toMs: number, offsetMs: number): number {
    let [same, changed] = [fromMs, toMs]
    while (changed - same > 1) {
      const middle = Math.floor((same + changed) / 2)
      if (this.#offsetMs(middle) === offsetMs) same = middle
      else changed = middle
    }
    return changed
  }

  #offsetMs(atMs: number): number {
    const part: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(atMs)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
    const localMs = Date.UTC(year, month - 1, day, hour, minute, second)
    return localMs - Math.floor(atMs / 1000) * 1000
  }
}

function wallTime(localMs: number): WallTime {
  const day = Math.floor(localMs / DAY_MS)
  // The first day of 1970 was a Thursday.
  const weekday = ((((day + 3) % 7) + 7) % 7) + 1
  return { weekday, minute: Math.floor((localMs - day * DAY_MS) / 60_000) }
}

const FIELDS: Intl.DateTimeFormatOptions = {
  calendar: 'gregory',
  numberingSystem: 'latn',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
}
