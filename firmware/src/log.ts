import { EventBudget } from './event-budget.ts'

/** Bytes that one field of a log line may show at most; longer ones appear as their length. */
export const LOG_BYTES_MAX = 16

/** Characters of one field's text; the rest is cut, so that no input can flood the journal. */
export const LOG_TEXT_MAX = 300

/** Lines of one event that pass per period before they are counted instead of printed. */
export const LOG_BURST_MAX = 5

/** The period of the rate limit, in milliseconds. */
export const LOG_PERIOD_MS = 60_000

/** How bad it is; each carries the journal's priority (`<3>` … `<7>`, sd-daemon(3)). */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** What a field may hold. Bytes are shown in hex up to {@link LOG_BYTES_MAX}, never beyond. */
export type LogValue = string | number | bigint | boolean | Uint8Array | undefined

/** The fields of one line. */
export type LogFields = Readonly<Record<string, LogValue>>

/** One event, one line. Event names are `noun.verb`; values are units-last fields. */
export interface Log {
  error(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  debug(event: string, fields?: LogFields): void
}

const PRIORITY: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 }

/** Field names whose value never reaches a log, whoever passes it by mistake. */
const SECRET_NAME = /key$|secret|private|password|token|pin$/iu

/** How a log is made. */
export interface LogOptions {
  /** Takes one line without its end. */
  readonly write: (line: string) => void
  /** Monotonic milliseconds, for the rate limit. */
  readonly monotonicMs: () => number
  readonly level?: LogLevel
  /** Prefix each line with `<n>` for the journal; off for a person's terminal. */
  readonly priorities?: boolean
}

/** One value as it may be shown: bounded, on one line, without anything secret. */
export function showValue(name: string, value: Exclude<LogValue, undefined>): string {
  if (SECRET_NAME.test(name)) return '(hidden)'
  if (value instanceof Uint8Array) {
    if (value.length > LOG_BYTES_MAX) return `(${String(value.length)} bytes)`
    return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  if (typeof value !== 'string') return String(value)
  const text = value.length > LOG_TEXT_MAX ? `${value.slice(0, LOG_TEXT_MAX)}…` : value
  return /^[\w.:/@+,-]+$/u.test(text) ? text : JSON.stringify(text)
}

/**
 * A log that writes one line per event and cannot be flooded: of each event name
 * {@link LOG_BURST_MAX} lines pass per {@link LOG_PERIOD_MS}; the others are counted and the count
 * rides on the next line that passes as `repeated`. Errors obey the same limit.
 */
export function createLog(options: LogOptions): Log {
  const threshold = PRIORITY[options.level ?? 'info']
  const budget = new EventBudget(LOG_BURST_MAX, LOG_PERIOD_MS)

  const line = (level: LogLevel, event: string, fields: LogFields = {}): void => {
    if (PRIORITY[level] > threshold) return
    const held = budget.admit(event, options.monotonicMs())
    if (held === undefined) return
    const prefix = options.priorities === true ? `<${String(PRIORITY[level])}>` : ''
    const parts = [`${prefix}${event}`]
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) parts.push(`${name}=${showValue(name, value)}`)
    }
    if (held > 0) parts.push(`repeated=${String(held)}`)
    options.write(parts.join(' '))
  }

  return {
    error: (event, fields) => {
      line('error', event, fields)
    },
    warn: (event, fields) => {
      line('warn', event, fields)
    },
    info: (event, fields) => {
      line('info', event, fields)
    },
    debug: (event, fields) => {
      line('debug', event, fields)
    },
  }
}

/** A log that says nothing, for tests and for benchmarks. */
export const silentLog: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
}
