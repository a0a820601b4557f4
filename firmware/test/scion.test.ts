import assert from 'node:assert/strict'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import {
  formatAddress,
  formatEndpoint,
  nodeUnderlay,
  writePathFile,
  type ScionSocket,
} from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
  type Network,
  type TestHost,
} from '@s3mp/scion/testing'
import { after, describe, it } from 'mocha'

import { parseConfig, type Config } from '../src/config/load.ts'
import { FirmwareError } from '../src/errors.ts'
import { NetworkKeys } from '../../test/support/drkeys.ts'
import { createLog } from '../src/log.ts'
import { openScion } from '../src/service/scion.ts'
import { openScionTransport } from '../src/transport/scion.ts'
import type { Arrival } from '../src/transport/transport.ts'
import { freshFolder, removeFolders } from './support/folder.ts'

function configOf(local: string, remote: string, paths: string, more = ''): Config {
  const toml = `[meter]\ndevice = "simulated:household"\n[uplink.scion]\nlocal = "${local}"\nremote = "${remote}"\npaths = "${paths}"\n${more}`
  return parseConfig(toml, '/meter.toml')
}

describe('the SCION transport of the configuration', function () {
  this.timeout(20_000)
  after(removeFolders)

  it('carries bytes there and back over the paths of a file, and names the path', async () => {
    const random = seededRandom(1)
    const network = await openNetwork(demoTopology(), {
      clock: systemClock,
      random,
      underlay: nodeUnderlay,
    })
    const near = network.host(DEMO_METER_AS)
    const far = await network.host(DEMO_HEADEND_AS).openSocket()
    const file = join(freshFolder(), 'paths.json')
    const paths = await near.source.paths(far.local.isdAs)
    await writePathFile(file, { local: near.source.local, paths })
    const config = configOf(formatAddress(near.address), formatEndpoint(far.local), file)
    const transport = await openScion(config)
    await transport.pilot.ready()
    const arrived = new Promise<Arrival>((resolve) => {
      transport.onReceive(resolve)
    })
    const departure = await transport.send(new Uint8Array([1, 2, 3]), {
      deadline: 'alarm',
      attempt: 0,
    })
    assert.equal(departure.path.length, 8)
    const there = await far.receive()
    assert.deepEqual([...there.payload], [1, 2, 3])
    await far.send(there.from, new Uint8Array([4]), there.reply)
    const { bytes, way } = await arrived
    assert.deepEqual([...bytes], [4])
    transport.landed(departure, way)
    const used = transport.paths().filter(({ sent }) => sent > 0)
    assert.equal(used.length, 2, 'an alarm leaves on two paths')
    assert.equal(
      used.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      1,
    )
    assert.match(used[0]?.name ?? '', /^1-ff00:0:111 > .*2-ff00:0:211$/u)
    await transport.close()
    await far.close()
    await network.close()
  })

  /** A network, its ends, and a configuration of the near one with its paths in a file. */
  async function world(more: string): Promise<{
    readonly config: Config
    readonly network: Network
    readonly far: ScionSocket
    readonly near: TestHost
  }> {
    const [clock, random] = [systemClock, seededRandom(1)]
    const network = await openNetwork(demoTopology(), { clock, random, underlay: nodeUnderlay })
    const near = network.host(DEMO_METER_AS)
    const far = await network.host(DEMO_HEADEND_AS).openSocket()
    const file = join(freshFolder(), 'paths.json')
    const paths = await near.source.paths(far.local.isdAs)
    await writePathFile(file, { local: near.source.local, paths })
    const config = configOf(formatAddress(near.address), formatEndpoint(far.local), file, more)
    return { config, network, far, near }
  }

  const live = { deadline: 'live', attempt: 0 } as const

  it('asks the next source when one is not there, and logs why', async () => {
    const { config, network, far } = await world(
      'source = ["daemon", "control", "file"]\ndaemon = "127.0.0.1:9"\nconfig_dir = "/nowhere"\n',
    )
    const lines: string[] = []
    const write = (line: string): void => {
      lines.push(line)
    }
    const log = createLog({ write, level: 'info', priorities: false, monotonicMs: () => 0 })
    const transport = await openScion(config, log)
    await transport.pilot.ready()
    await transport.send(new Uint8Array([1]), live)
    assert.deepEqual([...(await far.receive()).payload], [1])
    assert.match(lines.join('\n'), /paths\.source-failed.*daemon 127\.0\.0\.1:9/u)
    assert.match(lines.join('\n'), /paths\.source-failed.*control \/nowhere/u)
    await transport.close()
    await far.close()
    await network.close()
  })

  it('sends nothing where no path is allowed, and says why', async () => {
    const { config, network, far } = await world('[uplink.scion.jurisdiction]\nisds = [1]\n')
    const transport = await openScion(config)
    while (transport.paths().length === 0) await systemClock.sleep(5)
    await assert.rejects(transport.send(new Uint8Array([1]), live), { code: 'ERR_SCION_NO_PATH' })
    assert.match(transport.health().forbidden, /enters ISD 2, allowed: 1/u)
    assert.equal(network.links().length > 0, true)
    assert.equal(far.counters().received, 0)
    await transport.close()
    await far.close()
    await network.close()
  })

  for (const isRequired of [false, true]) {
    const words = isRequired ? 'requires' : 'prefers'
    it(`that ${words} proof sends ${isRequired ? 'nothing' : 'plain packets'} until there is a key`, async () => {
      const { network, far, near } = await world('')
      const keys = new NetworkKeys()
      keys.isSilent = true
      const transport = await openScionTransport({
        source: near.source,
        local: near.address,
        port: 0,
        remote: far.local,
        underlay: nodeUnderlay,
        clock: systemClock,
        random: Math.random,
        alarmPaths: 1,
        authentication: { keys, protocol: 5342, isRequired },
      })
      const heard: Arrival[] = []
      transport.onReceive((arrival) => heard.push(arrival))
      await transport.pilot.ready()
      const sending = transport.send(new Uint8Array([1]), live)
      if (isRequired) await assert.rejects(sending, /no answer/u)
      else {
        await sending
        const { authentic, from, reply } = await far.receive()
        assert.equal(authentic, false)
        await far.send(from, new Uint8Array([2]), reply)
        while (heard.length === 0) await systemClock.sleep(5)
      }
      assert.equal(transport.health().authentication, isRequired ? 'waiting' : 'plain')
      assert.ok(keys.asked > 0)
      keys.isSilent = false
      if (isRequired) {
        await transport.send(new Uint8Array([3]), live)
        assert.equal(transport.health().authentication, 'proven')
        // The far socket proves nothing: what it sends is not heard.
        const { from, reply } = await far.receive()
        await far.send(from, new Uint8Array([4]), reply)
        await systemClock.sleep(100)
        assert.deepEqual(heard, [])
      }
      await transport.close()
      await far.close()
      await network.close()
    })
  }

  it('names the configuration, the key and the reason when it cannot be', async () => {
    const config = configOf('1-ff00:0:111,127.0.0.1', '2-ff00:0:211,127.0.0.1:1', '/no/paths.json')
    await assert.rejects(
      openScion(config),
      (error: unknown) =>
        error instanceof FirmwareError &&
        /^\/meter\.toml: uplink\.scion: .*paths\.json/u.test(error.message),
    )
    const wrong = configOf('nonsense', '2-ff00:0:211,127.0.0.1:1', '/no/paths.json')
    await assert.rejects(openScion(wrong), FirmwareError)
  })
})
