import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import {
  AttemptLimiter,
  clientOf,
  cookieOf,
  foreignWrite,
  MemorySessions,
  networkOf,
  SESSION_IDLE_MS_MAX,
  SESSION_MS_MAX,
  sessionCookie,
  Sessions,
  SESSIONS_PER_SUBJECT_MAX,
  withPeer,
} from '../../src/http/index.ts'
import { SESSIONS_MAX } from '../../src/http/sessions.ts'

function counting(): (length: number) => Uint8Array {
  let count = 0
  return (length) =>
    new Uint8Array(length)
      .fill(0)
      .with(0, count & 255)
      .with(1, count++ >> 8)
}

describe('Sessions', () => {
  it('last while they are used, end by rest and by age', () => {
    let nowMs = 1000
    const store = new MemorySessions()
    const sessions = new Sessions({ store, random: counting(), nowMs: () => nowMs })
    const { secret } = sessions.begin('owner')
    nowMs += SESSION_IDLE_MS_MAX - 1
    assert.equal(sessions.find(secret)?.subject, 'owner')
    nowMs += SESSION_IDLE_MS_MAX
    assert.equal(sessions.find(secret), undefined)
    const second = sessions.begin('owner').secret
    for (const endMs = nowMs + SESSION_MS_MAX; nowMs < endMs; nowMs += SESSION_IDLE_MS_MAX / 2) {
      assert.ok(sessions.find(second))
    }
    assert.equal(sessions.find(second), undefined)
  })

  it('are bounded for one subject and in all; the oldest goes', () => {
    let nowMs = 1000
    const store = new MemorySessions()
    const sessions = new Sessions({ store, random: counting(), nowMs: () => nowMs++ })
    const first = sessions.begin('owner').secret
    for (let i = 0; i < SESSIONS_PER_SUBJECT_MAX; i++) sessions.begin('owner')
    assert.equal(sessions.find(first), undefined)
    assert.equal(store.sessionsOf('owner').length, SESSIONS_PER_SUBJECT_MAX)
    for (let i = 0; i < SESSIONS_MAX + 10; i++) sessions.begin(`guest ${i}`)
    assert.equal(store.sessionsOf('owner').length, 0)
    assert.equal(store.sessionsOf('guest 9').length, 0)
    assert.equal(store.sessionsOf('guest 10').length, 1)
  })

  it('do not take the kept id, or anything else, for the secret', () => {
    const store = new MemorySessions()
    const sessions = new Sessions({ store, random: counting(), nowMs: () => 0 })
    const { session } = sessions.begin('owner')
    for (const wrong of [session.id, '', 'x', 'A'.repeat(44), undefined]) {
      assert.equal(sessions.find(wrong), undefined)
    }
  })
})

describe('a session’s cookie', () => {
  it('is found among others, by its whole name', () => {
    const request = new Request('http://x/', { headers: { cookie: 'ab=1; b=2;b=3; =4; b' } })
    assert.deepEqual(
      ['b', 'ab', 'a'].map((name) => cookieOf(request, name)),
      ['2', '1', undefined],
    )
    const long = new Request('http://x/', { headers: { cookie: `b=${'x'.repeat(5000)}` } })
    assert.equal(cookieOf(long, 'b'), undefined)
  })

  it('is taken away by an empty one', () => {
    const text = sessionCookie({ name: 'n', value: '', maxAgeS: 60, secure: false })
    assert.equal(text, 'n=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict')
  })
})

describe('foreignWrite', () => {
  const json = { 'content-type': 'application/json; charset=utf-8' }

  function status(method: string, headers: Record<string, string>, origin?: string): number {
    const request = new Request('http://meter.local:8480/x', { method, headers })
    return foreignWrite(request, origin)?.status ?? 200
  }

  it('lets reads pass, and writes of the own origin', () => {
    assert.equal(status('GET', { origin: 'http://evil.example' }), 200)
    assert.equal(status('POST', { ...json, origin: 'http://meter.local:8480' }), 200)
    assert.equal(status('DELETE', { origin: 'http://meter.local:8480' }), 200)
  })

  it('refuses what does not say that it is of the own origin, or is no JSON', () => {
    assert.equal(status('POST', json), 403)
    assert.equal(status('POST', { ...json, origin: 'null' }), 403)
    assert.equal(status('POST', { ...json, origin: 'http://meter.local' }), 403)
    assert.equal(status('POST', { ...json, origin: 'http://meter.local:8480.evil.example' }), 403)
    const site = { 'sec-fetch-site': 'same-site', origin: 'http://meter.local:8480' }
    assert.equal(status('POST', { ...json, ...site }), 403)
    assert.equal(status('POST', { origin: 'http://meter.local:8480' }), 415)
  })

  it('knows only the proxy’s origin where there is one', () => {
    const proxied = 'https://meters.example'
    assert.equal(status('POST', { ...json, origin: proxied }, proxied), 200)
    assert.equal(status('POST', { ...json, origin: 'http://meters.example' }, proxied), 403)
    assert.equal(status('POST', { ...json, origin: 'http://meter.local:8480' }, proxied), 403)
  })
})

describe('AttemptLimiter', () => {
  it('takes a /64 for one address, and tells how long to wait', () => {
    assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), networkOf('2001:db8:1:2::1'))
    assert.notEqual(networkOf('2001:db8:1:2::1'), networkOf('2001:db8:1:3::1'))
    assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64')
    const limiter = new AttemptLimiter()
    const waits = Array.from({ length: 12 }, (_, index) =>
      limiter.take(`2001:db8::${index}`, `name ${index}`, 0),
    )
    assert.deepEqual(waits, [...Array.from({ length: 10 }, () => 0), 10, 10])
    assert.equal(limiter.take('2001:db8::1', 'x', 10_000), 0)
  })
})

describe('clientOf', () => {
  const asked = (forwarded: string, peer: string): Request =>
    withPeer(new Request('http://x/', { headers: { 'x-forwarded-for': forwarded } }), peer)

  it('believes a proxy on this machine, where one is said to be, and what it added itself', () => {
    const origin = 'https://meters.example'
    assert.equal(clientOf(asked('6.6.6.6, 192.0.2.1', '127.0.0.1'), origin), '192.0.2.1')
    assert.equal(clientOf(asked('192.0.2.1', '127.0.0.1')), '127.0.0.1')
    assert.equal(clientOf(asked('192.0.2.1', '198.51.100.1'), origin), '198.51.100.1')
    assert.equal(clientOf(asked('<script>', '127.0.0.1'), origin), '127.0.0.1')
    assert.equal(clientOf(new Request('http://x/'), origin), undefined)
  })
})
