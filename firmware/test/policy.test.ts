import assert from 'node:assert/strict'

import { parseIsdAs, ScionError, type Path, type PathSource } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
  VirtualClock,
  VirtualUnderlay,
} from '@s3mp/scion/testing'
import { before, describe, it } from 'mocha'

import {
  OwnerPolicy,
  type OwnerPolicyOptions,
  readAcl,
  readPolicy,
  readSequence,
} from '../src/transport/policy.ts'

const ENDS = {
  source: { isdAs: parseIsdAs(DEMO_METER_AS) },
  destination: { isdAs: parseIsdAs(DEMO_HEADEND_AS) },
}
const NORTH = '1-ff00:0:110'
// As text: an object of JavaScript would put "0" first, and the order counts.
const JPAN = `{
  "destinations": { "2-ff00:0:211": "far", "0": "any" },
  "filters": { "far": { "acl": ["- ${NORTH}", "+"] }, "any": {} }
}`
const SCITRA = {
  matchers: [{ destination: '2-ff00:0:211', policy: 'avoid' }],
  policies: {
    anything: { acl: ['+'] },
    avoid: { acl: [`- ${NORTH}`, '+'], failover: 'anything' },
  },
}

describe('the configured policies', () => {
  let source: PathSource
  let all: readonly Path[]
  const nowMs = (): number => Date.UTC(2026, 0, 1)

  before(async () => {
    const clock = new VirtualClock()
    const network = await openNetwork(demoTopology(), {
      clock,
      random: seededRandom(1),
      underlay: new VirtualUnderlay(clock),
    })
    ;({ source } = network.host(DEMO_METER_AS))
    all = await source.paths(ENDS.destination.isdAs)
    assert.ok(all.length >= 3)
  })

  function isNorth(path: Path): boolean {
    return path.interfaces.some(({ isdAs }) => isdAs === parseIsdAs(NORTH))
  }

  /** A source that brings some of the paths. */
  function sourceOf(paths: readonly Path[]): PathSource {
    return {
      local: source.local,
      paths: () => Promise.resolve(paths),
      close: () => Promise.resolve(),
    }
  }

  function ruledBy(more: Pick<OwnerPolicyOptions, 'document' | 'jurisdiction'>): OwnerPolicy {
    return new OwnerPolicy({ nowMs, random: () => 0, ...more })
  }

  /** The paths of a lookup that the policy lets pass. */
  async function allowed(policy: OwnerPolicy, from: PathSource): Promise<readonly Path[]> {
    const paths = await policy.watch(from).paths(ENDS.destination.isdAs)
    return paths.filter((path) => policy.refuses(path) === undefined)
  }

  it('are read in either format, told apart by what is in them', async () => {
    assert.ok(all.some(isNorth) && !all.every(isNorth))
    for (const [document, name] of [
      [JPAN, 'far'],
      [JSON.stringify(SCITRA), 'avoid'],
    ] as const) {
      const policy = readPolicy(document, ENDS)
      assert.equal(policy.name, name)
      const ruled = ruledBy({ document: policy })
      assert.deepEqual(
        await allowed(ruled, source),
        all.filter((path) => !isNorth(path)),
      )
      const [refused] = all.filter(isNorth)
      assert.match((refused && ruled.refuses(refused)) ?? '', new RegExp(`^policy ${name}: .`, 'u'))
    }
  })

  it('give way to their failover only while they leave no path', async () => {
    const document = readPolicy(JSON.stringify(SCITRA), ENDS)
    const north = all.filter(isNorth)
    assert.deepEqual(await allowed(ruledBy({ document }), sourceOf(north)), north)
    const both = await allowed(ruledBy({ document }), sourceOf(all))
    assert.ok(both.length > 0 && !both.some(isNorth))
  })

  it('do not fail over to what the jurisdiction forbids', async () => {
    const document = readPolicy(JSON.stringify(SCITRA), ENDS)
    const ruled = ruledBy({ document, jurisdiction: { isds: [1] } })
    assert.deepEqual(await allowed(ruled, source), [], 'the head-end is in ISD 2')
    assert.match(all.map((path) => ruled.refuses(path)).join(), /enters ISD 2, allowed: 1/u)
  })

  it('let every path pass where nothing is configured', async () => {
    const ruled = ruledBy({})
    assert.deepEqual(await allowed(ruled, source), all)
    assert.equal(ruled.ranking, undefined)
  })

  it('say which kind of rule decided over a path', () => {
    const [path] = all.filter(isNorth)
    assert.ok(path)
    const byOf = (policy: OwnerPolicy): string => policy.rulingOf(path).by
    assert.equal(byOf(ruledBy({})), 'none')
    assert.equal(byOf(ruledBy({ document: readAcl(`- ${NORTH}\n+`) })), 'acl')
    assert.equal(byOf(ruledBy({ document: readSequence('9-0 0*') })), 'sequence')
    assert.equal(byOf(ruledBy({ jurisdiction: { isds: [7] } })), 'jurisdiction')
    const demanding = { name: 'big', rules: { requirements: { mtuMin: 60_000 } }, ordering: [] }
    assert.equal(byOf(ruledBy({ document: demanding })), 'requirement')
  })

  it('put the allowed paths in the order of the policy in force', () => {
    const document = { ...readAcl(`- ${NORTH}, +`), ordering: ['hops_desc'] as const }
    const ruled = ruledBy({ document })
    const places = ruled.ranking?.(all) ?? []
    const allowedPlaces = all.flatMap((path, index) => (isNorth(path) ? [] : [places[index] ?? 0]))
    assert.equal(Math.min(...allowedPlaces), 0)
    const north = all.flatMap((path, index) => (isNorth(path) ? [places[index] ?? 0] : []))
    assert.ok(Math.min(...north) > Math.max(...allowedPlaces))
    ruled.change(undefined, all)
    assert.equal(ruled.ranking, undefined)
  })

  it('are refused with the field that is wrong', () => {
    const refusal = (text: string): string => {
      try {
        readPolicy(text, ENDS)
      } catch (error) {
        assert.ok(error instanceof ScionError)
        return error.message
      }
      return assert.fail('was accepted')
    }
    assert.match(refusal('{'), /policy document: expected JSON/u)
    assert.match(refusal('{}'), /destinations and filters \(JPAN\), or matchers and policies/u)
    assert.match(refusal('{"destinations":{"0":"x"},"filters":{}}'), /destinations/u)
    assert.match(refusal('{"policies":{"a":{"acls":[]}}}'), /policies\.a: .*acls/u)
  })
})
