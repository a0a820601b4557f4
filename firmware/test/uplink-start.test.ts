import assert from 'node:assert/strict'
import { join } from 'node:path'

import { systemClock, type Clock } from '@s3mp/hal'
import { formatAddress, formatEndpoint, nodeUnderlay, writePathFile } from '@s3mp/scion'
import {
  DEMO_HEADEND_AS,
  DEMO_METER_AS,
  demoTopology,
  openNetwork,
  seededRandom,
} from '@s3mp/scion/testing'
import { after, describe, it } from 'mocha'

import { memoryChannel } from '../src/channel/memory.ts'
import { parseConfig } from '../src/config/load.ts'
import { createLog } from '../src/log.ts'
import { runUplink } from '../src/service/uplink.ts'
import { freshFolder, removeFolders } from './support/folder.ts'

/** The system's clock, whose pauses are short. */
const hasty: Clock = {
  nowMs: () => systemClock.nowMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
}

describe('the start of an uplink', () => {
  after(removeFolders)

  it('waits for a network that is not there yet, and carries as soon as it is', async () => {
    const random = seededRandom(1)
    const network = await openNetwork(demoTopology(), { clock: systemClock, random, underlay: nodeUnderlay }) // prettier-ignore
    const near = network.host(DEMO_METER_AS)
    const far = await network.host(DEMO_HEADEND_AS).openSocket()
    const paths = join(freshFolder(), 'paths.json')
    const toml = `[meter]\ndevice = "simulated:household"\n[uplink.scion]\nlocal = "${formatAddress(near.address)}"\nremote = "${formatEndpoint(far.local)}"\npaths = "${paths}"\n`
    const lines: string[] = []
    const write = (line: string): void => {
      lines.push(line)
    }
    const log = createLog({ write, monotonicMs: () => 0 })
    const { meter, uplink } = memoryChannel()
    const stop = new AbortController()
    let turns = 0
    const progress = (): void => {
      turns += 1
    }
    const config = parseConfig(toml, '/meter.toml')
    const running = runUplink(config, uplink, log, { signal: stop.signal, progress, clock: hasty })
    while (turns < 3) await systemClock.sleep(5)
    assert.match(lines.join('\n'), /^uplink\.waiting .*paths\.json/mu)
    await writePathFile(paths, {
      local: near.source.local,
      paths: await near.source.paths(far.local.isdAs),
    })
    const heard = far.receive(AbortSignal.timeout(5000))
    const [sending, bytes] = [new AbortController(), Uint8Array.of(1, 2, 3)]
    const send = async (): Promise<void> => {
      for (let id = 1; !sending.signal.aborted; id += 1) {
        meter.post({ type: 'send', id, deadline: 'billing', attempt: 0, bytes })
        await systemClock.sleep(20, sending.signal).catch(() => undefined)
      }
    }
    void send()
    assert.deepEqual([...(await heard).payload], [1, 2, 3])
    sending.abort()
    stop.abort()
    await running
    await far.close()
    await network.close()
  })

  it('ends at once where waiting would not help', async () => {
    const toml = `[meter]\ndevice = "simulated:household"\n[uplink.scion]\nlocal = "nonsense"\nremote = "1-ff00:0:110,127.0.0.1:1"\npaths = "/none"\n`
    const { uplink } = memoryChannel()
    const log = createLog({ write: () => undefined, monotonicMs: () => 0 })
    const { signal } = new AbortController()
    await assert.rejects(
      runUplink(parseConfig(toml, '/meter.toml'), uplink, log, {
        signal,
        progress: () => undefined,
      }),
      { code: 'config' },
    )
  })
})
