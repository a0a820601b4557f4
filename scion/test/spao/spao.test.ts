import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { parseHost } from '../../src/addr/host.ts'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { AesMac } from '../../src/crypto/cmac.ts'
import { encodeExtension } from '../../src/packet/extensions.ts'
import type { PacketFields } from '../../src/packet/packet.ts'
import { decodePacket } from '../../src/packet/packet.ts'
import { decodeUdp, encodeUdpPacket } from '../../src/packet/udp.ts'
import { EMPTY_PATH } from '../../src/path/dataplane.ts'
import {
  authenticatorOf,
  fillAuthenticator,
  verifyAuthenticator,
} from '../../src/spao/authenticate.ts'
import type { AuthenticatedParts } from '../../src/spao/mac-input.ts'
import { authenticatorInput } from '../../src/spao/mac-input.ts'
import {
  authenticatorOption,
  decodeAuthenticator,
  decodeSpi,
  encodeAuthenticator,
  encodeSpi,
} from '../../src/spao/option.ts'
import { SEEN_AUTHENTICATORS_MAX, SeenAuthenticators } from '../../src/spao/seen.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Golden {
  readonly name: string
  readonly spi: number
  readonly algorithm?: number
  readonly timestamp?: string
  readonly header: {
    version: number
    trafficClass: number
    flowId: number
    hdrLen: number
    pathType: number
    dstType: number
    srcType: number
    dstIA: string
    srcIA: string
    dstRaw: string
    srcRaw: string
    path: string
  }
  readonly upperProtocol: number
  readonly payload: string
  readonly macInput: string
  readonly mac: string
}

const golden = vectors<{
  key: string
  goldens: Golden[]
  derived: { cases: Golden[] }
}>('spao.json')
const TIMESTAMP = 6_618_611_909_121n
const KEY = new AesMac(bytes(golden.key))

function partsOf({ header, upperProtocol, payload }: Golden): AuthenticatedParts {
  const isdAses = new Uint8Array(16)
  new DataView(isdAses.buffer).setBigUint64(0, parseIsdAs(header.dstIA))
  new DataView(isdAses.buffer).setBigUint64(8, parseIsdAs(header.srcIA))
  return {
    headerWords: header.hdrLen,
    protocol: upperProtocol,
    firstWord: ((header.trafficClass << 20) | header.flowId) >>> 0,
    pathType: header.pathType,
    hostTypes: (header.dstType << 4) | header.srcType,
    isdAses,
    destinationHost: bytes(header.dstRaw),
    sourceHost: bytes(header.srcRaw),
    path: bytes(header.path),
    payload: bytes(payload),
  }
}

const SPI = encodeSpi({ kind: 'host-host', derivedBy: 'receiver', protocol: 10_000 })
const FIELDS: PacketFields = {
  trafficClass: 0,
  flowId: 7,
  destination: { isdAs: parseIsdAs('1-ff00:0:112'), host: parseHost('127.0.3.9') },
  source: { isdAs: parseIsdAs('1-ff00:0:111'), host: parseHost('127.0.2.9') },
  path: { type: 1, bytes: bytes(golden.goldens[1]?.header.path ?? '') },
}

function authenticated(fields = FIELDS, spi = SPI): Uint8Array {
  const packet = encodeUdpPacket(
    { ...fields, endToEnd: [authenticatorOption(spi, TIMESTAMP)] },
    { sourcePort: 31_100, destinationPort: 31_200, payload: Uint8Array.of(1, 2, 3) },
  )
  fillAuthenticator(packet, KEY)
  return packet
}

function check(packet: Uint8Array, key = KEY): void {
  const decoded = decodePacket(packet)
  const option = authenticatorOf(decoded) ?? assert.fail('no authenticator')
  verifyAuthenticator(decoded, option, key)
}

describe('the packet authenticator', () => {
  for (const one of [...golden.goldens, ...golden.derived.cases]) {
    it(`covers byte for byte what the reference covers: ${one.name}`, () => {
      const timestampNs = BigInt(one.timestamp ?? TIMESTAMP)
      const option = { spi: one.spi, algorithm: one.algorithm ?? 0, timestampNs }
      const input = authenticatorInput(partsOf(one), option)
      assert.equal(hex(input), one.macInput)
      assert.equal(hex(KEY.cmac(input)), one.mac)
    })
  }

  it('is written and read back, in 32 bytes with its header', () => {
    const option = encodeAuthenticator({
      spi: 0x0003_2710,
      algorithm: 0,
      timestampNs: 0x0605_0403_0201n,
      authenticator: new Uint8Array(16).fill(9),
    })
    assert.equal(hex(option.data), `000327100000060504030201${'09'.repeat(16)}`)
    assert.equal(encodeExtension(17, [option]).length, 32)
    assert.deepEqual(decodeAuthenticator(option).timestampNs, 0x0605_0403_0201n)
  })

  it('names keys in its SPI', () => {
    for (const kind of ['as-host', 'host-host'] as const) {
      for (const derivedBy of ['sender', 'receiver'] as const) {
        const key = { kind, derivedBy, protocol: 10_000 }
        assert.deepEqual(decodeSpi(encodeSpi(key)), key)
      }
    }
    assert.equal(decodeSpi(0), undefined)
    assert.equal(decodeSpi(1 << 21), undefined)
  })

  it('holds for the packet that was sent', () => {
    const packet = authenticated()
    check(packet)
    assert.deepEqual(decodeUdp(decodePacket(packet)).payload, Uint8Array.of(1, 2, 3))
    check(authenticated({ ...FIELDS, path: EMPTY_PATH }))
  })

  it('outlives what routers change, and nothing else', () => {
    const packet = authenticated()
    const { pathOffset } = decodePacket(packet)
    const mutable = new Set([pathOffset, pathOffset + 6, pathOffset + 7])
    for (const info of [1, 2]) mutable.add(pathOffset + 8 * info + 6).add(pathOffset + 8 * info + 7)
    for (const hop of [0, 1, 2]) mutable.add(pathOffset + 28 + 12 * hop)
    // Host-host keys stand for the addresses: another source has another key. The two top bits of
    // the traffic class are masked, and reserved bytes as well as NextHdr are not covered.
    const notCovered = new Set([0, 4, 6, 7, 10, 11])
    for (let at = 0; at < packet.length; at++) {
      const changed = packet.slice()
      changed[at] = (changed[at] ?? 0) ^ 1
      const inAddresses = at >= 12 && at < pathOffset
      // Extension and option header, then the SPI, which counts by the key that it names.
      const intoOptions = at - 4 * (packet[5] ?? 0)
      const inOptions = (intoOptions >= 0 && intoOptions < 8) || intoOptions === 9
      if (notCovered.has(at) || inAddresses || inOptions) {
        valueOrRefusal(() => authenticatorOf(decodePacket(changed)))
      } else if (mutable.has(at)) check(changed)
      else {
        refuses(() => {
          check(changed)
        })
      }
    }
  })

  it('is refused under another key, twice in a packet, of another kind or cut', () => {
    const packet = authenticated()
    refuses(() => {
      check(packet, new AesMac(new Uint8Array(16)))
    }, 'ERR_SCION_AUTHENTICITY')
    const twice = [authenticatorOption(SPI, 1n), authenticatorOption(SPI, 1n)]
    const datagram = { sourcePort: 1, destinationPort: 2, payload: new Uint8Array() }
    const double = encodeUdpPacket({ ...FIELDS, endToEnd: twice }, datagram)
    refuses(() => authenticatorOf(decodePacket(double)), 'ERR_SCION_MALFORMED')
    const short = { type: 2, data: new Uint8Array(11) }
    refuses(() => decodeAuthenticator(short), 'ERR_SCION_MALFORMED')
    const sha1 = encodeAuthenticator({
      spi: SPI,
      algorithm: 1,
      timestampNs: 0n,
      authenticator: new Uint8Array(36),
    })
    const other = encodeUdpPacket({ ...FIELDS, endToEnd: [sha1] }, datagram)
    refuses(() => {
      check(other)
    }, 'ERR_SCION_UNSUPPORTED')
    refuses(() => authenticatorOption(SPI, 1n << 48n), 'ERR_SCION_TOO_LARGE')
    const plain = encodeUdpPacket(FIELDS, datagram)
    assert.equal(authenticatorOf(decodePacket(plain)), undefined)
    refuses(() => {
      fillAuthenticator(plain, KEY)
    }, 'ERR_SCION_MALFORMED')
  })

  it('throws nothing but ScionError on paths of any bytes', () => {
    const header = golden.goldens[0] ?? assert.fail()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(5), (path, pathType) => {
        const parts = { ...partsOf(header), path, pathType }
        valueOrRefusal(() => authenticatorInput(parts, { spi: 1, algorithm: 0, timestampNs: 0n }))
      }),
    )
  })
})

describe('SeenAuthenticators', () => {
  const mac = (index: number): Uint8Array => Uint8Array.of(index >> 16, index >> 8, index)

  it('tells a repetition, of the same source only', () => {
    const seen = new SeenAuthenticators(1000, 0)
    assert.equal(seen.isNew('a', mac(1), 0), true)
    assert.equal(seen.isNew('a', mac(1), 1), false)
    assert.equal(seen.isNew('b', mac(1), 2), true)
    assert.equal(seen.isNew('a', mac(1), 999), false)
    assert.equal(seen.isNew('a', mac(1), 1500), false)
  })

  it('forgets what is stale, and holds no more than its limit', () => {
    const seen = new SeenAuthenticators(1000, 0)
    seen.isNew('a', mac(1), 0)
    seen.isNew('a', mac(2), 1000)
    assert.equal(seen.isNew('a', mac(1), 2000), true)
    for (let index = 0; index < 2 * SEEN_AUTHENTICATORS_MAX; index++) {
      seen.isNew('flood', mac(index), 2001)
    }
    assert.ok(seen.size <= SEEN_AUTHENTICATORS_MAX, String(seen.size))
  })
})
