import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'mocha'
import { ProtoWriter } from '../../src/control/protobuf.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { runTool } from '../../src/tools/run.ts'
import { startDiscoveryServer } from '../support/discovery-server.ts'
import { startRpcServer } from '../../../test/support/rpc-server.ts'
import { signedWorld } from '../support/trust-world.ts'

const signed = signedWorld.trc()
const { isd, base, serial } = signed.trc.id
const LOCAL = `${isd}-ff00:0:110`

describe('where the tools look for the network', () => {
  let folder = ''
  const closing: (() => Promise<void>)[] = []

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'scion-places-'))
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  async function address(
    ...words: string[]
  ): Promise<{ status: number; out: string; err: string }> {
    let [out, err] = ['', '']
    const world = {
      clock: new VirtualClock(signedWorld.nowMs),
      random: () => 0,
      environment: { SCION_LOCAL_ADDR: '192.0.2.9', SCION_ENVIRONMENT: '/nonexistent' },
      write: (text: string) => (out += text),
      signal: new AbortController().signal,
    }
    const status = await runTool(['address', ...words], world, (text) => (err += text))
    return { status, out, err }
  }

  const own = { status: 0, out: `${LOCAL},192.0.2.9\n`, err: '' }

  it('is said in words where it is not', async () => {
    const missing = await address('--config-dir', '/nonexistent')
    assert.deepEqual(
      [missing.status, missing.err],
      [2, 's3mp-scion: /nonexistent/topology.json: is not there (ERR_SCION_IO)\n'],
    )
    const silent = await address('--sciond', '127.0.0.1:1')
    assert.match(silent.err, /127\.0\.0\.1:1.*nobody listens there/)
    if (existsSync('/etc/scion/topology.json')) return
    assert.match((await address()).err, /no daemon is named.*--config-dir/)
  })

  it('is a discovery server, whose TRCs are kept for the next time', async () => {
    const topology = {
      isd_as: LOCAL,
      mtu: 1400,
      control_service: { cs1: { addr: '127.0.0.1:1' } },
      border_routers: { br1: { internal_addr: '127.0.0.1:30042', interfaces: { 1: {} } } },
    }
    const id = { isd, base_number: base, serial_number: serial }
    const server = await startDiscoveryServer({
      '/topology': JSON.stringify(topology),
      '/trcs': JSON.stringify([{ id }]),
      [`/trcs/isd${isd}-b${base}-s${serial}/blob`]: signed.raw,
    })
    closing.push(server.close)
    assert.deepEqual(await address('--discovery', server.url), own)
    const trcs = join(folder, 'trcs')
    const strict = await address('--discovery', server.url, '--trcs', trcs)
    assert.equal(strict.status, 2)
    assert.match(strict.err, /a TRC of ISD 1 \(\*\.trc\), found none/)
    assert.deepEqual(await address('--discovery', server.url, '--trcs', trcs, '--first-use'), own)
    assert.deepEqual(readdirSync(trcs), [`ISD${isd}-B${base}-S${serial}.trc`])
    assert.deepEqual(await address('--discovery', server.url, '--trcs', trcs), own)
  })

  it('is an endhost API, by URL or by the service that names it', async () => {
    const underlays = new ProtoWriter()
      .message(1, (udp) =>
        udp.message(1, (router) =>
          router.varint(1, signedWorld.source).string(2, '127.0.0.1:30042').varint(3, 1),
        ),
      )
      .finish()
    const api = await startRpcServer((method) =>
      method.endsWith('/ListUnderlays') ? underlays : { status: 404 },
    )
    const named = new ProtoWriter()
      .message(1, (group) => group.message(1, (info) => info.string(1, api.url)))
      .finish()
    const discovery = await startRpcServer(() => named)
    closing.push(api.close, discovery.close)
    assert.deepEqual(await address('--endhost-api', api.url), own)
    assert.deepEqual(await address('--endhost-discovery', discovery.url, '--isd-as', LOCAL), own)
  })

  it('is the next of several, where the first is not there', async () => {
    const { status, err } = await address('--sciond', '127.0.0.1:9', '--endhost-api', 'http://127.0.0.1:9') // prettier-ignore
    assert.equal(status, 2)
    assert.match(
      err,
      /no network found: daemon 127\.0\.0\.1:9: .*; endhost API http:\/\/127\.0\.0\.1:9: /,
    )
  })
})
