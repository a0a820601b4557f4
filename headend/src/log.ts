import { pino } from 'pino'

/** What a log line may carry: small values only; bytes are shown in part, see {@link createLog}. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | Uint8Array>>

/** One line an event: a name that never changes, and fields. */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** A log that says nothing: for libraries' defaults and for tests. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** Bytes of a byte string that a log line shows; more could be a key or a reading. */
export const LOG_BYTES_MAX = 16
/** Characters of a text that a log line shows: hostile text must not fill a disk. */
export const LOG_TEXT_MAX = 300

const PRIORITY: Readonly<Record<string, string>> = {
  debug: '<7>',
  info: '<6>',
  warn: '<4>',
  error: '<3>',
}

/**
 * A log that writes one JSON line an event, with the journal's priority in front (`<4>{…}`).
 *
 * Never give it keys, readings or names of customers; as a second barrier a byte string is cut to
 * {@link LOG_BYTES_MAX} bytes and a text to {@link LOG_TEXT_MAX} characters.
 */
export function createLog(
  level: 'debug' | 'info' | 'warn' | 'error',
  write: (line: string) => void = (line) =>
    process.stderr.write(process.stderr.isTTY ? forPerson(line) : line),
): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: false,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line: string) => {
        const label = /"level":"([a-z]+)"/.exec(line)?.[1] ?? 'info'
        write(`${PRIORITY[label] ?? '<6>'}${line}`)
      },
    },
  )
  return {
    debug: (event, fields) => {
      logger.debug(shown(fields), event)
    },
    info: (event, fields) => {
      logger.info(shown(fields), event)
    },
    warn: (event, fields) => {
      logger.warn(shown(fields), event)
    },
    error: (event, fields) => {
      logger.error(shown(fields), event)
    },
  }
}

function shown(fields: LogFields = {}): Record<string, string | number | boolean> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, show(value)]))
}

function show(value: LogFields[string]): string | number | boolean {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value.subarray(0, LOG_BYTES_MAX)).toString('hex')
    return value.length > LOG_BYTES_MAX ? `${hex}… (${value.length} bytes)` : hex
  }
  return typeof value === 'string' && value.length > LOG_TEXT_MAX
    ? `${value.slice(0, LOG_TEXT_MAX)}…`
    : value
}

/** A line as somebody reads it who started the program by hand: the event, and its fields behind it. */
export function forPerson(line: string): string {
  const { level, event, ...fields } = JSON.parse(line.replace(/^<\d>/, '')) as Record<
    string,
    unknown
  >
  const shown = Object.entries(fields).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return `${name}=${/^[\w.:/@+,-]+$/.test(text) ? text : JSON.stringify(text)}`
  })
  const loud = level === 'warn' || level === 'error' ? [`${level}:`] : []
  return `${[...loud, String(event), ...shown].join(' ').replace(/\p{C}/gu, '\u{fffd}')}\n`
}
