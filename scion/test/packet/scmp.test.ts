import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { formatIsdAs } from '../../src/addr/isd-as.ts'
import { upperLayerChecksum } from '../../src/packet/checksum.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { decodeQuote } from '../../src/packet/quote.ts'
import type { ScmpMessage } from '../../src/packet/scmp.ts'
import { isScmpError, scmpName, scmpTypeNumber } from '../../src/packet/scmp.ts'
import {
  SCMP_ERROR_PACKET_BYTES_MAX,
  decodeScmp,
  decodeScmpMessage,
  encodeScmpMessage,
  encodeScmpPacket,
} from '../../src/packet/scmp-codec.ts'
import { encodeUdpPacket } from '../../src/packet/udp.ts'
import { packetFields, scmpMessage } from '../support/arbitraries.ts'
import type { ScmpVector } from '../support/golden-packets.ts'
import { goldenPackets, wholePackets } from '../support/golden-packets.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Vectors {
  readonly addressHeader: { raw: string }
  readonly protocol: number
  readonly messages: readonly { name: string; raw: string; decoded: ScmpVector }[]
  readonly headerOnly: readonly { raw: string; checksum?: number }[]
  readonly errors: readonly { raw?: string; type?: number; message?: string; want: string }[]
  readonly tolerated: readonly { type: number; message: string }[]
  readonly strings: readonly { type: number; code: number; want: string }[]
  readonly typesAndCodes: Readonly<
    Record<string, { name: string; codes?: Readonly<Record<string, string>> }>
  >
}

const golden = vectors<Vectors>('scmp.json')
const goldens = goldenPackets.packets.filter(({ decoded }) => decoded.scmp !== undefined)

/** A message in the words of the vectors, without its checksum. */
function asVector(message: ScmpMessage): Record<string, unknown> {
  const common = { type: scmpTypeNumber(message), code: message.code }
  const tail = isScmpError(message) ? { quote: hex(message.quote) } : { data: hex(message.data) }
  switch (message.type) {
    case 'destination-unreachable':
      return { ...common, ...tail, reserved: 0 }
    case 'packet-too-big':
      return { ...common, ...tail, mtu: message.mtu }
    case 'parameter-problem':
      return { ...common, ...tail, pointer: message.pointer }
    case 'external-interface-down': {
      const { isdAs, interfaceId } = message
      return { ...common, ...tail, ia: formatIsdAs(isdAs), ifId: String(interfaceId) }
    }
    case 'internal-connectivity-down': {
      const { isdAs, ingressId, egressId } = message
      const ids = { ingress: String(ingressId), egress: String(egressId) }
      return { ...common, ...tail, ia: formatIsdAs(isdAs), ...ids }
    }
    case 'echo-request':
    case 'echo-reply':
      return { ...common, ...tail, identifier: message.identifier, sequence: message.sequence }
    case 'traceroute-request':
    case 'traceroute-reply': {
      const { identifier, sequence, isdAs, interfaceId } = message
      const who = { ia: formatIsdAs(isdAs), ifId: String(interfaceId) }
      return { ...common, ...tail, identifier, sequence, ...who }
    }
    case 'unknown-error':
      return { ...common, payload: message.word.toString(16).padStart(8, '0') + hex(message.quote) }
    case 'unknown-information':
      return { ...common, payload: hex(message.data) }
  }
}

function withoutChecksum(vector: ScmpVector): object {
  return Object.fromEntries(Object.entries(vector).filter(([name]) => name !== 'checksum'))
}

describe('SCMP', () => {
  for (const { name, raw, decoded } of golden.messages) {
    it(`decodes and encodes ${name}`, () => {
      const message = decodeScmpMessage(bytes(raw))
      assert.deepEqual(asVector(message), withoutChecksum(decoded))
      const encoded = encodeScmpMessage(message)
      const addresses = bytes(golden.addressHeader.raw)
      const checksum = upperLayerChecksum(addresses, golden.protocol, encoded)
      assert.equal(checksum, decoded.checksum)
      encoded.set([checksum >> 8, checksum], 2)
      assert.equal(hex(encoded), raw)
    })
  }

  for (const { id, bytes: raw, decoded } of goldens) {
    it(`finds the message in ${id}`, () => {
      const { scmp, checksumValid, checksumIfFilled } = decoded
      assert.ok(scmp)
      const packet = decodePacket(bytes(raw))
      const message = decodeScmpMessage(packet.payload)
      assert.deepEqual(asVector(message), withoutChecksum(scmp))
      const filled = encodeScmpPacket(packet, message)
      if (checksumValid === true) {
        assert.deepEqual(decodeScmp(packet), message)
        assert.equal(hex(filled), raw)
      } else {
        refuses(() => decodeScmp(packet), 'ERR_SCION_CHECKSUM')
        const at = filled.length - packet.payload.length + 2
        assert.equal(((filled[at] ?? 0) << 8) | (filled[at + 1] ?? 0), checksumIfFilled)
      }
    })
  }

  it('sums a bare header as the reference does', () => {
    const addresses = bytes(golden.addressHeader.raw)
    const bare = golden.headerOnly.filter(({ checksum }) => checksum !== undefined)
    assert.equal(bare.length, 1)
    for (const { raw, checksum } of bare) {
      assert.equal(upperLayerChecksum(addresses, 202, bytes(raw)), checksum)
    }
  })

  for (const { raw, type, message, want } of golden.errors) {
    it(`refuses: ${want}`, () => {
      const header = type === undefined ? '' : `${type.toString(16).padStart(2, '0')}000000`
      refuses(
        () => decodeScmpMessage(bytes(raw ?? header + (message ?? ''))),
        'ERR_SCION_TRUNCATED',
      )
    })
  }

  it('ignores what the unused field of "destination unreachable" holds', () => {
    for (const { message } of golden.tolerated) {
      assert.equal(decodeScmpMessage(bytes(`01000000${message}`)).type, 'destination-unreachable')
    }
  })

  it('names types and codes like the reference', () => {
    for (const { type, code, want } of golden.strings) assert.equal(scmpName(type, code), want)
    for (const [type, { name, codes }] of Object.entries(golden.typesAndCodes)) {
      if (codes === undefined) assert.equal(scmpName(Number(type), 0), name)
      for (const [code, word] of Object.entries(codes ?? {})) {
        assert.equal(scmpName(Number(type), Number(code)), `${name}(${word})`)
      }
    }
  })

  it('survives the way through bytes', () => {
    fc.assert(
      fc.property(packetFields, scmpMessage, (fields, message) => {
        const raw = encodeScmpPacket(fields, message)
        assert.deepEqual(decodeScmp(decodePacket(raw)), message)
      }),
    )
  })

  it('cuts the quote of an error to 1232 bytes, and the data of an answer never', () => {
    const [first] = goldens
    assert.ok(first)
    const fields = decodePacket(bytes(first.bytes))
    const long = new Uint8Array(1300).fill(7)
    const error = { type: 'packet-too-big', code: 0, mtu: 1280, quote: long } as const
    const packet = encodeScmpPacket(fields, error)
    assert.equal(packet.length, SCMP_ERROR_PACKET_BYTES_MAX)
    const message = decodeScmp(decodePacket(packet))
    assert.ok(message.type === 'packet-too-big' && message.mtu === 1280)
    assert.ok(message.quote.every((byte) => byte === 7))
    const echo = { type: 'echo-reply', code: 0, identifier: 1, sequence: 1, data: long } as const
    assert.ok(encodeScmpPacket(fields, echo).length > 1300)
  })

  it('refuses an interface number that no double holds, and a type that denies its kind', () => {
    const down = '05000000' + '0001ff0000000111' + 'ffffffffffffffff'
    refuses(() => decodeScmpMessage(bytes(down)), 'ERR_SCION_MALFORMED')
    const empty = new Uint8Array(0)
    const odd = { type: 'unknown-error', typeNumber: 200, code: 0, word: 0, quote: empty } as const
    refuses(() => encodeScmpMessage(odd), 'ERR_SCION_MALFORMED')
    const other = { type: 'unknown-information', typeNumber: 7, code: 0, data: empty } as const
    refuses(() => encodeScmpMessage(other), 'ERR_SCION_MALFORMED')
    const packet = decodePacket(bytes(goldenPackets.packets[0]?.bytes ?? ''))
    refuses(() => decodeScmp(packet), 'ERR_SCION_UNSUPPORTED')
  })

  it('throws nothing but ScionError on arbitrary bytes', () => {
    const type = fc.constantFrom(0, 1, 2, 4, 5, 6, 100, 128, 129, 130, 131, 200)
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 40 }), (first, rest) => {
        valueOrRefusal(() => decodeScmpMessage(Uint8Array.of(first, ...rest)))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('quote', () => {
  const udp = goldenPackets.packets.find(({ id }) => id === 'scion-udp-extn')
  const fields = decodePacket(bytes(udp?.bytes ?? ''))
  const payload = new Uint8Array(20).fill(9)
  const quoted = encodeUdpPacket(fields, { sourcePort: 31100, destinationPort: 80, payload })

  it('names the socket that sent the quoted datagram, wherever behind the ports it is cut', () => {
    const upperOffset = quoted.length - payload.length - 8
    for (let length = upperOffset + 8; length <= quoted.length; length++) {
      const quote = decodeQuote(quoted.subarray(0, length))
      assert.deepEqual(quote.upper, { type: 'udp', sourcePort: 31100, destinationPort: 80 })
      assert.equal(quote.payload.length, length - upperOffset)
      assert.deepEqual(quote.header.source, fields.source)
    }
    const cut = decodeQuote(quoted.subarray(0, upperOffset + 7))
    assert.equal(cut.upper, undefined)
    assert.equal(cut.protocol, 17)
  })

  it('names the identifier of a quoted echo or traceroute request, and of nothing else', () => {
    const data = new Uint8Array(0)
    const echo = { type: 'echo-request', code: 0, identifier: 31100, sequence: 5, data } as const
    const request = { identifier: 31100, sequence: 5 }
    assert.deepEqual(decodeQuote(encodeScmpPacket(fields, echo)).upper, {
      type: 'scmp',
      typeNumber: 128,
      request,
    })
    const reply = encodeScmpPacket(fields, { ...echo, type: 'echo-reply' })
    assert.deepEqual(decodeQuote(reply).upper, { type: 'scmp', typeNumber: 129 })
  })

  it('is refused when its header is incomplete', () => {
    refuses(() => decodeQuote(quoted.subarray(0, 100)), 'ERR_SCION_TRUNCATED')
    refuses(() => decodeQuote(new Uint8Array(0)), 'ERR_SCION_TRUNCATED')
  })

  it('does not look behind the end that the quoted header announces', () => {
    const quote = decodeQuote(Uint8Array.of(...quoted, 1, 2, 3))
    assert.equal(quote.payload.length, payload.length + 8)
  })

  it('reads packets that were cut behind their headers', () => {
    const cut = goldenPackets.packets.filter((packet) => !wholePackets.includes(packet))
    assert.equal(cut.length, 2)
    for (const { bytes: raw, decoded } of cut) {
      const { udp } = decoded
      const upper = { type: 'udp', sourcePort: udp?.srcPort, destinationPort: udp?.dstPort }
      assert.deepEqual(decodeQuote(bytes(raw)).upper, upper)
      refuses(() => decodePacket(bytes(raw)), 'ERR_SCION_TRUNCATED')
    }
  })

  it('reads every quote of the goldens', () => {
    for (const { decoded } of goldens) {
      const { quote } = decoded.scmp ?? {}
      if (quote === undefined || /^f*$/.test(quote)) continue
      assert.equal(decodeQuote(bytes(quote)).upper?.type, 'udp')
    }
  })
})
