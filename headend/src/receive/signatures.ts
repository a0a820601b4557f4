import { createPublicKey, verify as verifyNative, type KeyObject } from 'node:crypto'
import {
  publicKeyToPem,
  verifyUnsealed,
  type OpenedObject,
  type PublicKey,
  type UnsealedObject,
} from '@s3mp/envelope'

interface Claim {
  readonly key: PublicKey
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Verifies signatures in the thread pool, so that the loop goes on receiving while other cores
 * calculate. Keys are imported once for as long as their device's epoch is held.
 */
export class SignatureChecker {
  readonly #keys = new WeakMap<PublicKey, KeyObject>()

  /**
   * Verifies and reads an unsealed object.
   *
   * The envelope's own step is run with a verifier that notes what is to be verified; its result is
   * given out only after the noted signature has been found good.
   *
   * @throws EnvelopeError, or undefined as the answer where the signature is not good.
   */
  async check(unsealed: UnsealedObject): Promise<OpenedObject | undefined> {
    let claim: Claim | undefined
    const opened = verifyUnsealed(unsealed, (key, message, signature) => {
      claim = { key, message, signature }
      return true
    })
    if (!unsealed.signed) return opened
    // A signed kind for which nothing was asked to be verified is refused, whatever the cause.
    return claim !== undefined && (await this.#verify(claim)) ? opened : undefined
  }

  #verify({ key, message, signature }: Claim): Promise<boolean> {
    const digest = key.algorithm === 'Ed25519' ? null : 'sha256'
    const options = { key: this.#keyObject(key), dsaEncoding: 'ieee-p1363' } as const
    return new Promise((resolve) => {
      verifyNative(digest, message, options, signature, (error, good) => {
        resolve(error === null && good)
      })
    })
  }

  #keyObject(key: PublicKey): KeyObject {
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    const imported = createPublicKey(publicKeyToPem(key))
    this.#keys.set(key, imported)
    return imported
  }
}
