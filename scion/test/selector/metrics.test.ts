import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, it } from 'mocha'
import { PATH_CHANNEL, pathMetrics } from '../../src/selector/metrics.ts'
import type { PathMessage } from '../../src/selector/metrics.ts'
import type { PathReport } from '../../src/selector/report.ts'
import { LIVELY_PLAN } from '../../src/selector/plan.ts'
import { fakePath } from '../support/fake-path.ts'
import { virtualWorld } from '../support/world.ts'

describe('what a pilot shows to the outside', () => {
  it('is told on a channel and written as OpenMetrics', async () => {
    const world = await virtualWorld()
    const heard: PathMessage[] = []
    const listen = (message: unknown): void => void heard.push(message as PathMessage)
    subscribe(PATH_CHANNEL, listen)
    const pilot = world.pilot({ plan: LIVELY_PLAN })
    await world.run(pilot.ready())
    await world.run(world.clock.sleep(3000))
    const reports = pilot.report()
    const text = pathMetrics(new Map([[pilot.destination, reports]]), world.clock.nowMs())
    await pilot.close()
    unsubscribe(PATH_CHANNEL, listen)
    await world.close()
    assert.deepEqual(
      new Set(heard.map(({ destination }) => destination)),
      new Set([pilot.destination]),
    )
    assert.ok(heard.some(({ event }) => event.type === 'switched'))
    const lines = text.split('\n')
    assert.deepEqual(lines.slice(-2), ['# EOF', ''])
    const samples = lines.filter((line) => line.startsWith('scion_path_active{'))
    assert.equal(samples.length, reports.length)
    assert.equal(samples.filter((line) => line.endsWith(' 1')).length, 1)
    const sample =
      /^scion_path_round_trip_seconds\{destination="[^"]+",path="[0-9a-f]{16}",interfaces="[^"]+"\} 0\.\d+$/m
    assert.match(text, sample)
    for (const line of lines.slice(0, -2)) {
      assert.match(
        line,
        /^(# (TYPE|UNIT|HELP) scion_path_[a-z_]+ .+|scion_path_[a-z_]+\{[^{}]+\} -?[\d.e+-]+)$/,
      )
    }
  })

  it('writes that a path inside one AS never expires as OpenMetrics writes infinity', () => {
    const path = { ...fakePath([1, 1], Infinity), interfaces: [], fingerprint: '' }
    const report: PathReport = {
      ...{ path, fingerprint: '', state: 'active', reason: 'best', words: '', cost: 1 },
      ...{ mtu: 1400, expiryMs: Infinity },
    }
    const text = pathMetrics(new Map([[path.destination, [report]]]), 1000)
    assert.match(text, /^scion_path_expiry_seconds\{[^}]*\} \+Inf$/m)
  })
})
