import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  formatAddress,
  formatEndpoint,
  parseAddress,
  parseEndpoint,
  sameEndpoint,
} from '../../src/addr/endpoint.ts'
import { formatHost, ipHost, parseHost } from '../../src/addr/host.ts'
import { formatIsdAs, isdAsOf, parseIsdAs } from '../../src/addr/isd-as.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { vectors } from '../support/vectors.ts'

interface Want {
  readonly ia: string
  readonly host: string
  readonly port: number
  readonly zone?: string
}
interface Endpoints {
  readonly valid: readonly { text: string; want: Want; canonical: string }[]
  readonly invalid: readonly string[]
}
interface Vectors {
  readonly address: {
    valid: readonly { text: string; want: Omit<Want, 'port'> }[]
    invalid: readonly string[]
  }
  readonly endpoint: {
    bracketForm: Endpoints
    legacyAndBracketForm: Endpoints
    format: readonly (Want & { want: string })[]
    otherImplementation: { accepts: readonly { text: string }[]; refuses: readonly string[] }
  }
}

const golden = vectors<Vectors>('addresses.json')
const { bracketForm, legacyAndBracketForm, otherImplementation } = golden.endpoint

describe('endpoint', () => {
  for (const { text, want } of golden.address.valid) {
    it(`reads the address ${text}`, () => {
      const address = parseAddress(text)
      assert.equal(formatIsdAs(address.isdAs), want.ia)
      assert.equal(formatHost(address.host), want.host)
      assert.equal(formatAddress(address), text)
    })
  }

  for (const { text, want, canonical } of [...bracketForm.valid, ...legacyAndBracketForm.valid]) {
    it(`reads ${text}`, () => {
      const endpoint = parseEndpoint(text)
      assert.equal(formatIsdAs(endpoint.isdAs), want.ia)
      const zone = want.zone === undefined ? '' : `%${want.zone}`
      assert.equal(formatHost(endpoint.host), want.host + zone)
      assert.equal(endpoint.port, want.port)
      assert.equal(formatEndpoint(endpoint), canonical)
    })
  }

  for (const text of golden.address.invalid) {
    it(`refuses the address ${JSON.stringify(text)}`, () => {
      refuses(() => parseAddress(text), 'ERR_SCION_ADDRESS')
    })
  }

  // Everything that only one of the two other implementations takes is refused here.
  const invalid = [
    ...bracketForm.invalid,
    ...legacyAndBracketForm.invalid,
    ...otherImplementation.refuses,
    ...otherImplementation.accepts.map(({ text }) => text).filter((text) => text.startsWith('[')),
  ]
  for (const text of new Set(invalid)) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      refuses(() => parseEndpoint(text), 'ERR_SCION_ADDRESS')
    })
  }

  it('writes the bracket form', () => {
    for (const { ia, host, zone, port, want } of golden.endpoint.format) {
      const text = zone === undefined ? host : `${host}%${zone}`
      const endpoint = { isdAs: parseIsdAs(ia), host: parseHost(text), port }
      assert.equal(formatEndpoint(endpoint), want)
      assert.ok(sameEndpoint(parseEndpoint(want), endpoint))
    }
  })

  it('takes a bare IPv6 address for a host, never for a host and a port', () => {
    assert.equal(formatEndpoint(parseEndpoint('1-ff00:0:1,::1:80')), '[1-ff00:0:1,::1:80]:0')
  })

  it('survives the way through text', () => {
    const host = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    const any = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), host, fc.nat(65535))
    fc.assert(
      fc.property(any, ([ia, address, port]) => {
        const endpoint = { isdAs: isdAsOf(ia), host: ipHost(address), port }
        assert.ok(sameEndpoint(parseEndpoint(formatEndpoint(endpoint)), endpoint))
      }),
    )
  })

  it('throws nothing but ScionError on arbitrary text', () => {
    const unit = fc.constantFrom(
      '1-ff00:0:1',
      ',',
      '[',
      ']',
      ':',
      '80',
      '::1',
      '%',
      'CS',
      '1.2.3.4',
    )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit, maxLength: 9 }), fc.string()), (text) => {
        const endpoint = valueOrRefusal(() => parseEndpoint(text))
        if (endpoint === undefined) return
        assert.ok(sameEndpoint(parseEndpoint(formatEndpoint(endpoint)), endpoint))
      }),
      { numRuns: 2000 },
    )
  })
})
