import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { parseInterface } from '../../src/path/interface-text.ts'
import { pathFingerprint } from '../../src/path/fingerprint.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { runTool } from '../../src/tools/run.ts'
import type { RpcServer } from '../../../test/support/rpc-server.ts'
import { startRpcServer } from '../../../test/support/rpc-server.ts'
import { signedWorld } from '../support/trust-world.ts'
import { ProtoWriter } from '../../src/control/protobuf.ts'

const { nowMs, pathSegment } = signedWorld
const TARGET = '1-ff00:0:112'

describe('showpaths', () => {
  let folder = ''
  let server: RpcServer

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'scion-showpaths-'))
    const down = new ProtoWriter()
      .message(1, (entry) => entry.varint(1, 2).message(2, (list) => list.bytes(1, pathSegment)))
      .finish()
    server = await startRpcServer((method) =>
      method.endsWith('/Segments') ? down : { status: 404 },
    )
    const topology = {
      isd_as: '1-ff00:0:110',
      attributes: ['core'],
      mtu: 1400,
      control_service: { cs: { addr: server.address } },
      border_routers: {
        br: {
          internal_addr: '127.0.0.1:30042',
          interfaces: { 41: {} },
        },
      },
    }
    writeFileSync(join(folder, 'topology.json'), JSON.stringify(topology))
    const policies = {
      policies: { default: { acl: ['- 1-ff00:0:111', '+'] } },
    }
    writeFileSync(join(folder, 'policy.json'), JSON.stringify(policies))
  })
  after(async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  })

  async function show(...words: string[]): Promise<{ status: number; out: string; err: string }> {
    let [out, err] = ['', '']
    const world = {
      clock: new VirtualClock(nowMs),
      random: () => 0,
      environment: {},
      write: (text: string) => (out += text),
      signal: new AbortController().signal,
    }
    const fixed = ['showpaths', TARGET, '--config-dir', folder, '--insecure', '--no-probe']
    const status = await runTool([...fixed, ...words], world, (text) => (err += text))
    return { status, out, err }
  }

  it('gives the names of the reference in JSON', async () => {
    const { status, out, err } = await show('--json')
    assert.equal(status, 0, err)
    const { paths, ...header } = JSON.parse(out) as { paths: readonly Record<string, unknown>[] }
    assert.deepEqual(header, { local_isd_as: '1-ff00:0:110', destination: TARGET })
    const names = ['expiry', 'fingerprint', 'hops', 'latency', 'mtu', 'next_hop', 'sequence']
    assert.deepEqual(Object.keys(paths[0] ?? {}).sort(), names)
    const { hops, fingerprint } = paths[0] as {
      hops: readonly { isd_as: string; interface: number }[]
      fingerprint: string
    }
    const interfaces = hops.map((hop) => parseInterface(`${hop.isd_as}#${hop.interface}`))
    assert.equal(fingerprint, pathFingerprint(interfaces).slice(0, 16))
  })

  it('says in JSON that there is no path and ends with 0, and for people with 1', async () => {
    const none = ['--sequence', '2-0']
    const json = await show(...none, '--json')
    assert.deepEqual([json.status, JSON.parse(json.out)], [0, { local_isd_as: '1-ff00:0:110', destination: TARGET }]) // prettier-ignore
    const human = await show(...none)
    assert.deepEqual([human.status, human.out], [1, ''])
    assert.match(human.err, /no path found \(ERR_SCION_NO_PATH\)/)
  })

  it('explains by which rule a path is left out, be it of a list, a sequence or a document', async () => {
    const rules = [
      [['--acl=- 1-ff00:0:111, +'], /Left out:\n {2}\[1-ff00:0:110 .*\] .*1-ff00:0:111/],
      [['--sequence', '2-0'], /Left out:\n.*\] it is not 2-0/],
      [['--policy', join(folder, 'policy.json')], /Left out:\n.*\] policy: .*1-ff00:0:111/],
    ] as const
    for (const [words, expected] of rules) {
      const { status, out } = await show(...words, '--explain')
      assert.equal(status, 1)
      assert.match(out, expected)
    }
  })

  it('names the order that was asked for', async () => {
    const { status, out } = await show('--explain', '--ordering', 'hops_asc, meta_latency_asc')
    assert.equal(status, 0)
    assert.match(out, /Why: number 1 by hops_asc, meta_latency_asc, not probed/)
    assert.match(out, /No path is left out/)
    const { status: refused, err } = await show('--ordering', 'best_first')
    assert.equal(refused, 2)
    assert.match(err, /ordering: one of random, hops_asc/)
  })

  it('refuses a policy that is none, with its place', async () => {
    const { status, err } = await show('--policy', join(folder, 'topology.json'))
    assert.equal(status, 2)
    assert.match(err, /--policy .*topology\.json: policy document: expected destinations/)
    assert.equal((await show('--policy', join(folder, 'missing.json'))).status, 2)
  })
})
