import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { ExtensionOption } from '../../src/packet/extensions.ts'
import { decodeExtension, encodeExtension } from '../../src/packet/extensions.ts'
import { optionsAt, skipExtensions } from '../../src/packet/extensions.ts'
import { decodePacket, encodePacket } from '../../src/packet/packet.ts'
import { PROTOCOL } from '../../src/packet/protocol.ts'
import type { OptionVector } from '../support/golden-packets.ts'
import { goldenPackets, optionsAsVector } from '../support/golden-packets.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface OptionInput {
  readonly type: number
  readonly align: string
  readonly data: string
}
interface Vectors {
  readonly options: Readonly<Record<string, OptionInput>>
  readonly serialise: readonly { options: readonly (string | OptionInput)[]; want: string }[]
  readonly headers: readonly { raw: string; nextHdr: number; options: readonly OptionVector[] }[]
  readonly authenticatorOption: { raw: string }
  readonly order: { cases: readonly { name: string; raw: string; want: string }[] }
}

const golden = vectors<Vectors>('extensions.json')

function option(input: string | OptionInput): ExtensionOption {
  const found = typeof input === 'string' ? golden.options[input] : input
  assert.ok(found)
  const [x = 1, y = 0] = found.align.split('n+').map(Number)
  return { type: found.type, data: bytes(found.data), align: [x, y] }
}

describe('extension header', () => {
  for (const { options, want } of golden.serialise) {
    it(`pads ${JSON.stringify(options)}`, () => {
      assert.equal(hex(encodeExtension(17, options.map(option)).subarray(2)), want)
    })
  }

  for (const { raw, nextHdr, options } of golden.headers) {
    it(`decodes and encodes ${raw.slice(0, 16)}…`, () => {
      const extension = decodeExtension(bytes(raw), 0, raw.length / 2)
      assert.equal(extension.nextHeader, nextHdr)
      assert.equal(extension.length, raw.length / 2)
      const want = options.map(({ type, data = '' }) => ({ type, data }))
      assert.deepEqual(optionsAsVector(extension.options), want)
      assert.equal(hex(encodeExtension(nextHdr, extension.options)), raw)
    })
  }

  it('carries the authenticator option unchanged', () => {
    const raw = bytes(golden.authenticatorOption.raw)
    const { options } = decodeExtension(raw, 0, raw.length)
    assert.deepEqual(
      options.map(({ type, data }) => [type, data.length]),
      [[2, 28]],
    )
    assert.equal(hex(encodeExtension(17, options)), golden.authenticatorOption.raw)
  })

  it('reads the headers of another implementation', () => {
    const { bytes: raw, decoded } = goldenPackets.extensionHeaders
    // As behind a header: 0 stands for no extension header.
    const behind = Uint8Array.from([0, 0, 0, 0, ...bytes(raw)])
    const found = skipExtensions(behind, 4, behind.length, PROTOCOL.hopByHop)
    const want = (options: readonly OptionVector[]): readonly object[] =>
      options.map(({ type, data = '' }) => ({ type, data }))
    const [hopByHop, endToEnd] = [found.hopByHopAt, found.endToEndAt].map((at) => optionsAt(behind, at)) // prettier-ignore
    assert.deepEqual(optionsAsVector(hopByHop ?? []), want(decoded.hbh.options))
    assert.deepEqual(optionsAsVector(endToEnd ?? []), want(decoded.e2e.options))
    assert.equal(raw.slice(2 * (found.at - 4)), decoded.udpRaw)
  })

  for (const { name, raw, want } of golden.order.cases) {
    it(`${want === 'ok' ? 'takes' : 'refuses'} the order ${name}`, () => {
      // The goldens leave PayloadLen open; a host insists on it.
      const packet = bytes(raw)
      const payloadBytes = packet.length - 4 * (packet[5] ?? 0)
      packet.set([payloadBytes >> 8, payloadBytes], 6)
      if (want !== 'ok') {
        refuses(() => decodePacket(packet), 'ERR_SCION_MALFORMED')
        return
      }
      const decoded = decodePacket(packet)
      assert.equal(decoded.payload.length, 9)
      assert.equal(hex(encodePacket(decoded, decoded.protocol, decoded.payload)), hex(packet))
    })
  }

  it('refuses an option or a header that runs over its end', () => {
    refuses(() => decodeExtension(bytes('1100'), 0, 2), 'ERR_SCION_TRUNCATED')
    refuses(() => decodeExtension(bytes('11010000'), 0, 4), 'ERR_SCION_TRUNCATED')
    refuses(() => decodeExtension(bytes('11000201'), 0, 4), 'ERR_SCION_MALFORMED')
    refuses(() => decodeExtension(bytes('11000002'), 0, 4), 'ERR_SCION_MALFORMED')
  })

  it('refuses to encode what does not fit', () => {
    const data = new Uint8Array(256)
    refuses(() => encodeExtension(17, [{ type: 3, data }]), 'ERR_SCION_TOO_LARGE')
    refuses(() => encodeExtension(17, [{ type: 256, data: data.subarray(0, 1) }]))
    refuses(() => encodeExtension(17, [{ type: 0, data: data.subarray(0, 1) }]))
    refuses(() => encodeExtension(256, []), 'ERR_SCION_TOO_LARGE')
    const big = { type: 3, data: data.subarray(1) }
    refuses(() => encodeExtension(17, [big, big, big, big]), 'ERR_SCION_TOO_LARGE')
    for (const align of [
      [0, 0],
      [4, 4],
      [128, 0],
      [1.5, 0],
    ] as const) {
      refuses(() => encodeExtension(17, [{ type: 3, data: data.subarray(250), align }]))
    }
  })

  it('puts every option where its alignment says', () => {
    const anyOption = fc
      .tuple(fc.integer({ min: 2, max: 255 }), fc.uint8Array({ maxLength: 20 }), fc.nat(7))
      .map(([type, data, y]) => ({ type, data, align: [8, y] as const }))
    fc.assert(
      fc.property(fc.array(anyOption, { maxLength: 6 }), (options) => {
        const raw = encodeExtension(17, options)
        assert.equal(raw.length % 4, 0)
        const found = decodeExtension(raw, 0, raw.length).options.filter(({ type }) => type > 1)
        assert.deepEqual(
          found,
          options.map(({ type, data }) => ({ type, data })),
        )
        for (const [index, { data }] of found.entries()) {
          const start = data.byteOffset - raw.byteOffset - 2
          assert.equal(start % 8, options[index]?.align[1])
        }
      }),
    )
  })

  it('throws nothing but ScionError, and encodes again what it took', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), fc.nat(5), (noise, words) => {
        const raw = Uint8Array.of(17, words, ...noise)
        const extension = valueOrRefusal(() => decodeExtension(raw, 0, raw.length))
        if (extension === undefined) return
        const again = encodeExtension(17, extension.options)
        assert.equal(hex(again), hex(raw.subarray(0, extension.length)))
      }),
      { numRuns: 3000 },
    )
  })
})
