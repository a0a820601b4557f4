import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { silentLog } from '@s3mp/firmware'
import { systemClock } from '@s3mp/hal'
import { describe, it } from 'mocha'
import { parseOptions } from '../scripts/demo/options.ts'
import { openWorld } from '../scripts/demo/world.ts'

/** Sockets, servers and timers that hold this process up. */
function held(): readonly string[] {
  return process.getActiveResourcesInfo().filter((name) => /Wrap|Timeout/.test(name))
}

const folders = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('s3mp-demo-'))

describe('the demonstration’s world', () => {
  it('leaves no socket, timer or folder when its last step fails', async function () {
    this.timeout(20_000)
    const options = parseOptions(['--history', '0', '--no-open'])
    assert.ok(options)
    await systemClock.sleep(1) // The test's own timer begins when it first waits.
    const before = { held: held(), folders: folders() }
    let [during, asked] = [0, 0]
    const opening = openWorld(options, systemClock, Math.random, {
      onFailover: () => undefined,
      onLink: () => undefined,
      onSwitch: () => undefined,
      onFirstReading: () => undefined,
      // Nobody asks for it before everything but the meter itself is open.
      get log(): typeof silentLog {
        asked += 1
        during = held().length
        throw new Error('no log')
      },
    })
    await assert.rejects(opening, /no log/)
    assert.equal(asked, 1)
    assert.ok(during > before.held.length + 20, `${String(during)} things were open`)
    // Handles count until some turns after they were closed, a timer until after its turn.
    for (let turn = 0; held().length > before.held.length && turn < 100; turn += 1) {
      await systemClock.sleep(10)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(held(), before.held)
    assert.deepEqual(folders(), before.folders)
  })
})
