import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import type { Path } from '../../src/path/path.ts'
import { leavesJurisdiction } from '../../src/policy/jurisdiction.ts'
import { orderPaths, parseOrdering, unmetRequirement } from '../../src/policy/requirements.ts'
import { interfaceOf, makePath, NOW_MS } from '../support/paths.ts'

describe('requirements and orders', () => {
  const [short, long] = [
    makePath(parseIsdAs('1-1'), parseIsdAs('1-2'), ['1-1#1', '1-2#1'].map(interfaceOf)),
    makePath(
      parseIsdAs('1-1'),
      parseIsdAs('1-2'),
      ['1-1#2', '1-3#1', '1-3#2', '1-2#2'].map(interfaceOf),
    ),
  ]

  it('refuse what nobody states', () => {
    assert.match(unmetRequirement({ statedBandwidthKbpsMin: 1 }, short, NOW_MS) ?? '', /not stated/)
    assert.match(unmetRequirement({ statedLatencyMsMax: 1 }, short, NOW_MS) ?? '', /not stated/)
    assert.equal(unmetRequirement({ mtuMin: 1400 }, short, NOW_MS), undefined)
    assert.match(unmetRequirement({ mtuMin: 1401 }, short, NOW_MS) ?? '', /MTU is 1400/)
    assert.match(unmetRequirement({ validitySecondsMin: 3601 }, short, NOW_MS) ?? '', /expires/)
  })

  it('sort by hops both ways and keep the order of equals', () => {
    const never = (): number => assert.fail('asked for randomness')
    assert.deepEqual(orderPaths([long, short], [parseOrdering('hops_asc')], never), [short, long])
    assert.deepEqual(orderPaths([short, long], [parseOrdering('hops_desc')], never), [long, short])
    assert.deepEqual(orderPaths([long, short], ['meta_latency_asc'], never), [long, short])
  })
})

describe('jurisdictions', () => {
  const interfaces = ['1-1#1', '1-3#1', '1-3#2', '1-2#2'].map(interfaceOf)
  const path = makePath(parseIsdAs('1-1'), parseIsdAs('1-2'), interfaces)
  const located = (addresses: readonly string[]): Path => ({
    ...path,
    metadata: {
      latenciesMs: [],
      bandwidthsKbps: [],
      linkTypes: [],
      internalHops: [],
      notes: [],
      geo: addresses.map((address) => ({ latitude: 0, longitude: 0, address })),
    },
  })

  it('hold a path to ISDs and ASes, ends included', () => {
    assert.equal(leavesJurisdiction({ isds: [1] }, path), undefined)
    assert.match(leavesJurisdiction({ isds: [2] }, path) ?? '', /enters ISD 1/)
    const two = { isdAses: [parseIsdAs('1-1'), parseIsdAs('1-2')] }
    assert.match(leavesJurisdiction(two, path) ?? '', /1-3/)
  })

  it('refuse a path of which a country is not known', () => {
    const swiss = { countries: ['CH'] }
    assert.match(leavesJurisdiction(swiss, path) ?? '', /states no country/)
    const home = located(['Bern, CH', 'Basel, CH', 'Basel, CH', 'Genf CH'])
    assert.equal(leavesJurisdiction(swiss, home), undefined)
    const away = located(['Bern, CH', 'Basel, CH', 'Freiburg, DE', 'Genf, CH'])
    assert.match(leavesJurisdiction(swiss, away) ?? '', /enters DE in 1-3/)
    const silent = located(['Bern, CH', 'Basel', 'Basel, CH', 'Genf, CH'])
    assert.match(leavesJurisdiction(swiss, silent) ?? '', /states no country/)
  })

  it('believe the configured country of an AS more than its own word', () => {
    const countryOf = new Map([[parseIsdAs('1-3'), 'DE']])
    const path = located(['Bern, CH', 'Basel, CH', 'Basel, CH', 'Genf, CH'])
    assert.match(leavesJurisdiction({ countries: ['CH'], countryOf }, path) ?? '', /enters DE/)
  })
})
