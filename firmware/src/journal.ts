import { EVENT_CODES, type EventName, type Severity } from '@s3mp/envelope'
import type { Clock } from '@s3mp/hal'

import { EventBudget } from './event-budget.ts'
import type { Log } from './log.ts'
import type { Recorder } from './recorder.ts'
import { PRIORITY } from './spool/priority.ts'
import { STREAM } from './streams.ts'

/** Events of one name about one thing that are recorded per hour; more are counted and the count is recorded. */
export const EVENTS_PER_HOUR_MAX = 12

const HOUR_MS = 3_600_000

/**
 * The meter's own history as signed records: each event is logged and recorded in its chain. What
 * happens too often is counted, so that a loose plug cannot fill the spool; the count is the last
 * detail of the next event of its name.
 */
export class Journal {
  readonly #recorder: Recorder
  readonly #clock: Clock
  readonly #log: Log
  readonly #budget = new EventBudget(EVENTS_PER_HOUR_MAX, HOUR_MS)

  constructor(recorder: Recorder, clock: Clock, log: Log) {
    this.#recorder = recorder
    this.#clock = clock
    this.#log = log
  }

  /**
   * Records an event; `details` are what its name is about, in a fixed order. Events `about` one thing,
   * a meter for instance, are counted by themselves: one that rattles hides no other.
   */
  tell(
    name: EventName,
    severity: Severity,
    details: readonly (bigint | string)[] = [],
    about = '',
  ): void {
    const held = this.#budget.admit(`${name} ${about}`, this.#clock.monotonicMs())
    if (held === undefined) return
    const isUrgent = severity === 'warning' || severity === 'alarm'
    const fields = Object.fromEntries(details.map((detail, index) => [`d${String(index)}`, detail]))
    this.#log[isUrgent ? 'warn' : 'info'](`event.${name}`, { severity, ...fields })
    this.#record(name, severity, held > 0 ? [...details, BigInt(held)] : details)
  }

  /** Records what bounds itself and must not be counted away; no line in the log. */
  note(name: EventName, details: readonly (bigint | string)[]): void {
    this.#record(name, 'info', details)
  }

  #record(name: EventName, severity: Severity, details: readonly (bigint | string)[]): void {
    const isUrgent = severity === 'warning' || severity === 'alarm'
    const timeMs = this.#clock.nowMs()
    void this.#recorder.append({
      stream: STREAM.events,
      priority: isUrgent ? PRIORITY.alarm : PRIORITY.billing,
      build: (link, status) => ({
        kind: 'event',
        ...link,
        timeMs,
        status: status([]),
        code: EVENT_CODES[name],
        severity,
        details,
      }),
    })
  }
}
