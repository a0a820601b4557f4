import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { packAddress } from '../../src/packet/header.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { decodePacket, encodePacket } from '../../src/packet/packet.ts'
import { PacketView } from '../../src/packet/view.ts'
import { packetFields } from '../support/arbitraries.ts'
import { wholePackets } from '../support/golden-packets.ts'
import { valueOrRefusal } from '../support/refusal.ts'
import { bytes } from '../support/vectors.ts'

function parts(packet: Packet): Record<string, unknown> {
  const { trafficClass, flowId, reserved, destination, source, path, payload } = packet
  const { hopByHop, endToEnd, protocol, pathOffset, upperOffset } = packet
  const header = { trafficClass, flowId, reserved, destination, source, path }
  return { ...header, payload, hopByHop, endToEnd, protocol, pathOffset, upperOffset }
}

describe('PacketView', () => {
  it('has the parts that a packet taken apart has, and makes each of them once', () => {
    for (const golden of wholePackets) {
      const raw = bytes(golden.bytes)
      const view = new PacketView(raw)
      assert.deepEqual(parts(view), parts(decodePacket(raw)), golden.id)
      assert.equal(view.source, view.source)
      assert.equal(view.payload, view.payload)
    }
  })

  it('knows whom it is for', () => {
    fc.assert(
      fc.property(packetFields, packetFields, (fields, other) => {
        const view = new PacketView(encodePacket(fields, 17, new Uint8Array(0)))
        assert.ok(view.isFor(packAddress(view.destination)))
        const isOther = view.destination.isdAs !== other.destination.isdAs
        if (isOther) assert.ok(!view.isFor(packAddress(other.destination)))
      }),
    )
  })

  it('tells hosts of one AS apart by their last byte and by their kind', () => {
    const raw = bytes(wholePackets[0]?.bytes ?? '')
    const view = new PacketView(raw)
    const own = packAddress(view.destination)
    for (const [index, word] of own.words.entries()) {
      assert.ok(!view.isFor({ ...own, words: own.words.with(index, word ^ 1) }))
    }
    assert.ok(!view.isFor({ ...own, typeLength: own.typeLength ^ 4 }))
  })

  it('refuses a golden packet that is cut anywhere', () => {
    const raw = bytes(wholePackets[0]?.bytes ?? '')
    for (let end = 0; end < raw.length; end++) {
      assert.equal(
        valueOrRefusal(() => new PacketView(raw.subarray(0, end))),
        undefined,
      )
    }
  })
})
