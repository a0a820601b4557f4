import assert from 'node:assert/strict'
import { KEM_MLKEM768_X25519 } from 'hpke'
import { describe, it } from 'mocha'
import { fromHex, toHex } from '@s3mp/envelope'
import { generateHpkeKeyPair, hpkeRecipient, hpkeSender, SUITES, suiteOf } from '../src/hpke.ts'
import { refuses, rejects } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'
import { vectorFile, vectors, type VectorFile } from './support/vectors.ts'

interface HpkeCase {
  readonly info: string
  readonly ikmE: string
  readonly ikmR: string
  readonly skRm: string
  readonly pkRm: string
  readonly enc: string
  readonly encryptions: readonly { seq: number; pt: string; aad: string; ct: string }[]
  readonly exports: readonly { context: string; length: number; value: string }[]
}

interface HpkeFile extends VectorFile<HpkeCase> {
  readonly mustFail: readonly {
    readonly why: string
    readonly aad?: string
    readonly ct?: string
    readonly enc?: string
    readonly info?: string
    readonly seq?: number
    readonly skRm?: string
  }[]
}

interface XWingCase {
  readonly name: string
  readonly sk: string
  readonly pk?: string
  readonly ct?: string
  readonly ss: string
  readonly basedOn?: string
  readonly flip?: { readonly ctByte: number; readonly xor: string }
}

const file = vectorFile('hpke-x25519-chacha20-poly1305') as HpkeFile
const [base] = file.cases
assert.ok(base)
const [message] = base.encryptions
assert.ok(message)

describe('HPKE with X25519, HKDF-SHA256 and ChaCha20-Poly1305', () => {
  it('derives, seals and exports what RFC 9180 appendix A.2 says', async () => {
    const pair = await generateHpkeKeyPair(1, () => fromHex(base.ikmR))
    assert.equal(toHex(pair.publicKey), base.pkRm)
    assert.equal(toHex(pair.privateKey), base.skRm)
    const info = fromHex(base.info)
    const sender = await hpkeSender(1, pair.publicKey, info, () => fromHex(base.ikmE))
    assert.equal(toHex(sender.encapsulation), base.enc)
    const sealed = await sender.seal(fromHex(message.pt), fromHex(message.aad))
    assert.equal(toHex(sealed), message.ct)
    const recipient = await hpkeRecipient(1, pair.privateKey, sender.encapsulation, info)
    assert.equal(toHex(await recipient.open(sealed, fromHex(message.aad))), message.pt)
    for (const { context, length, value } of base.exports) {
      if (length !== 32) continue
      assert.equal(toHex(await sender.exportSecret(fromHex(context))), value)
      assert.equal(toHex(await recipient.exportSecret(fromHex(context))), value)
    }
  })

  for (const { why, ...changed } of file.mustFail) {
    // This wrapper opens the first message only: another sequence number means another ciphertext.
    const ct = changed.seq === undefined ? message.ct : (base.encryptions[changed.seq]?.ct ?? '')
    it(`refuses to open: ${why}`, async () => {
      const given = { ...base, ...message, ct, ...changed }
      const [skR, enc, info] = [given.skRm, given.enc, given.info].map((hex) => fromHex(hex))
      assert.ok(skR && enc && info)
      const open = async (): Promise<Uint8Array> => {
        const recipient = await hpkeRecipient(1, skR, enc, info)
        return recipient.open(fromHex(given.ct), fromHex(given.aad))
      }
      await rejects(open(), 'not-authentic')
    })
  }

  it('refuses to encapsulate to a point of low order', async () => {
    const random = seeded('low order')
    for (const first of [0, 1]) {
      const key = new Uint8Array(32)
      key[0] = first
      await rejects(hpkeSender(1, key, new Uint8Array(0), random), 'bad-key')
    }
    await rejects(hpkeSender(1, new Uint8Array(31), new Uint8Array(0), random), 'bad-key')
    await rejects(
      hpkeRecipient(1, new Uint8Array(5), new Uint8Array(32), new Uint8Array(0)),
      'bad-key',
    )
  })
})

describe('HPKE with X-Wing', () => {
  const { cases } = vectors<XWingCase>('xwing')
  for (const testCase of cases) {
    it(`decapsulates as the draft says: ${testCase.name}`, async () => {
      const origin = cases.find(({ name }) => name === testCase.basedOn) ?? testCase
      const ciphertext = fromHex(origin.ct ?? '')
      if (testCase.flip !== undefined) {
        const { ctByte, xor } = testCase.flip
        ciphertext[ctByte] = (ciphertext[ctByte] ?? 0) ^ Number.parseInt(xor, 16)
      }
      const kem = KEM_MLKEM768_X25519()
      const privateKey = await kem.DeserializePrivateKey(fromHex(testCase.sk), false)
      const shared = await kem.Decap(ciphertext, privateKey, undefined)
      assert.equal(toHex(shared), testCase.ss)
    })
  }

  it('accepts the public keys of the draft, and opens what was sealed to them', async () => {
    for (const { sk, pk } of cases) {
      if (pk === undefined) continue
      const info = Uint8Array.of(1)
      const sender = await hpkeSender(2, fromHex(pk), info, seeded('unused'))
      assert.equal(sender.encapsulation.length, SUITES[2].encapsulationBytes)
      const sealed = await sender.seal(Uint8Array.of(9), info)
      const recipient = await hpkeRecipient(2, fromHex(sk), sender.encapsulation, info)
      assert.deepEqual(await recipient.open(sealed, info), Uint8Array.of(9))
      const secret = await sender.exportSecret(info)
      assert.deepEqual(await recipient.exportSecret(info), secret)
    }
  })

  it('makes keys of the sizes in the suite table', async () => {
    for (const suite of [SUITES[1], SUITES[2]]) {
      const pair = await generateHpkeKeyPair(suite.id, seeded('sizes'))
      assert.equal(pair.publicKey.length, suite.publicKeyBytes)
      assert.equal(pair.privateKey.length, suite.privateKeyBytes)
    }
  })
})

describe('suiteOf', () => {
  it('knows two suites', () => {
    assert.equal(suiteOf(1), SUITES[1])
    refuses(() => suiteOf(3), 'unknown-suite')
    refuses(() => suiteOf(0), 'unknown-suite')
  })
})
