import assert from 'node:assert/strict'
import { toHex } from '@s3mp/envelope'
import type { CostsAnswer, CountersAnswer, ReadingView, SeriesAnswer, Tariff } from '@s3mp/web/api'
import { after, before, describe, it } from 'mocha'
import { CSV_PAGE_MAX, DOWNLOADS_MAX } from '../src/api/csv.ts'
import { mediumOf } from '@s3mp/web/http'
import { Office } from './support/office.ts'
import { readingBody, schemaBody, START_MS } from './support/world.ts'

const HOUR_MS = 3_600_000
const ENERGY = '1-0:1.8.0*255'
const POWER = '1-0:16.7.0*255'
const GAS = {
  meterId: '=7ELS1234,"x"',
  protocol: 'mbus',
  intervalMs: 0,
  registers: [
    { obis: '7-0:3.0.0*255', unitCode: 13, scaler: -2 },
    { obis: '7-0:43.0.0*255', unitCode: 14, scaler: -3 },
  ],
}

describe('a household', () => {
  let office: Office
  const TARIFF: Tariff = {
    currency: 'EUR',
    periods: [
      { fromMs: 0, monthly: '0', rates: [{ register: ENERGY, price: '0.3', earns: false }] },
      {
        fromMs: START_MS + 4 * HOUR_MS,
        monthly: '0',
        rates: [
          { register: ENERGY, price: '0.4', earns: false },
          { register: '7-0:3.0.0*255', price: '0.12', earns: false, factor: '10' },
        ],
      },
    ],
  }

  before(async () => {
    office = await Office.open({ access: 'open' })
    const { meter, keyring } = office
    const to = keyring.ueid
    await office.deliver(await meter.next(1, schemaBody(START_MS), to))
    // Eight hours of quarter-hours, a kWh each; the third hour was never sent.
    for (let i = 0; i <= 32; i++) {
      if (i > 8 && i < 12) continue
      const body = readingBody(START_MS + i * 900_000, [BigInt(i) * 10_000n, BigInt(i)])
      await office.deliver(await meter.next(1, body, to))
    }
    // A gas meter at the second place: a reading an hour, when it has one.
    await office.deliver(await meter.next(17, schemaBody(START_MS, GAS), to))
    for (let i = 0; i <= 8; i++) {
      const body = readingBody(START_MS + i * HOUR_MS, [BigInt(100 + i), 5n], 'reading', GAS)
      await office.deliver(await meter.next(17, body, to))
    }
    office.clock.advance(8 * HOUR_MS)
  })

  after(() => office.close())

  async function ask<T>(path: string): Promise<T> {
    const answer = await office.ask(`/devices/${office.device}/${path}`)
    assert.equal(answer.status, 200, path)
    return (await answer.json()) as T
  }

  async function text(path: string): Promise<string> {
    const answer = await office.ask(`/devices/${office.device}/${path}`)
    assert.equal(answer.status, 200, path)
    return answer.text()
  }

  it('has no costs before a tariff was entered, and the exact ones then', async () => {
    const hour = (n: number): number => START_MS + n * HOUR_MS
    const edges = [0, 2, 3, 4, 8].map(hour).join(',')
    assert.equal((await office.ask(`/devices/${office.device}/costs?edges=${edges}`)).status, 404)
    const put = { method: 'PUT', body: TARIFF }
    assert.equal((await office.ask(`/devices/${office.device}/tariff`, put)).status, 200)
    assert.deepEqual(await ask('tariff'), TARIFF)
    const { spans, currency } = await ask<CostsAnswer>(`costs?edges=${edges}`)
    assert.equal(currency, 'EUR')
    assert.deepEqual(
      spans.map(({ energy }) => energy),
      // 8 kWh; four that span the gap whose ends were read; then at the new price, gas unknown here.
      ['2.40', '1.20', '1.20', null],
    )
    const { who, deed } = [...office.store.auditLog()].at(-1) ?? {}
    assert.deepEqual([who, deed], ['anybody', 'tariff.changed'])
  })

  it('prices a gas meter that reports when it has something to say', async () => {
    const edges = [4, 6].map((n) => START_MS + n * HOUR_MS + 1_200_000).join(',')
    const { spans, head } = await ask<CostsAnswer>(`costs?edges=${edges}&head=1`)
    assert.equal(head, 1)
    const gas = spans[0]?.counted.find(({ register }) => register === '7-0:3.0.0*255')
    assert.deepEqual(gas, { register: '7-0:3.0.0*255', amount: '0.02', unit: 'm³' })
    const counters = await ask<CountersAnswer>(
      `counters?register=7-0:3.0.0*255&edges=${edges}&head=1`,
    )
    assert.deepEqual(counters.values, ['1.04', '1.06'])
    const latest = await ask<ReadingView>('latest?head=1')
    assert.equal(latest.stream, 'quarter-1')
    assert.equal((await office.ask(`/devices/${office.device}/latest?head=2`)).status, 404)
  })

  it('refuses a tariff that is none, naming what is wrong', async () => {
    for (const body of [[], { ...TARIFF, currency: '€' }, { ...TARIFF, periods: [{}] }]) {
      const answer = await office.ask(`/devices/${office.device}/tariff`, { method: 'PUT', body })
      assert.equal(answer.status, 400)
      assert.match(await answer.text(), /"code":"bad_request","message":"[\w.]+: expected/)
    }
  })

  it('downloads readings with a column a register, gaps as missing lines', async () => {
    const range = `fromMs=${START_MS}&toMs=${START_MS + 9 * HOUR_MS}`
    const lines = (await text(`readings.csv?${range}`)).split('\r\n')
    assert.equal(lines.length, 1 + 30 + 1)
    assert.equal(lines[0], `"time","number","clock","flags","proof","quarantined","${ENERGY} [Wh]","${POWER} [W]"`) // prettier-ignore
    assert.equal(lines[1], '"2026-01-15T12:00:00.000Z",2,"synced","","signed","",0.0,0')
    assert.equal(lines[2], '"2026-01-15T12:15:00.000Z",3,"synced","","signed","",1000.0,1')
    const german = await text(`readings.csv?${range}&decimal=comma`)
    assert.match(german, /;1000,0;1\r\n/)
    const gas = await text(`readings.csv?${range}&head=1`)
    assert.match(gas.split('\r\n')[1] ?? '', /,1\.00,0\.005$/)
  })

  it('downloads as it is taken, page by page, and no more than its limit', async () => {
    const { meter, keyring } = office
    const values = Array.from({ length: CSV_PAGE_MAX + 5 }, (_, index) => START_MS + index * 1000)
    await office.deliver(await meter.next(19, schemaBody(START_MS), keyring.ueid))
    for (let from = 0; from < values.length; from += 15) {
      const times = values.slice(from, from + 15)
      const body = readingBody(times[0] ?? 0, [1n, 1n], 'fast')
      const samples = times.map((timeMs) => ({ timeMs, status: 1, registers: [1n, 1n] }))
      await office.deliver(await meter.next(19, { ...body, samples } as typeof body, keyring.ueid))
    }
    const range = `fromMs=${START_MS}&toMs=${START_MS + HOUR_MS}`
    const lines = (await text(`readings.csv?${range}&stream=live-1`)).trimEnd().split('\r\n')
    assert.equal(lines.length, 1 + values.length)
    assert.equal(new Set(lines.map((line) => line.split(',')[0])).size, lines.length)
    assert.match(lines[1] ?? '', /"pending"/)
  })

  it('has so many downloads under way at once, and goes on when one was left', async () => {
    const path = `/devices/${office.device}/readings.csv?fromMs=${START_MS}&toMs=${START_MS + HOUR_MS}&stream=live-1` // prettier-ignore
    const open = await Promise.all(Array.from({ length: DOWNLOADS_MAX }, () => office.ask(path)))
    assert.deepEqual(new Set(open.map(({ status }) => status)), new Set([200]))
    assert.equal((await office.ask(path)).status, 503)
    await open[0]?.body?.cancel()
    await open[1]?.text()
    const more = [await office.ask(path), await office.ask(path), await office.ask(path)]
    assert.deepEqual(
      more.map(({ status }) => status),
      [200, 200, 503],
    )
    for (const { body } of [...open.slice(2), ...more]) await body?.cancel()
    assert.equal((await office.ask(path)).status, 200)
  })

  it('draws a year from the stream that reaches as far, and a minute from the finest', async () => {
    const { meter, keyring, clock } = office
    const nowMs = START_MS + 8 * HOUR_MS
    await office.deliver(await meter.next(3, schemaBody(nowMs), keyring.ueid))
    for (let i = 0; i < 20; i++) {
      const body = readingBody(nowMs - 20_000 + i * 1000, [1n, BigInt(i)], 'fast')
      await office.deliver(await meter.next(3, body, keyring.ueid))
    }
    const curve = async (fromMs: number, toMs: number, points = 1000): Promise<SeriesAnswer> =>
      ask(`series?register=${POWER}&fromMs=${fromMs}&toMs=${toMs}&points=${points}`)
    assert.equal((await curve(nowMs - 20_000, nowMs)).stream, 'live')
    const year = await curve(nowMs - 365 * 24 * HOUR_MS, clock.nowMs() + 1)
    assert.equal(year.stream, 'quarter')
    const day = await curve(START_MS, nowMs + 1, 32)
    assert.equal(day.stream, 'quarter')
    const fine = await curve(START_MS, nowMs + 1)
    assert.ok(fine.values.includes(null), 'the hour that is missing is a gap')
    assert.deepEqual(
      day.values.filter((value) => value !== null && !Number.isInteger(value)),
      [],
      'only readings that exist',
    )
  })

  it('marks what came in quarantine, in readings, costs and downloads', async () => {
    const { meter, keyring, headend, clock } = office
    headend.setState(meter.signer.ueid, 'quarantined', { who: 'test', reason: 'odd' })
    const atMs = START_MS + 9 * HOUR_MS
    clock.advance(HOUR_MS)
    await office.deliver(await meter.next(1, readingBody(atMs, [360_000n, 36n]), keyring.ueid))
    const latest = await ask<ReadingView>('latest?stream=quarter')
    assert.equal(latest.quarantined, true)
    const before = atMs - HOUR_MS
    const { spans } = await ask<CostsAnswer>(`costs?edges=${before},${atMs}`)
    assert.equal(spans[0]?.quarantined, true)
    const csv = await text(`readings.csv?fromMs=${atMs}&toMs=${atMs + 1}`)
    assert.match(csv, /"signed","yes",36000\.0,36\r\n$/)
    headend.setState(meter.signer.ueid, 'active', { who: 'test' })
    assert.equal((await ask<ReadingView>('latest?stream=quarter')).quarantined, true, 'for good')
    assert.equal(toHex(meter.signer.ueid), office.device)
  })
})

describe('mediumOf', () => {
  it('goes by what most registers name', () => {
    const of = (...codes: readonly string[]): string =>
      mediumOf({ registers: codes.map((obis) => ({ obis, unitCode: 30, scaler: 0 })) })
    assert.equal(of('1-0:1.8.0*255', '0-0:96.1.0*255'), 'electricity')
    assert.equal(of('0-0:96.1.0*255', '7-0:3.0.0*255'), 'gas')
    assert.equal(of('6-0:1.0.0*255'), 'heat')
    assert.equal(of('9-0:1.0.0*255', '8-0:1.0.0*255', '8-1:1.0.0*255'), 'cold-water')
    assert.equal(of('0-1:24.2.1*255'), 'other')
    assert.equal(of(), 'other')
  })
})
