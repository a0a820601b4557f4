import type { Tariff, TariffPeriod, TariffRate, TariffZone } from '../../api.ts'

/** A price as a person types it, as an exact decimal; undefined for what is none. */
export function parsePrice(text: string): string | undefined {
  const trimmed = text.trim().replace(',', '.')
  return /^\d{1,6}(\.\d{1,6})?$/.test(trimmed) ? trimmed : undefined
}

/** The period in force at a time; undefined before the first. */
export function periodAt(tariff: Tariff | undefined, timeMs: number): TariffPeriod | undefined {
  return tariff?.periods.findLast((period) => period.fromMs <= timeMs)
}

/**
 * The tariff with a period put in its place; one that begins at the same moment gives way. `ownZone` is
 * the reader's time zone, for hours with prices of their own.
 */
export function withPeriod(
  tariff: Tariff | undefined,
  currency: string,
  period: TariffPeriod,
  ownZone?: string,
): Tariff {
  const others = (tariff?.periods ?? []).filter((each) => each.fromMs !== period.fromMs)
  const periods = [...others, period].sort((one, two) => one.fromMs - two.fromMs)
  const isZoned = periods.some(({ rates }) => rates.some(({ zones = [] }) => zones.length > 0))
  const timeZone = tariff?.timeZone ?? (isZoned ? ownZone : undefined)
  return { currency, periods, ...(timeZone !== undefined && { timeZone }) }
}

/** Days on which hours are cheaper, as most suppliers have them. */
export const DAYS = {
  every: [1, 2, 3, 4, 5, 6, 7],
  weekdays: [1, 2, 3, 4, 5],
  weekend: [6, 7],
} as const satisfies Readonly<Record<string, readonly number[]>>

/** One of {@link DAYS}. */
export type DaysName = keyof typeof DAYS

/** Every name of {@link DAYS}. */
export const DAYS_NAMES = ['every', 'weekdays', 'weekend'] as const satisfies readonly DaysName[]

/** Hours with a price of their own, as they are typed. */
export interface Cheaper {
  /** Empty where there are no such hours. */
  readonly price: string
  readonly from: string
  readonly to: string
  readonly days: DaysName
}

/** What a form begins with: a night, at no price yet. */
export const NO_CHEAPER: Cheaper = { price: '', from: '22:00', to: '06:00', days: 'every' }

/** A rate's zones as a form can show them; undefined where they are more than it can. */
export function cheaperOf(zones: readonly TariffZone[] | undefined): Cheaper | undefined {
  const [zone, more] = zones ?? []
  if (zone === undefined) return NO_CHEAPER
  const days = DAYS_NAMES.find((name) => DAYS[name].join() === zone.days.join())
  if (more !== undefined || days === undefined) return undefined
  return { price: zone.price, from: zone.from, to: zone.to, days }
}

/** What was typed into a form of prices. */
export interface Typed {
  /** In the order in which they are asked for. */
  readonly registers: readonly string[]
  readonly prices: Readonly<Record<string, string>>
  readonly monthly: string
  /** Of the register that it is of; what a form cannot show it does not touch. */
  readonly cheaper?: { readonly register: string; readonly hours: Cheaper }
}

/**
 * What was typed, as a period from `fromMs` on; undefined where a number is none. What a form does not
 * show of the period before (factors, zones beyond one) goes on as it was.
 */
export function readPeriod(
  { registers, prices, monthly, cheaper }: Typed,
  before: TariffPeriod | undefined,
  isFed: (register: string) => boolean,
  fromMs: number,
): TariffPeriod | undefined {
  const fixed = parsePrice(monthly === '' ? '0' : monthly)
  if (fixed === undefined) return undefined
  const rates: TariffRate[] = []
  for (const register of registers) {
    const text = prices[register] ?? ''
    if (text.trim() === '') continue
    const price = parsePrice(text)
    const old = before?.rates.find((rate) => rate.register === register)
    const zones = cheaper?.register === register ? zonesOf(cheaper.hours) : (old?.zones ?? [])
    if (price === undefined || zones === undefined) return undefined
    const { factor } = old ?? {}
    const rate = {
      register,
      price,
      earns: isFed(register),
      ...(factor !== undefined && { factor }),
    }
    rates.push(zones.length > 0 ? { ...rate, zones } : rate)
  }
  return { fromMs, monthly: fixed, rates }
}

function zonesOf({ price, from, to, days }: Cheaper): readonly TariffZone[] | undefined {
  if (price.trim() === '') return []
  const parsed = parsePrice(price)
  const isTime = [from, to].every((time) => /^([01]\d|2[0-3]):[0-5]\d$/.test(time))
  return parsed === undefined || !isTime
    ? undefined
    : [{ days: DAYS[days], from, to, price: parsed }]
}

/** The currency that most people of a region pay in; what is not known pays in euros. */
export function currencyOf(locale: string): string {
  const region = new Intl.Locale(locale).maximize().region ?? ''
  const known: Readonly<Record<string, string>> = {
    CH: 'CHF',
    LI: 'CHF',
    GB: 'GBP',
    US: 'USD',
    CA: 'CAD',
    AU: 'AUD',
    NZ: 'NZD',
    SE: 'SEK',
    NO: 'NOK',
    DK: 'DKK',
    PL: 'PLN',
    CZ: 'CZK',
    HU: 'HUF',
    RO: 'RON',
    JP: 'JPY', // prettier-ignore
  }
  return known[region] ?? 'EUR'
}
