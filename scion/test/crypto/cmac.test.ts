import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { cmac } from '@noble/ciphers/aes.js'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { AesMac } from '../../src/crypto/cmac.ts'
import { refuses } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Vectors {
  readonly aesCmac: { key: string; cases: readonly { message: string; mac: string }[] }
}

const golden = vectors<Vectors>('mac.json').aesCmac
const key = fc.uint8Array({ minLength: 16, maxLength: 16 })

describe('AesMac', () => {
  it('computes the vectors of RFC 4493', () => {
    const mac = new AesMac(bytes(golden.key))
    for (const { message, mac: want } of golden.cases) {
      assert.equal(hex(mac.cmac(bytes(message))), want)
    }
  })

  it('agrees with an independent CMAC on any message', () => {
    fc.assert(
      fc.property(key, fc.uint8Array({ maxLength: 70 }), (secret, message) => {
        assert.equal(hex(new AesMac(secret).cmac(message)), hex(cmac(message, secret)))
      }),
    )
  })

  it('agrees with the last block of AES-CBC over zero-padded input', () => {
    fc.assert(
      fc.property(key, fc.uint8Array({ minLength: 1, maxLength: 70 }), (secret, message) => {
        const padded = new Uint8Array(16 * Math.ceil(message.length / 16))
        padded.set(message)
        const cipher = createCipheriv('aes-128-cbc', secret, new Uint8Array(16))
        const last = cipher.setAutoPadding(false).update(padded).subarray(-16)
        assert.equal(hex(new AesMac(secret).cbcMac(message)), hex(last))
      }),
    )
  })

  it('does not let a caller spoil the next MAC', () => {
    const mac = new AesMac(bytes(golden.key))
    const [first] = golden.cases
    mac.cmac(new Uint8Array(40)).fill(7)
    assert.equal(hex(mac.cmac(bytes(first?.message ?? ''))), first?.mac)
  })

  it('refuses a key of another length', () => {
    refuses(() => new AesMac(new Uint8Array(32)), 'ERR_SCION_TOO_LARGE')
  })
})
