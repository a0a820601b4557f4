import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { CostSpan, Tariff, TariffZone } from '../../src/api.ts'
import { COST_MOMENTS_MAX } from '../../src/http/costs.ts'
import { decimalOf, parseDecimal, plus, times, ZERO } from '../../src/http/decimal.ts'
import { costSpans, HttpError, readTariff, type CountersAt } from '../../src/http/index.ts'

const DRAWN = '1-0:1.8.0*255'
const HOUR_MS = 3_600_000
const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]
const QUARTER_MS = HOUR_MS / 4

/** A counter that runs at one kilowatt all the time. */
function steady(atMs: number): CountersAt {
  const value = decimalOf({ digits: BigInt(Math.floor(atMs / 36_000)), places: 2 })
  return { quarantined: false, value: () => ({ value, unit: 'kWh' }) }
}

/** A counter that runs at a power of its own in each quarter of an hour. */
function lively(atMs: number): CountersAt {
  const quarter = Math.floor(atMs / QUARTER_MS)
  const milliWh = BigInt(quarter) * 1000n + BigInt((quarter * 7919) % 991)
  const value = decimalOf({ digits: milliWh, places: 3 })
  return { quarantined: false, value: () => ({ value, unit: 'Wh' }) }
}

function tariff(zones: readonly TariffZone[], timeZone = 'Europe/Zurich'): Tariff {
  const rates = [{ register: DRAWN, price: '0.3', zones, earns: false }]
  return readTariff({ currency: 'CHF', timeZone, periods: [{ fromMs: 0, monthly: '0', rates }] })
}

function zone(from: string, to: string, days = EVERY_DAY, price = '0.1'): TariffZone {
  return { days, from, to, price }
}

/** What was counted at the price of a zone, and at that of all other hours. */
function counted({ counted: [entry] }: CostSpan): Readonly<Record<string, string | null>> {
  return Object.fromEntries((entry?.byPrice ?? []).map(({ price, amount }) => [price, amount]))
}

function only(spans: readonly CostSpan[]): CostSpan {
  const [span] = spans
  assert.ok(span && spans.length === 1)
  return span
}

const sumOf = (texts: readonly (string | null)[]): string =>
  decimalOf(texts.map((text) => parseDecimal(text ?? '', 'part')).reduce(plus, ZERO))

describe('prices by the hour', () => {
  const midnight = (month: number, day: number, offsetHours: number): number =>
    Date.UTC(2026, month - 1, day) - offsetHours * HOUR_MS

  it('hold where local clocks say so, over midnight and weekends', () => {
    // Friday the 5th of June 2026, to Tuesday; cheap in nights that begin on a working day.
    const edges = [midnight(6, 5, 2), midnight(6, 9, 2)]
    const prices = tariff([zone('22:00', '06:00', [1, 2, 3, 4, 5])])
    const span = only(costSpans(prices, edges, steady))
    // The end of Thursday's night, all of Friday's, the beginning of Monday's; Sunday's is none.
    assert.deepEqual(counted(span), { '0.1': '16', '0.3': '80' })
    assert.equal(span.energy, '25.60')
    assert.equal(span.counted[0]?.amount, '96')
  })

  it('are of an hour less, or more, on the days on which clocks change', () => {
    const prices = tariff([zone('00:00', '06:00')])
    const spring = costSpans(prices, [midnight(3, 29, 1), midnight(3, 30, 2)], steady)
    assert.deepEqual(counted(only(spring)), { '0.1': '5', '0.3': '18' })
    const autumn = costSpans(prices, [midnight(10, 25, 2), midnight(10, 26, 1)], steady)
    assert.deepEqual(counted(only(autumn)), { '0.1': '7', '0.3': '18' })
  })

  it('do not come where clocks leave the hour out, and come twice where it is there twice', () => {
    const prices = tariff([zone('02:00', '03:00', EVERY_DAY, '0')])
    const spring = costSpans(prices, [midnight(3, 29, 1), midnight(3, 30, 2)], steady)
    assert.deepEqual(counted(only(spring)), { '0.3': '23' })
    const autumn = costSpans(prices, [midnight(10, 25, 2), midnight(10, 26, 1)], steady)
    assert.deepEqual(counted(only(autumn)), { '0': '2', '0.3': '23' })
    assert.equal(only(autumn).energy, '6.90')
  })

  it('can be free all of a day, and the first zone that fits counts', () => {
    const edges = [midnight(6, 7, 2), midnight(6, 8, 2)] // A Sunday.
    const prices = tariff([zone('12:00', '14:00', [7], '0.5'), zone('00:00', '00:00', [7], '0')])
    assert.deepEqual(counted(only(costSpans(prices, edges, steady))), { '0': '22', '0.5': '2' })
  })

  it('are not known where a counter was not read when they changed', () => {
    const lost = midnight(6, 5, 2) + 22 * HOUR_MS
    const at = (atMs: number): CountersAt =>
      atMs === lost ? { quarantined: false, value: () => undefined } : steady(atMs)
    const edges = [5, 6, 7].map((day) => midnight(6, day, 2))
    const [first, second] = costSpans(tariff([zone('22:00', '06:00')]), edges, at)
    assert.equal(first?.total, null)
    assert.equal(first.counted[0]?.amount, null)
    assert.equal(second?.energy, '5.60')
    // At one price the moment does not matter.
    const flat = costSpans(tariff([zone('22:00', '06:00', EVERY_DAY, '0.3')]), edges, at)
    assert.equal(flat[0]?.energy, '7.20')
  })

  it('of parts add up to those of the whole over a year with both changes of clocks', () => {
    const [first, last] = [midnight(1, 1, 1), Date.UTC(2026, 11, 31, 23)]
    const minutes = fc.tuple(fc.nat(23), fc.constantFrom('00', '15', '30', '45'))
    const time = minutes.map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${minute}`)
    const days = fc.subarray(EVERY_DAY, { minLength: 1 })
    const price = fc.constantFrom('0', '0.1', '0.123456', '-0.05')
    const zones = fc.array(fc.record({ days, from: time, to: time, price }), { minLength: 1, maxLength: 3 }) // prettier-ignore
    const cuts = fc.uniqueArray(fc.integer({ min: first + 1, max: last - 1 }), { maxLength: 12 })
    fc.assert(
      fc.property(zones, cuts, (some, inner) => {
        const prices = tariff(some)
        const edges = [first, ...inner.toSorted((one, two) => one - two), last]
        const parts = costSpans(prices, edges, lively)
        const whole = only(costSpans(prices, [first, last], lively))
        assert.equal(sumOf(parts.map(({ energy }) => energy)), sumOf([whole.energy]))
        assert.equal(sumOf(parts.map(({ total }) => total)), sumOf([whole.total]))
        for (const { counted: list, energy } of [whole, ...parts]) {
          const [entry] = list
          const split = entry?.byPrice ?? []
          assert.equal(sumOf(split.map(({ amount }) => amount)), entry?.amount)
          const cost = split.map(({ amount, price: paid }) =>
            times(parseDecimal(amount ?? '', 'amount'), parseDecimal(paid, 'price')),
          )
          assert.equal(decimalOf(cost.reduce(plus, ZERO)), sumOf([energy]))
        }
      }),
      { numRuns: 40 },
    )
  }).timeout(20_000)

  it('are what a look at the clock in every quarter of an hour of a year finds', () => {
    const zones = [zone('22:30', '05:45', [1, 3, 7], '0'), zone('09:00', '12:15', [6], '0.05'), zone('01:30', '03:15')] // prettier-ignore
    // Clocks in London change at one o’clock, in Lord Howe by half an hour, in Kolkata never.
    for (const timeZone of ['Europe/London', 'Australia/Lord_Howe', 'Asia/Kolkata']) {
      const [first, last] = [Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)]
      const expected = new Map<string, number>()
      const format = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit' }) // prettier-ignore
      for (let at = first; at < last; at += QUARTER_MS) {
        const [, name = '', now = ''] = /^(\w+),? (\d\d:\d\d)$/.exec(format.format(at)) ?? []
        const day = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(name) + 1
        const eve = day === 1 ? 7 : day - 1
        const fits = ({ days, from, to }: TariffZone): boolean =>
          from < to
            ? days.includes(day) && now >= from && now < to
            : (days.includes(day) && now >= from) || (days.includes(eve) && now < to)
        const price = zones.find(fits)?.price ?? '0.3'
        expected.set(price, (expected.get(price) ?? 0) + 1)
      }
      const found = counted(only(costSpans(tariff(zones, timeZone), [first, last], steady)))
      const hours = [...expected].map(([price, quarters]) => [price, String(quarters / 4)])
      assert.deepEqual(found, Object.fromEntries(hours), timeZone)
    }
  }).timeout(20_000)

  it('ask for no more counters than a small computer can look up', () => {
    const far = [0, 1101 * 24 * HOUR_MS]
    const prices = tariff([zone('22:00', '06:00')])
    assert.throws(() => costSpans(prices, far, steady), /edges: expected times within 1100 days/)
    assert.equal(costSpans({ ...prices, periods: [] }, far, steady).length, 1)
    const often = tariff(
      Array.from({ length: 8 }, (_, hour) => zone(`0${hour}:10`, `0${hour}:20`, EVERY_DAY, `0.${hour}1`)), // prettier-ignore
    )
    let asked = 0
    const counting = (atMs: number): CountersAt => {
      asked += 1
      return steady(atMs)
    }
    assert.throws(
      () => costSpans(often, [0, 1099 * 24 * HOUR_MS], counting),
      (error) =>
        error instanceof HttpError && error.message.includes('changes of price between them'),
    )
    assert.equal(asked, COST_MOMENTS_MAX)
  })
})

describe('a tariff with prices by the hour', () => {
  it('names the field that is wrong', () => {
    const good = { days: [1], from: '22:00', to: '06:00', price: '0.1' }
    const whole = (one: unknown, timeZone: unknown = 'Europe/Zurich'): unknown => ({
      currency: 'EUR',
      timeZone,
      periods: [{ fromMs: 0, monthly: '1', rates: [{ register: DRAWN, price: '1', zones: one, earns: false }] }], // prettier-ignore
    })
    const field = 'periods.0.rates.0.zones'
    for (const [value, name] of [
      [whole([good], 'Mars/Olympus'), 'timeZone'],
      [whole([good], 'x'.repeat(65)), 'timeZone'],
      [whole([good], 7), 'timeZone'],
      [whole({}), field],
      [whole(Array.from({ length: 9 }, () => good)), field],
      [whole([{ ...good, days: [] }]), `${field}.0.days`],
      [whole([{ ...good, days: [0] }]), `${field}.0.days`],
      [whole([{ ...good, days: [2, 1] }]), `${field}.0.days`],
      [whole([{ ...good, days: [1, 1] }]), `${field}.0.days`],
      [whole([{ ...good, days: [1, '2'] }]), `${field}.0.days`],
      [whole([{ ...good, from: '24:00' }]), `${field}.0.from`],
      [whole([{ ...good, to: '6:00' }]), `${field}.0.to`],
      [whole([{ ...good, price: 0.1 }]), `${field}.0.price`],
    ] as const) {
      assert.throws(
        () => readTariff(value),
        (error) => error instanceof HttpError && error.message.startsWith(`${name}: expected`),
        name,
      )
    }
    const { timeZone, ...without } = whole([good]) as Tariff
    assert.equal(timeZone, 'Europe/Zurich')
    assert.throws(() => readTariff(without), /timeZone: expected the name of a time zone/)
  })

  it('comes back as it was entered, and has each counter once', () => {
    const entered = tariff([zone('22:00', '06:00')])
    assert.deepEqual(readTariff(JSON.parse(JSON.stringify(entered))), entered)
    const [period] = entered.periods
    assert.ok(period)
    const rates = [...period.rates, ...period.rates]
    assert.throws(
      () => readTariff({ ...entered, periods: [{ ...period, rates }] }),
      /periods.0.rates.1.register: expected each counter once/,
    )
  })
})
