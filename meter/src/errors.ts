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
  /** A meter that was asked did not answer in time, however often it was asked again. */
  | 'timeout'
  /** The port to the meter failed or was closed; the port's own error rides in `cause`. */
  | 'port'
  /** The meter said no; `detail` has its reason in the words of the standard. */
  | 'refused'
  /** An answer cannot be opened with the keys given, or none is given. */
  | 'key-wrong'
  /** An answer without the protection agreed on, or the meter could not prove who it is. */
  | 'unauthentic'
  /** An invocation counter of the meter did not rise. */
  | 'replay'
  /** The call does not fit the moment: not associated, already associated, or another call runs. */
  | 'state'

/**
 * The only error class that leaves this package.
 *
 * Telegrams from the wire never raise it to the caller: a {@link TelegramDecoder} turns them into
 * `discarded` events. It escapes from the pure functions below, from wrong arguments, and from clients
 * that ask a meter questions.
 */
export class MeterError extends Error {
  override readonly name = 'MeterError'
  readonly code: MeterErrorCode
  /** The reason that a meter gave for saying no: 'authentication-failure', 'read-write-denied', …. */
  readonly detail: string | undefined

  constructor(
    code: MeterErrorCode,
    message: string,
    options?: ErrorOptions & { readonly detail?: string },
  ) {
    super(message, options)
    this.code = code
    this.detail = options?.detail
  }
}
