import assert from 'node:assert/strict'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import { formatAddress, formatEndpoint, nodeUnderlay, writePathFile } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
} from '@s3mp/scion/testing'
import { after, describe, it } from 'mocha'

import { parseConfig, type Config } from '../src/config/load.ts'
import { FirmwareError } from '../src/errors.ts'
import { openScion } from '../src/service/scion.ts'
import type { Arrival } from '../src/transport/transport.ts'
import { freshFolder, removeFolders } from './support/folder.ts'

function configOf(local: string, remote: string, paths: string): Config {
  const toml = `[meter]\ndevice = "simulated:household"\n[uplink.scion]\nlocal = "${local}"\nremote = "${remote}"\npaths = "${paths}"\n`
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
