import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { equalBytes, toHex } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { HeadendError } from '../src/errors.ts'
import { MemorySecrets, SecretFolder } from '../src/keys/files.ts'
import { Keyring } from '../src/keys/keyring.ts'
import { POLICY, seededRandom, START_MS } from './support/world.ts'

const SOURCE = join(import.meta.dirname, '../src/keys/files.ts')
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

  it('starts where the deletion of a prekey was cut off after it was overwritten', async () => {
    const secrets = new MemorySecrets()
    Keyring.create(secrets, POLICY, random)
    const [made] = (await Keyring.open(secrets, POLICY, random).rotate(START_MS)).created
    assert.ok(made)
    const folder = mkdtempSync(join(tmpdir(), 's3mp-keys-'))
    try {
      const files = new SecretFolder(join(folder, 'keys'))
      for (const name of secrets.list()) files.write(name, secrets.read(name) ?? '')
      const name = `prekey-${toHex(made.prekey.id)}.json`
      const { size } = statSync(join(folder, 'keys', name))
      writeFileSync(join(folder, 'keys', name), new Uint8Array(size))
      const keyring = Keyring.open(files, POLICY, random)
      assert.equal(keyring.size, 0)
      await keyring.rotate(START_MS)
      assert.ok(!files.list().includes(name), 'and finishes it')
    } finally {
      rmSync(folder, { recursive: true })
    }
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

  it('keeps the old file where the new one does not fit on the disk', () => {
    const files = new SecretFolder(folder)
    files.write('a', 'old')
    // A limit on the size of files is a disk that is full after the first bytes of a write.
    const program = `
      const { SecretFolder } = await import(${JSON.stringify(SOURCE)})
      new SecretFolder(${JSON.stringify(folder)}).write('a', 'n'.repeat(5000))`
    const node = [process.execPath, '--conditions=@s3mp/source', '--input-type=module', '-e']
    const limited = 'ulimit -f 1; trap "" XFSZ; exec "$@"'
    const { status, stderr } = spawnSync('sh', ['-c', limited, 'sh', ...node, program])
    assert.equal(status, 1)
    assert.match(stderr.toString(), /ERR_HEADEND_STORE/)
    assert.equal(files.read('a'), 'old')
  })

  it('finishes what a power cut has interrupted', () => {
    const files = new SecretFolder(folder)
    writeFileSync(join(folder, 'gone.json'), new Uint8Array(300), { mode: 0o600 })
    writeFileSync(join(folder, 'half.json.7.tmp'), 'secret', { mode: 0o600 })
    files.write('kept.json', 'text')
    assert.equal(files.read('gone.json'), undefined)
    files.tidy()
    assert.deepEqual(readdirSync(folder), ['kept.json'])
  })

  it('reads no file that is too large for a key', () => {
    const files = new SecretFolder(folder)
    writeFileSync(join(folder, 'big'), 'x'.repeat(20_000))
    assert.throws(() => files.read('big'), HeadendError)
  })
})
