import assert from 'node:assert/strict'
import {
  createPrivateKey,
  createPublicKey,
  sign as signNative,
  verify as verifyNative,
  type JsonWebKey,
} from 'node:crypto'
import { describe, it } from 'mocha'
import { fromHex, SoftwareSigner, toHex, verifyPlatform, verifyPortable } from '@s3mp/envelope'
import { aeadOf } from '../src/aead.ts'
import {
  algorithmOf,
  decodeEncrypt0,
  decodeSign1,
  encodeEncrypt0,
  encodeSign1,
  encStructure,
  HEADER,
  nonceOf,
  protectedAlgorithm,
  sigStructure,
} from '../src/cose.ts'
import { readSignedObject, signObject, verifyObject } from '../src/sign1.ts'
import { refuses, rejects } from './support/refuses.ts'
import { seeded } from './support/seeded.ts'
import { vectors } from './support/vectors.ts'

interface CoseKey {
  readonly kty: number
  readonly crv: number
  readonly x: string
  readonly y?: string
  readonly d: string
}

interface Sign1Case {
  readonly name: string
  readonly expected: 'valid' | 'invalid'
  readonly why?: string
  readonly key: CoseKey
  readonly externalAad: string
  readonly detachedPayload?: string
  readonly message: string
  readonly alg?: number
  readonly payload?: string
  readonly toBeSigned?: string
  readonly deterministic?: boolean
}

interface Encrypt0Case {
  readonly name: string
  readonly expected: 'valid' | 'invalid'
  readonly why?: string
  readonly cek: string
  readonly externalAad: string
  readonly contextIv?: string
  readonly message: string
  readonly alg?: number
  readonly iv?: string
  readonly encStructure?: string
  readonly plaintext?: string
}

const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')

function jwk(key: CoseKey): JsonWebKey {
  if (key.kty === 1) {
    return { kty: 'OKP', crv: 'Ed25519', x: base64url(key.x), d: base64url(key.d) }
  }
  const crv = { 1: 'P-256', 2: 'P-384', 3: 'P-521' }[key.crv] ?? ''
  return { kty: 'EC', crv, x: base64url(key.x), y: base64url(key.y ?? ''), d: base64url(key.d) }
}

// The examples also use algorithms that this protocol does not: they exercise structure and bytes.
const ALGORITHMS = new Map<number, readonly [digest: string | null, kty: number]>([
  [-7, ['sha256', 2]],
  [-8, [null, 1]],
  [-9, ['sha256', 2]],
  [-19, [null, 1]],
  [-35, ['sha384', 2]],
  [-36, ['sha512', 2]],
])

function verifyCase(testCase: Sign1Case): { payload: Uint8Array; structure: Uint8Array } {
  const sign1 = decodeSign1(fromHex(testCase.message), { tagged: true })
  const [digest, kty] = ALGORITHMS.get(algorithmOf(sign1.protectedHeaders)) ?? []
  assert.equal(kty, testCase.key.kty, 'algorithm does not fit')
  const payload = sign1.payload ?? fromHex(testCase.detachedPayload ?? '')
  const structure = sigStructure(sign1.protectedBytes, fromHex(testCase.externalAad), payload)
  const key = createPublicKey({ key: jwk(testCase.key), format: 'jwk' })
  const options = { key, dsaEncoding: 'ieee-p1363' } as const
  assert.ok(verifyNative(digest ?? null, structure, options, sign1.signature), 'bad signature')
  return { payload, structure }
}

describe('COSE_Sign1', () => {
  for (const testCase of vectors<Sign1Case>('cose-sign1').cases) {
    // Upstream leaves the algorithm of these in the unprotected bucket: allowed by COSE, not here.
    const unprotectedAlgorithm = testCase.name === 'sign1-pass-01'
    if (testCase.expected === 'valid') {
      it(`covers the right bytes: ${testCase.name}`, () => {
        if (unprotectedAlgorithm) {
          const { protectedHeaders, protectedBytes, payload } = decodeSign1(
            fromHex(testCase.message),
            { tagged: true },
          )
          refuses(() => algorithmOf(protectedHeaders), 'unknown-suite')
          const covered = sigStructure(
            protectedBytes,
            new Uint8Array(0),
            payload ?? new Uint8Array(0),
          )
          assert.equal(toHex(covered), testCase.toBeSigned)
          return
        }
        const { payload, structure } = verifyCase(testCase)
        assert.equal(toHex(structure), testCase.toBeSigned)
        assert.equal(toHex(payload), testCase.payload)
      })
    } else {
      it(`is refused: ${testCase.name} (${testCase.why ?? ''})`, () => {
        assert.throws(() => verifyCase(testCase))
      })
    }
  }

  it('is signed byte for byte as the Ed25519 examples are', () => {
    let compared = 0
    for (const testCase of vectors<Sign1Case>('cose-sign1').cases) {
      if (testCase.deterministic !== true) continue
      const { structure } = verifyCase(testCase)
      const key = createPrivateKey({ key: jwk(testCase.key), format: 'jwk' })
      assert.ok(testCase.message.endsWith(signNative(null, structure, key).toString('hex')))
      compared += 1
    }
    assert.equal(compared, 4)
  })
})

function openCase(testCase: Encrypt0Case): { plaintext: Uint8Array; structure: Uint8Array } {
  const encrypt0 = decodeEncrypt0(fromHex(testCase.message), { tagged: true })
  const { protectedBytes, protectedHeaders, unprotectedHeaders, ciphertext } = encrypt0
  const aead = aeadOf(algorithmOf(protectedHeaders))
  const structure = encStructure(protectedBytes, fromHex(testCase.externalAad))
  const full = unprotectedHeaders.get(HEADER.iv)
  const partial = unprotectedHeaders.get(HEADER.partialIv)
  let nonce: Uint8Array
  if (full instanceof Uint8Array) nonce = full
  else {
    assert.ok(partial instanceof Uint8Array && testCase.contextIv !== undefined)
    nonce = nonceOf(fromHex(testCase.contextIv), partial)
  }
  if (testCase.iv !== undefined) assert.equal(toHex(nonce), testCase.iv)
  return { plaintext: aead.open(fromHex(testCase.cek), nonce, ciphertext, structure), structure }
}

describe('COSE_Encrypt0', () => {
  for (const testCase of vectors<Encrypt0Case>('cose-encrypt0').cases) {
    const unprotectedAlgorithm = ['encrypt0-pass-01', 'encrypt0-pass-03'].includes(testCase.name)
    const unsupported = testCase.alg === 10
    if (testCase.expected === 'invalid') {
      it(`is refused: ${testCase.name} (${testCase.why ?? ''})`, () => {
        refuses(() => openCase(testCase))
      })
    } else if (unsupported || unprotectedAlgorithm) {
      it(`is refused as an unknown suite: ${testCase.name}`, () => {
        refuses(() => openCase(testCase), 'unknown-suite')
      })
    } else {
      it(`opens: ${testCase.name}`, () => {
        const { plaintext, structure } = openCase(testCase)
        assert.equal(toHex(plaintext), testCase.plaintext)
        assert.equal(toHex(structure), testCase.encStructure)
        const nonce = fromHex(testCase.iv ?? '')
        const encrypt0 = decodeEncrypt0(fromHex(testCase.message), { tagged: true })
        const sealed = aeadOf(testCase.alg ?? 0).seal(
          fromHex(testCase.cek),
          nonce,
          plaintext,
          structure,
        )
        assert.deepEqual(sealed, encrypt0.ciphertext)
        const { protectedBytes, unprotectedHeaders } = encrypt0
        const again = toHex(encodeEncrypt0(protectedBytes, unprotectedHeaders, sealed))
        assert.ok(testCase.message.endsWith(again))
      })
    }
  }

  it('has no tag on this wire', () => {
    for (const { message } of vectors<Encrypt0Case>('cose-encrypt0').cases) {
      if (message.startsWith('d0')) refuses(() => decodeEncrypt0(fromHex(message)), 'forbidden')
    }
  })
})

describe('a signed object of this protocol', () => {
  const device = SoftwareSigner.generate('Ed25519', seeded('device'))
  const element = SoftwareSigner.generate('ESP256', seeded('element'))
  const recipientId = new Uint8Array(33).fill(7)
  const payload = fromHex('830102f6')

  for (const signer of [device, element]) {
    it(`is verified by both implementations (${signer.algorithm})`, async () => {
      const object = await signObject(signer, payload, { kind: 'event', recipientId })
      const context = { kind: 'event', ueid: signer.ueid, recipientId } as const
      for (const verify of [verifyPlatform, verifyPortable]) {
        assert.deepEqual(verifyObject(object, signer, context, verify), payload)
        const others = [
          { ...context, kind: 'reading' },
          { ...context, ueid: recipientId },
          { ...context, recipientId: signer.ueid },
        ] as const
        for (const other of others) {
          refuses(() => verifyObject(object, signer, other, verify), 'bad-signature')
        }
      }
    })
  }

  it('is refused with a key of the other algorithm', async () => {
    const object = await signObject(device, payload, { kind: 'event', recipientId })
    const context = { kind: 'event', ueid: device.ueid, recipientId } as const
    refuses(() => verifyObject(object, element, context, verifyPlatform), 'wrong-key')
  })

  it('has one form: one protected header, nothing unprotected, a payload, 64 bytes of signature', () => {
    const ed = protectedAlgorithm(-19)
    const signature = new Uint8Array(64)
    readSignedObject(encodeSign1(ed, payload, signature))
    refuses(() => readSignedObject(encodeSign1(ed, payload, signature.subarray(1))), 'bad-field')
    refuses(
      () => readSignedObject(encodeSign1(protectedAlgorithm(-8), payload, signature)),
      'unknown-suite',
    )
    refuses(
      () => readSignedObject(encodeSign1(fromHex('a2013204413a'), payload, signature)),
      'forbidden',
    )
    refuses(
      () => readSignedObject(encodeSign1(fromHex('a20132028104'), payload, signature)),
      'unknown-suite',
    )
    const tail = `405840${'00'.repeat(64)}`
    refuses(() => readSignedObject(fromHex(`8443a10132a10400${tail}`)), 'forbidden')
    refuses(() => readSignedObject(fromHex(`8443a10132a10132${tail}`)), 'malformed')
    refuses(() => readSignedObject(fromHex(`8443a10132a0f65840${'00'.repeat(64)}`)), 'bad-field')
    refuses(() => readSignedObject(fromHex(`d28443a10132a0${tail}`)), 'forbidden')
    refuses(() => readSignedObject(fromHex(`8443a10132a0${tail}00`)), 'extended')
  })

  it('is not made of a signature of the wrong length', async () => {
    const broken = { ...publicPart(device), sign: () => Promise.resolve(new Uint8Array(70)) }
    await rejects(signObject(broken, payload, { kind: 'event', recipientId }), 'bad-field')
  })
})

function publicPart(
  signer: SoftwareSigner,
): Pick<SoftwareSigner, 'algorithm' | 'publicKey' | 'ueid'> {
  const { algorithm, publicKey, ueid } = signer
  return { algorithm, publicKey, ueid }
}

describe('nonceOf', () => {
  it('pads a partial IV on the left', () => {
    const common = fromHex('0102030405060708090a0b0c')
    assert.equal(toHex(nonceOf(common, fromHex('01'))), '0102030405060708090a0b0d')
    assert.equal(toHex(nonceOf(common, fromHex('0100ff'))), '0102030405060708090b0bf3')
    refuses(() => nonceOf(common, new Uint8Array(13)), 'bad-field')
  })
})
