import assert from 'node:assert/strict'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'mocha'
import { formatIsdAs } from '../../src/addr/isd-as.ts'
import type { FindOptions, FoundNetwork, NetworkPlace } from '../../src/discovery/find.ts'
import { NETWORK_PLACES_MAX, findNetwork } from '../../src/discovery/find.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Page } from '../support/discovery-server.ts'
import { startDiscoveryServer } from '../support/discovery-server.ts'
import { FakeResolver } from '../support/fake-resolver.ts'
import { signedWorld } from '../support/trust-world.ts'

const signed = signedWorld.trc()
const { isd, base, serial } = signed.trc.id
const topology = JSON.stringify({
  isd_as: `${isd}-ff00:0:110`,
  mtu: 1400,
  control_service: { cs1: { addr: '127.0.0.1:1' } },
  border_routers: { br1: { internal_addr: '127.0.0.1:30042', interfaces: { 1: {} } } },
})
const pages: Readonly<Record<string, Page>> = {
  '/topology': topology,
  '/trcs': JSON.stringify([{ id: { isd, base_number: base, serial_number: serial } }]),
  [`/trcs/isd${isd}-b${base}-s${serial}/blob`]: signed.raw,
}

describe('findNetwork', () => {
  let folder = ''
  const closing: (() => Promise<void>)[] = []
  const options = (): FindOptions => ({
    clock: new VirtualClock(signedWorld.nowMs),
    random: seededRandom(1),
    trust: 'first-use',
    resolver: new FakeResolver({}),
  })

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's3mp-find-'))
    mkdirSync(join(folder, 'certs'))
    writeFileSync(join(folder, 'topology.json'), topology)
    writeFileSync(join(folder, 'certs', 'one.trc'), signed.raw)
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  async function serve(): Promise<number> {
    const server = await startDiscoveryServer(pages)
    closing.push(server.close)
    return server.port
  }

  async function find(places: readonly NetworkPlace[], more = {}): Promise<FoundNetwork> {
    const found = await findNetwork(places, { ...options(), ...more })
    closing.push(() => found.source.close())
    return found
  }

  it('takes the first place that leads to the network, and keeps why the others did not', async () => {
    const port = await serve()
    const found = await find([
      { daemon: '127.0.0.1:1' },
      { configDir: join(folder, 'nowhere') },
      { domain: 'example.org' },
      { discovery: `127.0.0.1:${port}` },
      { configDir: folder },
    ])
    assert.equal(formatIsdAs(found.source.local.isdAs), '1-ff00:0:110')
    assert.equal(found.place, `discovery server 127.0.0.1:${port}`)
    assert.deepEqual(
      found.failures.map(({ place, error }) => [place.split(' ')[0], error.code]),
      [
        ['daemon', 'ERR_SCION_IO'],
        ['folder', 'ERR_SCION_IO'],
        ['domain', 'ERR_SCION_CONTROL'],
      ],
    )
    assert.match(found.failures[2]?.error.message ?? '', /SRV .*: ENOTFOUND; PTR .*; NAPTR/)
  })

  it('says why none of the places led to it', async () => {
    const places = [{ daemon: '127.0.0.1:1' }, { discovery: '127.0.0.1:1' }]
    await assert.rejects(find(places), {
      code: 'ERR_SCION_CONTROL',
      message:
        /no network found: daemon 127.0.0.1:1: .*; discovery server 127.0.0.1:1: .*ECONNREFUSED/,
    })
    const code = 'ERR_SCION_CONFIG'
    await assert.rejects(find([]), { code })
    const many = Array.from({ length: NETWORK_PLACES_MAX + 1 }, () => ({ daemon: 'x' }))
    await assert.rejects(find(many), { code })
  })

  it('finds servers in the DNS and passes over one that does not answer', async () => {
    const port = await serve()
    const resolver = new FakeResolver({
      srv: {
        '_sciondiscovery._tcp.example.org': [
          { name: 'dead.example.org', port: 1, priority: 1, weight: 0 },
          { name: 'live.example.org', port, priority: 2, weight: 0 },
        ],
      },
      a: { 'dead.example.org': ['127.0.0.1'], 'live.example.org': ['127.0.0.1'] },
    })
    const found = await find([{ domain: 'example.org' }], { resolver })
    assert.equal(found.place, 'domain example.org')
    assert.match(found.problems[0] ?? '', /127\.0\.0\.1:1\/topology: .*ECONNREFUSED/)
  })

  it('believes a discovery server no TRC unless it was told to, but has the operator’s', async () => {
    const place = { discovery: `127.0.0.1:${await serve()}` }
    await assert.rejects(find([place], { trust: 'strict' }), {
      code: 'ERR_SCION_CONFIG',
      message: /a TRC of ISD 1/,
    })
    const anchorDir = join(folder, 'certs')
    assert.ok((await find([place], { trust: 'strict', anchorDir })).source)
    assert.ok((await find([place], { trust: 'insecure' })).source)
  })

  it('opens a folder, and ends when it is told to', async () => {
    const found = await find([{ configDir: folder }], { trust: 'strict' })
    assert.deepEqual(found.failures, [])
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(find([{ configDir: folder }], { signal }), /enough/)
  })
})
