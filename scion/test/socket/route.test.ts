import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { formatHost } from '../../src/addr/host.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import { ENDHOST_PORT, routeBack, underlayOf } from '../../src/socket/route.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { World } from '../support/world.ts'
import { virtualWorld } from '../support/world.ts'

describe('routeBack', () => {
  let world: World<VirtualClock>
  let packet: Packet

  beforeEach(async () => {
    world = await virtualWorld()
    packet = await received()
  })

  afterEach(() => world.close())

  /** A packet as it arrives at the head-end's host. */
  const received = async (): Promise<Packet> => {
    const seen: Uint8Array[] = []
    const host = world.headendSocket.local
    const listener = await world.network.host(world.headend.isdAs).openSocket()
    await listener.close()
    const address = { host: formatHost(listener.local.host), port: 31_999 }
    const tap = await world.underlay.bind(address, {
      datagram: (bytes) => seen.push(bytes),
      error: () => undefined,
    })
    const [path] = await world.meter.source.paths(world.headend.isdAs)
    assert.ok(path !== undefined)
    const to = { isdAs: host.isdAs, host: listener.local.host, port: 31_999 }
    await world.meterSocket.send(to, Uint8Array.of(1), path)
    await world.clock.advance(1_000)
    await tap.close()
    const [bytes] = seen
    assert.ok(bytes !== undefined)
    return decodePacket(bytes)
  }

  it('leads to the router that owns the first interface, whoever handed the packet over', () => {
    const { local } = world.headend.source
    const routers = [...local.borderRouters.values()]
    const { nextHop } = routeBack(packet, { host: '127.9.9.9', port: 9 }, local)
    assert.ok(routers.some((router) => router === nextHop))
  })

  it('leads back to the sender of the datagram where the routers are not known', () => {
    const local = { ...world.headend.source.local, borderRouters: new Map() }
    const from = { host: '127.9.9.9', port: 9 }
    assert.deepEqual(routeBack(packet, from, local).nextHop, from)
  })

  it('never leads to a dispatcher', () => {
    const local = { ...world.headend.source.local, borderRouters: new Map() }
    const from = { host: '127.0.0.1', port: ENDHOST_PORT }
    assert.throws(() => routeBack(packet, from, local), { code: 'ERR_SCION_PATH' })
  })

  it('refuses an empty path from another AS', () => {
    const { local } = world.headend.source
    const bytes = encodeUdpPacket(
      {
        trafficClass: 0,
        flowId: 1,
        source: world.meterSocket.local,
        destination: world.headendSocket.local,
        path: EMPTY_PATH,
      },
      { sourcePort: 1, destinationPort: 2, payload: Uint8Array.of(1) },
    )
    const from = { host: '127.9.9.9', port: 9 }
    assert.throws(() => routeBack(decodePacket(bytes), from, local), { code: 'ERR_SCION_PATH' })
  })

  it('goes straight to a host of the same AS, at its port or at the endhost port', () => {
    const { local } = world.meter.source
    const to = { ...world.meterSocket.local, port: 31_500 }
    const direct = { dataplane: EMPTY_PATH }
    const ranged = { ...local, dispatchedPorts: { min: 31_000, max: 32_000 } }
    assert.equal(underlayOf(to, direct, ranged).port, 31_500)
    assert.equal(underlayOf({ ...to, port: 32_001 }, direct, ranged).port, ENDHOST_PORT)
    const { dispatchedPorts, ...none } = local
    assert.ok(dispatchedPorts !== undefined)
    assert.equal(underlayOf(to, direct, none).port, ENDHOST_PORT)
  })
})
