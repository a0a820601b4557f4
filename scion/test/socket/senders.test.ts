import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseAddress } from '../../src/addr/endpoint.ts'
import { PacketView } from '../../src/packet/view.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { encodeStandardPath } from '../../src/path/standard.ts'
import { Senders } from '../../src/socket/senders.ts'

const LOCAL = parseAddress('1-ff00:0:112,10.0.0.2')
const ROUTER = { host: '10.0.0.254', port: 30_001 }

/** A packet from `source` over a path of two hops, whose last MAC ends with `mac`. */
function packetFrom(source: string, { mac = 6, payload = 1, port = 500 } = {}): PacketView {
  const hops = [1, 2].map((id) => ({
    ...{ ingressAlert: false, egressAlert: false, expTime: 63 },
    ...{ consIngress: id, consEgress: id + 1, mac: Uint8Array.of(1, 2, 3, 4, 5, mac) },
  }))
  const info = { consDir: true, peering: false, segmentId: 7, timestamp: 1 }
  const bytes = encodeStandardPath({ currInf: 0, currHf: 1, segments: [{ info, hops }] })
  const ends = { destination: LOCAL, source: parseAddress(source) }
  const fields = { trafficClass: 0, flowId: 9, ...ends, path: { type: 1, bytes } }
  const datagram = { sourcePort: port, destinationPort: 1, payload: new Uint8Array(payload) }
  return new PacketView(encodeUdpPacket(fields, datagram))
}

describe('Senders', () => {
  const senders = (): Senders =>
    new Senders({ isdAs: LOCAL.isdAs, core: false, mtu: 1400, borderRouters: new Map() })
  const METER = '1-ff00:0:111,10.0.1.1'

  it('know a sender again, however long its payload', () => {
    const known = senders()
    const first = known.of(packetFrom(METER), 500, ROUTER)
    const again = known.of(packetFrom(METER, { payload: 300 }), 500, ROUTER)
    assert.equal(again.reply, first.reply)
    assert.equal(again.from, first.from)
  })

  it('take nobody for another who differs in host, AS, path, port or router, though all share a place', () => {
    const known = senders()
    const first = known.of(packetFrom(METER), 500, ROUTER)
    const others = [
      known.of(packetFrom('1-ff00:0:111,10.0.1.2'), 500, ROUTER),
      known.of(packetFrom('1-ff00:0:113,10.0.1.1'), 500, ROUTER),
      known.of(packetFrom(METER, { mac: 7 }), 500, ROUTER),
      known.of(packetFrom(METER, { port: 756 }), 756, ROUTER),
      known.of(packetFrom(METER), 500, { ...ROUTER, port: 30_002 }),
      known.of(packetFrom(METER), 500, { ...ROUTER, host: '10.0.0.253' }),
    ]
    for (const other of others) assert.notEqual(other.reply, first.reply)
    assert.deepEqual(others[0]?.from.host, parseAddress('1-ff00:0:111,10.0.1.2').host)
    assert.equal(others[3]?.from.port, 756)
    assert.equal(others[4]?.reply.nextHop?.port, 30_002)
  })

  it('forget when they are told to', () => {
    const known = senders()
    const first = known.of(packetFrom(METER), 500, ROUTER)
    known.clear()
    assert.notEqual(known.of(packetFrom(METER), 500, ROUTER).reply, first.reply)
  })
})
