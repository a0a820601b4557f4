import assert from 'node:assert/strict'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  checkPublicKey,
  coseKeyOf,
  decodePublicKeyFile,
  encodePublicKeyFile,
  EnvelopeError,
  fromHex,
  publicKeyFromPem,
  publicKeyToPem,
  thumbprintOf,
  toHex,
  verifyPlatform,
  verifyPortable,
  verifyWebCrypto,
  type PublicKey,
} from '@s3mp/envelope'
import { CHACHA20_POLY1305_PLATFORM, CHACHA20_POLY1305_PORTABLE } from '../src/aead.ts'
import { concatBytes } from '../src/bytes.ts'
import { refuses } from './support/refuses.ts'
import { vectors } from './support/vectors.ts'

interface AeadCase {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'invalid'
  readonly ivBits: number
  readonly tagBits: number
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
}

interface SignatureCase {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'invalid'
  readonly pk: string
  readonly msg: string
  readonly sig: string
}

interface KeyCase {
  readonly kty: number
  readonly x: string
  readonly y?: string
  readonly spki: string
  readonly thumbprintSha256: string
}

const AEADS = { portable: CHACHA20_POLY1305_PORTABLE, platform: CHACHA20_POLY1305_PLATFORM }

describe('ChaCha20-Poly1305', () => {
  for (const [name, aead] of Object.entries(AEADS)) {
    it(`agrees with every Wycheproof case of its sizes (${name})`, () => {
      let run = 0
      for (const test of vectors<AeadCase>('wycheproof-chacha20-poly1305').cases) {
        if (test.ivBits !== 96 || test.tagBits !== 128) continue
        const [key, iv, aad, msg] = [test.key, test.iv, test.aad, test.msg].map((hex) =>
          fromHex(hex),
        )
        assert.ok(key && iv && aad && msg)
        const sealed = fromHex(test.ct + test.tag)
        if (test.result === 'valid') {
          assert.deepEqual(aead.open(key, iv, sealed, aad), msg, `open ${test.tcId}`)
          assert.deepEqual(aead.seal(key, iv, msg, aad), sealed, `seal ${test.tcId}`)
        } else refuses(() => aead.open(key, iv, sealed, aad), 'not-authentic')
        run += 1
      }
      assert.ok(run > 250)
    })
  }

  it('is the same in both implementations, also with Wycheproof aside', () => {
    const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
      fc.uint8Array({ minLength: length, maxLength: length })
    const message = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(bytes(32), bytes(12), message, message, (key, nonce, plaintext, aad) => {
        const sealed = AEADS.portable.seal(key, nonce, plaintext, aad)
        assert.deepEqual(AEADS.platform.seal(key, nonce, plaintext, aad), sealed)
        assert.deepEqual(AEADS.platform.open(key, nonce, sealed, aad), plaintext)
        sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
        refuses(() => AEADS.portable.open(key, nonce, sealed, aad), 'not-authentic')
        refuses(() => AEADS.platform.open(key, nonce, sealed, aad), 'not-authentic')
      }),
    )
  })
})

describe('signatures', () => {
  const FILES = { Ed25519: 'wycheproof-ed25519', ESP256: 'wycheproof-esp256' } as const
  for (const algorithm of ['Ed25519', 'ESP256'] as const) {
    it(`are judged as Wycheproof judges them, by three verifiers (${algorithm})`, async () => {
      for (const test of vectors<SignatureCase>(FILES[algorithm]).cases) {
        const key: PublicKey = { algorithm, publicKey: fromHex(test.pk) }
        const [message, signature] = [fromHex(test.msg), fromHex(test.sig)]
        const expected = test.result === 'valid'
        const title = `${test.tcId} ${test.comment}`
        assert.equal(verifyPlatform(key, message, signature), expected, title)
        assert.equal(verifyPortable(key, message, signature), expected, title)
        assert.equal(await verifyWebCrypto(key, message, signature), expected, title)
      }
    })
  }

  it('are judged alike when who signs wants verifiers to differ (points of small order)', async () => {
    const { Point } = ed25519
    const { ORDER } = Point.Fn
    const number = (bytes: Uint8Array): bigint =>
      bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
    const small = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
    assert.ok(small.isSmallOrder())
    const [secret, nonce, message] = [12_345n, 67_890n, Uint8Array.of(1, 2, 3)]
    const publicKey = Point.BASE.multiply(secret).toBytes()
    const key: PublicKey = { algorithm: 'Ed25519', publicKey }
    const sign = (point: InstanceType<typeof Point>): Uint8Array => {
      const hash = number(sha512(concatBytes(point.toBytes(), publicKey, message))) % ORDER
      const scalar = (nonce + hash * secret) % ORDER
      const last = Uint8Array.from({ length: 32 }, (_, i) =>
        Number((scalar >> BigInt(8 * i)) & 255n),
      )
      return concatBytes(point.toBytes(), last)
    }
    const pure = Point.BASE.multiply(nonce)
    for (const [point, expected] of [[pure, true] as const, [pure.add(small), false] as const]) {
      const signature = sign(point)
      assert.equal(verifyPlatform(key, message, signature), expected)
      assert.equal(verifyPortable(key, message, signature), expected)
      assert.equal(await verifyWebCrypto(key, message, signature), expected)
    }
    const mixed = Point.BASE.multiply(secret).add(small).toBytes()
    const card = encodePublicKeyFile({ algorithm: 'Ed25519', publicKey: mixed })
    refuses(() => decodePublicKeyFile(card), 'bad-key')
    assert.equal(decodePublicKeyFile(encodePublicKeyFile(key)).algorithm, 'Ed25519')
  })

  it('are simply wrong under a key that is none', async () => {
    const bad: PublicKey[] = [
      { algorithm: 'Ed25519', publicKey: new Uint8Array(31) },
      { algorithm: 'Ed25519', publicKey: new Uint8Array(32).fill(0xff) },
      { algorithm: 'ESP256', publicKey: new Uint8Array(65) },
      { algorithm: 'ESP256', publicKey: new Uint8Array(0) },
    ]
    for (const key of bad) {
      assert.equal(verifyPlatform(key, new Uint8Array(1), new Uint8Array(64)), false)
      assert.equal(verifyPortable(key, new Uint8Array(1), new Uint8Array(64)), false)
      assert.equal(await verifyWebCrypto(key, new Uint8Array(1), new Uint8Array(64)), false)
    }
  })
})

describe('public keys', () => {
  for (const { kty, x, y, spki, thumbprintSha256 } of vectors<KeyCase>('cose-keys').cases) {
    const key: PublicKey =
      kty === 1
        ? { algorithm: 'Ed25519', publicKey: fromHex(x) }
        : {
            algorithm: 'ESP256',
            publicKey: concatBytes(Uint8Array.of(4), fromHex(x), fromHex(y ?? '')),
          }

    it(`have the thumbprint of RFC 9679 and the SPKI of RFC 8410 or 5480: ${x.slice(0, 8)}`, () => {
      assert.equal(toHex(thumbprintOf(key)), thumbprintSha256)
      const pem = publicKeyToPem(key)
      const body = pem.replace(/-----[^-]+-----|\s/g, '')
      assert.equal(Buffer.from(body, 'base64').toString('hex'), spki)
      assert.deepEqual(publicKeyFromPem(pem), key)
      assert.ok(coseKeyOf(key).length < 90)
    })
  }

  it('are refused where they are no usable point', () => {
    const smallOrder = [
      '0100000000000000000000000000000000000000000000000000000000000000',
      '0000000000000000000000000000000000000000000000000000000000000000',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    ]
    for (const hex of smallOrder) {
      refuses(() => {
        checkPublicKey({ algorithm: 'Ed25519', publicKey: fromHex(hex) })
      }, 'bad-key')
    }
    const offCurve = concatBytes(Uint8Array.of(4), new Uint8Array(64).fill(1))
    for (const publicKey of [offCurve, new Uint8Array(33).fill(2), new Uint8Array(0)]) {
      refuses(() => {
        checkPublicKey({ algorithm: 'ESP256', publicKey })
      }, 'bad-key')
    }
  })

  it('throw nothing but EnvelopeError, whatever they are read from', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.boolean(), (publicKey, edwards) => {
        try {
          checkPublicKey({ algorithm: edwards ? 'Ed25519' : 'ESP256', publicKey })
        } catch (error) {
          assert.ok(error instanceof EnvelopeError)
        }
      }),
    )
  })
})
