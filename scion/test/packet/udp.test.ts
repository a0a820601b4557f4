import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { decodePacket, encodePacket } from '../../src/packet/packet.ts'
import { PROTOCOL } from '../../src/packet/protocol.ts'
import { UdpTemplate, decodeUdp, encodeUdpPacket } from '../../src/packet/udp.ts'
import { packetFields } from '../support/arbitraries.ts'
import { wholePackets } from '../support/golden-packets.ts'
import { refuses } from '../support/refusal.ts'
import { bytes, hex } from '../support/vectors.ts'

const port = fc.nat(0xffff)
const goldens = wholePackets.filter(({ decoded }) => decoded.udp !== undefined)

describe('UDP', () => {
  for (const { id, bytes: raw, decoded } of goldens) {
    const { udp, checksumValid } = decoded
    it(`${checksumValid === true ? 'decodes and encodes' : 'refuses'} ${id}`, () => {
      assert.ok(udp)
      const packet = decodePacket(bytes(raw))
      if (checksumValid !== true) {
        refuses(() => decodeUdp(packet), 'ERR_SCION_CHECKSUM')
        const filled = encodeUdpPacket(packet, {
          sourcePort: udp.srcPort,
          destinationPort: udp.dstPort,
          payload: packet.payload.subarray(8),
        })
        const { payload } = decodePacket(filled)
        assert.equal(hex(payload.subarray(6, 8)), decoded.checksumIfFilled?.toString(16))
        return
      }
      const datagram = decodeUdp(packet)
      assert.equal(datagram.sourcePort, udp.srcPort)
      assert.equal(datagram.destinationPort, udp.dstPort)
      assert.equal(datagram.payload.length, udp.length - 8)
      assert.equal(hex(encodeUdpPacket(packet, datagram)), raw)
      const template = new UdpTemplate(packet, datagram.sourcePort, datagram.destinationPort)
      assert.equal(hex(template.encode(datagram.payload)), raw)
    })
  }

  it('survives the way through bytes, made in one piece or from a template', () => {
    const payload = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(
        packetFields,
        port,
        port,
        payload,
        (fields, sourcePort, destinationPort, data) => {
          const datagram = { sourcePort, destinationPort, payload: data }
          const raw = encodeUdpPacket(fields, datagram)
          assert.deepEqual(decodeUdp(decodePacket(raw)), datagram)
          const template = new UdpTemplate(fields, sourcePort, destinationPort)
          assert.equal(template.overheadBytes, raw.length - data.length)
          assert.equal(hex(template.encode(data)), hex(raw))
          assert.equal(
            hex(template.encode(new Uint8Array(3))).length,
            2 * (raw.length - data.length + 3),
          )
          assert.equal(hex(template.encode(data)), hex(raw), 'a template has no memory')
        },
      ),
    )
  })

  it('notices every flipped bit behind the flow identifier, or is told another story', () => {
    const raw = bytes(goldens.find(({ id }) => id === 'cpp-udp-path')?.bytes ?? '')
    const covered = [...range(12, 48), ...range(raw.length - 12, raw.length)]
    for (const at of covered) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = raw.slice()
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
        refuses(() => decodeUdp(decodePacket(flipped)))
      }
    }
  })

  it('writes a checksum of zero as all ones, as RFC 768 asks', () => {
    const raw = bytes(goldens.find(({ id }) => id === 'cpp-udp-path')?.bytes ?? '')
    const packet = decodePacket(raw)
    const { sourcePort, destinationPort } = decodeUdp(packet)
    const sum = decodePacket(
      encodeUdpPacket(packet, { sourcePort, destinationPort, payload: new Uint8Array(2) }),
    ).payload.subarray(6, 8)
    // A payload equal to the checksum that zeros would get brings the sum to zero.
    const payload = Uint8Array.from(sum)
    const zero = encodeUdpPacket(packet, { sourcePort, destinationPort, payload })
    assert.equal(hex(zero.subarray(-4, -2)), 'ffff')
    const template = new UdpTemplate(packet, sourcePort, destinationPort)
    assert.equal(hex(template.encode(payload)), hex(zero))
    assert.deepEqual(decodeUdp(decodePacket(zero)).payload, payload)
  })

  it('refuses a length field that lies, a stump, and another protocol', () => {
    const raw = bytes(goldens[0]?.bytes ?? '')
    const packet = decodePacket(raw)
    const lying = raw.slice()
    lying[packet.upperOffset + 5] = (lying[packet.upperOffset + 5] ?? 0) + 1
    refuses(() => decodeUdp(decodePacket(lying)), 'ERR_SCION_MALFORMED')
    const stump = encodePacket(packet, PROTOCOL.udp, packet.payload.subarray(0, 7))
    refuses(() => decodeUdp(decodePacket(stump)), 'ERR_SCION_TRUNCATED')
    refuses(() => decodeUdp({ ...packet, protocol: 202 }), 'ERR_SCION_UNSUPPORTED')
  })

  it('refuses ports out of range and payloads beyond 16 bits', () => {
    const packet = decodePacket(bytes(goldens[0]?.bytes ?? ''))
    const payload = new Uint8Array(0)
    refuses(() => encodeUdpPacket(packet, { sourcePort: 65536, destinationPort: 1, payload }))
    refuses(() => encodeUdpPacket(packet, { sourcePort: 1, destinationPort: -1, payload }))
    refuses(() => new UdpTemplate(packet, 1, 65536), 'ERR_SCION_TOO_LARGE')
    refuses(() => new UdpTemplate(packet, 1.5, 1), 'ERR_SCION_TOO_LARGE')
    const template = new UdpTemplate(packet, 1, 1)
    assert.equal(template.encode(new Uint8Array(65527)).length, template.overheadBytes + 65527)
    refuses(() => template.encode(new Uint8Array(65528)), 'ERR_SCION_TOO_LARGE')
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
