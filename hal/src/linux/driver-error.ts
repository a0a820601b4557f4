import type { HalErrorCode } from '../errors.ts'
import { HalError } from '../errors.ts'

/**
 * What drivers say, and what it means. `serialport` has no codes, only strerror's English (the
 * process never sets a locale); the others have errno names. First match counts.
 */
const MEANINGS: readonly (readonly [RegExp, HalErrorCode])[] = [
  [/ENOENT|ENODEV|No such (file|device)|does not exist/i, 'not-found'],
  [/EACCES|EPERM|permission denied|not permitted/i, 'permission'],
  [/EBUSY|EAGAIN|locked|cannot lock|busy|temporarily unavailable/i, 'busy'],
  [/ETIMEDOUT|timed out/i, 'timeout'],
  [/ENOTTY|Inappropriate ioctl|EINVAL|Invalid argument|EOPNOTSUPP|not supported/i, 'unsupported'],
]

/** What these mean to whoever plugs things in; of the others the driver's own words say more. */
const WORDS: Partial<Readonly<Record<HalErrorCode, string>>> = {
  'not-found': 'is not there',
  permission: 'may not be opened by this user',
  busy: 'is in use by another program',
}

/** The errno name of an error, if it has one. */
export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Wraps what a driver threw; a HalError passes unchanged. Unknown complaints become `io`. */
export function driverError(what: string, cause: unknown): HalError {
  if (cause instanceof HalError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const said = `${errnoOf(cause) ?? ''} ${message}`
  const code = MEANINGS.find(([pattern]) => pattern.test(said))?.[1] ?? 'io'
  return new HalError(code, `${what}: ${WORDS[code] ?? message}`, { cause })
}
