import { createCipheriv, createDecipheriv, type CipherGCMTypes } from 'node:crypto'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { concatBytes } from './bytes.ts'
import { EnvelopeError } from './errors.ts'

/** Content encryption algorithms by their COSE numbers (RFC 9053 §4). */
export const AEAD_ALGORITHMS = { A128GCM: 1, A192GCM: 2, A256GCM: 3, ChaCha20Poly1305: 24 } as const

/** An AEAD with a 12-byte nonce and a 16-byte tag behind the ciphertext. */
export interface Aead {
  readonly keyBytes: number
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, aad: Uint8Array): Uint8Array
  /** Throws `not-authentic`. */
  open(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, aad: Uint8Array): Uint8Array
}

/** Bytes of a nonce. */
export const NONCE_BYTES = 12
/** Bytes of a tag. */
export const TAG_BYTES = 16

type PlatformCipher = CipherGCMTypes | 'chacha20-poly1305'

/** ChaCha20-Poly1305 of RFC 8439 in plain JavaScript (@noble/ciphers). */
export const CHACHA20_POLY1305_PORTABLE: Aead = {
  keyBytes: 32,
  seal: (key, nonce, plaintext, aad) => chacha20poly1305(key, nonce, aad).encrypt(plaintext),
  open: (key, nonce, ciphertext, aad) => {
    try {
      return chacha20poly1305(key, nonce, aad).decrypt(ciphertext)
    } catch (cause) {
      throw new EnvelopeError('not-authentic', 'encrypt0: tag does not fit', { cause })
    }
  },
}

/** ChaCha20-Poly1305 of the platform's library. */
export const CHACHA20_POLY1305_PLATFORM: Aead = platformAead('chacha20-poly1305', 32)

/** The one in use; `bench/envelope.ts` measures both. */
export const CHACHA20_POLY1305 = CHACHA20_POLY1305_PORTABLE

const ALGORITHMS: ReadonlyMap<number, Aead> = new Map([
  [AEAD_ALGORITHMS.A128GCM, platformAead('aes-128-gcm', 16)],
  [AEAD_ALGORITHMS.A192GCM, platformAead('aes-192-gcm', 24)],
  [AEAD_ALGORITHMS.A256GCM, platformAead('aes-256-gcm', 32)],
  [AEAD_ALGORITHMS.ChaCha20Poly1305, CHACHA20_POLY1305],
])

/** The AEAD with this COSE number; throws `unknown-suite`. */
export function aeadOf(algorithm: number): Aead {
  const aead = ALGORITHMS.get(algorithm)
  if (aead === undefined) {
    throw new EnvelopeError('unknown-suite', `encrypt0.alg: ${algorithm} is not known`)
  }
  return aead
}

function platformAead(cipher: PlatformCipher, keyBytes: number): Aead {
  // The types want a GCM name; ChaCha20-Poly1305 has the same interface.
  const name = cipher as CipherGCMTypes
  return {
    keyBytes,
    seal(key, nonce, plaintext, aad) {
      const state = createCipheriv(name, key, nonce, { authTagLength: TAG_BYTES })
      state.setAAD(aad)
      return concatBytes(state.update(plaintext), state.final(), state.getAuthTag())
    },
    open(key, nonce, ciphertext, aad) {
      const end = ciphertext.length - TAG_BYTES
      try {
        const state = createDecipheriv(name, key, nonce, { authTagLength: TAG_BYTES })
        state.setAAD(aad)
        state.setAuthTag(ciphertext.subarray(end))
        return concatBytes(state.update(ciphertext.subarray(0, end)), state.final())
      } catch (cause) {
        throw new EnvelopeError('not-authentic', 'encrypt0: tag does not fit', { cause })
      }
    },
  }
}
