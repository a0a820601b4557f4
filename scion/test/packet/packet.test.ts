import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { ipHost, parseHost } from '../../src/addr/host.ts'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { COMMON_HEADER_BYTES, prepareHeader } from '../../src/packet/header.ts'
import type { Packet, PacketFields } from '../../src/packet/packet.ts'
import { decodePacket, encodePacket } from '../../src/packet/packet.ts'
import { PROTOCOL } from '../../src/packet/protocol.ts'
import { decodeQuote } from '../../src/packet/quote.ts'
import { decodeScmp } from '../../src/packet/scmp-codec.ts'
import { decodeUdp } from '../../src/packet/udp.ts'
import { pathExpiryMs } from '../../src/path/expiry.ts'
import { replyPath } from '../../src/path/reverse.ts'
import { packetFields } from '../support/arbitraries.ts'
import { asVector, goldenPackets, wanted, wholePackets } from '../support/golden-packets.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

const fields: PacketFields = {
  trafficClass: 0,
  flowId: 1,
  destination: { isdAs: parseIsdAs('1-ff00:0:111'), host: parseHost('2001:db8::68') },
  source: { isdAs: parseIsdAs('1-ff00:0:110'), host: parseHost('10.0.0.100') },
  path: { type: 1, bytes: new Uint8Array(36) },
}

function encodeAgain(packet: Packet): Uint8Array {
  return encodePacket(packet, packet.protocol, packet.payload)
}

/** Everything that a host does with a packet from the network. */
function handle(raw: Uint8Array): void {
  const packet = valueOrRefusal(() => decodePacket(raw))
  if (packet === undefined) return
  valueOrRefusal(() => decodeUdp(packet))
  const message = valueOrRefusal(() => decodeScmp(packet))
  if (message !== undefined && 'quote' in message) {
    valueOrRefusal(() => decodeQuote(message.quote))
  }
  valueOrRefusal(() => replyPath(packet.path))
  valueOrRefusal(() => pathExpiryMs(packet.path))
}

describe('packet', () => {
  for (const golden of wholePackets) {
    it(`decodes and encodes ${golden.id}`, () => {
      const packet = decodePacket(bytes(golden.bytes))
      assert.deepEqual(asVector(packet), wanted(golden))
      const { l4Payload, l4PayloadLength, l4Raw, udp } = golden.decoded
      const behindHeader = udp === undefined ? packet.payload : packet.payload.subarray(8)
      if (l4Payload !== undefined) assert.equal(hex(behindHeader), l4Payload)
      if (l4PayloadLength !== undefined) assert.equal(behindHeader.length, l4PayloadLength)
      if (l4Raw !== undefined) assert.equal(hex(packet.payload), l4Raw)
      assert.equal(hex(encodeAgain(packet)), golden.bytes)
    })
  }

  it('refuses the packets that another implementation calls faulty, or finds no host in them', () => {
    const [shortHeader, unknownService, badPath] = goldenPackets.faulty.map((one) =>
      bytes(one.bytes),
    )
    assert.ok(shortHeader && unknownService && badPath)
    refuses(() => decodePacket(shortHeader), 'ERR_SCION_MALFORMED')
    assert.equal(decodePacket(unknownService).destination.host.type, 'opaque')
    refuses(() => replyPath(decodePacket(badPath).path), 'ERR_SCION_MALFORMED')
  })

  it('keeps to the longest header that HdrLen can express', () => {
    const { headerLength } = vectors<{
      headerLength: { cases: readonly { name: string; pathLength: number; want: string }[] }
    }>('fields.json')
    for (const { pathLength, want } of headerLength.cases) {
      const path = { type: 1, bytes: new Uint8Array(pathLength) }
      if (want === 'ok') assert.equal(prepareHeader({ ...fields, path }).length, 48 + pathLength)
      else refuses(() => prepareHeader({ ...fields, path }))
    }
  })

  it('refuses a version from the future', () => {
    const raw = bytes(goldenPackets.packets[0]?.bytes ?? '')
    raw[0] = 0x10
    refuses(() => decodePacket(raw), 'ERR_SCION_UNSUPPORTED')
  })

  it('refuses a packet cut anywhere, and one with a byte too many', () => {
    for (const { bytes: golden } of wholePackets) {
      const raw = bytes(golden)
      for (let length = 0; length < Math.min(raw.length, 200); length++) {
        refuses(() => decodePacket(raw.subarray(0, length)), 'ERR_SCION_TRUNCATED')
      }
      refuses(() => decodePacket(Uint8Array.of(...raw, 0)), 'ERR_SCION_MALFORMED')
    }
  })

  it('refuses a HdrLen or PayloadLen that is wrong by any amount', () => {
    const raw = bytes(goldenPackets.packets[1]?.bytes ?? '')
    for (let value = 0; value < 256; value++) {
      for (const at of [5, 7]) {
        const changed = raw.slice()
        if (changed[at] === value) continue
        changed[at] = value
        refuses(() => decodePacket(changed))
      }
    }
  })

  it('refuses to encode fields that do not fit', () => {
    const encode = (wrong: Partial<PacketFields>) => () =>
      encodePacket({ ...fields, ...wrong }, 17, new Uint8Array(8))
    refuses(encode({ flowId: 2 ** 20 }), 'ERR_SCION_TOO_LARGE')
    refuses(encode({ trafficClass: -1 }), 'ERR_SCION_TOO_LARGE')
    refuses(encode({ reserved: 65536 }), 'ERR_SCION_TOO_LARGE')
    refuses(encode({ path: { type: 256, bytes: new Uint8Array(0) } }), 'ERR_SCION_TOO_LARGE')
    refuses(() => encodePacket(fields, 256, new Uint8Array(0)), 'ERR_SCION_TOO_LARGE')
    refuses(() => encodePacket(fields, 17, new Uint8Array(65536)), 'ERR_SCION_TOO_LARGE')
  })

  it('aliases its input instead of copying', () => {
    const raw = encodePacket(fields, PROTOCOL.udp, Uint8Array.of(1, 2, 3, 4))
    const { payload, path, source } = decodePacket(raw)
    assert.equal(payload.buffer, raw.buffer)
    assert.equal(path.bytes.buffer, raw.buffer)
    assert.ok(source.host.type === 'ipv4' && source.host.bytes.buffer === raw.buffer)
  })

  it('sends an IPv4-mapped host as IPv4', () => {
    const destination = { ...fields.destination, host: parseHost('::ffff:192.0.2.1') }
    const packet = decodePacket(encodePacket({ ...fields, destination }, 17, new Uint8Array(0)))
    assert.deepEqual(packet.destination.host, ipHost(Uint8Array.of(192, 0, 2, 1)))
  })

  it('survives the way through bytes', () => {
    fc.assert(
      fc.property(
        packetFields,
        fc.constantFrom(6, 17, 202, 203, 253),
        fc.uint8Array({ maxLength: 100 }),
        (model, protocol, payload) => {
          const raw = encodePacket(model, protocol, payload)
          const packet = decodePacket(raw)
          for (const key of ['trafficClass', 'flowId', 'destination', 'source', 'path'] as const) {
            assert.deepEqual(packet[key], model[key])
          }
          assert.equal(packet.reserved, model.reserved)
          assert.equal(packet.protocol, protocol)
          assert.deepEqual(packet.payload, payload)
          for (const key of ['hopByHop', 'endToEnd'] as const) {
            assert.deepEqual(
              packet[key]?.filter(({ type }) => type > 1),
              model[key],
            )
          }
          assert.equal(hex(encodeAgain(packet)), hex(raw))
        },
      ),
    )
  })
})

describe('hostile packets', () => {
  const seeds = vectors<{ packets: readonly string[] }>('fuzz-seeds.json').packets.map((text) =>
    Uint8Array.from(Buffer.from(text, 'base64')),
  )

  it('serialises every fuzz seed that it accepts to the same bytes', () => {
    assert.equal(seeds.length, 567)
    let accepted = 0
    for (const seed of seeds) {
      const packet = valueOrRefusal(() => decodePacket(seed))
      if (packet === undefined) continue
      accepted++
      assert.equal(hex(encodeAgain(packet)), hex(seed))
    }
    assert.ok(accepted > 100, `only ${accepted} of ${seeds.length} seeds are packets`)
  })

  it('throws nothing but ScionError on fuzz seeds, cut and flipped', () => {
    for (const seed of seeds) {
      handle(seed)
      for (let length = 0; length < seed.length; length += 7) handle(seed.subarray(0, length))
    }
    const mutation = fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.integer({ min: 1, max: 255 }))
    fc.assert(
      fc.property(mutation, ([seed, at, flip]) => {
        const changed = seed.slice()
        const index = at % Math.max(1, changed.length)
        changed[index] = (changed[index] ?? 0) ^ flip
        handle(changed)
      }),
      { numRuns: 5000 },
    )
  })

  it('throws nothing but ScionError on bytes in the shape of a packet', () => {
    const golden = goldenPackets.packets.map((one) => bytes(one.bytes).subarray(0, 200))
    const shaped = fc
      .tuple(fc.constantFrom(...golden), fc.uint8Array({ maxLength: 120 }), fc.nat(60))
      .map(([packet, noise, at]) => {
        const raw = packet.slice()
        raw.set(noise.subarray(0, Math.max(0, raw.length - at)), Math.min(at, raw.length))
        // Lengths that fit get the noise past the first checks.
        const headerBytes = 4 * (raw[5] ?? 0)
        if (headerBytes < raw.length) {
          raw[6] = (raw.length - headerBytes) >> 8
          raw[7] = raw.length - headerBytes
        }
        return raw
      })
    fc.assert(fc.property(fc.oneof(shaped, fc.uint8Array({ maxLength: 60 })), handle), {
      numRuns: 5000,
    })
  })

  it('needs no more than the common header to refuse a stump', () => {
    refuses(() => decodePacket(new Uint8Array(COMMON_HEADER_BYTES - 1)), 'ERR_SCION_TRUNCATED')
  })
})
