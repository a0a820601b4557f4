import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { DnsResolver, NaptrAnswer, SrvAnswer } from '../../src/discovery/dns.ts'
import { DNS_HINTS_MAX, DNS_QUESTIONS_MAX, dnsHints } from '../../src/discovery/dns.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { FakeResolver } from '../support/fake-resolver.ts'

const SERVICE = '_sciondiscovery._tcp.example.org'
const random = seededRandom(3)
const srv = (name: string, port: number, priority = 0, weight = 0): SrvAnswer => ({
  name,
  port,
  priority,
  weight,
})
const naptr = (flags: string, replacement: string, order = 1, preference = 1): NaptrAnswer => ({
  flags,
  replacement,
  order,
  preference,
  service: 'x-sciondiscovery:tcp',
})

async function hints(resolver: DnsResolver): Promise<readonly string[]> {
  const { addresses } = await dnsHints('example.org.', { resolver, random })
  return addresses.map(({ host, port }) => `${host} ${port}`)
}

describe('dnsHints', () => {
  it('follows SRV records by priority, IPv6 before IPv4, each address once', async () => {
    const resolver = new FakeResolver({
      srv: { [SERVICE]: [srv('b.example.org', 2, 20), srv('a.example.org', 1, 10)] },
      aaaa: { 'a.example.org': ['2001:db8::1'] },
      a: { 'a.example.org': ['192.0.2.1', '192.0.2.1'], 'b.example.org': ['192.0.2.2'] },
    })
    assert.deepEqual(await hints(resolver), ['2001:db8::1 1', '192.0.2.1 1', '192.0.2.2 2'])
  })

  it('prefers heavy records among equals, but not always', async () => {
    const records = [srv('light.example.org', 1, 0, 10), srv('heavy.example.org', 2, 0, 90)]
    const a = { 'light.example.org': ['192.0.2.1'], 'heavy.example.org': ['192.0.2.2'] }
    let heavyFirst = 0
    for (let turn = 0; turn < 200; turn++) {
      const [first] = await hints(new FakeResolver({ srv: { [SERVICE]: records }, a }))
      if (first === '192.0.2.2 2') heavyFirst += 1
    }
    assert.ok(heavyFirst > 150 && heavyFirst < 200, `${heavyFirst} of 200`)
  })

  it('follows PTR records to the SRV records of instances', async () => {
    const resolver = new FakeResolver({
      ptr: { [SERVICE]: ['main._sciondiscovery._tcp.example.org'] },
      srv: { 'main._sciondiscovery._tcp.example.org': [srv('a.example.org', 8041)] },
      a: { 'a.example.org': ['192.0.2.9'] },
    })
    assert.deepEqual(await hints(resolver), ['192.0.2.9 8041'])
  })

  it('follows NAPTR records in order to hosts, services and further records', async () => {
    const resolver = new FakeResolver({
      naptr: {
        'example.org': [
          naptr('S', SERVICE, 3),
          naptr('', 'other.example.org', 2),
          naptr('A', 'a.example.org', 1, 2),
          { ...naptr('A', 'c.example.org'), service: 'x-else:tcp' },
          naptr('U', 'd.example.org', 9),
        ],
        'other.example.org': [naptr('a', 'b.example.org')],
      },
      txt: { 'example.org': [['v=spf1'], ['x-sciondiscovery=', '8100']] },
      a: { 'a.example.org': ['192.0.2.1'], 'b.example.org': ['192.0.2.2'] },
    })
    assert.deepEqual(await hints(resolver), ['192.0.2.1 8100', '192.0.2.2 8041'])
    const { problems } = await dnsHints('example.org', { resolver, random })
    assert.ok(problems.some((one) => one.includes('flags "", S or A, found U')))
  })

  it('keeps the reason of every question without an answer', async () => {
    const { addresses, problems } = await dnsHints('example.org', {
      resolver: new FakeResolver({}),
      random,
    })
    assert.deepEqual(addresses, [])
    assert.deepEqual(problems, [
      `SRV ${SERVICE}: ENOTFOUND`,
      `PTR ${SERVICE}: ENOTFOUND`,
      'NAPTR example.org: ENOTFOUND',
    ])
  })

  it('takes nothing for an address or a port that is none', async () => {
    const resolver = new FakeResolver({
      srv: { [SERVICE]: [srv('a.example.org', 0), srv('a.example.org', 5)] },
      naptr: { 'example.org': [naptr('A', 'a.example.org')] },
      txt: { 'example.org': [['x-sciondiscovery=99999']] },
      a: { 'a.example.org': ['192.0.2.1', 'nonsense'] },
    })
    assert.deepEqual(await hints(resolver), ['192.0.2.1 5', '192.0.2.1 8041'])
  })

  it('comes to an end where records go round in circles or are countless', async () => {
    const circle = new FakeResolver({
      naptr: { 'example.org': [naptr('', 'example.org'), naptr('', 'example.org', 2)] },
    })
    assert.deepEqual(await hints(circle), [])
    assert.ok(circle.questions <= DNS_QUESTIONS_MAX)
    const addresses = Array.from(
      { length: 1000 },
      (_, index) => `10.0.${index >> 8}.${index & 255}`,
    )
    const countless = new FakeResolver({
      srv: { [SERVICE]: [srv('a.example.org', 5)] },
      a: { 'a.example.org': addresses },
    })
    assert.equal((await hints(countless)).length, DNS_HINTS_MAX)
  })

  it('ends when it is told to', async () => {
    const controller = new AbortController()
    const resolver = new FakeResolver({})
    resolver.resolveSrv = () => new Promise(() => undefined)
    const asking = dnsHints('example.org', { resolver, random, signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(asking, /enough/)
  })
})
