/**
 * Why an operation of this package failed. The set is closed: a caller may switch over it.
 *
 * - `TRUNCATED`: the input ends before a field that it announces.
 * - `MALFORMED`: a field contradicts the specification or another field.
 * - `UNSUPPORTED`: well formed as far as it can be told, but of a version or kind not spoken here.
 * - `CHECKSUM`: the upper-layer checksum does not fit the bytes.
 * - `TOO_LARGE`: the value does not fit the field, the packet or a named limit.
 * - `ADDRESS`: a text is no ISD, AS, host or endpoint.
 * - `PATH`: the path cannot be used in this way.
 * - `PATH_EXPIRED`: the path was good once.
 * - `NO_PATH`: no usable path to the destination is known.
 * - `TIMEOUT`: an answer did not come in time.
 * - `CLOSED`: the object was closed by its owner.
 * - `IO`: the operating system refused; its error is the `cause`.
 * - `CONFIG`: a file or an option given by the operator is wrong.
 * - `CONTROL`: a control service or daemon answered with an error or with nonsense.
 * - `UNTRUSTED`: a signature or certificate does not lead to a trusted root.
 * - `VALIDITY`: a TRC or certificate is good, but not at this time: it has expired, or is yet to come.
 * - `CLOCK`: the network is further ahead of this host's clock than clocks may differ.
 * - `AUTHENTICITY`: a packet authenticator is absent, wrong, stale or seen before.
 */
export type ScionErrorCode =
  | 'ERR_SCION_TRUNCATED'
  | 'ERR_SCION_MALFORMED'
  | 'ERR_SCION_UNSUPPORTED'
  | 'ERR_SCION_CHECKSUM'
  | 'ERR_SCION_TOO_LARGE'
  | 'ERR_SCION_ADDRESS'
  | 'ERR_SCION_PATH'
  | 'ERR_SCION_PATH_EXPIRED'
  | 'ERR_SCION_NO_PATH'
  | 'ERR_SCION_TIMEOUT'
  | 'ERR_SCION_CLOSED'
  | 'ERR_SCION_IO'
  | 'ERR_SCION_CONFIG'
  | 'ERR_SCION_CONTROL'
  | 'ERR_SCION_UNTRUSTED'
  | 'ERR_SCION_VALIDITY'
  | 'ERR_SCION_CLOCK'
  | 'ERR_SCION_AUTHENTICITY'

/**
 * The only error class that this package lets escape. Messages read `field: expected, found`; an
 * error of the platform or of a library rides in `cause`.
 */
export class ScionError extends Error {
  override readonly name = 'ScionError'
  /** What a program should look at; the message is for people. */
  readonly code: ScionErrorCode

  constructor(code: ScionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
