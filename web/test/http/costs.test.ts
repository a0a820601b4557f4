import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'mocha'
import type { Tariff } from '../../src/api.ts'
import {
  costSpans,
  csvLine,
  HttpError,
  readEdges,
  readTariff,
  type CountersAt,
} from '../../src/http/index.ts'
import { decimalOf, fraction, parseDecimal, plus, times } from '../../src/http/decimal.ts'

const [DRAWN, FED] = ['1-0:1.8.0*255', '1-0:2.8.0*255']
const DAY_MS = 86_400_000

/** The counters of a test: register, then value at each moment. */
function counters(
  values: Readonly<Record<string, Readonly<Record<number, string>>>>,
  unit = 'Wh',
): (atMs: number) => CountersAt {
  return (atMs) => ({
    quarantined: false,
    value: (register) => {
      const value = values[register]?.[atMs]
      return value === undefined ? undefined : { value, unit }
    },
  })
}

function tariff(...periods: readonly [number, string, string][]): Tariff {
  return {
    currency: 'EUR',
    periods: periods.map(([fromMs, price, monthly]) => ({
      fromMs,
      monthly,
      rates: [
        { register: DRAWN, price, earns: false },
        { register: FED, price: '0.0803', earns: true },
      ],
    })),
  }
}

describe('costSpans', () => {
  it('is exact where floating point is not', () => {
    const at = counters({ [DRAWN]: { 0: '1000.1', 1: '1000.3' }, [FED]: { 0: '0', 1: '0' } })
    const [span] = costSpans(tariff([0, '0.1', '0']), [0, 1], at)
    assert.ok(span)
    // 0.2 Wh at 0.1 a kWh.
    assert.equal(span.energy, '0.00002')
    assert.deepEqual(span.counted[0], { register: DRAWN, amount: '0.0002', unit: 'kWh' })
  })

  it('cuts a span where prices change, and adds the fixed charge by time', () => {
    const at = counters({
      [DRAWN]: { 0: '0', [DAY_MS]: '10000', [2 * DAY_MS]: '30000' },
      [FED]: { 0: '0', [DAY_MS]: '0', [2 * DAY_MS]: '1000' },
    })
    const prices = tariff([0, '0.30', '10'], [DAY_MS, '0.40', '20'])
    const [span] = costSpans(prices, [0, 2 * DAY_MS], at)
    assert.ok(span)
    assert.equal(span.energy, '11.00') // 10 kWh × 0.30 + 20 kWh × 0.40
    assert.equal(span.earned, '0.0803')
    assert.equal(span.fixed, '0.986301') // 12 × 10 / 365 + 12 × 20 / 365
    assert.equal(span.total, '11.906001')
  })

  it('knows nothing where a counter was not read, ran backwards, or no price was known', () => {
    const at = counters({ [DRAWN]: { 0: '5', 1: '4', 2: '6', 4: '9' }, [FED]: { 0: '0', 1: '0', 2: '0', 4: '0' } }) // prettier-ignore
    const spans = costSpans(tariff([0, '0.3', '0']), [0, 1, 2, 3, 4], at)
    assert.deepEqual(
      spans.map(({ energy }) => energy),
      [null, '0.0006', null, null],
    )
    assert.ok(spans.every(({ total, energy }) => (total === null) === (energy === null)))
    assert.equal(costSpans(tariff([1, '0.3', '0']), [0, 2], at)[0]?.total, null)
  })

  it('prices a volume by itself, or by what a m³ is charged as', () => {
    const gas = '7-0:3.0.0*255'
    const at = counters({ [gas]: { 0: '100.00', 1: '102.50' } }, 'm³')
    const rates = [{ register: gas, price: '0.12', earns: false, factor: '10.312' }]
    const prices = { currency: 'EUR', periods: [{ fromMs: 0, monthly: '0', rates }] }
    assert.equal(costSpans(prices, [0, 1], at)[0]?.energy, '3.0936')
  })

  it('marks what came in quarantine', () => {
    const at = (): CountersAt => ({ quarantined: true, value: () => ({ value: '1', unit: 'Wh' }) })
    assert.equal(costSpans(tariff([0, '1', '1']), [0, 1], at)[0]?.quarantined, true)
  })

  it('of parts adds up to that of the whole, to the last digit', () => {
    const steps = fc.array(fc.bigInt(0n, 10n ** 12n), { minLength: 2, maxLength: 10 })
    const price = fc.bigInt(-(10n ** 6n), 10n ** 6n)
    fc.assert(
      fc.property(steps, price, (increments, digits) => {
        let sum = 0n
        const values = increments.map((step) => decimalOf({ digits: (sum += step), places: 4 }))
        const at = counters({
          [DRAWN]: Object.fromEntries(values.entries()),
          [FED]: Object.fromEntries(values.map((_, index) => [index, '0'])),
        })
        const prices = tariff([0, decimalOf({ digits, places: 4 }), '0'])
        const edges = values.map((_, index) => index)
        const parts = costSpans(prices, edges, at).map(({ energy }) =>
          parseDecimal(energy ?? '', 'x'),
        )
        const [whole] = costSpans(prices, [0, edges.length - 1], at)
        assert.equal(decimalOf(parts.reduce(plus), 2), whole?.energy)
      }),
    )
  })
})

describe('decimals', () => {
  it('round half to even, and only where they must', () => {
    const half = (text: string): string =>
      decimalOf(fraction(parseDecimal(text, 'x'), 1n, 2n, 2), 2)
    assert.deepEqual(['0.01', '0.03', '-0.01', '-0.03', '7'].map(half), ['0.00', '0.02', '0.00', '-0.02', '3.50']) // prettier-ignore
    assert.equal(decimalOf(times(parseDecimal('-1.5', 'x'), parseDecimal('0.02', 'x'))), '-0.03')
  })

  it('are read as they are written', () => {
    const text = fc.tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.nat(20))
    fc.assert(
      fc.property(text, ([digits, places]) => {
        const written = decimalOf({ digits, places }, places)
        assert.deepEqual(parseDecimal(written, 'x'), { digits, places })
      }),
    )
    for (const wrong of ['', '1,5', '1e3', '+1', '.5', '1.', 'NaN', '١', '1'.repeat(31)]) {
      assert.throws(() => parseDecimal(wrong, 'price'), /price: expected a decimal/)
    }
  })
})

describe('readTariff', () => {
  it('gives back what was entered, in its own form', () => {
    const [first] = tariff([0, '0.30', '12.00']).periods
    const { periods } = readTariff({ currency: 'EUR', periods: [first], more: 1 })
    assert.equal(periods[0]?.monthly, '12')
    assert.equal(periods[0].rates[0]?.price, '0.3')
  })

  it('names the field that is wrong, and throws nothing else on anything', () => {
    const good = tariff([0, '0.3', '1'], [5, '0.4', '1'])
    for (const [value, field] of [
      [{ ...good, currency: 'eur' }, 'currency'],
      [{ ...good, periods: {} }, 'periods'],
      [{ ...good, periods: [...good.periods].reverse() }, 'periods.1.fromMs'],
      [{ ...good, periods: [{ fromMs: 0, monthly: 1, rates: [] }] }, 'periods.0.monthly'],
      [{ ...good, periods: [{ fromMs: 0.5, monthly: '1', rates: [] }] }, 'periods.0.fromMs'],
      [{ ...good, periods: [{ fromMs: 0, monthly: '1', rates: [{ register: '=1+1', price: '1', earns: false }] }] }, 'periods.0.rates.0.register'], // prettier-ignore
      [{ ...good, periods: Array.from({ length: 121 }, (_, fromMs) => ({ fromMs, monthly: '1', rates: [] })) }, 'periods'], // prettier-ignore
    ] as const) {
      assert.throws(
        () => readTariff(value),
        (error) => error instanceof HttpError && error.message.startsWith(`${field}: expected`),
      )
    }
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          readTariff(value)
        } catch (error) {
          assert.ok(error instanceof HttpError)
        }
      }),
    )
  })

  it('asks for edges in order', () => {
    assert.deepEqual(readEdges([1, 2]), [1, 2])
    for (const wrong of [
      [],
      [1],
      [1, 1],
      [2, 1],
      Array.from({ length: 368 }, (_, index) => index),
    ]) {
      assert.throws(() => readEdges(wrong), HttpError)
    }
  })
})

describe('csvLine', () => {
  it('writes numbers as numbers and texts as texts, for both kinds of spreadsheet', () => {
    const cells = [{ text: 'a "b"' }, { number: '-1.50' }, { empty: true }] as const
    assert.equal(csvLine(cells), '"a ""b""",-1.50,\r\n')
    assert.equal(csvLine(cells, 'comma'), '"a ""b""";-1,50;\r\n')
  })

  it('lets no spreadsheet take a text for a formula', () => {
    for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\t=1', '\r=1', '\n1', '|x', '%0']) {
      assert.match(csvLine([{ text }]), /^"'/, JSON.stringify(text))
      assert.match(csvLine([{ number: `${text}x` }]), /^"'/)
    }
    assert.equal(csvLine([{ text: 'quarter-1' }]), '"quarter-1"\r\n')
  })

  it('stays one record whatever a meter sends', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (texts) => {
        const line = csvLine(texts.map((text) => ({ text })))
        const quotes = line.split('"').length - 1
        assert.equal(quotes % 2, 0)
        assert.equal(line.replace(/"([^"]|"")*"/g, ''), `${','.repeat(texts.length - 1)}\r\n`)
      }),
    )
  })
})
