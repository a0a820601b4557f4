import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import { parseIsdAs } from '../../src/addr/isd-as.ts'
import { ScionError } from '../../src/errors.ts'
import type { Path } from '../../src/path/path.ts'
import type { LocalAs } from '../../src/path/source.ts'
import { REFRESH_MS_MAX, REFRESH_MS_MIN, Refresher } from '../../src/selector/refresher.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const DESTINATION = parseIsdAs('1-ff00:0:112')
const local: LocalAs = { isdAs: DESTINATION, core: false, mtu: 1400, borderRouters: new Map() }

/** Looks up again and again, and says how long it waited each time. */
async function waits(luck: number, lookups: number, lifeMs?: number): Promise<readonly number[]> {
  const clock = new VirtualClock()
  const path = (): Path => ({ expiryMs: clock.nowMs() + (lifeMs ?? 0) }) as Path
  const refresher = new Refresher({
    source: {
      local,
      paths: () =>
        lifeMs === undefined
          ? Promise.reject(new ScionError('ERR_SCION_IO', 'nobody there'))
          : Promise.resolve([path()]),
      close: () => Promise.resolve(),
    },
    destination: DESTINATION,
    clock,
    random: () => luck,
    offer: () => undefined,
  })
  const found: number[] = []
  for (let turn = 0; turn < lookups; turn++) {
    const startMs = clock.monotonicMs()
    refresher.tick(undefined, new AbortController().signal)
    while (refresher.dueMs === Infinity) await Promise.resolve()
    found.push(refresher.dueMs - startMs)
    await clock.advance(refresher.dueMs - startMs)
  }
  return found
}

describe('Refresher', () => {
  it('spreads hosts that fail together from the first pause on, over a span that doubles', async () => {
    const earliest = await waits(0, 10)
    assert.deepEqual(new Set(earliest), new Set([REFRESH_MS_MIN]))
    const latest = await waits(1, 8)
    assert.deepEqual(
      latest,
      [2, 4, 8, 16, 32, 64, 128, 256].map((factor) =>
        Math.min(REFRESH_MS_MAX, factor * REFRESH_MS_MIN),
      ),
    )
    assert.deepEqual(await waits(0.5, 2), [1.5 * REFRESH_MS_MIN, 2.5 * REFRESH_MS_MIN])
  })

  it('looks again when half of what is left has passed, and not in step with others', async () => {
    assert.deepEqual(await waits(1, 1, 200_000), [100_000])
    assert.deepEqual(await waits(0, 1, 200_000), [80_000])
    assert.deepEqual(await waits(1, 1, 86_400_000), [REFRESH_MS_MAX])
    assert.deepEqual(await waits(0, 1, 86_400_000), [0.8 * REFRESH_MS_MAX])
    assert.deepEqual(await waits(0, 1, 2_000), [REFRESH_MS_MIN])
    assert.deepEqual(await waits(1, 1, -5_000), [REFRESH_MS_MIN])
  })
})
