import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { after, afterEach, describe, it } from 'mocha'

import { ProtoWriter } from '../../scion/src/control/protobuf.ts'
import type { RpcServer } from '../../test/support/rpc-server.ts'
import { startRpcServer } from '../../test/support/rpc-server.ts'
import { parseConfig } from '../src/config/load.ts'
import { openScion } from '../src/service/scion.ts'

const LOCAL = 0x0001_ff00_0000_0111n

describe('where the uplink gets its paths from', () => {
  const folder = mkdtempSync(join(tmpdir(), 's3mp-sources-'))
  const servers: RpcServer[] = []

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()))
  })
  after(() => {
    rmSync(folder, { recursive: true })
  })

  function config(...lines: readonly string[]): ReturnType<typeof parseConfig> {
    const text = `[meter]
device = "simulated:household"
[uplink]
transport = "scion"
[uplink.scion]
local = "1-ff00:0:111,127.0.0.1"
remote = "2-ff00:0:211,127.0.0.1:7400"
${lines.join('\n')}`
    return parseConfig(text, join(folder, 's3mp.toml'))
  }

  it('may be endhost APIs', async () => {
    const underlays = new ProtoWriter()
      .message(1, (udp) =>
        udp.message(1, (router) => router.varint(1, LOCAL).string(2, '127.0.0.1:9').varint(3, 1)),
      )
      .finish()
    const server = await startRpcServer((method) =>
      method.endsWith('/ListUnderlays') ? underlays : { status: 503 },
    )
    servers.push(server)
    const transport = await openScion(
      config(`endhost_apis = ["http://127.0.0.1:1", "${server.url}"]`, 'trust = "insecure"'),
    )
    assert.deepEqual(transport.paths(), [])
    assert.ok(server.asked.some((one) => one.endsWith('ListUnderlays')))
    await transport.close()
  })

  it('are tried one after the other, and the reason of each is told', async () => {
    writeFileSync(join(folder, 'paths.json'), '{}')
    const opening = openScion(
      config(
        'daemon = "127.0.0.1:1"',
        'discovery = ["127.0.0.1:1", "127.0.0.1:2"]',
        'endhost_apis = ["http://127.0.0.1:1"]',
        'paths = "paths.json"',
        'trust = "insecure"',
      ),
    )
    await assert.rejects(opening, (error: Error) => {
      for (const reason of [
        /daemon 127\.0\.0\.1:1: /,
        /discovery: no network found: /,
        /endhost: /,
        /file .*paths\.json/,
      ]) {
        // prettier-ignore
        assert.match(error.message, reason)
      }
      return true
    })
  })

  it('need a TRC to begin with, unless the first one is believed', async () => {
    const opening = openScion(config('config_dir = "."', `trcs = "${folder}/trcs"`))
    await assert.rejects(opening, /topology\.json/)
    const sections = config('config_dir = "."', '[uplink.scion.jurisdiction]', 'country_of = { "1-ff00:0:110" = "CH" }') // prettier-ignore
    assert.deepEqual(sections['uplink.scion.jurisdiction'].country_of, { '1-ff00:0:110': 'CH' })
    assert.equal(config('config_dir = "."', 'trcs = "t"')['uplink.scion'].trcs, join(folder, 't'))
    assert.throws(() => config('config_dir = "."', '[uplink.scion.jurisdiction]', 'country_of = { "1-1" = "Swiss" }')) // prettier-ignore
  })
})
