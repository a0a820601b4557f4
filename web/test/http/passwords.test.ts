import assert from 'node:assert/strict'
import { argon2Sync } from 'node:crypto'
import { describe, it } from 'mocha'
import {
  checkPassword,
  hashPassword,
  HttpError,
  passwordProblem,
  sameText,
} from '../../src/http/index.ts'
import { HASHES_AT_ONCE_MAX, HASHES_WAITING_MAX } from '../../src/http/passwords.ts'

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7)

describe('passwords', () => {
  it('are kept as argon2id PHC strings that another program derives as well', async () => {
    const kept = await hashPassword('correct horse', random)
    const match = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$([\w+/]+)\$([\w+/]+)$/.exec(kept)
    const nonce = Buffer.from(match?.[1] ?? '', 'base64')
    const settings = { message: 'correct horse', nonce, parallelism: 1, tagLength: 32, memory: 19_456, passes: 2 } // prettier-ignore
    assert.equal(argon2Sync('argon2id', settings).toString('base64').replace(/=+$/, ''), match?.[2])
    assert.ok(await checkPassword('correct horse', kept))
    assert.ok(!(await checkPassword('correct horsf', kept)))
  })

  it('are the same however an accent is typed', async () => {
    const kept = await hashPassword('Ger\u00e4te am Haus', random)
    assert.ok(await checkPassword('Gera\u0308te am Haus', kept))
  })

  it('are wrong for a name nobody has, and beyond their length', async () => {
    assert.ok(!(await checkPassword('', undefined)))
    const kept = await hashPassword('', random)
    assert.ok(!(await checkPassword('x'.repeat(300), kept)), 'not taken for the empty one')
  })

  it('are refused when too short, too long or too plain', () => {
    const problems = [
      'elevenchars',
      'x'.repeat(257),
      'abababababab',
      'annas password',
      'good enough 1',
    ]
    assert.deepEqual(
      problems.map((text) => passwordProblem(text, 'annas')),
      ['too-short', 'too-long', 'too-plain', 'too-plain', undefined],
    )
  })

  it('planted in the store with a cost that would stop the server are refused', async () => {
    const salt = 'A'.repeat(22)
    for (const cost of ['m=9999999,t=2,p=1', 'm=19456,t=99,p=1', 'm=19456,t=2,p=99']) {
      const planted = `$argon2id$v=19$${cost}$${salt}$${'A'.repeat(43)}`
      await assert.rejects(
        checkPassword('x', planted),
        (error) => error instanceof HttpError && error.code === 'ERR_HTTP_PASSWORD',
      )
    }
  })

  it('wait for their turn within bounds', async () => {
    const all = HASHES_AT_ONCE_MAX + HASHES_WAITING_MAX
    const checks = Array.from({ length: all + 3 }, () => checkPassword('x', undefined))
    const settled = await Promise.allSettled(checks)
    const refused = settled.filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 3)
    assert.equal(await checkPassword('x', undefined), false, 'and it goes on')
  }).timeout(20_000)

  it('compares texts of any length', () => {
    assert.ok(sameText('a', 'a'))
    assert.ok(!sameText('a', 'aa'))
    assert.ok(!sameText('', 'a'))
  })
})
