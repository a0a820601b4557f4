import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SoftwareSigner, ueidOf } from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { HeadendError, type HeadendErrorCode } from '../src/errors.ts'
import { APPLICATION_ID, Database } from '../src/store/database.ts'
import { People } from '../src/store/people.ts'
import { MIGRATIONS } from '../src/store/schema.ts'
import { SqliteStore } from '../src/store/store.ts'
import type { NewDevice } from '../src/store/types.ts'
import { seededRandom } from './support/world.ts'

const STORE = join(import.meta.dirname, '../src/store/store.ts')

function newDevice(seed: string, serial?: string): NewDevice {
  const { algorithm, publicKey } = SoftwareSigner.generate('Ed25519', seededRandom(seed))
  const ueid = ueidOf({ algorithm, publicKey })
  return { ueid, algorithm, publicKey, name: seed, serial, card: new Uint8Array(0) }
}

function refuses(code: HeadendErrorCode, words: RegExp, work: () => unknown): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof HeadendError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, words)
    return true
  })
}

describe('the store', () => {
  let folder: string
  let path: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 's3mp-store-'))
    path = join(folder, 'store.sqlite')
  })

  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it('commits so that a power cut takes nothing back, in a file that only its owner reads', () => {
    new SqliteStore(path).close()
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const database = new DatabaseSync(path)
    assert.equal(database.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal')
    database.close()
    // Synchronisation is a setting of the connection: 2 is FULL.
    const source = new SqliteStore(path)
    assert.equal(source.synchronous, 2)
    source.close()
  })

  it('refuses files that are not its own, in words that help', () => {
    refuses(
      'ERR_HEADEND_STORE',
      /check that the folder exists/,
      () => new SqliteStore('/nowhere/x'),
    )
    writeFileSync(path, 'not a database, but long enough to be taken for one by nobody at all')
    refuses('ERR_HEADEND_STORE', /expected an SQLite database/, () => new SqliteStore(path))
    rmSync(path)
    const other = new DatabaseSync(path)
    other.exec('CREATE TABLE cats (name TEXT)')
    other.close()
    refuses('ERR_HEADEND_STORE', /another program's database/, () => new SqliteStore(path))
  })

  it('refuses a file that a newer program wrote', () => {
    new SqliteStore(path).close()
    const database = new DatabaseSync(path)
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    database.close()
    refuses('ERR_HEADEND_STORE', /a newer s3mp wrote it/, () => new SqliteStore(path))
  })

  it('is opened beside a writer, and on a full disk: a store of this version is not written to', () => {
    new SqliteStore(path).close()
    const writer = new DatabaseSync(path)
    writer.exec('BEGIN IMMEDIATE')
    const store = new SqliteStore(path)
    assert.deepEqual(store.registry.devices({ limit: 1 }), [])
    store.close()
    writer.exec('ROLLBACK')
    writer.close()
  })

  it('is brought up to this version once, by whichever process is first', async () => {
    const old = new DatabaseSync(path)
    old.exec(MIGRATIONS[0] ?? '')
    old.exec(
      `PRAGMA user_version = 1; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA journal_mode = WAL`,
    )
    old.exec('BEGIN IMMEDIATE')
    // Another process asks for the version, and then has to wait; meanwhile this one brings it up.
    const program = `
      const { SqliteStore } = await import(${JSON.stringify(STORE)})
      new SqliteStore(${JSON.stringify(path)}).close()`
    const flags = ['--conditions=@s3mp/source', '--input-type=module', '-e', program]
    const other = spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    other.stderr.on('data', (text: Buffer) => (said += text.toString()))
    const ended = once(other, 'exit')
    await new Promise((resolve) => setTimeout(resolve, 700))
    for (const migration of MIGRATIONS.slice(1)) old.exec(migration)
    old.exec(`PRAGMA user_version = ${MIGRATIONS.length}`)
    old.exec('COMMIT')
    old.close()
    assert.deepEqual(await ended, [0, null], said)
  })

  it('lets who is logged in go on looking while nothing can be written', () => {
    const database = new Database(path)
    const people = new People(database)
    const common = { role: 'viewer', password: '-', createdMs: 1 } as const
    people.addUser({ name: 'anna', ...common })
    people.putSession({ id: 's', subject: 'anna', createdMs: 1, usedMs: 1 })
    // As a full disk, or one that has become read-only.
    database.run('PRAGMA query_only = ON')
    assert.throws(() => people.addUser({ name: 'bert', ...common }))
    people.touchSession('s', 2)
    people.touchToken('none', 2)
    assert.equal(people.session('s')?.usedMs, 1)
    database.close()
  })

  it('enrols a device once, whatever how often it is asked', () => {
    const store = new SqliteStore(path)
    const first = store.registry.enroll(newDevice('a', 'S1'), 1)
    assert.deepEqual(store.registry.enroll(newDevice('a', 'S1'), 2), first)
    assert.equal(store.registry.deviceCount(), 1)
    store.close()
  })

  it('binds a serial number to one key, for good', () => {
    const store = new SqliteStore(path)
    const { ueid } = store.registry.enroll(newDevice('a', 'S1'), 1)
    refuses('ERR_HEADEND_STATE', /belongs to another device/, () =>
      store.registry.enroll(newDevice('b', 'S1'), 2),
    )
    store.registry.setState(ueid, 'revoked', { who: 'anna', reason: 'lost' }, 3)
    refuses('ERR_HEADEND_STATE', /belongs to a revoked device/, () =>
      store.registry.enroll(newDevice('b', 'S1'), 4),
    )
    refuses('ERR_HEADEND_STATE', /never comes back/, () => store.registry.enroll(newDevice('a'), 5))
    refuses('ERR_HEADEND_STATE', /that is final/, () =>
      store.registry.setState(ueid, 'active', { who: 'anna' }, 6),
    )
    store.close()
  })

  it('lets an epoch number be used once, and the newest only rise', () => {
    const store = new SqliteStore(path)
    const { row: device, ueid } = store.registry.enroll(newDevice('a'), 1)
    const offer = (number: number, content: number): string =>
      store.registry.addEpoch(
        {
          device,
          number,
          bootCounter: number,
          prekey: new Uint8Array(8),
          storedMs: 1,
          bytes: Uint8Array.of(content),
        },
        [Uint8Array.of(number >> 8, number, content, 0, 0, 0, 0, 0)],
      )
    assert.equal(offer(5000, 1), 'newest')
    assert.equal(offer(5000, 1), 'known')
    assert.equal(offer(5000, 2), 'conflict')
    assert.equal(offer(4999, 3), 'late')
    assert.equal(offer(3976, 4), 'stale')
    assert.equal(store.registry.device(ueid)?.newestEpoch, 5000)
    assert.equal(store.registry.newestEpoch(device)?.number, 5000)
    assert.equal(store.registry.forgetEpochsOf(new Uint8Array(8)), 2)
    assert.equal(store.registry.kidCount(), 0)
    store.close()
  })

  it('keeps an audit log in which a changed row shows', () => {
    const store = new SqliteStore(path)
    const { ueid } = store.registry.enroll(newDevice('a'), 1)
    store.registry.setState(ueid, 'quarantined', { who: 'anna', reason: 'odd' }, 2)
    store.registry.setState(ueid, 'active', { who: 'ben', reason: 'fine' }, 3)
    assert.deepEqual(
      [...store.auditLog()].map(({ who, deed, intact }) => [who, deed, intact]),
      [
        ['program', 'device.enrolled', true],
        ['anna', 'device.quarantined', true],
        ['ben', 'device.released', true],
      ],
    )
    assert.ok(store.auditLines({ limit: 10 }).intact)
    store.close()
    const tamper = (sql: string): void => {
      const database = new DatabaseSync(path)
      assert.throws(() => {
        database.exec(sql)
      }, /only added to/)
      database.exec('DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_cut')
      database.exec(sql)
      database.close()
    }
    tamper(`UPDATE audit SET details = '{"reason":"nothing"}' WHERE deed = 'device.quarantined'`)
    const changed = new SqliteStore(path)
    assert.deepEqual(
      [...changed.auditLog()].map(({ intact }) => intact),
      [true, false, false],
    )
    assert.deepEqual(
      [1, 2, 3].map((before) => changed.auditLines({ before, limit: 1 }).intact),
      [true, true, false],
    )
    changed.close()
  })

  it('shows a row taken out of the audit log', () => {
    const store = new SqliteStore(path)
    for (const deed of ['one', 'two', 'three']) store.audit(1, deed, 'x', { who: 'anna' })
    store.close()
    const database = new DatabaseSync(path)
    database.exec('DROP TRIGGER audit_is_never_cut; DELETE FROM audit WHERE row = 2')
    database.close()
    const again = new SqliteStore(path)
    assert.deepEqual(
      [...again.auditLog()].map(({ intact }) => intact),
      [true, false],
    )
    assert.ok(!again.auditLines({ limit: 10 }).intact)
    again.close()
  })

  it('says when another process has written', () => {
    const [one, other] = [new SqliteStore(path), new SqliteStore(path)]
    const before = one.foreignVersion
    one.registry.enroll(newDevice('a'), 1)
    assert.equal(one.foreignVersion, before, 'its own writes are no news')
    other.registry.enroll(newDevice('b'), 1)
    assert.notEqual(one.foreignVersion, before)
    one.close()
    other.close()
  })
})
