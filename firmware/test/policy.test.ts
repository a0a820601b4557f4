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

import { readPolicy, withPolicy, type WithPolicy } from '../src/transport/policy.ts'

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

  async function allowed({ source: ruled, policy }: WithPolicy): Promise<readonly Path[]> {
    const paths = await ruled.paths(ENDS.destination.isdAs)
    return paths.filter((path) => policy(path) === undefined)
  }

  it('are read in either format, told apart by what is in them', async () => {
    assert.ok(all.some(isNorth) && !all.every(isNorth))
    for (const [document, name] of [
      [JPAN, 'far'],
      [JSON.stringify(SCITRA), 'avoid'],
    ] as const) {
      const policy = readPolicy(document, ENDS)
      assert.equal(policy.name, name)
      const ruled = withPolicy(source, { document: policy, jurisdiction: undefined, nowMs })
      assert.ok(ruled)
      assert.deepEqual(
        await allowed(ruled),
        all.filter((path) => !isNorth(path)),
      )
      const [refused] = all.filter(isNorth)
      assert.match((refused && ruled.policy(refused)) ?? '', new RegExp(`^policy ${name}: .`, 'u'))
    }
  })

  it('give way to their failover only while they leave no path', async () => {
    const document = readPolicy(JSON.stringify(SCITRA), ENDS)
    const north = all.filter(isNorth)
    const ruled = withPolicy(sourceOf(north), { document, jurisdiction: undefined, nowMs })
    assert.ok(ruled)
    assert.deepEqual(await allowed(ruled), north)
    const both = withPolicy(sourceOf(all), { document, jurisdiction: undefined, nowMs })
    assert.ok(both)
    assert.ok(!(await allowed(both)).some(isNorth))
  })

  it('do not fail over to what the jurisdiction forbids', async () => {
    const document = readPolicy(JSON.stringify(SCITRA), ENDS)
    const jurisdiction = { isds: [1] }
    const ruled = withPolicy(source, { document, jurisdiction, nowMs })
    assert.ok(ruled)
    assert.deepEqual(await allowed(ruled), [], 'the head-end is in ISD 2')
    assert.match(all.map((path) => ruled.policy(path)).join(), /enters ISD 2, allowed: 1/u)
  })

  it('are none where nothing is configured', () => {
    assert.equal(
      withPolicy(source, { document: undefined, jurisdiction: undefined, nowMs }),
      undefined,
    )
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
