import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseAddress } from '../../src/addr/endpoint.ts'
import { pathOffset } from '../../src/packet/header.ts'
import { OPTION } from '../../src/packet/extensions.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import type { PathMeta } from '../../src/path/standard.ts'
import { encodeStandardPath, hopOffset, infoOffset, pathMeta } from '../../src/path/standard.ts'
import {
  SENT_PACKETS_MAX,
  SENT_PACKET_AGE_MS_MAX,
  SentPackets,
} from '../../src/socket/sent-packets.ts'

/** A packet over so many hops; `payload` makes its checksum. */
function packetOver(hopCount: number, payload = 1, proof?: Uint8Array): Uint8Array {
  const hops = Array.from({ length: hopCount }, (_, id) => ({
    ...{ ingressAlert: false, egressAlert: false, expTime: 63 },
    ...{ consIngress: id, consEgress: id + 1, mac: Uint8Array.of(1, 2, 3, 4, 5, id) },
  }))
  const info = { consDir: true, peering: false, segmentId: 7, timestamp: 1 }
  const bytes = encodeStandardPath({ currInf: 0, currHf: 0, segments: [{ info, hops }] })
  const source = parseAddress('1-ff00:0:111,10.0.1.1')
  const destination = parseAddress('1-ff00:0:112,10.0.0.2')
  const option = { type: OPTION.authenticator, data: proof ?? Uint8Array.of(), align: [4, 2] } as const // prettier-ignore
  const endToEnd = proof === undefined ? undefined : [option]
  const fields = { trafficClass: 0, flowId: 9, destination, source, path: { type: 1, bytes }, endToEnd } // prettier-ignore
  return encodeUdpPacket(fields, {
    ...{ sourcePort: 1, destinationPort: 2 },
    payload: Uint8Array.of(payload >> 8, payload),
  })
}

/** The packet as a router half way sees it. */
function underWay(packet: Uint8Array): Uint8Array {
  const seen = packet.slice()
  const start = pathOffset(seen)
  seen[0] = (seen[0] ?? 0) | 1
  seen[start] = 1
  seen[start + infoOffset(0) + 3] = 0x99
  return seen
}

function metaOf(packet: Uint8Array): PathMeta {
  return pathMeta(packet.subarray(pathOffset(packet), 4 * (packet[5] ?? 0)))
}

describe('SentPackets', () => {
  const route = { dataplane: EMPTY_PATH }

  it('ask for the authenticator of a packet that had one, and for the checksum behind it', () => {
    const proof = (last: number): Uint8Array => Uint8Array.from({ length: 28 }, (_, at) => (at < 27 ? 0 : last)) // prettier-ignore
    for (const hopCount of [2, 40]) {
      const sent = new SentPackets()
      const packet = packetOver(hopCount, 1, proof(1))
      sent.add(packet, route, 0)
      assert.equal(sent.take(underWay(packetOver(hopCount, 1, proof(2))), 5), undefined)
      assert.equal(sent.take(underWay(packetOver(hopCount, 2, proof(1))), 5), undefined)
      const cut = underWay(packet).subarray(0, packet.length - 4)
      assert.equal(sent.take(cut, 5), undefined, 'without the checksum')
      assert.equal(sent.take(underWay(packet), 5), route)
    }
  })

  it('are not led astray by a quote whose extension headers go on for ever', () => {
    const sent = new SentPackets()
    sent.add(packetOver(2), route, 0)
    const odd = packetOver(2)
    odd[4] = 200
    for (let at = 4 * (odd[5] ?? 0); at < odd.length; at++) odd[at] = at % 4 === 0 ? 201 : 0
    assert.equal(sent.take(odd, 5), undefined)
  })

  for (const hopCount of [2, 40]) {
    it(`know a packet over ${hopCount} hops by what routers leave alone, once`, () => {
      const sent = new SentPackets()
      const packet = packetOver(hopCount)
      sent.add(packet, route, 0)
      const quote = underWay(packet)
      packet.fill(0) // The memory may be used for something else.
      assert.equal(sent.size, 1)
      assert.equal(sent.take(quote, 5), route)
      assert.equal(sent.take(quote, 5), undefined)
      assert.equal(sent.size, 0)
    })

    it(`know it not with another MAC, flow, host or checksum (${hopCount} hops)`, () => {
      const sent = new SentPackets()
      const packet = packetOver(hopCount)
      sent.add(packet, route, 0)
      const start = pathOffset(packet)
      const lastMac = start + hopOffset(metaOf(packet), hopCount - 1) + 11
      const header = 4 * (packet[5] ?? 0)
      for (const at of [3, 20, start - 1, lastMac, header + 1, header + 7]) {
        const quote = underWay(packet)
        quote[at] = (quote[at] ?? 0) ^ 1
        assert.equal(sent.take(quote, 5), undefined, `byte ${at}`)
      }
      assert.equal(sent.take(packet.subarray(0, header + 7), 5), undefined, 'cut too short')
      assert.equal(sent.take(packet.subarray(0, header + 8), 5), route)
    })
  }

  it('tell packets apart that differ in their path alone', () => {
    const sent = new SentPackets()
    const [one, other] = [{ ...route }, { ...route }]
    const packet = packetOver(3)
    const twin = packet.slice()
    const start = pathOffset(twin)
    const mac = start + hopOffset(metaOf(twin), 1) + 11
    twin[mac] = (twin[mac] ?? 0) ^ 1
    sent.add(packet, one, 0)
    sent.add(twin, other, 0)
    assert.equal(sent.take(twin, 1), other)
    assert.equal(sent.take(packet, 1), one)
  })

  it('forget the oldest, and all after a while', () => {
    const sent = new SentPackets()
    for (let count = 0; count <= SENT_PACKETS_MAX; count++)
      sent.add(packetOver(2, count), route, count)
    assert.equal(sent.size, SENT_PACKETS_MAX)
    assert.equal(sent.take(packetOver(2, 0), SENT_PACKETS_MAX), undefined)
    assert.equal(sent.take(packetOver(2, 1), SENT_PACKETS_MAX), route)
    assert.equal(sent.take(packetOver(2, 2), 2 + SENT_PACKET_AGE_MS_MAX + 1), undefined)
    assert.equal(sent.take(packetOver(2, 2), 2 + SENT_PACKET_AGE_MS_MAX), route)
  })

  it('take any rubbish for a quote', () => {
    const sent = new SentPackets()
    sent.add(packetOver(2), route, 0)
    for (let length = 0; length < 64; length++) {
      assert.equal(sent.take(new Uint8Array(length).fill(length), 1), undefined)
    }
  })
})
