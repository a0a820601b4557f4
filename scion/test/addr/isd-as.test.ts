import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import {
  asOf,
  formatAs,
  formatIsdAs,
  formatIsdAsFile,
  isWildcard,
  isdAs,
  isdAsOf,
  isdOf,
  matchesIsdAs,
  parseAs,
  parseIsd,
  parseIsdAs,
  parseIsdAsFile,
  wildcardOf,
} from '../../src/addr/isd-as.ts'
import { refuses, valueOrRefusal } from '../support/refusal.ts'
import { vectors } from '../support/vectors.ts'

interface Spelling {
  readonly separator?: string
  readonly prefix?: boolean
}
interface Vectors {
  readonly isd: readonly { text: string; want: number | null }[]
  readonly as: readonly { text: string; want: string | null; canonical?: string }[]
  readonly isdAs: readonly {
    text: string
    want: { isd: number; as: string; value: string; wire: string } | null
    canonical?: string
  }[]
  readonly isdAsExtra: { cases: readonly { text: string; canonical: string | null }[] }
  readonly formatAs: readonly { as: string; want: string }[]
  readonly formatIsdAs: readonly { isd: number; as: string; want: string }[]
  readonly fileFormat: {
    formatAs: readonly ({ as: string; want: string } & Spelling)[]
    parseAs: readonly ({ text: string; want: string | null } & Spelling)[]
    parseIsd: readonly ({ text: string; want: number | null } & Spelling)[]
  }
}

const golden = vectors<Vectors>('addresses.json')

describe('IsdAs', () => {
  for (const { text, want } of golden.isd) {
    it(`reads the ISD ${JSON.stringify(text)} as the reference does`, () => {
      if (want === null) refuses(() => parseIsd(text), 'ERR_SCION_ADDRESS')
      else assert.equal(parseIsd(text), want)
    })
  }

  for (const { text, want, canonical } of golden.as) {
    it(`reads the AS ${JSON.stringify(text)} as the reference does`, () => {
      if (want === null) refuses(() => parseAs(text), 'ERR_SCION_ADDRESS')
      else {
        assert.equal(parseAs(text), Number(want))
        assert.equal(formatAs(parseAs(text)), canonical)
      }
    })
  }

  for (const { text, want, canonical } of golden.isdAs) {
    it(`reads ${JSON.stringify(text)} as the reference does`, () => {
      if (want === null) {
        refuses(() => parseIsdAs(text), 'ERR_SCION_ADDRESS')
        return
      }
      const ia = parseIsdAs(text)
      assert.equal(ia, BigInt(want.value))
      assert.equal(ia, BigInt(`0x${want.wire}`))
      assert.equal(isdOf(ia), want.isd)
      assert.equal(asOf(ia), Number(want.as))
      assert.equal(formatIsdAs(ia), canonical)
    })
  }

  for (const { text, canonical } of golden.isdAsExtra.cases) {
    it(`treats the odd form ${JSON.stringify(text)} as the grammar says`, () => {
      if (canonical === null) refuses(() => parseIsdAs(text), 'ERR_SCION_ADDRESS')
      else assert.equal(formatIsdAs(parseIsdAs(text)), canonical)
    })
  }

  it('writes AS and ISD-AS in canonical form', () => {
    for (const { as, want } of golden.formatAs) assert.equal(formatAs(Number(as)), want)
    for (const { isd, as, want } of golden.formatIsdAs) {
      assert.equal(formatIsdAs(isdAs(isd, Number(as))), want)
    }
  })

  it('knows the spellings of file names', () => {
    for (const { as, want, ...spelling } of golden.fileFormat.formatAs) {
      assert.equal(formatAs(Number(as), spelling), want)
    }
    for (const { text, want, ...spelling } of golden.fileFormat.parseAs) {
      if (want === null) refuses(() => parseAs(text, spelling), 'ERR_SCION_ADDRESS')
      else assert.equal(parseAs(text, spelling), Number(want))
    }
    for (const { text, want, ...spelling } of golden.fileFormat.parseIsd) {
      if (want === null) refuses(() => parseIsd(text, spelling), 'ERR_SCION_ADDRESS')
      else assert.equal(parseIsd(text, spelling), want)
    }
    const ia = parseIsdAs('1-ff00:0:110')
    assert.equal(formatIsdAsFile(ia), 'ISD1-ASff00_0_110')
    assert.equal(parseIsdAsFile('ISD1-ASff00_0_110'), ia)
    refuses(() => parseIsdAsFile('ISD1'), 'ERR_SCION_ADDRESS')
    refuses(() => parseIsdAsFile('1-ff00:0:110'), 'ERR_SCION_ADDRESS')
  })

  it('lets a zero ISD or AS stand for any', () => {
    const ia = parseIsdAs('1-ff00:0:110')
    for (const pattern of ['0-0', '1-0', '0-ff00:0:110', '1-ff00:0:110']) {
      assert.ok(matchesIsdAs(parseIsdAs(pattern), ia), pattern)
    }
    for (const pattern of ['2-0', '0-ff00:0:111', '2-ff00:0:110']) {
      assert.ok(!matchesIsdAs(parseIsdAs(pattern), ia), pattern)
    }
    assert.equal(formatIsdAs(wildcardOf(ia)), '1-0')
    assert.ok(isWildcard(wildcardOf(ia)))
    assert.ok(isWildcard(parseIsdAs('0-1')))
    assert.ok(!isWildcard(ia))
  })

  it('survives the way through text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const ia = isdAsOf(value)
        assert.equal(parseIsdAs(formatIsdAs(ia)), ia)
        assert.equal(parseIsdAsFile(formatIsdAsFile(ia)), ia)
        assert.equal(isdAs(isdOf(ia), asOf(ia)), ia)
      }),
    )
  })

  it('refuses numbers out of range and endless texts', () => {
    refuses(() => isdAs(65536, 1), 'ERR_SCION_ADDRESS')
    refuses(() => isdAs(1.5, 1), 'ERR_SCION_ADDRESS')
    refuses(() => isdAs(1, 2 ** 48), 'ERR_SCION_ADDRESS')
    refuses(() => isdAs(1, -1), 'ERR_SCION_ADDRESS')
    refuses(() => isdAsOf(2n ** 64n), 'ERR_SCION_ADDRESS')
    refuses(() => isdAsOf(-1n), 'ERR_SCION_ADDRESS')
    refuses(() => parseIsdAs(`1-${'0'.repeat(1000)}1`), 'ERR_SCION_ADDRESS')
  })

  it('throws nothing but ScionError on arbitrary text', () => {
    const shaped = fc.string({
      unit: fc.constantFrom('0', '1', '9', 'a', 'F', ':', '-', '_', 'AS', 'ISD', 'x', ' '),
    })
    fc.assert(
      fc.property(fc.oneof(shaped, fc.string()), (text) => {
        valueOrRefusal(() => parseIsdAs(text))
        valueOrRefusal(() => parseIsdAsFile(text))
      }),
    )
  })
})
