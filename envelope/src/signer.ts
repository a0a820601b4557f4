import type { PublicKey } from './signature.ts'

/** Fills with randomness: `crypto.getRandomValues` in service, a seeded generator in tests. */
export type RandomBytes = (length: number) => Uint8Array

/**
 * Someone who can sign: a key in a file, a TPM, a secure element, or a process of its own.
 *
 * `sign` resolves with 64 bytes (ECDSA as r‖s), or rejects if the key holder refuses.
 */
export interface Signer extends PublicKey {
  /** {@link ueidOf} of the public key. */
  readonly ueid: Uint8Array
  sign(message: Uint8Array): Promise<Uint8Array>
}
