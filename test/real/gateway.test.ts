import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'mocha'
import { FAULT_OF } from '../../scripts/evaluate/faults.ts'
import { Lab } from '../../scripts/evaluate/lab.ts'
import { longestGapMs } from '../../scripts/evaluate/statistics.ts'
import type { Variant } from '../../scripts/evaluate/variants.ts'
import { VARIANTS, machineMs } from '../../scripts/evaluate/variants.ts'
import { whyNoPrograms } from '../../scripts/testnet/programs.ts'
import { readTopology } from '../../scripts/testnet/topology.ts'
import { referenceVersion } from '../support/reference.ts'
import { skip } from '../support/outside.ts'
import { ROOT } from '../support/source.ts'

describe('the lab of the evaluation', function () {
  this.timeout(120_000)
  const calledOff = new AbortController()
  let lab: Lab | undefined

  before(async function () {
    this.timeout(400_000)
    const excuse = whyNoPrograms(referenceVersion)
    if (excuse !== undefined) skip(this, excuse)
    const topology = readTopology(`${ROOT}/scripts/testnet/topologies/diamond.json`)
    lab = new Lab({ topology, version: referenceVersion, slot: 31, signal: calledOff.signal })
    await lab.start()
  })

  after(async function () {
    this.timeout(30_000)
    await lab?.close()
    if (lab === undefined || lab.gatewayExcuse !== undefined) return
    const namespaces = execFileSync('ip', ['netns'], { encoding: 'utf8' })
    assert.doesNotMatch(namespaces, /s3mp-gw/, 'a namespace was left behind')
  })

  /** Opens a meter that sends in the way `variant` and sends three readings there and back. */
  async function threeEchoes(variant: Variant): Promise<readonly number[]> {
    assert.ok(lab)
    const meter = lab.meter(variant)
    try {
      await meter.ask('open', lab.request(variant))
      return await meter.ask('echo', { count: 3 })
    } finally {
      await meter.end()
    }
  }

  for (const variant of VARIANTS) {
    if (variant === 'gateway') continue
    it(`carries readings there and back: ${variant}`, async () => {
      for (const ms of await threeEchoes(variant)) assert.ok(Number.isFinite(ms))
    })
  }

  it('carries plain IP through the gateways of the reference', async function () {
    const reason = lab?.gatewayExcuse
    if (reason !== undefined) skip(this, reason)
    lab?.startHeadendGateway()
    lab?.startMeterGateway()
    for (const ms of await threeEchoes('gateway')) assert.ok(Number.isFinite(ms))
    await lab?.stopGateways()
  })

  it('cuts a link so that no router reports it, and the fixed path hears nothing more', async () => {
    assert.ok(lab)
    await lab.heal(0)
    const meter = lab.meter('fixed')
    await meter.ask('open', lab.request('fixed'))
    await lab.server('fixed').ask('arrivals', null)
    const streaming = meter.ask('stream', { durationMs: 2000, intervalMs: 20 })
    await lab.sleep(500)
    const struckMs = machineMs()
    await FAULT_OF.silent.strike(lab, await lab.linkInUse())
    await streaming
    await meter.end()
    const arrivals = await lab.server('fixed').ask('arrivals', null)
    assert.ok(longestGapMs(arrivals, struckMs, struckMs + 1500) > 800)
    await lab.heal(0)
  })
})
