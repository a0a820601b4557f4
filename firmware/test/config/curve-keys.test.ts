import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { after, describe, it } from 'mocha'

import { curveOf, readPrivateKey, readPublicKey, SecretReference } from '../../src/config/secret.ts'
import { FirmwareError } from '../../src/errors.ts'
import { freshFolder, removeFolders } from '../support/folder.ts'

const PAIRS = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
}

function read<Key>(
  reader: (name: string, reference: SecretReference, around: Around) => Key,
  content: string | Uint8Array,
): Key {
  const folder = freshFolder()
  writeFileSync(join(folder, 'key'), content, { mode: 0o600 })
  const around = { configFile: join(folder, 'x.toml'), credentials: folder }
  return reader('keys.x', new SecretReference('credential', 'key'), around)
}

type Around = Parameters<typeof readPublicKey>[2]

/** The bytes of one number of a key, as meters show them. */
function number(key: KeyObject, name: 'd' | 'x' | 'y'): string {
  return Buffer.from(String(key.export({ format: 'jwk' })[name]), 'base64url').toString('hex')
}

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof FirmwareError && error.code === 'identity', String(error))
    return error.message
  }
  return assert.fail('was accepted')
}

describe('a key on a curve', () => {
  after(removeFolders)

  for (const [curve, { privateKey, publicKey }] of Object.entries(PAIRS)) {
    it(`is read from PEM, or as the number that it is, on ${curve}`, () => {
      const digits = number(privateKey, 'd')
      for (const content of [
        privateKey.export({ type: 'pkcs8', format: 'pem' }),
        privateKey.export({ type: 'sec1', format: 'pem' }),
        digits,
        `${digits.slice(0, 20)} ${digits.slice(20)}\n`.toUpperCase(),
      ]) {
        const found = read(readPrivateKey, content)
        assert.equal(curveOf(found), curve)
        assert.ok(createPublicKey(found.export({ type: 'pkcs8', format: 'pem' })).equals(publicKey))
      }
      const point = number(publicKey, 'x') + number(publicKey, 'y')
      const pem = publicKey.export({ type: 'spki', format: 'pem' })
      for (const content of [pem, point, `04${point}`]) {
        assert.ok(read(readPublicKey, content).equals(publicKey))
      }
    })
  }

  it('is refused when it is another kind, locked, or no key, and is never shown', () => {
    const { privateKey } = PAIRS['P-256']
    const locked = privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const digits = number(privateKey, 'd')
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    for (const content of [
      locked,
      'oops',
      '',
      digits.slice(2),
      '00'.repeat(32),
      'ff'.repeat(32),
      pem.replace('MI', 'AA'),
      rsa.export({ type: 'pkcs8', format: 'pem' }),
    ]) {
      const message = refusal(() => read(readPrivateKey, content))
      assert.match(message, /^keys\.x: expected a private key on P-256 or P-384, .*, found /u)
      assert.ok(!message.includes(digits.slice(2, 20)))
    }
    assert.match(
      refusal(() => read(readPublicKey, '04'.repeat(65))),
      /found something else/u,
    )
    const off = number(PAIRS['P-256'].publicKey, 'x') + '11'.repeat(32)
    assert.match(
      refusal(() => read(readPublicKey, off)),
      /found something else/u,
    )
  })
})
