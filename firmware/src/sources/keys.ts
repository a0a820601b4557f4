/** Keys of a meter that ciphers. */
export interface MeterKeys {
  /** Opens telegrams: 16 bytes, 32 for security suite 2. */
  readonly key?: Uint8Array
  /** Proves them. */
  readonly authenticationKey?: Uint8Array
}
