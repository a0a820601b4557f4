import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, it } from 'mocha'
import { systemClock } from '@s3mp/hal'
import type { LookupReport, PathSource, SignedTrc } from '@s3mp/scion'
import { openStandalone, parseIsdAs, parseTrc, trcFileName } from '@s3mp/scion'
import type { Testnet } from '../../scripts/testnet/network.ts'
import { updateTrc } from '../../scripts/testnet/trc-update.ts'
import { startReference } from '../support/reference.ts'

const METER = '1-ff00:0:111'
const HEADEND = parseIsdAs('1-ff00:0:112')
/** Beacons under the new TRC take two intervals and the start of a control service. */
const UPDATE_MS_MAX = 45_000

describe('trust in the reference implementation’s network', function () {
  this.timeout(120_000)
  let net: Testnet
  let folder = ''
  let kept = ''

  before(async function () {
    this.timeout(400_000)
    net = await startReference(this, 'three', 42)
    folder = mkdtempSync(join(tmpdir(), 's3mp-trust-'))
    kept = join(folder, 'kept')
    await net.waitForPaths(METER, '1-ff00:0:112')
    // What a host gets from somewhere that tells of the AS, but not whom to believe.
    mkdirSync(join(folder, 'host'))
    copyFileSync(join(net.configDir(METER), 'topology.json'), join(folder, 'host/topology.json'))
  })

  after(async function () {
    this.timeout(30_000)
    await (net as Testnet | undefined)?.stop()
    if (folder !== '') rmSync(folder, { recursive: true, force: true })
  })

  async function withHost<T>(
    trust: 'strict' | 'first-use',
    keepDir: string,
    use: (source: PathSource, learned: readonly SignedTrc[], reports: LookupReport[]) => Promise<T>,
  ): Promise<T> {
    const learned: SignedTrc[] = []
    const reports: LookupReport[] = []
    const source = await openStandalone({
      configDir: join(folder, 'host'),
      clock: systemClock,
      trust,
      keepDir,
      onTrc: (trc) => learned.push(trc),
      onLookup: (report) => reports.push(report),
    })
    try {
      return await use(source, learned, reports)
    } finally {
      await source.close()
    }
  }

  it('refuses a host without TRC, unless it may believe the first one, which it then keeps', async () => {
    const strict = withHost('strict', kept, () => Promise.resolve())
    await assert.rejects(strict, { code: 'ERR_SCION_CONFIG' })
    await withHost('first-use', kept, async (source, learned) => {
      assert.equal((await source.paths(HEADEND)).length, 1)
      assert.deepEqual(learned.map(trcFileName), ['ISD1-B1-S1.trc'])
    })
    // The payload alone: a control service may encode the set of signatures in another order.
    const payloadOf = (file: string): Uint8Array =>
      Uint8Array.from(parseTrc(readFileSync(file)).data.content)
    const given = payloadOf(join(net.work, 'gen/trcs/ISD1-B1-S1.trc'))
    assert.deepEqual(payloadOf(join(kept, 'ISD1-B1-S1.trc')), given)
    await withHost('strict', kept, async (source, learned) => {
      assert.equal((await source.paths(HEADEND)).length, 1)
      assert.deepEqual(learned, [])
    })
  })

  it('follows an update that was voted for, keeps it, and goes on in the grace period', async () => {
    const update = await updateTrc(net, 1)
    assert.equal(trcFileName(update), 'ISD1-B1-S2.trc')
    await withHost('strict', kept, async (source, learned, reports) => {
      const deadline = systemClock.monotonicMs() + UPDATE_MS_MAX
      while (learned.length === 0 && systemClock.monotonicMs() < deadline) {
        // Segments that were signed before and since are good side by side.
        const paths = await source.paths(HEADEND, { refresh: true }).catch(() => undefined)
        if (paths !== undefined) assert.equal(paths.length, 1)
        await sleep(500)
      }
      assert.deepEqual(learned.map(trcFileName), ['ISD1-B1-S2.trc'])
      assert.deepEqual(reports.flatMap(({ problems }) => problems).filter((one) => /trc/i.test(one)), []) // prettier-ignore
    })
    assert.deepEqual(readdirSync(kept).sort(), ['ISD1-B1-S1.trc', 'ISD1-B1-S2.trc'])
    await withHost('strict', kept, async (source, learned) => {
      assert.equal((await source.paths(HEADEND)).length, 1)
      assert.deepEqual(learned, [])
    })
  })

  it('refuses segments under an update that its own TRC’s voters did not sign', async () => {
    // The same names, other keys: an ISD that somebody else made up.
    const other = join(net.work, 'other')
    await net.pki(['testcrypto', '-t', 'testnet.topo', '-o', other])
    const forged = join(folder, 'forged')
    mkdirSync(forged)
    copyFileSync(join(other, 'trcs/ISD1-B1-S1.trc'), join(forged, 'ISD1-B1-S1.trc'))
    await withHost('strict', forged, async (source, learned) => {
      await assert.rejects(source.paths(HEADEND), { code: 'ERR_SCION_UNTRUSTED' })
      assert.deepEqual(learned, [])
    })
    assert.deepEqual(readdirSync(forged), ['ISD1-B1-S1.trc'])
  })
})
