import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  formatHost,
  formatService,
  hostLength,
  ipHost,
  isUnspecified,
  packHost,
  parseHost,
  parseIp,
  parseService,
  sameHost,
  serviceHost,
  unpackHost,
} from '../../src/addr/host.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { bytes, hex, vectors } from '../support/vectors.ts'

interface Vectors {
  readonly host: {
    valid: readonly {
      text: string
      type: string
      canonical: string
      wireType: number
      wire: string
      zone?: string
    }[]
    invalid: readonly string[]
  }
  readonly service: {
    invalid: readonly string[]
    format: readonly { value: number; want: string }[]
  }
}
interface FieldVectors {
  readonly hostAddress: {
    pack: readonly { host: string; type: number; raw: string }[]
    parse: readonly { type: number; raw: string; want: string }[]
    unknownTypesAreCarried: { cases: readonly { type: number; length: number }[] }
  }
}

const golden = vectors<Vectors>('addresses.json')
const fields = vectors<FieldVectors>('fields.json').hostAddress
const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 })

describe('HostAddress', () => {
  for (const { text, type, canonical, wireType, wire, zone } of golden.host.valid) {
    it(`reads ${JSON.stringify(text)}`, () => {
      const host = parseHost(text)
      assert.equal(host.type, type === 'svc' ? 'service' : type)
      assert.equal(formatHost(host), canonical)
      const packed = packHost(host)
      assert.equal(packed.typeLength, wireType)
      assert.equal(hex(packed.bytes), wire)
      assert.equal(host.type === 'ipv6' ? host.zone : undefined, zone)
    })
  }

  for (const text of golden.host.invalid) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      refuses(() => parseHost(text), 'ERR_SCION_ADDRESS')
    })
  }

  it('refuses what is no service, and writes services without a name as numbers', () => {
    for (const text of golden.service.invalid) refuses(() => parseService(text))
    for (const { value, want } of golden.service.format) assert.equal(formatService(value), want)
  })

  it('packs and unpacks the header fields of the reference', () => {
    for (const { host, type, raw } of fields.pack) {
      const packed = packHost(parseHost(host))
      assert.deepEqual([packed.typeLength, hex(packed.bytes)], [type, raw])
    }
    for (const { type, raw, want } of fields.parse) {
      const host = unpackHost(type, bytes(raw))
      if (want.startsWith('error')) assert.equal(host.type, 'opaque')
      else assert.equal(formatHost(host), want)
    }
  })

  it('carries host types that it does not know', () => {
    for (const { type, length } of fields.unknownTypesAreCarried.cases) {
      assert.equal(hostLength(type), length)
      const host = unpackHost(type, new Uint8Array(length).fill(7))
      assert.equal(host.type, 'opaque')
      assert.deepEqual(packHost(host), host)
      assert.match(formatHost(host), /^<type \d+: 0x(07)+>$/)
    }
    refuses(() => unpackHost(0, new Uint8Array(16)), 'ERR_SCION_MALFORMED')
  })

  it('takes an IPv4-mapped address in a packet for no host at all', () => {
    const mapped = bytes('00000000000000000000ffffc0000280')
    const host = unpackHost(3, mapped)
    assert.equal(host.type, 'opaque')
    assert.deepEqual(packHost(host).bytes, mapped)
  })

  it('brings every IP address through text and header fields', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (address) => {
        const host = ipHost(address)
        assert.ok(sameHost(parseIp(formatHost(host)), host))
        const packed = packHost(host)
        if (formatHost(host).includes('::ffff:')) return
        assert.ok(sameHost(unpackHost(packed.typeLength, packed.bytes), host))
      }),
    )
  })

  it('accepts exactly the IP addresses that the platform accepts', () => {
    const unit = fc.constantFrom('0', '1', '9', 'a', 'F', ':', '::', '.', '255', '256', 'ffff')
    const text = fc.string({ unit, maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(text, fc.ipV4(), fc.ipV6()), (candidate) => {
        const host = valueOrRefusal(() => parseIp(candidate))
        assert.equal(host?.type === 'ipv4', isIPv4(candidate), candidate)
        assert.equal(host?.type === 'ipv6', isIPv6(candidate), candidate)
      }),
      { numRuns: 2000 },
    )
  })

  it('tells hosts apart', () => {
    const one = parseHost('192.0.2.1')
    assert.ok(!sameHost(one, parseHost('192.0.2.2')))
    assert.ok(!sameHost(one, parseHost('::192.0.2.1')))
    assert.ok(!sameHost(one, serviceHost(2)))
    assert.ok(sameHost(serviceHost(2), parseHost('CS')))
    assert.ok(sameHost(parseHost('fe80::1%eth0'), parseHost('fe80::1%eth1')))
    assert.ok(!sameHost(unpackHost(8, bytes('01020304')), unpackHost(12, bytes('01020304'))))
    assert.ok(isUnspecified(parseHost('0.0.0.0')))
    assert.ok(isUnspecified(parseHost('::')))
    assert.ok(!isUnspecified(one))
    refuses(() => ipHost(new Uint8Array(5)), 'ERR_SCION_ADDRESS')
    refuses(() => parseIp('CS'), 'ERR_SCION_ADDRESS')
    refuses(() => parseIp('fe80::1%'), 'ERR_SCION_ADDRESS')
  })
})
