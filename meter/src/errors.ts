/** Why a telegram, a value or a request to this package was refused. */
export type MeterErrorCode =
  /** A read went past the end of the bytes at hand. */
  | 'short'
  /** A type, width or structure that the protocol does not allow here. */
  | 'malformed'
  /** A checksum inside the telegram does not hold. */
  | 'checksum'
  /** Lists are nested deeper than the limit. */
  | 'depth'
  /** More entries than the limit. */
  | 'too-many'
  /** A number does not fit the field it was meant for. */
  | 'range'
  /** The caller asked for something this package does not know, such as a protocol. */
  | 'unsupported'

/**
 * The only error class that leaves this package.
 *
 * Telegrams from the wire never raise it to the caller: a {@link TelegramDecoder} turns them into
 * `discarded` events. It escapes from the pure functions below and from wrong arguments.
 */
export class MeterError extends Error {
  override readonly name = 'MeterError'
  readonly code: MeterErrorCode

  constructor(code: MeterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
