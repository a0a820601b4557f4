import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes, toHex } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { HeadendError } from '../src/errors.ts'
import { MemorySecrets, SecretFolder } from '../src/keys/files.ts'
import { Keyring } from '../src/keys/keyring.ts'
import { POLICY, seededRandom, START_MS } from './support/world.ts'

const DAY_MS = 86_400_000
const random = seededRandom('keyring')

describe('the keyring', () => {
  it('makes the next prekey before the current one ends, and hands out the newer', async () => {
    const keyring = Keyring.create(new MemorySecrets(), POLICY, random)
    const [first] = (await keyring.rotate(START_MS)).created
    assert.equal((await keyring.rotate(START_MS + 22 * DAY_MS)).created.length, 0)
    const [second] = (await keyring.rotate(START_MS + 23 * DAY_MS)).created
    assert.ok(first && second)
    const current = keyring.current(START_MS + 23 * DAY_MS)
    assert.ok(current && equalBytes(current.prekey.id, second.prekey.id))
    assert.ok(keyring.lookup(first.prekey.id), 'the older one still opens')
  })

  it('deletes a private part after its end and grace, never before', async () => {
    const secrets = new MemorySecrets()
    const keyring = Keyring.create(secrets, POLICY, random)
    const [first] = (await keyring.rotate(START_MS)).created
    assert.ok(first)
    const end = START_MS + POLICY.validMs + POLICY.graceMs
    assert.deepEqual((await keyring.rotate(end)).deleted, [])
    assert.deepEqual((await keyring.rotate(end + 1)).deleted, [first.prekey.id])
    assert.equal(keyring.lookup(first.prekey.id), undefined)
    assert.ok(!secrets.list().includes(`prekey-${toHex(first.prekey.id)}.json`))
  })

  it('is the same after a restart', async () => {
    const secrets = new MemorySecrets()
    const keyring = Keyring.create(secrets, POLICY, random)
    const [made] = (await keyring.rotate(START_MS)).created
    assert.ok(made)
    const again = Keyring.open(secrets, POLICY, random)
    assert.ok(equalBytes(again.ueid, keyring.ueid))
    assert.deepEqual(again.lookup(made.prekey.id), keyring.lookup(made.prekey.id))
    assert.throws(() => Keyring.create(secrets, POLICY, random), /never replaced/)
  })

  it('asks for init where there is no identity, and refuses another’s prekeys', async () => {
    assert.throws(
      () => Keyring.open(new MemorySecrets(), POLICY, random),
      /run 's3mp headend init'/,
    )
    const [mine, other] = [new MemorySecrets(), new MemorySecrets()]
    Keyring.create(mine, POLICY, random)
    await Keyring.create(other, POLICY, random).rotate(START_MS)
    const name = other.list().find((one) => one.startsWith('prekey')) ?? ''
    mine.write(name, other.read(name) ?? '')
    assert.throws(() => Keyring.open(mine, POLICY, random), /signature/)
  })
})

describe('SecretFolder', () => {
  let folder: string

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 's3mp-keys-')), 'keys')
  })

  afterEach(() => {
    rmSync(join(folder, '..'), { recursive: true })
  })

  it('keeps files that nobody else can read, and leaves no half-written ones', () => {
    const files = new SecretFolder(folder)
    files.write('a.json', 'one')
    files.write('a.json', 'two')
    assert.equal(files.read('a.json'), 'two')
    assert.equal(statSync(join(folder, 'a.json')).mode & 0o777, 0o600)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(folder), ['a.json'])
    files.remove('a.json')
    assert.equal(files.read('a.json'), undefined)
    assert.deepEqual(files.list(), [])
  })

  it('does not use a folder that others can look into', () => {
    new SecretFolder(folder).write('a', 'b')
    chmodSync(folder, 0o755)
    assert.throws(() => new SecretFolder(folder), /chmod 700/)
  })

  it('reads no file that is too large for a key', () => {
    const files = new SecretFolder(folder)
    writeFileSync(join(folder, 'big'), 'x'.repeat(20_000))
    assert.throws(() => files.read('big'), HeadendError)
  })
})
