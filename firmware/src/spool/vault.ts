import { createCipheriv, createDecipheriv } from 'node:crypto'

import type { RandomBytes } from '@s3mp/envelope'

/** Bytes of the key at rest. */
export const STORAGE_KEY_BYTES = 32

const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'chacha20-poly1305'

/**
 * Keeps signed objects readable to this device while they wait. A datagram is sealed for the
 * head-end alone; when the head-end has thrown away the key that it was sealed to, because the
 * outage was longer than the key's life, the object is taken from here and sealed again.
 *
 * Whoever has the disk and the key file reads what is waiting, and nothing that was delivered.
 * The nonces are random: 2^32 objects under one key stay far below their birthday bound.
 */
export class Vault {
  readonly #key: Uint8Array
  readonly #randomBytes: RandomBytes

  constructor(key: Uint8Array, randomBytes: RandomBytes) {
    if (key.length !== STORAGE_KEY_BYTES) {
      throw new RangeError(`storage key: expected 32 bytes, found ${String(key.length)}`)
    }
    this.#key = key
    this.#randomBytes = randomBytes
  }

  /** Encrypts an object; `label` is bound to it, so that rows cannot be swapped. */
  lock(object: Uint8Array, label: string): Uint8Array {
    const nonce = this.#randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(new TextEncoder().encode(label), { plaintextLength: object.length })
    const locked = new Uint8Array(NONCE_BYTES + object.length + TAG_BYTES)
    locked.set(nonce)
    locked.set(cipher.update(object), NONCE_BYTES)
    cipher.final()
    locked.set(cipher.getAuthTag(), NONCE_BYTES + object.length)
    return locked
  }

  /** The object; undefined when it was locked with another key, for another place, or changed. */
  unlock(locked: Uint8Array, label: string): Uint8Array | undefined {
    const length = locked.length - NONCE_BYTES - TAG_BYTES
    if (length < 0) return undefined
    const nonce = locked.subarray(0, NONCE_BYTES)
    const cipher = createDecipheriv(CIPHER, this.#key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(new TextEncoder().encode(label), { plaintextLength: length })
    cipher.setAuthTag(locked.subarray(NONCE_BYTES + length))
    const object = cipher.update(locked.subarray(NONCE_BYTES, NONCE_BYTES + length))
    try {
      cipher.final()
    } catch {
      return undefined
    }
    return Uint8Array.from(object)
  }
}

/** What binds a locked object to its place in its stream. */
export function placeLabel(place: {
  readonly stream: number
  readonly seq: number
  readonly kind: string
}): string {
  return `${String(place.stream)}/${String(place.seq)}/${place.kind}`
}
