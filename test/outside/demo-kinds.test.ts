import assert from 'node:assert/strict'
import type {
  CountersAnswer,
  DevicesAnswer,
  EventsAnswer,
  SeriesAnswer,
  StreamState,
} from '@s3mp/web/api'
import { describe, it } from 'mocha'
import { DEMO_METERS, type DemoMeter } from '../../scripts/demo/kinds.ts'
import { pastOf } from '../../scripts/demo/pasts.ts'
import { DemoProcess, until } from '../support/demo-process.ts'

const DAY_MS = 86_400_000
const HISTORY_DAYS = 3

/** Live records behind which at least one seal lies; of a meter that is asked seldom, any. */
const RECORDS: Readonly<Partial<Record<DemoMeter, number>>> = { d0: 2 }

/** Whether every meter of that kind has said something, and enough of it to be sealed. */
async function isGoingOn(kind: DemoMeter, url: string): Promise<boolean> {
  const answer = await fetch(new URL('/api/v1/devices', url))
  const [device] = ((await answer.json()) as DevicesAnswer).devices
  const streams = device?.streams ?? []
  const live = streams.find(({ stream }) => stream === 'live')?.newestSeq ?? 0
  const heads = new Set(streams.map(({ head }) => head))
  return live >= (RECORDS[kind] ?? 8) && pastOf(kind).streams.every(({ place }) => heads.has(place))
}

/** What a household looks back on, and goes on from, as the page asks for it. */
async function checkPast(kind: DemoMeter, url: string): Promise<void> {
  const get = async <T>(path: string): Promise<T> =>
    (await (await fetch(new URL(`/api/v1${path}`, url))).json()) as T
  const [device] = (await get<DevicesAnswer>('/devices')).devices
  assert.ok(device)
  const now = Math.floor(Date.now() / DAY_MS) * DAY_MS
  const edges = [now - DAY_MS, now - DAY_MS / 2, now]
  for (const { place, meterId, registers, aDay } of pastOf(kind).streams) {
    const own: readonly StreamState[] = device.streams.filter(({ head }) => head === place)
    assert.deepEqual([...new Set(own.map((stream) => stream.meterId))], [meterId])
    const billing = own.find(({ stream }) => stream.startsWith('quarter'))
    assert.ok(
      (billing?.newestSeq ?? 0) > HISTORY_DAYS * aDay,
      'the meter goes on with its own past',
    )
    assert.equal(billing?.contiguousSeq, billing?.newestSeq)
    for (const { obis, unitCode } of registers) {
      const question = `register=${encodeURIComponent(obis)}&head=${place}`
      const range = `fromMs=${now - DAY_MS}&toMs=${now}&points=200`
      const series = await get<SeriesAnswer>(`/devices/${device.id}/series?${question}&${range}`)
      assert.ok(series.values.length >= aDay, `${obis}: ${series.values.length} points`)
      if (unitCode === 27) continue
      const counters: CountersAnswer = await get(
        `/devices/${device.id}/counters?${question}&edges=${edges.join(',')}`,
      )
      const values: readonly number[] = counters.values.map((value) => Number(value ?? Number.NaN))
      assert.deepEqual(values, values.toSorted((one, two) => one - two), obis) // prettier-ignore
      assert.ok(values.every(Number.isFinite), `${obis}: ${String(counters.values)}`)
    }
  }
  const { events } = await get<EventsAnswer>('/events')
  const doubts = events.filter(({ code }) => /^(chain|record|records|seal)\./.test(code))
  assert.deepEqual(doubts, [], 'no seam between the past and the present')
}

describe('npm start -- --meter KIND', function () {
  this.timeout(120_000)

  for (const kind of DEMO_METERS) {
    it(`stores a reading of ${kind} behind its past, and ends without leaving anything`, async () => {
      const demo = new DemoProcess(
        ...['--port', '0', '--history', String(HISTORY_DAYS), '--meter', kind],
      )
      try {
        const url = await demo.url()
        const stored = 'the first reading is stored, verified and acknowledged'
        await until(() => demo.output.includes(stored), 60_000, stored)
        await until(() => isGoingOn(kind, url), 30_000, 'every meter, and a seal')
        await checkPast(kind, url)
        assert.equal(await demo.interrupt(), 0)
        assert.deepEqual(demo.leftovers(), [])
      } finally {
        await demo.dispose()
      }
    })
  }
})
