import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'mocha'
import { formatIsdAs } from '../../src/addr/isd-as.ts'
import {
  DISCOVERY_TRCS_MAX,
  askDiscoveryServer,
  discoveryUrl,
  discoveryUrlOf,
} from '../../src/discovery/server.ts'
import { formatTrcId } from '../../src/trust/trc.ts'
import type { Page } from '../support/discovery-server.ts'
import { SILENCE, startDiscoveryServer } from '../support/discovery-server.ts'
import { refuses } from '../support/refusal.ts'
import { signedWorld } from '../support/trust-world.ts'

const { trc } = signedWorld.trc()
const { isd, base, serial } = trc.id
const blob = `/trcs/isd${isd}-b${base}-s${serial}/blob`
const listOf = (...ids: (typeof trc.id)[]): string =>
  JSON.stringify(
    ids.map((id) => ({ id: { isd: id.isd, base_number: id.base, serial_number: id.serial } })),
  )
const topology = JSON.stringify({
  attributes: ['core'],
  isd_as: '1-ff00:0:110',
  mtu: 1400,
  dispatched_ports: '31000-32767',
  control_service: { cs1: { addr: '127.0.0.1:30252' } },
  border_routers: { br1: { internal_addr: '127.0.0.1:30042', interfaces: { 1: {} } } },
})
const good: Readonly<Record<string, Page>> = {
  '/topology': topology,
  '/trcs': listOf(trc.id),
  [blob]: signedWorld.trc().raw,
}

describe('askDiscoveryServer', () => {
  const closing: (() => Promise<void>)[] = []
  const serve = async (pages: Readonly<Record<string, Page>>): Promise<string> => {
    const server = await startDiscoveryServer(pages)
    closing.push(server.close)
    return server.url
  }
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()))
  })

  it('learns the own AS and its TRCs', async () => {
    for (const slash of ['', '/']) {
      const found = await askDiscoveryServer((await serve(good)) + slash)
      assert.equal(formatIsdAs(found.topology.local.isdAs), '1-ff00:0:110')
      assert.deepEqual(found.topology.controlServices, [{ host: '127.0.0.1', port: 30252 }])
      assert.deepEqual(
        found.trcs.map((one) => formatTrcId(one.trc.id)),
        [formatTrcId(trc.id)],
      )
      assert.deepEqual(found.problems, [])
    }
  })

  it('goes on without a TRC that is missing, broken or another than its name says', async () => {
    const other = { isd, base, serial: serial + 1 }
    const third = { isd: 2, base: 1, serial: 1 }
    const url = await serve({
      ...good,
      '/trcs': listOf(other, third, trc.id),
      [`/trcs/isd${isd}-b${base}-s${serial + 1}/blob`]: signedWorld.trc().raw,
      '/trcs/isd2-b1-s1/blob': 'no TRC',
    })
    const found = await askDiscoveryServer(url)
    assert.equal(found.trcs.length, 1)
    assert.equal(found.problems.length, 2)
    assert.match(found.problems[0] ?? '', /trcs\/isd1-b\d+-s\d+\/blob: trc: ISD1.*found ISD1/)
    assert.match(found.problems[1] ?? '', /trcs\/isd2-b1-s1\/blob: cms/)
  })

  it('says what is wrong with an answer, and at which page', async () => {
    const many = Array.from({ length: DISCOVERY_TRCS_MAX + 1 }, () => trc.id)
    const cases: readonly [Readonly<Record<string, Page>>, string, RegExp][] = [
      [{}, 'ERR_SCION_CONTROL', /topology: status 200, found 404/],
      [{ '/topology': { status: 302 } }, 'ERR_SCION_CONTROL', /status 200, found 302/],
      [{ '/topology': 'hello' }, 'ERR_SCION_CONFIG', /topology: JSON, found/],
      [{ '/topology': '{}' }, 'ERR_SCION_CONFIG', /topology\.isd_as|topology\.mtu/],
      [{ '/topology': Uint8Array.of(0xff, 0xfe) }, 'ERR_SCION_CONTROL', /UTF-8/],
      [{ '/topology': topology }, 'ERR_SCION_CONTROL', /trcs: status 200, found 404/],
      [{ ...good, '/trcs': '{}' }, 'ERR_SCION_CONTROL', /trcs: array/],
      [{ ...good, '/trcs': listOf(...many) }, 'ERR_SCION_CONTROL', /at most 64 elements/],
      [{ ...good, '/trcs': '[{"id":{"isd":0}}]' }, 'ERR_SCION_CONTROL', /isd: integer 1/],
      [{ ...good, '/trcs': ' '.repeat(300_000) }, 'ERR_SCION_CONTROL', /trcs: answer: at most/],
    ]
    for (const [pages, code, message] of cases) {
      await assert.rejects(askDiscoveryServer(await serve(pages)), { code, message })
    }
  })

  it('waits no longer than it is told, whichever page does not come', async () => {
    for (const page of Object.keys(good)) {
      const url = await serve({ ...good, [page]: SILENCE })
      const code = 'ERR_SCION_TIMEOUT'
      await assert.rejects(askDiscoveryServer(url, { timeoutMs: 150 }), { code }, page)
    }
  })

  it('ends when it is told to, and says when nobody is there', async () => {
    const url = await serve({ '/topology': SILENCE })
    const controller = new AbortController()
    const asking = askDiscoveryServer(url, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await assert.rejects(asking, /enough/)
    await assert.rejects(askDiscoveryServer('127.0.0.1:1'), { code: 'ERR_SCION_IO' })
  })

  it('takes URLs, hosts and hosts with ports', () => {
    assert.equal(discoveryUrl('192.0.2.1'), 'http://192.0.2.1:8041')
    assert.equal(discoveryUrl('boot.example:80'), 'http://boot.example')
    assert.equal(discoveryUrl('[2001:db8::1]:8042'), 'http://[2001:db8::1]:8042')
    assert.equal(discoveryUrl('https://boot.example/as1/'), 'https://boot.example/as1')
    assert.equal(discoveryUrlOf({ host: '2001:db8::1', port: 9 }), 'http://[2001:db8::1]:9')
    for (const wrong of ['', 'ftp://x', 'http://x/?a', 'http://u@x', 'http://x#y', 'a b']) {
      refuses(() => discoveryUrl(wrong), 'ERR_SCION_CONFIG')
    }
  })
})
