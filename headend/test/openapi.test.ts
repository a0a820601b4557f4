import assert from 'node:assert/strict'
import { encodePublicKeyFile, toHex } from '@s3mp/envelope'
import type { Confirmation, NewTokenAnswer } from '@s3mp/web/api'
import fc from 'fast-check'
import { after, before, describe, it } from 'mocha'
import { Office, PASSWORD } from './support/office.ts'
import { readingBody, schemaBody, START_MS, TestMeter } from './support/world.ts'

const REGISTER = encodeURIComponent('1-0:1.8.0*255')
const HOUR_MS = 3_600_000

describe('the description of the API', () => {
  let office: Office
  let cookie: string

  before(async () => {
    office = await Office.open()
    await office.hire('anna', 'administrator')
    await office.hire('ben', 'viewer')
    const { meter, keyring } = office
    await office.deliver(await meter.next(1, schemaBody(START_MS), keyring.ueid))
    for (let i = 0; i < 5; i++) {
      const body = readingBody(START_MS + i * 900_000, [BigInt(i), 1n])
      await office.deliver(await meter.next(1, body, keyring.ueid))
    }
    office.clock.advance(HOUR_MS)
    cookie = await office.login('anna')
  })

  after(() => office.close())

  /** Asks well, and expects an answer; the office holds it to the document. */
  async function well(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await office.ask(path, { method, cookie, ...(body !== undefined && { body }) })
    assert.equal(answer.status, 200, `${method} ${path}`)
    if (path === '/live') {
      await answer.body?.cancel()
      return undefined
    }
    const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
    return isJson ? answer.json() : answer.text()
  }

  it('fits a good answer of every address that it names, and every body that is taken', async () => {
    const device = `/devices/${office.device}`
    const newcomer = new TestMeter('newcomer')
    const publicKey = encodePublicKeyFile(newcomer.signer)
    const [from, to] = [START_MS, START_MS + HOUR_MS]
    const asked = new Set<string>()
    const ask = async (
      method: string,
      path: string,
      pattern: string,
      body?: object,
    ): Promise<unknown> => {
      asked.add(`${method} ${pattern}`)
      return well(method, path, body)
    }
    for (const path of [
      '/server',
      '/health',
      '/openapi.json',
      '/session',
      '/events',
      '/live',
      '/users',
      '/tokens',
      '/audit',
      '/devices',
    ]) {
      // prettier-ignore
      await ask('GET', path, `/api/v1${path}`)
    }
    await ask('GET', '/metrics', '/metrics')
    const own = '/api/v1/devices/:device'
    await ask('GET', device, own)
    await ask('GET', `${device}/latest`, `${own}/latest`)
    const range = `fromMs=${from}&toMs=${to}`
    await ask('GET', `${device}/series?register=${REGISTER}&${range}`, `${own}/series`)
    await ask(
      'GET',
      `${device}/counters?register=${REGISTER}&edges=${from},${to}`,
      `${own}/counters`,
    )
    await ask('GET', `${device}/evidence/quarter/2`, `${own}/evidence/:stream/:seq`)
    await ask('GET', `${device}/readings.csv?${range}`, `${own}/readings.csv`)
    const rates = [{ register: '1-0:1.8.0*255', price: '0.3', earns: false, factor: '1' }]
    const periods = [{ fromMs: 0, monthly: '9.9', rates }]
    await ask('PUT', `${device}/tariff`, `${own}/tariff`, { currency: 'EUR', periods })
    await ask('GET', `${device}/tariff`, `${own}/tariff`)
    await ask('GET', `${device}/costs?edges=${from},${to}`, `${own}/costs`)
    const shown = (await ask('POST', `${device}/confirmation`, `${own}/confirmation`, {
      state: 'quarantined',
    })) as Confirmation
    const { confirm } = shown
    const change = { state: 'quarantined', reason: 'a test', confirm }
    await ask('POST', `${device}/state`, `${own}/state`, change)
    const preview = (await ask('POST', '/devices/confirmation', '/api/v1/devices/confirmation', {
      publicKey,
    })) as Confirmation
    const enrolment = { name: 'New', serial: 'S2', publicKey, reason: 'a test' }
    await ask('POST', '/devices', '/api/v1/devices', { ...enrolment, confirm: preview.confirm })
    await ask('POST', '/users', '/api/v1/users', {
      name: 'eve',
      role: 'operator',
      password: PASSWORD,
    })
    await ask('POST', '/users/eve', '/api/v1/users/:name', { role: 'viewer', disabled: true })
    const token = (await ask('POST', '/tokens', '/api/v1/tokens', {
      name: 'grafana',
      scopes: ['metrics:read'],
      days: 7,
    })) as NewTokenAnswer
    await ask('DELETE', `/tokens/${token.id}`, '/api/v1/tokens/:id')
    await ask('POST', '/session', '/api/v1/session', { name: 'anna', password: PASSWORD })
    const next = { current: PASSWORD, next: 'another one of hers' }
    await ask('POST', '/session/password', '/api/v1/session/password', next)
    cookie = await office.login('anna', next.next)
    await ask('DELETE', '/session', '/api/v1/session')
    cookie = await office.login('anna', next.next)
    const served = office.headend.routes.map(({ method, path }) => `${method} ${path}`)
    assert.deepEqual([...asked].sort(), [...served].sort())
    assert.equal(toHex(newcomer.signer.ueid), preview.device)
  }).timeout(10_000)

  it('has an answer other than a fault for whatever is asked', async () => {
    const words = fc.constantFrom('', '0', '-1', '1e9', '9007199254740993', '8640000000000001', 'NaN', '%', "'", '\u0000', '\u202e', '=1', '<b>', 'quarter', 'live-4095', 'alarms', '1-0:1.8.0*255', '1,2', ','.repeat(50)) // prettier-ignore
    const value = fc.oneof(words, fc.string({ maxLength: 40 }), fc.integer().map(String))
    const names = fc.constantFrom('query', 'state', 'trouble', 'sort', 'order', 'offset', 'limit', 'after', 'before', 'device', 'stream', 'head', 'register', 'fromMs', 'toMs', 'points', 'edges', 'decimal') // prettier-ignore
    const reads = office.headend.routes.filter(
      ({ method, path }) => method === 'GET' && !path.endsWith('/live'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...reads),
        fc.dictionary(names, value, { maxKeys: 6 }),
        value,
        async ({ path }, parameters, part) => {
          const address = path
            .replace('/api/v1', '')
            .replace(':device', part.length % 3 === 0 ? encodeURIComponent(part) : office.device)
            .replace(/:\w+/g, encodeURIComponent(part))
          const query = new URLSearchParams(parameters).toString()
          const answer = await office.ask(`${address}?${query}`, { cookie })
          assert.ok(
            answer.status < 500 && answer.status !== 401,
            `${address}?${query}: ${answer.status}`,
          )
          await answer.body?.cancel()
        },
      ),
      { numRuns: 400 },
    )
  }).timeout(20_000)

  it('has an answer other than a fault for whatever is sent', async () => {
    const writes = office.headend.routes.filter(
      ({ method, path }) => method.startsWith('P') && !path.includes('/session'),
    )
    const keys = fc.constantFrom('name', 'role', 'password', 'disabled', 'scopes', 'days', 'state', 'reason', 'confirm', 'publicKey', 'serial', 'currency', 'periods', 'x') // prettier-ignore
    const values = fc.oneof(
      fc.constantFrom<unknown>('active', 'revoked', 'viewer', 'EUR', [], {}, null, true, 7, 'x'.repeat(300)), // prettier-ignore
      fc.jsonValue({ maxDepth: 2 }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...writes),
        fc.oneof(fc.dictionary(keys, values, { maxKeys: 6 }), fc.jsonValue({ maxDepth: 2 })),
        async ({ method, path }, body) => {
          const address = path
            .replace('/api/v1', '')
            .replace(':device', office.device)
            .replace(':name', 'ben')
          const answer = await office.ask(address, { method, body, cookie })
          assert.ok(
            answer.status < 500 && answer.status !== 401,
            `${method} ${address}: ${answer.status}`,
          )
        },
      ),
      { numRuns: 300 },
    )
    assert.equal(office.store.registry.deviceCount(), 2, 'and none of it did anything')
  }).timeout(20_000)
})
