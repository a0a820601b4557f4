import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { DEMO_METERS } from '../../scripts/demo/meters.ts'
import { DemoProcess, until } from '../support/demo-process.ts'

describe('npm start -- --meter KIND', function () {
  this.timeout(120_000)

  for (const kind of DEMO_METERS) {
    it(`stores a reading of ${kind} and ends without leaving anything`, async () => {
      const demo = new DemoProcess('--port', '0', '--history', '0', '--meter', kind)
      try {
        await demo.url()
        const stored = 'the first reading is stored, verified and acknowledged'
        await until(() => demo.output.includes(stored), 60_000, stored)
        assert.equal(await demo.interrupt(), 0)
        assert.deepEqual(demo.leftovers(), [])
      } finally {
        await demo.dispose()
      }
    })
  }
})
