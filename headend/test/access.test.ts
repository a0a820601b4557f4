import assert from 'node:assert/strict'
import { ROLE_SCOPES, ROLES, SCOPES, type SessionAnswer } from '@s3mp/web/api'
import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { Access } from '../src/access/access.ts'
import { Routes, type Route } from '../src/api/routes.ts'
import { silentLog } from '../src/log.ts'
import { cookieIn, Office, PASSWORD } from './support/office.ts'
import { seededRandom } from './support/world.ts'

/**
 * What it takes to ask each address. Written down by hand: a new address fails here until somebody has
 * said who may ask it, and one whose scope was changed by mistake fails, too.
 */
const EXPECTED: Readonly<Record<string, Route['scope']>> = {
  'GET /api/v1/server': 'open',
  'GET /api/v1/health': 'open',
  'GET /api/v1/openapi.json': 'open',
  'GET /metrics': 'metrics:read',
  'GET /api/v1/events': 'devices:read',
  'GET /api/v1/live': 'readings:read',
  'GET /api/v1/session': 'open',
  'POST /api/v1/session': 'open',
  'DELETE /api/v1/session': 'open',
  'POST /api/v1/session/password': 'devices:read',
  'GET /api/v1/users': 'access:admin',
  'POST /api/v1/users': 'access:admin',
  'POST /api/v1/users/:name': 'access:admin',
  'GET /api/v1/tokens': 'access:admin',
  'POST /api/v1/tokens': 'access:admin',
  'DELETE /api/v1/tokens/:id': 'access:admin',
  'GET /api/v1/audit': 'audit:read',
  'GET /api/v1/devices': 'devices:read',
  'GET /api/v1/devices/:device': 'devices:read',
  'POST /api/v1/devices/confirmation': 'devices:admin',
  'POST /api/v1/devices': 'devices:admin',
  'POST /api/v1/devices/:device/confirmation': 'devices:write',
  'POST /api/v1/devices/:device/state': 'devices:write',
  'GET /api/v1/devices/:device/latest': 'readings:read',
  'GET /api/v1/devices/:device/series': 'readings:read',
  'GET /api/v1/devices/:device/counters': 'readings:read',
  'GET /api/v1/devices/:device/evidence/:stream/:seq': 'readings:read',
  'GET /api/v1/devices/:device/tariff': 'readings:read',
  'PUT /api/v1/devices/:device/tariff': 'tariffs:write',
  'GET /api/v1/devices/:device/costs': 'readings:read',
  'GET /api/v1/devices/:device/readings.csv': 'readings:read',
}

describe('who may ask what', () => {
  let office: Office
  let asked: readonly [key: string, method: string, path: string, scope: Route['scope']][]

  before(async () => {
    office = await Office.open()
    for (const role of ROLES) await office.hire(role, role)
    asked = Object.entries(EXPECTED).map(([key, scope]) => {
      const [method = '', pattern = ''] = key.split(' ')
      const path = pattern
        .replace('/api/v1', '')
        .replace(':device', office.device)
        .replace(':stream/:seq', 'quarter/1')
        .replace(/:\w+/, 'nobody')
      return [key, method, path, scope] as const
    })
  })

  after(() => office.close())

  /** The status without the work: 401 and 403 are what a gate says, anything else let it through. */
  async function gateOf(
    method: string,
    path: string,
    by: { cookie?: string; token?: string },
  ): Promise<number> {
    const answer = await office.ask(path, {
      method,
      ...(method.startsWith('P') && { body: {} }),
      ...by,
    })
    await answer.body?.cancel()
    return answer.status
  }

  it('has every address of the program in this table, and every other one refused', () => {
    const served = office.headend.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '*' && path !== '/*')
      .map(({ method, path }) => `${method} ${path}`)
    assert.deepEqual([...new Set(served)].sort(), Object.keys(EXPECTED).sort())
    const declared = office.headend.routes.map(({ method, path, scope }) => [
      `${method} ${path}`,
      scope,
    ])
    assert.deepEqual(Object.fromEntries(declared), EXPECTED)
  })

  it('answers nothing that was registered without saying who may ask', async () => {
    const { store, clock } = office
    const random = seededRandom('x')
    const access = new Access({ mode: 'open', store, clock, random, log: silentLog })
    const { app } = new Routes(access, silentLog)
    app.get('/api/v1/forgotten', (context) => context.json({ secret: true }))
    app.get('/metrics', (context) => context.text('secret'))
    for (const path of ['/api/v1/forgotten', '/metrics']) {
      const answer = await app.fetch(new Request(`http://localhost${path}`))
      assert.equal(answer.status, 403)
      assert.doesNotMatch(await answer.text(), /secret/)
    }
  })

  it('lets nobody in without a session or a token', async () => {
    for (const [key, method, path, scope] of asked) {
      const expected = scope === 'open' ? 200 : 401
      const status = await gateOf(method, path, {})
      if (scope !== 'open') assert.equal(status, expected, key)
      else assert.ok(![401, 403].includes(status), key)
    }
  })

  for (const role of ROLES) {
    it(`lets a ${role} do what a ${role} may, and nothing else`, async () => {
      const cookie = await office.login(role)
      const may = new Set<string>(ROLE_SCOPES[role])
      for (const [key, method, path, scope] of asked) {
        if (key === 'DELETE /api/v1/session') continue
        const status = await gateOf(method, path, { cookie })
        if (scope === 'open' || may.has(scope))
          assert.ok(![401, 403].includes(status), `${key}: ${status}`)
        else assert.equal(status, 403, key)
      }
    })
  }

  it('lets a token do what its scope says, for each scope alone', async () => {
    for (const scope of SCOPES.filter((one) => one !== 'access:admin')) {
      const token = office.token(`only ${scope}`, [scope])
      for (const [key, method, path, needed] of asked) {
        const status = await gateOf(method, path, { token })
        if (needed === 'open' || needed === scope)
          assert.ok(![401, 403].includes(status), `${scope}: ${key}: ${status}`)
        else assert.equal(status, 403, `${scope}: ${key}`)
      }
    }
  })

  it('takes no expired, removed, cut or invented token, and no expired or ended session', async () => {
    const expired = office.token('expired', ['devices:read'])
    const removed = office.token('removed', ['devices:read'], 30)
    office.store.people.dropToken(removed.slice(5, 21))
    const good = office.token('good', ['devices:read'], 30)
    const cookie = await office.login('viewer')
    const ended = await office.login('viewer')
    assert.equal((await office.ask('/session', { method: 'DELETE', cookie: ended })).status, 200)
    assert.equal((await office.ask('/devices', { cookie: ended })).status, 401)
    office.clock.advance(86_400_000)
    const forged = `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`
    for (const token of [expired, removed, good.slice(0, -1), forged, '', 'x'.repeat(200)]) {
      assert.equal((await office.ask('/devices', { token })).status, 401, token)
    }
    assert.equal((await office.ask('/devices', { token: good })).status, 200)
    for (const wrong of [cookie, `${cookie}x`, 's3mp-headend=', 's3mp-headend=../../etc', '=;=;']) {
      assert.equal((await office.ask('/devices', { cookie: wrong })).status, 401)
    }
    for (const header of ['Basic dXNlcjpwYXNz', 'Bearer', `bearer  ${good}`]) {
      const answer = await office.ask('/devices', { headers: { authorization: header } })
      assert.equal(answer.status, 401, header)
    }
  })
})

describe('a session', () => {
  let office: Office

  beforeEach(async () => {
    office = await Office.open()
    await office.hire('anna', 'administrator')
    await office.hire('ben', 'viewer')
  })

  afterEach(() => office.close())

  async function session(cookie?: string): Promise<SessionAnswer> {
    return (await (await office.ask('/session', { cookie })).json()) as SessionAnswer
  }

  async function attempt(name: string, password: string, peer = '192.0.2.1'): Promise<Response> {
    return office.ask('/session', { method: 'POST', body: { name, password }, peer })
  }

  it('is a cookie that no script reads and no foreign page sends', async () => {
    const answer = await attempt('anna', PASSWORD)
    const cookie = answer.headers.get('set-cookie') ?? ''
    assert.match(
      cookie,
      /^s3mp-headend=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    )
    assert.deepEqual((await session(cookieIn(answer))).user, {
      name: 'anna',
      role: 'administrator',
    })
    assert.deepEqual(await session(), { access: 'password', scopes: [] })
  })

  it('behind TLS carries Secure and the host prefix', async () => {
    const other = await Office.open({ origin: 'https://meters.example' })
    await other.hire('anna', 'viewer')
    const headers = { origin: 'https://meters.example' }
    const body = { name: 'anna', password: PASSWORD }
    const answer = await other.ask('/session', { method: 'POST', body, headers })
    assert.match(answer.headers.get('set-cookie') ?? '', /^__Host-s3mp-headend=.*; Secure$/)
    const foreign = await other.ask('/session', { method: 'POST', body })
    assert.equal(foreign.status, 403)
    await other.close()
  })

  it('is kept as a hash: the store gives nothing to log in with', async () => {
    const cookie = await office.login('anna')
    const [kept] = office.store.people.sessionsOf('anna')
    assert.ok(kept !== undefined && !cookie.includes(kept.id))
    assert.equal((await session(`s3mp-headend=${kept.id}`)).user, undefined)
  })

  it('ends by rest, and by age however much it is used', async () => {
    const [resting, used] = [await office.login('anna'), await office.login('anna')]
    for (let minutes = 0; minutes < 12 * 60; minutes += 20) {
      assert.ok((await session(used)).user !== undefined, `after ${minutes} min`)
      office.clock.advance(20 * 60_000)
    }
    assert.equal((await session(resting)).user, undefined)
    assert.equal((await session(used)).user, undefined)
  })

  it('ends everywhere with a new password, but goes on where that was given', async () => {
    const [here, there] = [await office.login('ben'), await office.login('ben')]
    const change = (next: string, current = PASSWORD): Promise<Response> =>
      office.ask('/session/password', { method: 'POST', body: { current, next }, cookie: here })
    assert.equal((await change('another long one', 'wrong')).status, 401)
    for (const next of ['short', 'aaaaaaaaaaaaaa', 'ben', 'x'.repeat(300)]) {
      assert.equal((await change(next)).status, 400, next)
    }
    const done = await change('another long one')
    assert.equal(done.status, 200)
    assert.equal((await session(cookieIn(done))).user?.name, 'ben')
    assert.equal((await session(there)).user, undefined)
    assert.equal((await session(here)).user, undefined)
    assert.equal((await attempt('ben', PASSWORD)).status, 401)
    assert.equal((await attempt('ben', 'another long one')).status, 200)
  })

  it('ends at once for who is disabled, with what was open', async () => {
    const [boss, cookie] = [await office.login('anna'), await office.login('ben')]
    const live = await office.ask('/live', { cookie })
    assert.ok(live.body)
    const reader = live.body.getReader()
    await reader.read()
    const off = { method: 'POST', body: { disabled: true }, cookie: boss }
    assert.equal((await office.ask('/users/ben', off)).status, 200)
    while (!(await reader.read()).done);
    assert.equal((await office.ask('/devices', { cookie })).status, 401)
    assert.equal((await attempt('ben', PASSWORD)).status, 401)
  })

  it('lets a live stream go on where it was cut, and not without a session', async () => {
    const cookie = await office.login('ben')
    const read = async (headers: Record<string, string> = {}): Promise<string> => {
      const answer = await office.ask('/live', { cookie, headers })
      assert.equal(answer.status, 200)
      const reader = answer.body?.getReader()
      let text = ''
      while (!text.includes('\n\nid: ')) {
        text += new TextDecoder().decode((await reader?.read())?.value)
      }
      await reader?.cancel()
      return text
    }
    const { meter } = office
    const first = await read()
    const id = /^id: (.+)$/m.exec(first)?.[1] ?? ''
    assert.match(first, /event: reset/)
    office.headend.setState(meter.signer.ueid, 'quarantined', { who: 'test' })
    const missed = await read({ 'last-event-id': id })
    assert.match(missed, /event: device\ndata: .*"state":"quarantined"/)
    assert.doesNotMatch(missed, /event: reset/)
    assert.equal((await office.ask('/live', { headers: { 'last-event-id': id } })).status, 401)
  })

  it('says the same of a wrong name, a wrong password and a disabled user', async () => {
    const boss = await office.login('anna')
    await office.ask('/users/ben', { method: 'POST', body: { disabled: true }, cookie: boss })
    const texts = new Set<string>()
    for (const name of ['anna', 'ben', 'nobody', 'x'.repeat(200)]) {
      const answer = await attempt(name, 'not the password')
      assert.equal(answer.status, 401)
      texts.add(await answer.text())
    }
    assert.equal(texts.size, 1)
  })

  it('is refused to who guesses too often, by address and by name, and the owner gets in later', async () => {
    for (let i = 0; i < 10; i++) assert.equal((await attempt('ben', `${i}`)).status, 401)
    const waiting = await attempt('ben', PASSWORD)
    assert.equal(waiting.status, 429)
    assert.equal(waiting.headers.get('retry-after'), '10')
    assert.equal((await attempt('ben', PASSWORD, '192.0.2.2')).status, 200, 'from elsewhere')
    for (let i = 0; i < 20; i++) {
      assert.equal((await attempt('anna', `${i}`, `198.51.100.${i}`)).status, 401)
    }
    assert.equal((await attempt('anna', PASSWORD, '203.0.113.1')).status, 429, 'by name')
    office.clock.advance(20_000)
    assert.equal((await attempt('anna', PASSWORD, '203.0.113.1')).status, 200)
  }).timeout(20_000)

  it('changes nothing for a page of another origin', async () => {
    const cookie = await office.login('anna')
    const body = { name: 'eve', role: 'administrator', password: PASSWORD }
    const asked = { method: 'POST', body, cookie }
    for (const headers of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://headend.test:81' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
    ]) {
      const { status } = await office.ask('/users', { ...asked, headers })
      assert.ok([403, 415].includes(status), JSON.stringify(headers))
    }
    assert.equal(office.store.people.user('eve'), undefined)
    assert.equal((await office.ask('/users', asked)).status, 200)
  })

  it('is for users whose names and passwords will do', async () => {
    const cookie = await office.login('anna')
    const add = async (name: string, role: string, password: string): Promise<number> => {
      const body = { name, role, password }
      return (await office.ask('/users', { method: 'POST', body, cookie })).status
    }
    for (const name of [
      '',
      'Ben',
      '-x',
      'a b',
      '<b>',
      'x'.repeat(33),
      '\u202egro',
      '../x',
      'program',
      'anybody',
    ]) {
      assert.equal(await add(name, 'viewer', PASSWORD), 400, name)
    }
    assert.equal(await add('new', 'king', PASSWORD), 400)
    assert.equal(await add('new', 'viewer', 'short'), 400)
    assert.equal(await add('ben', 'viewer', PASSWORD), 409, 'there is one of that name')
    assert.equal(await add('new', 'viewer', PASSWORD), 200)
  })

  it('leaves one administrator at least', async () => {
    const cookie = await office.login('anna')
    for (const body of [{ disabled: true }, { role: 'viewer' }]) {
      const answer = await office.ask('/users/anna', { method: 'POST', body, cookie })
      assert.equal(answer.status, 409)
    }
    assert.equal((await session(cookie)).user?.role, 'administrator')
  })

  it('is written down with who it was, refused ones within bounds', async () => {
    await office.login('ben')
    await attempt('my password in the wrong field', 'x')
    for (let i = 0; i < 62; i++) {
      await attempt(`nobody ${i}`, 'x', `198.51.${i}.1`)
    }
    const lines = [...office.store.auditLog()]
    const refused = lines.filter(({ deed }) => deed === 'session.refused')
    assert.equal(refused.length, 60)
    assert.equal(refused[0]?.subject, 'unknown')
    assert.ok(!JSON.stringify(lines).includes('wrong field'))
    assert.ok(lines.some(({ deed, who }) => deed === 'session.begun' && who === 'ben'))
    assert.ok(lines.every(({ intact }) => intact))
  }).timeout(20_000)
})

describe('an open head-end', () => {
  it('answers its own machine only, and still no foreign page', async () => {
    const office = await Office.open({ access: 'open' })
    const answer = (await (await office.ask('/session')).json()) as SessionAnswer
    assert.equal(answer.access, 'open')
    assert.equal((await office.ask('/devices', { peer: '127.0.0.1' })).status, 200)
    assert.equal((await office.ask('/devices', { peer: '::ffff:127.0.0.1' })).status, 200)
    for (const peer of ['192.0.2.7', '2001:db8::1', '::ffff:192.0.2.7']) {
      assert.equal((await office.ask('/devices', { peer })).status, 403)
    }
    for (const name of ['x-forwarded-for', 'forwarded', 'via']) {
      const { status } = await office.ask('/devices', {
        peer: '127.0.0.1',
        headers: { [name]: 'x' },
      })
      assert.equal(status, 403, 'behind a proxy everybody would be this machine')
    }
    const foreign = { method: 'POST', body: {}, headers: { origin: 'http://evil.example' } }
    assert.equal((await office.ask(`/devices/${office.device}/state`, foreign)).status, 403)
    await office.close()
  })
})
