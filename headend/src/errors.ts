/** What kind of thing the head-end could not do; the message says which and what helps. */
export type HeadendErrorCode =
  /** The configuration is wrong; the message names file, line, key and remedy. */
  | 'ERR_HEADEND_CONFIG'
  /** A command was given words that it does not take. */
  | 'ERR_HEADEND_USAGE'
  /** The data folder or the database cannot be used. */
  | 'ERR_HEADEND_STORE'
  /** A device or card file cannot be taken on. */
  | 'ERR_HEADEND_ENROL'
  /** A password is too short, too long or too plain. */
  | 'ERR_HEADEND_PASSWORD'
  /** The device's state forbids what was asked, such as enrolling a revoked key again. */
  | 'ERR_HEADEND_STATE'
  /** The thing named does not exist. */
  | 'ERR_HEADEND_NOT_FOUND'
  /** A port or address cannot be listened on. */
  | 'ERR_HEADEND_LISTEN'
  /** A question to the API that is not well formed. */
  | 'ERR_HEADEND_REQUEST'
  /** More than a limit of docs/limits.md allows. */
  | 'ERR_HEADEND_LIMIT'

/** The only error class that the head-end lets escape; the cause rides in `cause`. */
export class HeadendError extends Error {
  override readonly name = 'HeadendError'
  readonly code: HeadendErrorCode

  constructor(code: HeadendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
