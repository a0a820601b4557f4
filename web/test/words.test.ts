import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import { createFormats } from '../src/page/logic/format.ts'
import { explainObis } from '../src/page/logic/obis.ts'
import { parseRoute, formatRoute } from '../src/page/logic/route.ts'
import { de, en } from '../src/page/texts/texts.ts'
import { fill } from '../src/page/texts/fill.ts'

type Tree = string | readonly string[] | { readonly [name: string]: Tree }

/** Every text of a language with the way to it. */
function leaves(tree: Tree, way = ''): readonly (readonly [string, string])[] {
  if (typeof tree === 'string') return [[way, tree]]
  return Object.entries(tree).flatMap(([name, each]) => leaves(each, `${way}/${name}`))
}

function braces(text: string): readonly string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort()
}

describe('texts', () => {
  it('has every text in both languages, with the same values to fill in', () => {
    const german = new Map(leaves(de))
    for (const [way, text] of leaves(en)) {
      const other = german.get(way)
      assert.ok(other !== undefined && other !== '', `${way} has no German`)
      assert.deepEqual(braces(other), braces(text), way)
    }
    assert.equal(german.size, leaves(en).length)
  })

  it('fills braces, once, and leaves unknown ones alone', () => {
    assert.equal(fill('{a} of {b}, {c}', { a: 1, b: '{a}' }), '1 of {a}, {c}')
    assert.equal(fill('{toString}', {}), '{toString}')
  })
})

describe('createFormats', () => {
  const english = createFormats('en-GB', 'UTC')
  const german = createFormats('de-DE', 'UTC')

  it('shows power without its sign, in kilowatts from ten on', () => {
    assert.deepEqual(english.power(1234.4), { value: '1,234', unit: 'W' })
    assert.deepEqual(german.power(-12_345), { value: '12,3', unit: 'kW' })
  })

  it('shows exactly the digits that the meter sent', () => {
    assert.equal(english.exact('507.00'), '507.00')
    assert.equal(german.exact('4821368.1'), '4.821.368,1')
    assert.equal(
      english.exact('12345678901234567890.123456789'),
      '12,345,678,901,234,567,890.123456789',
    )
    assert.equal(english.exact('-0.5'), '-0.5')
    assert.equal(english.exact('no number'), 'no number')
  })

  it('shows any decimal string with all of its digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 25n }), fc.nat(9), (digits, scale) => {
        const padded = digits.toString().padStart(scale + 1, '0')
        const text = scale === 0 ? padded : `${padded.slice(0, -scale)}.${padded.slice(-scale)}`
        assert.equal(english.exact(text).replaceAll(',', ''), text)
      }),
    )
  })

  it('shows spans in the unit that suits them', () => {
    const spans = [0.42, 34.4, 999, 1234, 45_000, 300_000, 9_000_000, 2e8]
    assert.deepEqual(spans.map((ms) => english.span(ms)), ['0.4 ms', '34 ms', '999 ms', '1.2 s', '45 s', '5 min', '2.5 h', '2.3 d']) // prettier-ignore
  })

  it('says how long ago in words', () => {
    assert.equal(english.relative(0, 3000), '3 seconds ago')
    assert.equal(german.relative(7_200_000, 0), 'in 2 Stunden')
  })
})

describe('explainObis', () => {
  for (const [obis, meaning] of [
    ['1-0:16.7.0*255', en.obis.power],
    ['1-0:1.8.0*255', en.obis.drawn],
    ['1-0:2.8.2*255', 'Energy fed in, tariff 2'],
    ['1-0:36.7.0*255', 'Power now, phase L1'],
    ['1-0:52.7.0*255', 'Voltage, phase L2'],
    ['1-0:71.7.0*255', 'Current, phase L3'],
    ['1-0:14.7.0*255', en.obis.frequency],
    ['1-0:96.1.0*255', en.obis.identity],
    ['1-0:199.130.3*255', en.obis.other],
    ['0-1:24.2.1*255', 'Meter behind this one, channel 1'],
    ['<b>not obis</b>', en.obis.other],
  ] as const) {
    it(`words ${obis} as ${meaning}`, () => {
      assert.equal(explainObis(obis, en), meaning)
    })
  }

  it('has words for any text at all', () => {
    fc.assert(fc.property(fc.string(), (text) => explainObis(text, en) !== ''))
  })
})

describe('parseRoute', () => {
  it('reads what formatRoute writes, and nothing else', () => {
    for (const route of [{ view: 'journey' }, { view: 'household', device: '01ab' }] as const) {
      assert.deepEqual(parseRoute(formatRoute(route)), route)
    }
    for (const hash of ['', '#', '#/', '#/nowhere', '#/fleet/../x', '#/household/<x>', '#/Fleet']) {
      assert.equal(parseRoute(hash), undefined, hash)
    }
  })
})
