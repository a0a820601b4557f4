import type { Tariff, TariffPeriod } from '../../api.ts'

/** A price as a person types it, as an exact decimal; undefined for what is none. */
export function parsePrice(text: string): string | undefined {
  const trimmed = text.trim().replace(',', '.')
  return /^\d{1,6}(\.\d{1,6})?$/.test(trimmed) ? trimmed : undefined
}

/** The period in force at a time; undefined before the first. */
export function periodAt(tariff: Tariff | undefined, timeMs: number): TariffPeriod | undefined {
  return tariff?.periods.findLast((period) => period.fromMs <= timeMs)
}

/** The tariff with a period put in its place; one that begins at the same moment gives way. */
export function withPeriod(
  tariff: Tariff | undefined,
  currency: string,
  period: TariffPeriod,
): Tariff {
  const others = (tariff?.periods ?? []).filter((each) => each.fromMs !== period.fromMs)
  const periods = [...others, period].sort((one, two) => one.fromMs - two.fromMs)
  return { currency, periods }
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
