/**
 * Why a hardware operation failed, in terms every backend can map to.
 *
 * - `closed` – the caller has closed the port, pin or bus.
 * - `timeout` – the hardware did not answer within the operation's limit.
 * - `no-acknowledge` – nobody acknowledged the I2C address or byte.
 * - `not-found` – no such device now; it may be plugged in later.
 * - `unavailable` – this machine lacks the driver or the native add-on; the message says the cure.
 * - `permission` – the device is there, this user may not open it.
 * - `busy` – somebody else holds the device, or the caller's own queue is full.
 * - `overrun` – bytes arrived faster than they were read; the message says how many are lost.
 * - `unsupported` – the hardware or this backend cannot do what was asked.
 * - `io` – the device failed or went away in mid-operation.
 */
export type HalErrorCode =
  | 'closed'
  | 'timeout'
  | 'no-acknowledge'
  | 'not-found'
  | 'unavailable'
  | 'permission'
  | 'busy'
  | 'overrun'
  | 'unsupported'
  | 'io'

/** The only error class a HAL backend lets escape; the driver's own error rides in `cause`. */
export class HalError extends Error {
  override readonly name = 'HalError'
  readonly code: HalErrorCode

  constructor(code: HalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const TRANSIENT: ReadonlySet<HalErrorCode> = new Set([
  'timeout',
  'no-acknowledge',
  'not-found',
  'busy',
  'overrun',
  'io',
])

/**
 * Whether trying again later, with nothing else changed, may succeed.
 *
 * False for anything that is not a HalError: a bug does not heal by repetition.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof HalError && TRANSIENT.has(error.code)
}
