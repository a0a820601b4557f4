import assert from 'node:assert/strict'
import { describe, it } from 'mocha'
import type { Device, Tariff, TariffPeriod } from '../src/api.ts'
import {
  countersOf,
  headOfStream,
  headsOf,
  pricedCounters,
  toldMedium,
} from '../src/page/logic/heads.ts'
import { explainObis } from '../src/page/logic/obis.ts'
import { cheaperOf, currencyOf, parsePrice, periodAt, readPeriod, withPeriod } from '../src/page/logic/tariff.ts' // prettier-ignore
import type { Typed } from '../src/page/logic/tariff.ts'
import { de, en } from '../src/page/texts/texts.ts'

const TWO_TARIFFS = ['1-0:1.8.1*255', '1-0:1.8.2*255', '1-0:2.8.1*255', '1-0:2.8.2*255']

function device(streams: Partial<Device['streams'][number]>[]): Device {
  const filled = streams.map((each) => ({ stream: 'quarter', contiguousSeq: 0, newestSeq: 0, ...each })) // prettier-ignore
  return { id: '00', name: 'x', state: 'active', algorithm: 'Ed25519', publicKey: '', enrolledMs: 0, alarms: 0, streams: filled } // prettier-ignore
}

describe('the meters of a device', () => {
  const both = device([
    { stream: 'quarter-1', head: 1, medium: 'gas', registers: ['0-1:24.2.1*255'] },
    { stream: 'live', head: 0, medium: 'electricity', registers: TWO_TARIFFS },
    { stream: 'quarter', head: 0, medium: 'electricity' },
    { stream: 'events' },
  ])

  it('are found by their streams, in order', () => {
    assert.deepEqual(headsOf(both).map(({ head, medium }) => [head, medium]), [[0, 'electricity'], [1, 'gas']]) // prettier-ignore
    assert.equal(headsOf(undefined).length, 1)
  })

  it('have a counter each, and prices for what is not counted twice', () => {
    const [power, gas] = headsOf(both)
    assert.ok(power !== undefined && gas !== undefined)
    assert.deepEqual(countersOf(power, []), {
      drawn: TWO_TARIFFS.slice(0, 2),
      fed: TWO_TARIFFS.slice(2),
    })
    assert.deepEqual(countersOf(gas, []), { drawn: ['0-1:24.2.1*255'], fed: [] })
    assert.deepEqual(pricedCounters(power, []), TWO_TARIFFS)
    const all = { ...power, registers: ['1-0:1.8.0*255', '1-0:2.8.0*255', '1-0:1.8.1*255'] }
    assert.deepEqual(pricedCounters(all, []), ['1-0:1.8.0*255', '1-0:2.8.0*255'])
    assert.deepEqual(countersOf(all, []), { drawn: ['1-0:1.8.0*255'], fed: ['1-0:2.8.0*255'] })
  })

  it('count nothing by values that a meter stored at the end of a period', () => {
    const [power] = headsOf(both)
    assert.ok(power !== undefined)
    const stored = ['1-0:1.8.0*1', '1-0:1.8.0*2', '1-0:1.8.0*255', '1-0:1.8.1*1', '1-0:1.8.2*1']
    const head = { ...power, registers: stored }
    assert.deepEqual(countersOf(head, []), { drawn: ['1-0:1.8.0*255'], fed: [] })
    assert.deepEqual(pricedCounters(head, []), ['1-0:1.8.0*255'])
    const gas = { ...power, medium: 'gas', registers: ['7-0:3.0.0*1', '7-0:3.0.0*255'] } as const
    assert.deepEqual(countersOf(gas, [])?.drawn, ['7-0:3.0.0*255'])
  })

  it('have the medium that the device said, where registers do not tell', () => {
    const other = { head: 1, medium: 'other', registers: ['0-1:24.2.1*255'] } as const
    const values = { detail1: 1, detail4: 'gas' }
    const event = {
      id: '1',
      atMs: 0,
      severity: 'info',
      code: 'device.meter-found',
      values,
    } as const
    assert.equal(toldMedium(other, [event]).medium, 'gas')
    assert.equal(toldMedium(other, []).medium, 'other')
    assert.equal(toldMedium({ ...other, medium: 'heat' }, [event]).medium, 'heat')
  })

  it('are told apart by the names of their streams', () => {
    assert.deepEqual(['live', 'live-2', 'quarter-17'].map(headOfStream), [0, 2, 17])
  })
})

describe('explainObis', () => {
  it('explains registers of every medium in both languages', () => {
    const known: Readonly<Record<string, string>> = {
      '1-0:1.8.2*255': 'Energy drawn, tariff 2',
      '1-0:21.8.0*255': 'Energy drawn, phase L1',
      '1-0:1.6.0*255': 'Highest power of the period',
      '1-0:52.32.0*255': 'Moments of low voltage, phase L2',
      '0-0:96.14.0*255': 'Tariff in force',
      '0-1:24.2.1*255': 'Meter behind this one, channel 1',
      '7-0:3.0.0*255': 'Gas, volume',
      '8-0:1.0.0*255': 'Water, volume',
      '6-0:1.0.0*255': 'Heat used, total',
      '1-0:1.8.0*3': 'Energy drawn, total, stored value 3',
      '6-0:11.0.0*255': 'Temperature of the water going back',
      '1-0:199.1.0*255': en.obis.other,
    }
    for (const [obis, text] of Object.entries(known)) {
      assert.equal(explainObis(obis, en), text, obis)
      assert.notEqual(explainObis(obis, de), '')
    }
  })
})

describe('tariffs', () => {
  const period = (fromMs: number): Tariff['periods'][number] => ({
    fromMs,
    monthly: '9',
    rates: [],
  })

  it('take prices as people write them, and nothing else', () => {
    assert.equal(parsePrice(' 0,3187 '), '0.3187')
    assert.equal(parsePrice('12'), '12')
    for (const wrong of ['', '-1', '1e3', '0x1', '1.2.3', '0.1234567', 'free'])
      assert.equal(parsePrice(wrong), undefined)
  })

  it('keep what was paid before, and put a new period in its place', () => {
    const first = withPeriod(undefined, 'EUR', period(100))
    const both = withPeriod(first, 'EUR', period(50))
    assert.deepEqual(both.periods.map((each) => each.fromMs), [50, 100]) // prettier-ignore
    assert.equal(withPeriod(both, 'EUR', period(100)).periods.length, 2)
    assert.equal(periodAt(both, 99)?.fromMs, 50)
    assert.equal(periodAt(both, 49), undefined)
  })

  const register = '1-0:1.8.0*255'
  const night = { days: [1, 2, 3, 4, 5], from: '22:00', to: '06:00', price: '0.2' }
  const read = (typed: Partial<Typed>, before?: Tariff['periods'][number]): TariffPeriod | undefined => // prettier-ignore
    readPeriod({ registers: [register], prices: { [register]: '0,3' }, monthly: '', ...typed }, before, () => false, 7) // prettier-ignore

  it('have cheaper hours where somebody typed them, by the clocks of her own time zone', () => {
    const hours = { price: '0,2', from: '22:00', to: '06:00', days: 'weekdays' } as const
    const typed = read({ cheaper: { register, hours } })
    assert.deepEqual(typed?.rates, [{ register, price: '0.3', earns: false, zones: [night] }])
    assert.equal(withPeriod(undefined, 'EUR', typed, 'Europe/Zurich').timeZone, 'Europe/Zurich')
    assert.deepEqual(cheaperOf(typed.rates[0]?.zones), { ...hours, price: '0.2' })
    assert.equal('timeZone' in withPeriod(undefined, 'EUR', period(1), 'Europe/Zurich'), false)
    for (const wrong of [{ price: 'x' }, { from: '24:00' }, { to: '6' }])
      assert.equal(read({ cheaper: { register, hours: { ...hours, ...wrong } } }), undefined)
    const none = read({ cheaper: { register, hours: { ...hours, price: '' } } })
    assert.equal('zones' in (none?.rates[0] ?? {}), false)
  })

  it('keep what the form does not show', () => {
    const zones = [night, { ...night, from: '12:00', to: '13:00' }]
    const before = { ...period(5), rates: [{ register, price: '1', earns: false, factor: '10.3', zones }] } // prettier-ignore
    assert.equal(cheaperOf(zones), undefined)
    assert.deepEqual(read({}, before)?.rates, [{ register, price: '0.3', earns: false, factor: '10.3', zones }]) // prettier-ignore
    const kept = { currency: 'EUR', timeZone: 'Europe/Oslo', periods: [before] }
    assert.equal(withPeriod(kept, 'EUR', period(9), 'Europe/Zurich').timeZone, 'Europe/Oslo')
  })

  it('are in the money of the reader’s region', () => {
    assert.deepEqual(['de-DE', 'de-CH', 'en-US', 'en-GB', 'nl'].map(currencyOf), ['EUR', 'CHF', 'USD', 'GBP', 'EUR']) // prettier-ignore
  })
})
