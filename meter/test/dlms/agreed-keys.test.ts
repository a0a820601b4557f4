import assert from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  sign,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'mocha'
import type { DlmsKeys } from '../../src/index.ts'
import { createDecoder, diagnoseKeys, toHex } from '../../src/index.ts'
import { isSignedBy, parseSigned, seal } from '../../src/dlms/ciphering.ts'
import { counted } from '../../src/dlms/encode.ts'
import { DLMS_STYLES, encodeNotification, frameApdu, protect } from '../../src/simulator/index.ts'
import { keysOf } from '../support/asking.ts'
import { decodeAll, hex, houseState, join } from '../support/telegrams.ts'

const VECTOR = JSON.parse(
  readFileSync(new URL('../vectors/dlms-agreed.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, string>>

const METER = hex('53494d0000000001')
const OWN = hex('53334d5054455354')
const TRANSACTION = hex('080102030405060708')
const PLAIN = encodeNotification(houseState(), DLMS_STYLES.described)

function bytesOf(name: string): Uint8Array {
  return hex(VECTOR[name] ?? '')
}

function vectorKeys(): DlmsKeys & { readonly meterAgreementKey: KeyObject } {
  const der = (name: string): Buffer => Buffer.from(bytesOf(name))
  return {
    authenticationKey: bytesOf('authenticationKey'),
    agreementKey: createPrivateKey({ key: der('ownPrivateKey'), format: 'der', type: 'pkcs8' }),
    meterAgreementKey: createPublicKey({
      key: der('meterPublicKey'),
      format: 'der',
      type: 'spki',
    }),
  }
}

/** general-ciphering around a notification; `covered` whether its tag covers the header. */
function general(
  keyInfo: Uint8Array,
  encryptionKey: Uint8Array,
  suite: 0 | 1 | 2,
  covered: boolean,
): Uint8Array {
  const header = join(TRANSACTION, counted(METER), counted(OWN), hex('0000'))
  const { authenticationKey } = keysOf(suite)
  const aad = covered ? join(authenticationKey, header) : authenticationKey
  const sealing = { control: 0x30 | suite, systemTitle: METER, counter: 7, encryptionKey }
  const content = seal(PLAIN, { ...sealing, authenticationKey: aad })
  return join(hex('dd'), header, keyInfo, counted(content))
}

function reading(apdu: Uint8Array, options: Parameters<typeof createDecoder>[1]): unknown {
  const bytes = frameApdu(apdu, DLMS_STYLES.described)
  const [event] = decodeAll(createDecoder('dlms', options), bytes)
  return event?.type === 'reading' ? event.reading.security?.authentic : event?.reason
}

describe('keys that an APDU brings along', () => {
  for (const name of ['onePass', 'static']) {
    it(`are agreed on as others do it: ${name}`, () => {
      const { verdict, plaintext } = diagnoseKeys(bytesOf(name), vectorKeys())
      assert.equal(verdict, 'sound')
      assert.equal(toHex(plaintext ?? new Uint8Array()), VECTOR.plaintext)
      const missing = diagnoseKeys(bytesOf(name), {
        authenticationKey: bytesOf('authenticationKey'),
      })
      assert.equal(missing.verdict, 'encryption-key-missing')
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const wrong = diagnoseKeys(bytesOf(name), { ...vectorKeys(), agreementKey: privateKey })
      assert.equal(wrong.verdict, 'encryption-key-wrong')
      const curve = generateKeyPairSync('ec', { namedCurve: 'P-384' })
      const foreign = diagnoseKeys(bytesOf(name), {
        ...vectorKeys(),
        agreementKey: curve.privateKey,
      })
      assert.notEqual(foreign.verdict, 'sound')
    })
  }

  for (const suite of [1, 2] as const) {
    it(`are derived by the curve and hash of suite ${suite}`, () => {
      const curve = { namedCurve: suite === 2 ? 'P-384' : 'P-256' }
      const [own, meter] = [generateKeyPairSync('ec', curve), generateKeyPairSync('ec', curve)]
      const secret = diffieHellman({ privateKey: meter.privateKey, publicKey: own.publicKey })
      const text = join(
        hex('00000001'),
        new Uint8Array(secret),
        hex(`608574050803 0${suite - 1}`),
        METER,
        TRANSACTION,
        OWN,
      )
      const hash = createHash(suite === 2 ? 'sha384' : 'sha256')
        .update(text)
        .digest()
      const key = new Uint8Array(hash).subarray(0, suite === 2 ? 32 : 16)
      const { authenticationKey } = keysOf(suite)
      const keys = { agreementKey: own.privateKey, meterAgreementKey: meter.publicKey }
      for (const covered of [true, false]) {
        const apdu = general(hex('0102010200'), key, suite, covered)
        assert.equal(reading(apdu, { authenticationKey, ...keys }), true)
        assert.equal(reading(apdu, { authenticationKey }), 'key-missing')
      }
      // The same with an ephemeral key: its point, and a signature that nobody asks for.
      const { x = '', y = '' } = meter.publicKey.export({ format: 'jwk' })
      const point = join(...[x, y].map((one) => new Uint8Array(Buffer.from(one, 'base64url'))))
      const text2 = join(text.subarray(0, 4 + secret.length + 7), METER, OWN)
      const hash2 = createHash(suite === 2 ? 'sha384' : 'sha256')
        .update(text2)
        .digest()
      const key2 = new Uint8Array(hash2).subarray(0, suite === 2 ? 32 : 16)
      const info = join(hex('01020101'), counted(join(point, new Uint8Array(point.length))))
      assert.equal(reading(general(info, key2, suite, true), { authenticationKey, ...keys }), true)
    })
  }

  for (const suite of [0, 2] as const) {
    it(`are unwrapped with the master key in suite ${suite}`, () => {
      const { encryptionKey, authenticationKey } = keysOf(suite)
      const masterKey = encryptionKey.map((byte) => byte ^ 0x5a)
      const name = suite === 2 ? 'id-aes256-wrap' : 'id-aes128-wrap'
      const cipher = createCipheriv(name, masterKey, hex('a6a6a6a6a6a6a6a6'))
      const wrapped = join(cipher.update(encryptionKey), cipher.final())
      const apdu = general(join(hex('010100'), counted(wrapped)), encryptionKey, suite, true)
      assert.equal(reading(apdu, { authenticationKey, masterKey }), true)
      assert.equal(reading(apdu, { authenticationKey }), 'key-missing')
      assert.equal(reading(apdu, { authenticationKey, masterKey: encryptionKey }), 'key-wrong')
    })
  }

  it('refuses ways that the standard does not have, and keys that are none', () => {
    const { encryptionKey, authenticationKey } = keysOf(1)
    const keys = { ...vectorKeys(), encryptionKey, authenticationKey }
    for (const [info, suite, verdict] of [
      ['0102010300', 1, 'unsupported'],
      ['0105010200', 1, 'unsupported'],
      ['0102010200', 0, 'unsupported'],
      [`010201018140${'ff'.repeat(64)}`, 1, 'unsupported'],
      ['0102010104ffffffff', 1, 'unsupported'],
    ] as const) {
      const apdu = general(hex(info), encryptionKey, suite, true)
      assert.equal(diagnoseKeys(apdu, keys).verdict, verdict, info)
    }
  })
})

describe('signed APDUs', () => {
  const glo = protect(PLAIN, { ...keysOf(1), control: 0x31, systemTitle: METER, counter: 9 })
  const head = join(TRANSACTION, counted(METER), counted(OWN), hex('0000'))

  it('are checked as others sign them', () => {
    const signed = parseSigned(bytesOf('signed'))
    const { meterAgreementKey: signatureKey } = vectorKeys()
    assert.equal(isSignedBy(signed, { signatureKey }), true)
    assert.equal(isSignedBy(signed, {}), undefined)
    const changed = signed.text.map((byte, at) => (at === 12 ? byte ^ 1 : byte))
    assert.equal(isSignedBy({ ...signed, text: changed }, { signatureKey }), false)
  })

  for (const [curve, hash] of [
    ['P-256', 'sha256'],
    ['P-384', 'sha384'],
  ] as const) {
    it(`give a reading without doubt when the signature on ${curve} holds`, () => {
      const meter = generateKeyPairSync('ec', { namedCurve: curve })
      const key = { key: meter.privateKey, dsaEncoding: 'ieee-p1363' } as const
      const signature = new Uint8Array(sign(hash, join(head, glo), key))
      const apdu = join(hex('df'), head, counted(glo), counted(signature))
      const { encryptionKey, authenticationKey } = keysOf(1)
      const flagsOf = (signatureKey: KeyObject | undefined): unknown => {
        const options = {
          key: encryptionKey,
          authenticationKey,
          ...(signatureKey && { signatureKey }),
        }
        const bytes = frameApdu(apdu, DLMS_STYLES.described)
        const [event] = decodeAll(createDecoder('dlms', options), bytes)
        return event?.type === 'reading' ? event.reading.flags : event?.reason
      }
      assert.deepEqual(flagsOf(meter.publicKey), [])
      assert.deepEqual(flagsOf(undefined), ['signature-unchecked'])
      assert.equal(
        flagsOf(generateKeyPairSync('ec', { namedCurve: curve }).publicKey),
        'unauthentic',
      )
      assert.equal(flagsOf(generateKeyPairSync('ed25519').publicKey), 'unauthentic')
    })
  }
})

describe('the key doctor in every suite', () => {
  for (const suite of [0, 1, 2] as const) {
    for (const tag of ['db', 'dc']) {
      it(`tells all that can be wrong in suite ${suite}, kind ${tag}`, () => {
        const right = keysOf(suite)
        const wrong = right.encryptionKey.map((byte) => byte ^ 0xa5)
        const apdu = (control: number, counter = 5): Uint8Array => {
          const sealing = { ...right, control: control | suite, counter, systemTitle: METER }
          return join(hex(tag), protect(PLAIN, sealing).subarray(1))
        }
        const verdict = (bytes: Uint8Array, keys: DlmsKeys, last?: number): string =>
          diagnoseKeys(bytes, keys, last).verdict
        for (const control of [0x30, 0x20, 0x10]) {
          const whole = apdu(control)
          const tagged = control !== 0x20
          assert.equal(verdict(whole, right), tagged ? 'sound' : 'unauthenticated')
          assert.equal(verdict(whole, right, 4), tagged ? 'sound' : 'unauthenticated')
          assert.equal(verdict(whole, right, 5), 'replay')
          assert.equal(verdict(whole.subarray(0, -1), right), 'damaged')
          const middle = join(whole.subarray(0, 60), whole.subarray(61))
          assert.equal(verdict(middle, right), 'damaged')
          const without: DlmsKeys = { encryptionKey: right.encryptionKey }
          assert.equal(verdict(whole, without), 'unauthenticated')
          if (control === 0x10) continue
          assert.equal(verdict(whole, {}), 'encryption-key-missing')
          assert.equal(verdict(whole, { ...right, encryptionKey: wrong }), 'encryption-key-wrong')
          const short = right.encryptionKey.subarray(1)
          assert.equal(verdict(whole, { ...right, encryptionKey: short }), 'encryption-key-wrong')
          if (!tagged) continue
          const other: DlmsKeys = { ...right, authenticationKey: wrong }
          assert.equal(verdict(whole, other), 'authentication-key-wrong')
        }
      })
    }
  }
})
