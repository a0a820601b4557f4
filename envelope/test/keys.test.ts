import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'mocha'
import {
  decodePublicKeyFile,
  encodePublicKeyFile,
  fingerprintOf,
  SoftwareSigner,
  toHex,
  ueidOf,
  verifyPlatform,
  verifyPortable,
} from '@s3mp/envelope'
import { refuses } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'

const MESSAGE = Uint8Array.of(1, 2, 3)

for (const algorithm of ['Ed25519', 'ESP256'] as const) {
  describe(`a software key (${algorithm})`, () => {
    const signer = SoftwareSigner.generate(algorithm, seeded('key'))

    it('signs what both verifiers accept, and nothing else', async () => {
      const signature = await signer.sign(MESSAGE)
      assert.equal(signature.length, 64)
      for (const verify of [verifyPlatform, verifyPortable]) {
        assert.ok(verify(signer, MESSAGE, signature))
        assert.ok(!verify(signer, Uint8Array.of(1, 2, 4), signature))
        assert.ok(!verify(SoftwareSigner.generate(algorithm, seeded('other')), MESSAGE, signature))
      }
    })

    it('is made from the randomness given', () => {
      const again = SoftwareSigner.generate(algorithm, seeded('key'))
      assert.deepEqual(again.publicKey, signer.publicKey)
      const other = SoftwareSigner.generate(algorithm, seeded('another key'))
      assert.notDeepEqual(other.publicKey, signer.publicKey)
    })

    it('survives its file', () => {
      const again = SoftwareSigner.fromPem(signer.toPem())
      assert.deepEqual(again.publicKey, signer.publicKey)
      assert.deepEqual(again.ueid, signer.ueid)
    })

    it('has a UEID of type 1 over the thumbprint', () => {
      assert.equal(signer.ueid.length, 33)
      assert.equal(signer.ueid[0], 1)
      assert.equal(toHex(signer.ueid.slice(1)), fingerprintOf(signer).replaceAll(' ', ''))
    })

    it('shows itself in a public file that hangs together', () => {
      const text = encodePublicKeyFile(signer)
      const { algorithm: name, publicKey, ueid } = signer
      assert.deepEqual(decodePublicKeyFile(text), { algorithm: name, publicKey, ueid })
      const content = JSON.parse(text) as Record<string, string>
      assert.deepEqual(Object.keys(content), [
        'format',
        'algorithm',
        'publicKey',
        'ueid',
        'fingerprint',
      ])
      const other = SoftwareSigner.generate(algorithm, seeded('other'))
      const changes: Record<string, string>[] = [
        { format: 's3mp-public-key/2' },
        { algorithm: 'RSA' },
        { publicKey: toHex(other.publicKey) },
        { publicKey: '00' },
        { ueid: toHex(ueidOf(other)) },
        { fingerprint: fingerprintOf(other) },
      ]
      for (const change of changes) {
        refuses(() => decodePublicKeyFile(JSON.stringify({ ...content, ...change })), 'bad-key')
      }
    })
  })
}

describe('key files', () => {
  it('are refused when they are not what they should be', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const private1 = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const public1 = p384.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    refuses(() => SoftwareSigner.fromPem(private1), 'bad-key')
    refuses(() => SoftwareSigner.fromPem('-----BEGIN PRIVATE KEY-----\nAAAA\n'), 'bad-key')
    refuses(() => decodePublicKeyFile(public1), 'bad-key')
    refuses(() => decodePublicKeyFile('{'), 'bad-key')
    refuses(() => decodePublicKeyFile('[]'), 'bad-key')
    refuses(() => decodePublicKeyFile('{}'), 'bad-key')
    refuses(() => decodePublicKeyFile(' '.repeat(20_000)), 'too-large')
  })
})
