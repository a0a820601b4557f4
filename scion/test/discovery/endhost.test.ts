import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'mocha'
import { formatIsdAs, parseIsdAs } from '../../src/addr/isd-as.ts'
import { ProtoWriter } from '../../src/control/protobuf.ts'
import { discoverEndhostApis } from '../../src/discovery/endhost.ts'
import type { FindOptions } from '../../src/discovery/find.ts'
import { findNetwork } from '../../src/discovery/find.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { RpcAnswer, RpcServer } from '../../../test/support/rpc-server.ts'
import { startRpcServer } from '../../../test/support/rpc-server.ts'
import { everyChain, signedWorld } from '../support/trust-world.ts'

const DISCOVERY = 'endhost.discovery.v1.EndhostApiDiscoveryService/GetEndhostApis'
const UNDERLAYS = 'scion.endhost.v1.UnderlayService/ListUnderlays'
const SEGMENTS = 'scion.endhost.v1.SegmentsService/ListSegments'
const CHAINS = 'proto.control_plane.v1.TrustMaterialService/Chains'
const { source, destination, pathSegment, nowMs } = signedWorld

const underlays = new ProtoWriter()
  .message(1, (udp) =>
    udp.message(1, (router) =>
      router.varint(1, source).string(2, '127.0.0.1:30042').varint(3, 41).varint(3, 1),
    ),
  )
  .finish()
const segments = new ProtoWriter().bytes(2, pathSegment).finish()

describe('endhost APIs by URL', () => {
  const closing: (() => Promise<void>)[] = []
  let anchors = ''
  const options = (more: Partial<FindOptions> = {}): FindOptions => ({
    clock: new VirtualClock(nowMs),
    random: seededRandom(1),
    ...more,
  })

  before(() => {
    anchors = mkdtempSync(join(tmpdir(), 's3mp-endhost-'))
    writeFileSync(join(anchors, 'one.trc'), signedWorld.trc().raw)
  })
  after(() => {
    rmSync(anchors, { recursive: true })
  })
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  async function serve(answer: (method: string) => RpcAnswer): Promise<RpcServer> {
    const server = await startRpcServer(answer)
    closing.push(server.close)
    return server
  }

  const api = (method: string): RpcAnswer => {
    if (method === UNDERLAYS) return underlays
    if (method === SEGMENTS) return segments
    return { status: 404 }
  }
  const withChains = (method: string): RpcAnswer => (method === CHAINS ? everyChain() : api(method))

  it('lead to verified paths where the same server has the certificates', async () => {
    const server = await serve(withChains)
    const { source: paths, place } = await findNetwork(
      [{ endhostApis: [server.url] }],
      options({ anchorDir: anchors, token: 'secret' }),
    )
    closing.push(() => paths.close())
    assert.equal(place, `endhost API ${server.url}`)
    const [path, ...others] = await paths.paths(destination)
    assert.equal(path?.interfaces.length, 4)
    assert.deepEqual(others, [])
    assert.ok(server.asked.includes(CHAINS))
    assert.ok(server.headers.every((one) => one === 'Bearer secret'))
  })

  it('lead to verified paths with the certificates of a control service', async () => {
    const [server, control] = [await serve(api), await serve(withChains)]
    const { source: paths } = await findNetwork(
      [{ endhostApis: [server.url] }],
      options({ anchorDir: anchors, controlServices: [control.address] }),
    )
    closing.push(() => paths.close())
    assert.equal((await paths.paths(destination)).length, 1)
    assert.ok(!server.asked.includes(CHAINS))
  })

  it('give no path where nobody has certificates, unless that is wanted', async () => {
    const server = await serve(api)
    const place = { endhostApis: [server.url] }
    const strict = await findNetwork([place], options({ anchorDir: anchors }))
    closing.push(() => strict.source.close())
    await assert.rejects(strict.source.paths(destination), /Chains: status 404/)
    const careless = await findNetwork([{ ...place, trust: 'insecure' }], options())
    closing.push(() => careless.source.close())
    assert.equal((await careless.source.paths(destination)).length, 1)
    await assert.rejects(findNetwork([place], options()), { code: 'ERR_SCION_CONFIG' })
  })

  it('are found by their discovery service, in its order', async () => {
    const server = await serve(withChains)
    const groups = [['http://127.0.0.1:1', 'not a URL'], [server.url], ['ftp://nowhere']]
    const message = new ProtoWriter()
    for (const group of groups) {
      message.message(1, (one) => {
        for (const url of group) one.message(1, (info) => info.string(1, url))
      })
    }
    const discovery = await serve((method) =>
      method === DISCOVERY ? message.finish() : { status: 404 },
    )
    const found = await discoverEndhostApis(discovery.url)
    assert.deepEqual(found.groups, [['http://127.0.0.1:1'], [server.url]])
    assert.equal(found.problems.length, 2)
    const network = await findNetwork(
      [{ endhostDiscovery: discovery.url, isdAs: source }],
      options({ anchorDir: anchors }),
    )
    closing.push(() => network.source.close())
    assert.equal(network.problems.length, 2)
    assert.equal((await network.source.paths(destination)).length, 1)
  })

  it('that nobody offers are an error with its reason', async () => {
    const discovery = await serve(() => new Uint8Array(0))
    await assert.rejects(discoverEndhostApis(discovery.url), {
      code: 'ERR_SCION_CONTROL',
      message: `${discovery.url}: endhost APIs, found none`,
    })
    await assert.rejects(discoverEndhostApis('nowhere'), { code: 'ERR_SCION_CONFIG' })
    const elsewhere = { endhostApis: [(await serve(api)).url], isdAs: parseIsdAs('9-ff00:0:1') }
    await assert.rejects(findNetwork([elsewhere], options({ trust: 'insecure' })), {
      message: /routers of 9-ff00:0:1, found none/,
    })
    assert.equal(formatIsdAs(source), '1-ff00:0:110')
  })
})
