import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '@s3mp/hal'
import type { PathSource, ScionSocket } from '@s3mp/scion'
import { nodeUnderlay, openScionSocket, openStandalone, parseIp, parseIsdAs } from '@s3mp/scion'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { ipv6Possible } from '../../scripts/testnet/network.ts'
import { skip } from '../support/outside.ts'
import { referenceVersion, startReference } from '../support/reference.ts'

const METER = '1-ff00:0:111'
const HEADEND = '1-ff00:0:112'
const WAIT_MS = 5000

describe('a network of the reference implementation on IPv6', function () {
  this.timeout(120_000)
  let net: Testnet
  const closing: (() => Promise<void>)[] = []

  before(async function () {
    this.timeout(400_000)
    if (!ipv6Possible()) skip(this, 'giving the loopback IPv6 addresses needs IPv6 and root')
    net = await startReference(this, 'ipv6', 33)
    await net.waitForPaths(METER, HEADEND, 1)
    await net.waitForPaths(HEADEND, METER, 1)
  })

  after(async function () {
    this.timeout(30_000)
    for (const close of closing.reverse()) await close()
    // Undefined where the network could not be started.
    await (net as Testnet | undefined)?.stop()
  })

  async function open(
    isdAs: string,
    port: number,
  ): Promise<{ readonly source: PathSource; readonly socket: ScionSocket }> {
    const source = await openStandalone({ configDir: net.configDir(isdAs), clock: systemClock })
    const socket = await openScionSocket({
      local: { isdAs: parseIsdAs(isdAs), host: parseIp(net.addresses(isdAs).host), port },
      localAs: source.local,
      underlay: nodeUnderlay,
      clock: systemClock,
      random: () => randomInt(2 ** 47) / 2 ** 47,
    })
    closing.push(
      () => source.close(),
      () => socket.close(),
    )
    return { source, socket }
  }

  it('is looked up with every signature verified, and carries datagrams there and back', async () => {
    const meter = await open(METER, 31_100)
    const headend = await open(HEADEND, 31_100)
    const [path, ...others] = await meter.source.paths(headend.socket.local.isdAs)
    assert.ok(path)
    assert.deepEqual(others, [])
    assert.match(path.nextHop?.host ?? '', /:/)
    const most = meter.socket.maxPayload(headend.socket.local, path)
    await meter.socket.send(headend.socket.local, new Uint8Array(most).fill(7), path)
    const there = await headend.socket.receive(AbortSignal.timeout(WAIT_MS))
    assert.equal(there.payload.length, most)
    assert.equal(there.from.host.type, 'ipv6')
    await headend.socket.send(there.from, Uint8Array.of(8), there.reply)
    const back = await meter.socket.receive(AbortSignal.timeout(WAIT_MS))
    assert.deepEqual(Uint8Array.from(back.payload), Uint8Array.of(8))
    const last = await meter.socket.traceroute(path, { timeoutMs: WAIT_MS })
    assert.deepEqual({ isdAs: last.isdAs, id: last.interfaceId }, path.interfaces.at(-1))
    // The routers of v0.14.0 know no STUN.
    if (referenceVersion !== 'v0.14.0') {
      const { host } = net.addresses(METER)
      const seen = await meter.socket.findOutside({ timeoutMs: WAIT_MS })
      assert.deepEqual(seen, { address: { host, port: 31_100 }, translated: false })
    }
  })
})
