import { createCipheriv } from 'node:crypto'
import type { Cipheriv } from 'node:crypto'
import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'

const BLOCK_BYTES = 16

/** Length of the AES-128 keys used all over SCION. */
export const AES_KEY_BYTES = 16

/**
 * Message authentication with AES-128: CMAC (RFC 4493) for hop fields and packet authenticators,
 * and the plain CBC-MAC over zero-padded input that DRKey and EPIC use as a pseudorandom function.
 *
 * One object per key, kept: a block on an open ECB cipher costs a third of opening a cipher.
 */
export class AesMac {
  readonly #cipher: Cipheriv
  readonly #k1: Uint8Array
  readonly #k2: Uint8Array

  /** Throws `ERR_SCION_TOO_LARGE` unless the key has 16 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== AES_KEY_BYTES) {
      throw new ScionError('ERR_SCION_TOO_LARGE', `key: 16 bytes, found ${key.length}`)
    }
    this.#cipher = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false)
    this.#k1 = double(this.#cipher.update(new Uint8Array(BLOCK_BYTES)))
    this.#k2 = double(this.#k1)
  }

  /** AES-CMAC of a message of any length, 16 bytes. */
  cmac(message: Uint8Array): Uint8Array {
    const whole = message.length > 0 && message.length % BLOCK_BYTES === 0
    const last = whole
      ? message.length - BLOCK_BYTES
      : message.length - (message.length % BLOCK_BYTES)
    const block = this.#chain(message, last)
    const key = whole ? this.#k1 : this.#k2
    for (let at = 0; at < BLOCK_BYTES; at++) {
      const pad = last + at === message.length ? 0x80 : 0
      block[at] = byteAt(block, at) ^ byteAt(message, last + at) ^ pad ^ byteAt(key, at)
    }
    return this.#cipher.update(block)
  }

  /**
   * CBC-MAC with zero IV over the message, zero-padded to whole blocks, 16 bytes. Safe only where
   * the length of the message is fixed by its first block, as it is in DRKey and EPIC.
   */
  cbcMac(message: Uint8Array): Uint8Array {
    return this.#chain(message, message.length)
  }

  #chain(message: Uint8Array, end: number): Uint8Array {
    let block: Uint8Array = new Uint8Array(BLOCK_BYTES)
    for (let start = 0; start < end; start += BLOCK_BYTES) {
      for (let at = 0; at < BLOCK_BYTES; at++) {
        block[at] = byteAt(block, at) ^ (start + at < end ? byteAt(message, start + at) : 0)
      }
      block = this.#cipher.update(block)
    }
    return block
  }
}

/** Doubling in GF(2^128), RFC 4493 §2.3. */
function double(block: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(BLOCK_BYTES)
  for (let at = 0; at < BLOCK_BYTES; at++) {
    doubled[at] = (byteAt(block, at) << 1) | (byteAt(block, at + 1) >> 7)
  }
  if (byteAt(block, 0) >= 0x80) doubled[BLOCK_BYTES - 1] = byteAt(doubled, BLOCK_BYTES - 1) ^ 0x87
  return doubled
}
