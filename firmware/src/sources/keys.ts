import type { KeyObject } from 'node:crypto'

/** Keys of a meter that ciphers or signs. */
export interface MeterKeys {
  /** Opens telegrams: 16 bytes, 32 for security suite 2. */
  readonly key?: Uint8Array
  /** Proves them. */
  readonly authenticationKey?: Uint8Array
  /** Under which a meter sends other keys along. */
  readonly masterKey?: Uint8Array
  /** The meter's own public key, for signatures. */
  readonly signatureKey?: KeyObject
}
