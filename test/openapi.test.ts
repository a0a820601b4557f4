import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { ROLE_SCOPES, type PolicyChoice, type ServerRole, type Tariff } from '@s3mp/web/api'
import { after, before, describe, it } from 'mocha'
import { client, csvAddress } from '../web/src/page/client.ts'
import { Description, DOCUMENTS } from './support/description.ts'
import { filesBelow, ROOT } from './support/source.ts'

const ORIGIN = 'http://localhost'
const PROGRAMS = ['headend', 'meter', 'demo'] as const satisfies readonly ServerRole[]
const [HEADEND, DEMO] = [['headend', 'demo'], ['demo']] as const
const NETWORK = ['meter', 'demo'] as const

const id = `01${'ab'.repeat(32)}`
const [fromMs, toMs, head] = [1_795_000_000_000, 1_795_086_400_000, 1]
const register = '1-0:1.8.0*255'
const reason = 'a test'
const tariff: Tariff = {
  currency: 'EUR',
  timeZone: 'Europe/Zurich',
  periods: [
    {
      fromMs,
      monthly: '12.5',
      rates: [
        {
          register,
          price: '0.3',
          zones: [{ days: [6, 7], from: '22:00', to: '06:00', price: '0' }],
          earns: false,
          factor: '10.3',
        },
      ],
    },
  ],
}
const policies: readonly PolicyChoice[] = [
  { kind: 'named', name: 'any' },
  { kind: 'acl', text: '+' },
  { kind: 'sequence', text: '0*' },
]

/** Whose every question is asked here, and which programs the page may ask it of. */
const QUESTIONS: Readonly<
  Record<keyof typeof client, readonly [readonly ServerRole[], () => unknown]>
> = {
  server: [PROGRAMS, () => client.server()],
  session: [PROGRAMS, () => client.session()],
  logIn: [
    PROGRAMS,
    () => [client.logIn({ name: 'anna', password: 'secret' }), client.logIn({ code: 'K7QM' })],
  ],
  logOut: [PROGRAMS, () => client.logOut()],
  changePassword: [HEADEND, () => client.changePassword({ current: 'old', next: 'new' })],
  users: [HEADEND, () => client.users()],
  addUser: [HEADEND, () => client.addUser({ name: 'vera', role: 'viewer', password: 'secret' })],
  changeUser: [
    HEADEND,
    () => client.changeUser('vera', { role: 'operator', disabled: true, password: 'other' }),
  ],
  tokens: [HEADEND, () => client.tokens()],
  addToken: [
    HEADEND,
    () => client.addToken({ name: 'grafana', scopes: ['metrics:read'], days: 90 }),
  ],
  dropToken: [HEADEND, () => client.dropToken('0123456789abcdef')],
  devices: [PROGRAMS, () => client.devices({ limit: 100 })],
  confirmState: [HEADEND, () => client.confirmState(id, 'revoked')],
  changeState: [HEADEND, () => client.changeState(id, { state: 'active', reason, confirm: 'x' })],
  confirmEnrolment: [HEADEND, () => client.confirmEnrolment('a card')],
  enrol: [
    HEADEND,
    () => client.enrol({ name: 'A', publicKey: 'a card', reason, confirm: 'x', serial: '1' }),
  ],
  audit: [HEADEND, () => client.audit({ device: id, before: '7', limit: 20 })],
  tariff: [PROGRAMS, () => client.tariff(id)],
  setTariff: [PROGRAMS, () => client.setTariff(id, tariff)],
  costs: [PROGRAMS, () => client.costs(id, [fromMs, toMs], head)],
  latest: [PROGRAMS, () => client.latest(id, head)],
  device: [PROGRAMS, () => client.device(id)],
  series: [
    PROGRAMS,
    () => client.series(id, { register, fromMs, toMs, points: 4000, stream: 'live', head }),
  ],
  counters: [PROGRAMS, () => client.counters(id, register, [fromMs, toMs], head)],
  evidence: [PROGRAMS, () => client.evidence(id, 'quarter-1', 7)],
  events: [PROGRAMS, () => client.events({ device: id, before: '7', limit: 50 })],
  network: [NETWORK, () => client.network()],
  journey: [DEMO, () => client.journey()],
  demo: [DEMO, () => client.demo()],
  switchLink: [DEMO, () => client.switchLink('a b/c', true)],
  switchDemo: [DEMO, () => client.switchDemo('clouds', true)],
  policy: [NETWORK, () => client.policy()],
  setPolicy: [DEMO, () => policies.map((choice) => client.setPolicy(choice))],
  deed: [DEMO, () => client.deed('forge')],
}

interface Asked {
  readonly method: string
  readonly url: URL
  readonly body: unknown
}

describe('the descriptions of the API', () => {
  const described = new Map(PROGRAMS.map((program) => [program, Description.kept(program)]))
  const asked: Asked[] = []
  const real = globalThis.fetch

  before(() => {
    globalThis.fetch = (address, init) => {
      const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined
      const path = address instanceof Request ? address.url : String(address)
      asked.push({
        method: (init?.method ?? 'GET').toLowerCase(),
        url: new URL(path, ORIGIN),
        body,
      })
      return Promise.resolve(Response.json({}))
    }
  })

  after(() => {
    globalThis.fetch = real
  })

  for (const program of PROGRAMS) {
    it(`of ${program} is OpenAPI, says a validator that nobody here wrote`, async () => {
      const document = described.get(program)?.document ?? {}
      const validator = new Validator()
      const result = await validator.validate(structuredClone(document))
      assert.deepEqual(result, { valid: true })
      assert.equal(validator.version, '3.2')
      const broken = { ...document, paths: { '/x': { get: { parameters: 7 } } } }
      assert.equal((await new Validator().validate(broken)).valid, false)
    })

    it(`of ${program} has every question that a page may ask of it, as the page asks it`, () => {
      for (const [name, [programs, ask]] of Object.entries(QUESTIONS)) {
        if (!programs.includes(program)) continue
        asked.length = 0
        ask()
        assert.ok(asked.length > 0, name)
        for (const { method, url, body } of asked) {
          described.get(program)?.checkQuestion(method, url, body)
        }
      }
      described.get(program)?.checkQuestion('get', new URL(csvAddress(id, fromMs, toMs), ORIGIN))
      described.get(program)?.checkQuestion('get', new URL('/api/v1/live', ORIGIN))
    })
  }

  it('know each window of devices that the page shows', () => {
    asked.length = 0
    void client.devices({ query: 'x', state: 'active', trouble: 'gaps', sort: 'spool', order: 'up', offset: 0, limit: 100 }) // prettier-ignore
    for (const program of HEADEND) {
      for (const { method, url } of asked) described.get(program)?.checkQuestion(method, url)
    }
  })

  it('would not let a wrong question pass', () => {
    const headend = described.get('headend')
    const bad = (method: string, path: string, body?: unknown): void => {
      assert.throws(() => headend?.checkQuestion(method, new URL(path, ORIGIN), body), path)
    }
    bad('get', '/api/v1/journey')
    bad('delete', '/api/v1/devices')
    bad('get', `/api/v1/devices/${id}/latest?haed=1`)
    bad('get', `/api/v1/devices/${id}/latest?head=one`)
    bad('get', '/api/v1/devices/01ab/latest')
    bad('get', `/api/v1/devices/${id}/series?register=x`)
    bad('put', `/api/v1/devices/${id}/tariff`, { ...tariff, currency: 'euro' })
    assert.throws(() => {
      headend?.checkEvent('/api/v1/live', { id: 'ab-1', event: 'reading', data: '{}' })
    })
  })

  it('are asked through one door: nothing else in the page fetches, listens or names an address', () => {
    const doors = new Set(['web/src/page/client.ts', 'web/src/page/live.ts'])
    for (const { path, text } of filesBelow('web/src/page')) {
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      const ways = /\bfetch\(|EventSource\(|XMLHttpRequest|sendBeacon|WebSocket\(|API_ROOT|\/api\/v/
      const found = ways.exec(code)?.[0]
      assert.ok(found === undefined || doors.has(path), `${path}: ${found ?? ''}`)
    }
  })

  it('name scopes that somebody may have', () => {
    const scopes: readonly string[] = ROLE_SCOPES.administrator
    const text = readFileSync(join(ROOT, DOCUMENTS.headend), 'utf8')
    const named = [...text.matchAll(/"token": \["([^"]+)"\]/g)].map((found) => found[1] ?? '')
    assert.ok(named.length > 20)
    for (const scope of named) assert.ok(scopes.includes(scope), scope)
  })
})
