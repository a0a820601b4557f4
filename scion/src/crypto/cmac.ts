import { createCipheriv } from 'node:crypto'
import type { Cipheriv } from 'node:crypto'
import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'

const BLOCK_BYTES = 16

/** Length of the AES-128 keys used all over SCION. */
export const AES_KEY_BYTES = 16

const SCRATCH_BYTES = 4096
const scratch = new Uint8Array(SCRATCH_BYTES)

/**
 * Message authentication with AES-128: CMAC (RFC 4493) for hop fields and packet authenticators,
 * and the plain CBC-MAC over zero-padded input that DRKey and EPIC use as a pseudorandom function.
 *
 * One object per key, kept: its CBC cipher stays open, and the block that it is chained to is
 * cancelled out of the next message. That makes one call into OpenSSL of any message, 0.6 µs for a
 * hop field, where a new cipher costs 2 µs and more (`bench/scion.ts`).
 */
export class AesMac {
  readonly #cipher: Cipheriv
  readonly #k1: Uint8Array
  readonly #k2: Uint8Array
  readonly #chained = new Uint8Array(BLOCK_BYTES)

  /** Throws `ERR_SCION_TOO_LARGE` unless the key has 16 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== AES_KEY_BYTES) {
      throw new ScionError('ERR_SCION_TOO_LARGE', `key: 16 bytes, found ${key.length}`)
    }
    const zeroIv = new Uint8Array(BLOCK_BYTES)
    this.#cipher = createCipheriv('aes-128-cbc', key, zeroIv).setAutoPadding(false)
    this.#k1 = double(this.#encrypt(new Uint8Array(BLOCK_BYTES)))
    this.#k2 = double(this.#k1)
  }

  /** AES-CMAC of a message of any length, 16 bytes that the caller may keep. */
  cmac(message: Uint8Array): Uint8Array {
    const whole = message.length > 0 && message.length % BLOCK_BYTES === 0
    const padded = pad(message, Math.max(BLOCK_BYTES, blocksOf(message)))
    if (!whole) padded[message.length] = 0x80
    xorInto(padded, padded.length - BLOCK_BYTES, whole ? this.#k1 : this.#k2)
    return this.#encrypt(padded)
  }

  /**
   * CBC-MAC with zero IV over the message, zero-padded to whole blocks, 16 bytes that the caller
   * may keep. Safe only where the first block fixes the length, as it does in DRKey and EPIC.
   */
  cbcMac(message: Uint8Array): Uint8Array {
    return this.#encrypt(pad(message, Math.max(BLOCK_BYTES, blocksOf(message))))
  }

  /** The last block of the CBC encryption under a zero IV of whole blocks, which are changed. */
  #encrypt(blocks: Uint8Array): Uint8Array {
    xorInto(blocks, 0, this.#chained)
    const encrypted = this.#cipher.update(blocks)
    // Copied twice: a Buffer's own slice() would hand the chain to the caller.
    this.#chained.set(encrypted.subarray(encrypted.length - BLOCK_BYTES))
    return new Uint8Array(this.#chained)
  }
}

function blocksOf(message: Uint8Array): number {
  return BLOCK_BYTES * Math.ceil(message.length / BLOCK_BYTES)
}

/** A zero-padded copy; small ones share a scratch array, which is free again after the MAC. */
function pad(message: Uint8Array, length: number): Uint8Array {
  const padded = length > SCRATCH_BYTES ? new Uint8Array(length) : scratch.subarray(0, length)
  padded.set(message)
  padded.fill(0, message.length)
  return padded
}

function xorInto(target: Uint8Array, start: number, block: Uint8Array): void {
  for (let at = 0; at < BLOCK_BYTES; at++) {
    target[start + at] = byteAt(target, start + at) ^ byteAt(block, at)
  }
}

/** Doubling in GF(2^128), RFC 4493 §2.3. */
function double(block: Uint8Array): Uint8Array {
  const doubled = new Uint8Array(BLOCK_BYTES)
  let carry = byteAt(block, 0) >= 0x80 ? 0x87 : 0
  for (let at = BLOCK_BYTES - 1; at >= 0; at--) {
    const byte = byteAt(block, at)
    doubled[at] = (byte << 1) ^ carry
    carry = byte >> 7
  }
  return doubled
}
