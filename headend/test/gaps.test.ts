import assert from 'node:assert/strict'
import {
  advance,
  encodeRecord,
  genesis,
  nextLink,
  recordHash,
  schemaIdOf,
  type DeviceRecord,
} from '@s3mp/envelope'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { GAP_RECORDS_MAX } from '../src/store/gaps.ts'
import type { Entry } from '../src/store/records.ts'
import type { DeviceRow } from '../src/store/types.ts'
import { openWorld, type World } from './support/receiving.ts'
import { SCHEMA, START_MS, TestMeter } from './support/world.ts'

const LIVE = 3
const BATCH = 5000

describe('a gap in front of very many records', () => {
  let world: World
  let meter: TestMeter
  let device: DeviceRow

  beforeEach(() => {
    meter = new TestMeter('one')
  })

  beforeEach(async () => {
    world = await openWorld()
    device = await world.join(meter)
  })

  afterEach(() => world.close())

  function entryOf(record: DeviceRecord): Entry {
    const bytes = encodeRecord(record)
    const { ueid } = meter.signer
    const hash = recordHash(bytes)
    return { device: device.row, ueid, record, hash, bytes, path: undefined }
  }

  /** Live readings, which bear no signature, one after the other. */
  function live(count: number): readonly Entry[] {
    let state = genesis(meter.signer.ueid, LIVE)
    return Array.from({ length: count }, (_, index) => {
      const timeMs = START_MS + index
      const samples = [{ timeMs, status: 1, registers: [1n, 2n] }]
      const schemaId = schemaIdOf(SCHEMA)
      const link = nextLink(state)
      const entry = entryOf({ kind: 'fast', ...link, timeMs, status: 1, schemaId, samples })
      state = advance(state, entry.bytes)
      return entry
    })
  }

  const contiguous = (): number | undefined =>
    world.store.queries.stream(device.row, LIVE)?.contiguous

  it('closes by and by, so that no commit keeps the others waiting, and is not told as one', async function () {
    this.timeout(20_000)
    const count = GAP_RECORDS_MAX + 100
    const [first, ...rest] = live(count)
    assert.ok(first)
    for (let from = 0; from < rest.length; from += BATCH) {
      await world.store.commit(rest.slice(from, from + BATCH), START_MS)
    }
    assert.equal(contiguous(), 0)
    await world.store.commit([first], START_MS)
    const reached = contiguous() ?? 0
    assert.ok(reached > 1 && reached <= GAP_RECORDS_MAX + 1, `reached ${reached}`)
    // The upkeep goes on with it, as any commit does; nothing of it is missing.
    assert.deepEqual(world.store.reportGaps(START_MS, START_MS + 1), [])
    assert.equal(contiguous(), count)
  })

  it('costs a seal that claims too much no more than it may cover', async () => {
    const run = live(50)
    await world.store.commit(run, START_MS)
    const last = run.at(-1)
    assert.ok(last)
    const state = advance({ stream: LIVE, nextSeq: 50, head: last.hash }, last.bytes)
    const link = { ...nextLink(state), seq: 51 }
    const digest = new Uint8Array(32)
    const common = { timeMs: START_MS, status: 1 }
    const seal = entryOf({ kind: 'seal', ...link, ...common, firstSeq: 1, records: 10, digest })
    const { events } = await world.store.commit([seal], START_MS)
    assert.deepEqual(
      events.map(({ code }) => code),
      ['seal.contradicted'],
    )
  })
})
