import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '@s3mp/hal'
import type { DrkeySource, ScionEndpoint, ScionSocket } from '@s3mp/scion'
import {
  ConnectTransport,
  ControlServices,
  DrkeyAuthentication,
  GrpcTransport,
  HostKeyDeriver,
  controlDrkeys,
  daemonDrkeys,
  nodeUnderlay,
  openScionSocket,
  openStandalone,
  parseAddress,
} from '@s3mp/scion'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { startReference } from '../support/reference.ts'

const METER = '1-ff00:0:111'
const HEADEND = '1-ff00:0:112'
const PROTOCOL = 4242
const WAIT_MS = 5000

interface Host {
  readonly local: ScionEndpoint
  readonly keys: DrkeySource
  readonly socket: ScionSocket
}

describe('DRKey and the packet authenticator in the reference implementation’s network', function () {
  this.timeout(60_000)
  let net: Testnet
  const closing: (() => Promise<void>)[] = []

  before(async function () {
    this.timeout(400_000)
    net = await startReference(this, 'three', 40)
    await net.waitForPaths(METER, HEADEND)
    await net.waitForPaths(HEADEND, METER)
  })

  after(async function () {
    this.timeout(30_000)
    for (const close of closing.reverse()) await close()
    await (net as Testnet | undefined)?.stop()
  })

  /** A host whose keys come from the control service, or from the daemon alone. */
  async function openHost(
    isdAs: string,
    side: 'fast' | 'slow',
    port: number,
    from: 'control' | 'daemon' = 'control',
  ): Promise<Host> {
    const { host: own, control, daemon } = net.addresses(isdAs)
    // The control service knows who asks by the address that the question comes from: that of the
    // host itself, or that of the daemon, which stands on the loopback here.
    const host = from === 'control' ? own : '127.0.0.1'
    const clock = systemClock
    const local = { ...parseAddress(`${isdAs},${host}`), port }
    const services =
      from === 'control'
        ? new ControlServices([new ConnectTransport(control, { localAddress: host })])
        : new GrpcTransport(daemon)
    const keys = services instanceof ControlServices ? controlDrkeys(services) : daemonDrkeys(services) // prettier-ignore
    const source = await openStandalone({ configDir: net.configDir(isdAs), clock })
    const socket = await openScionSocket({
      local,
      localAs: source.local,
      underlay: nodeUnderlay,
      clock,
      random: () => randomInt(2 ** 47) / 2 ** 47,
      authentication: new DrkeyAuthentication({ keys, local, side, protocol: PROTOCOL, clock }),
    })
    closing.push(
      () => services.close(),
      () => source.close(),
      () => socket.close(),
    )
    return { local, keys, socket }
  }

  async function provesBothWays(meter: Host, headend: Host): Promise<void> {
    const source = await openStandalone({
      configDir: net.configDir(METER),
      clock: systemClock,
    })
    closing.push(() => source.close())
    const [path] = await source.paths(headend.local.isdAs)
    assert.ok(path)
    // The first packet of an unknown AS makes the fast side ask for its key; it is sent again.
    let heard
    for (let tries = 0; tries < 20 && heard === undefined; tries++) {
      await meter.socket.send(headend.local, Uint8Array.of(1, 2, 3), path)
      heard = await headend.socket.receive(AbortSignal.timeout(250)).catch(() => undefined)
    }
    assert.equal(heard?.authentic, true)
    await headend.socket.send(heard.from, Uint8Array.of(4), heard.reply)
    const answer = await meter.socket.receive(AbortSignal.timeout(WAIT_MS))
    assert.equal(answer.authentic, true)
    assert.deepEqual(Uint8Array.from(answer.payload), Uint8Array.of(4))
  }

  it('derives on the fast side the very key that the control service gives the slow side', async () => {
    const meter = await openHost(METER, 'slow', 31_101)
    const headend = await openHost(HEADEND, 'fast', 31_101)
    const ends = {
      timeMs: systemClock.nowMs(),
      protocol: PROTOCOL,
      derivingAs: headend.local.isdAs,
      derivingHost: headend.local.host,
      farAs: meter.local.isdAs,
    }
    const given = await meter.keys.hostHost({ ...ends, farHost: meter.local.host })
    const own = await headend.keys.hostAs(ends)
    assert.deepEqual(own.epoch, given.epoch)
    assert.deepEqual(new HostKeyDeriver(own.key).keyFor(meter.local.host), given.key)
  })

  it('is refused keys that it is no end of', async () => {
    const meter = await openHost(METER, 'slow', 31_103)
    const stranger = {
      timeMs: systemClock.nowMs(),
      protocol: PROTOCOL,
      derivingAs: parseAddress(`${HEADEND},127.0.0.1`).isdAs,
      derivingHost: parseAddress(`${HEADEND},127.0.3.9`).host,
      farAs: meter.local.isdAs,
      farHost: parseAddress(`${METER},127.0.2.77`).host,
    }
    await assert.rejects(meter.keys.hostHost(stranger), { code: 'ERR_SCION_CONTROL' })
  })

  it('gives both ends their keys through the daemons alone', async () => {
    const meter = await openHost(METER, 'slow', 31_104, 'daemon')
    const headend = await openHost(HEADEND, 'fast', 31_105, 'daemon')
    const ends = {
      timeMs: systemClock.nowMs(),
      protocol: PROTOCOL,
      derivingAs: headend.local.isdAs,
      derivingHost: headend.local.host,
      farAs: meter.local.isdAs,
    }
    const given = await meter.keys.hostHost({ ...ends, farHost: meter.local.host })
    const own = await headend.keys.hostAs(ends)
    assert.deepEqual(new HostKeyDeriver(own.key).keyFor(meter.local.host), given.key)
    const elsewhere = parseAddress(`${METER},127.0.2.77`).host
    const stranger = { ...ends, derivingHost: elsewhere, farHost: elsewhere }
    await assert.rejects(meter.keys.hostHost(stranger), { code: 'ERR_SCION_CONTROL' })
    await provesBothWays(meter, headend)
  })

  it('proves the sender of datagrams there and back through real routers', async () => {
    const meter = await openHost(METER, 'slow', 31_102)
    const headend = await openHost(HEADEND, 'fast', 31_102)
    await provesBothWays(meter, headend)
  })
})
