/** What the shared server could not do; the message says which and what helps. */
export type HttpErrorCode =
  /** A port or address cannot be listened on. */
  | 'ERR_HTTP_LISTEN'
  /** Too many passwords are checked, or downloads under way, at once; ask the same again. */
  | 'ERR_HTTP_BUSY'
  /** A stored password is not in the form that this program writes. */
  | 'ERR_HTTP_PASSWORD'
  /** A number or a tariff that is not what it should be: `field: expected, found`. */
  | 'ERR_HTTP_TARIFF'

/** The only error class that `@s3mp/web/http` lets escape; the cause rides in `cause`. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly code: HttpErrorCode

  constructor(code: HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
