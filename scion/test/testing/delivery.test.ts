import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { HostAddress } from '../../src/addr/host.ts'
import { parseHost, serviceHost } from '../../src/addr/host.ts'
import { isdAs, parseIsdAs } from '../../src/addr/isd-as.ts'
import { decodeHeader } from '../../src/packet/header.ts'
import { encodePacket } from '../../src/packet/packet.ts'
import type { PacketFields } from '../../src/packet/packet.ts'
import { encodeScmpPacket } from '../../src/packet/scmp-codec.ts'
import type { ScmpMessage } from '../../src/packet/scmp.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import type { DeliveryConfig } from '../../src/testing/delivery.ts'
import { deliver } from '../../src/testing/delivery.ts'

const HOST = '192.0.2.7'
const config: DeliveryConfig = {
  dispatchedPorts: { min: 31_000, max: 32_767 },
  endhostPort: 30_041,
  services: new Map([[2, { host: '192.0.2.2', port: 30_252 }]]),
}

const fields = (host: HostAddress): PacketFields => ({
  trafficClass: 0,
  flowId: 1,
  source: { isdAs: parseIsdAs('1-ff00:0:1'), host: parseHost('10.0.0.1') },
  destination: { isdAs: parseIsdAs('1-ff00:0:2'), host },
  path: EMPTY_PATH,
})

const udp = (sourcePort: number, destinationPort: number): Uint8Array =>
  encodeUdpPacket(fields(parseHost(HOST)), {
    sourcePort,
    destinationPort,
    payload: Uint8Array.of(1),
  })

const scmp = (message: ScmpMessage): Uint8Array =>
  encodeScmpPacket(fields(parseHost(HOST)), message)

const question = (type: 'echo-request' | 'echo-reply', identifier: number): ScmpMessage => ({
  type,
  code: 0,
  identifier,
  sequence: 1,
  data: new Uint8Array(4),
})

const trace = (
  type: 'traceroute-request' | 'traceroute-reply',
  identifier: number,
): ScmpMessage => ({
  type,
  code: 0,
  identifier,
  sequence: 1,
  isdAs: isdAs(0, 0),
  interfaceId: 0,
  data: new Uint8Array(0),
})

const error = (quote: Uint8Array): ScmpMessage => ({
  type: 'destination-unreachable',
  code: 0,
  quote,
})

const cases: readonly (readonly [string, Uint8Array, number | undefined])[] = [
  ['UDP within the range goes to its port', udp(1, 31_500), 31_500],
  ['UDP outside of the range goes to the endhost port', udp(1, 1_000), 30_041],
  ['UDP to the endhost port goes there', udp(1, 30_041), 30_041],
  ['an echo reply goes to its identifier', scmp(question('echo-reply', 31_501)), 31_501],
  ['a traceroute reply goes to its identifier', scmp(trace('traceroute-reply', 31_502)), 31_502],
  ['an echo request goes to the endhost port', scmp(question('echo-request', 31_501)), 30_041],
  ['a traceroute request does, too', scmp(trace('traceroute-request', 31_501)), 30_041],
  ['an error goes to the port that sent the quoted datagram', scmp(error(udp(31_600, 2))), 31_600],
  [
    'an error goes to the identifier of the quoted question',
    scmp(error(scmp(question('echo-request', 31_601)))),
    31_601,
  ],
  ['an error about an error goes nowhere', scmp(error(scmp(error(udp(31_600, 2))))), undefined],
  ['an error that quotes an answer goes nowhere', scmp(error(scmp(question('echo-reply', 31_601)))), undefined], // prettier-ignore
  ['an error whose quote is cut before the ports goes nowhere', scmp(error(udp(31_600, 2).subarray(0, 38))), undefined], // prettier-ignore
  ['an error without a quote goes nowhere', scmp(error(new Uint8Array(0))), undefined],
  ['any other protocol goes to the endhost port', encodePacket(fields(parseHost(HOST)), 253, new Uint8Array(8)), 30_041], // prettier-ignore
]

describe('delivery by the last router', () => {
  for (const [title, packet, port] of cases) {
    it(title, () => {
      const expected = port === undefined ? undefined : { host: HOST, port }
      assert.deepEqual(deliver(config, packet, decodeHeader(packet)), expected)
    })
  }

  it('resolves services, and says which it does not know', () => {
    const to = (service: number): unknown => {
      const packet = encodePacket(fields(serviceHost(service)), 17, new Uint8Array(8))
      return deliver(config, packet, decodeHeader(packet))
    }
    assert.deepEqual(to(2), { host: '192.0.2.2', port: 30_252 })
    assert.deepEqual(to(0x8002), { host: '192.0.2.2', port: 30_252 })
    assert.equal(to(1), 'unreachable')
  })

  it('refuses addresses that nobody can have', () => {
    const packet = encodePacket(fields(parseHost('0.0.0.0')), 17, new Uint8Array(8))
    assert.equal(deliver(config, packet, decodeHeader(packet)), 'invalid')
  })

  it('goes to the endhost port for everything where the AS names no range', () => {
    const none: DeliveryConfig = { endhostPort: 30_041, services: new Map() }
    const packet = udp(1, 31_500)
    assert.deepEqual(deliver(none, packet, decodeHeader(packet)), { host: HOST, port: 30_041 })
  })
})
