import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@s3mp/hal'
import { Household, SmlHousehold } from '@s3mp/meter/simulator'
import { after, before, describe, it } from 'mocha'
import { DemoProcess, until } from '../support/demo-process.ts'
import { need } from '../support/outside.ts'
import { PtyMeter } from '../support/pty-meter.ts'

describe('the demonstration with a head of one’s own', function () {
  this.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 's3mp-demo-'))
  let meter: PtyMeter | undefined
  let demo: DemoProcess | undefined

  before(async function () {
    need(this, 'socat')
    const startMs = systemClock.nowMs() - 86_400_000
    const household = new SmlHousehold({ household: new Household({ seed: 9, startMs }) })
    meter = new PtyMeter(folder, 'demo', '9600')
    await meter.play(() => household.telegram(systemClock.nowMs()), 1000)
  })

  after(async () => {
    await demo?.dispose()
    await meter?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('reads the meter at the port, and shows its reading stored and proven', async () => {
    const { head } = meter ?? assert.fail()
    demo = new DemoProcess('--port', '0', '--history', '0', '--serial', head)
    const url = await demo.url()
    const started = demo
    await until(
      () => started.output.includes('the first reading is stored, verified and acknowledged'),
      30_000,
      'the first reading',
    )
    const answer = await fetch(`${url}api/v1/demo`)
    const { input } = (await answer.json()) as { input: string }
    assert.equal(input, 'serial')
  })
})
