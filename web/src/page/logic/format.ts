/** A number and its unit apart, since they are set in different sizes. */
export interface Quantity {
  readonly value: string
  readonly unit: string
}

/** Numbers, times and spans in the reader's own language. */
export interface Formats {
  /** Watts without sign, to a sensible number of digits: "1 234 W", "12.3 kW". */
  power(watts: number): Quantity
  /** Watt-hours as kilowatt-hours: "12.345 kWh". */
  energy(wattHours: number): Quantity
  /** Watt-hours in the unit that suits them: "4.2 Wh", "1.35 kWh". */
  work(wattHours: number): Quantity
  /** The same in one text, with a minus before what is fed in. */
  readonly signedPower: (watts: number) => string
  /** What a counter counted: energy in the unit that suits it, anything else in its own. */
  counted(amount: number, unit: string): string
  /** A price with the digits that prices of energy have: "€0.3187". */
  price(value: number, currency: string): string
  readonly signedWork: (wattHours: number) => string
  /** An exact decimal string with the digits that it has, grouped. */
  exact(value: string): string
  integer(value: number): string
  /** The language and region in use, as a BCP 47 tag. */
  readonly locale: string
  percent(value: number): string
  /** A short span of time: "3.4 ms", "850 ms", "12 s". */
  span(ms: number): string
  bytes(count: number): string
  clock(timeMs: number): string
  /** Hour and minute. */
  shortClock(timeMs: number): string
  /** Day and month. */
  shortDate(timeMs: number): string
  date(timeMs: number): string
  dateTime(timeMs: number): string
  /** A time from and to, with no part said twice: "3 – 9 Nov 2026", "9 Nov 2026, 14:00 – 15:00". */
  range(fromMs: number, toMs: number): string
  weekday(timeMs: number): string
  /** Days of the week, 1 Monday to 7 Sunday: "Mon–Fri", "Sat and Sun". */
  weekdays(days: readonly number[]): string
  month(timeMs: number): string
  /** How long ago or ahead: "3 seconds ago", "in 5 hours". */
  relative(timeMs: number, nowMs: number): string
  money(value: number, currency: string): string
  /** "A, B and C". */
  list(parts: readonly string[]): string
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Midnight of some Monday, in UTC. */
const MONDAY_MS = 4 * DAY

/** Formats for a BCP 47 language tag; `zone` is for tests, the browser's own otherwise. */
export function createFormats(locale: string, zone?: string): Formats {
  const at = zone === undefined ? {} : { timeZone: zone }
  const number = (digits: number): Intl.NumberFormat =>
    new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits })
  const [whole, one, two, three] = [number(0), number(1), number(2), number(3)]
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 })
  const date = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(locale, { ...options, ...at })
  const clock = date({ hour: '2-digit', minute: '2-digit', second: '2-digit' })
  const shortClock = date({ hour: '2-digit', minute: '2-digit' })
  const shortDate = date({ day: 'numeric', month: 'short' })
  const day = date({ dateStyle: 'medium' })
  const dayTime = date({ dateStyle: 'medium', timeStyle: 'medium' })
  const dayMinute = date({ dateStyle: 'medium', timeStyle: 'short' })
  const weekday = date({ weekday: 'short' })
  const month = date({ month: 'short' })
  const list = new Intl.ListFormat(locale, { type: 'conjunction' })
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  const power = (watts: number): Quantity => {
    const size = Math.abs(watts)
    if (size >= 10_000) return { value: one.format(size / 1000), unit: 'kW' }
    return { value: whole.format(size), unit: 'W' }
  }
  const work = (wattHours: number): Quantity => {
    const size = Math.abs(wattHours)
    if (size >= 1000) return { value: two.format(size / 1000), unit: 'kWh' }
    return { value: size >= 100 ? whole.format(size) : one.format(size), unit: 'Wh' }
  }
  const signed = (value: number, { value: text, unit }: Quantity): string =>
    `${value < 0 ? '−' : ''}${text} ${unit}`
  return {
    power,
    energy: (wattHours) => {
      const kilo = wattHours / 1000
      const format = Math.abs(kilo) >= 1000 ? one : Math.abs(kilo) >= 100 ? two : three
      return { value: format.format(kilo), unit: 'kWh' }
    },
    work,
    signedPower: (watts) => signed(watts, power(watts)),
    signedWork: (wattHours) => signed(wattHours, work(wattHours)),
    counted: (amount, unit) =>
      unit === 'Wh' || unit === 'kWh'
        ? signed(amount, work(amount))
        : `${three.format(amount)} ${unit}`,
    exact: (value) => exactDecimal(locale, value),
    integer: (value) => whole.format(value),
    percent: (value) => percent.format(value / 100),
    span: (ms) => spanText(ms, { whole, one }),
    bytes: (count) => `${whole.format(count)} B`,
    clock: (timeMs) => clock.format(timeMs),
    shortClock: (timeMs) => shortClock.format(timeMs),
    shortDate: (timeMs) => shortDate.format(timeMs),
    date: (timeMs) => day.format(timeMs),
    dateTime: (timeMs) => dayTime.format(timeMs),
    range: (fromMs, toMs) =>
      // An end at midnight is the end of the day before.
      (toMs - fromMs > 20 * HOUR ? day : dayMinute).formatRange(fromMs, toMs - 1),
    weekday: (timeMs) => weekday.format(timeMs),
    weekdays: (days) => weekdaysText(locale, list, days),
    month: (timeMs) => month.format(timeMs),
    relative: (timeMs, nowMs) => relativeText(relative, timeMs - nowMs),
    money: (value, currency) => moneyText(locale, value, currency, 2),
    price: (value, currency) => moneyText(locale, value, currency, 6),
    locale,
    list: (parts) => list.format(parts),
  }
}

/** Grouped as the language does it, with every digit that the meter sent and no other. */
function exactDecimal(locale: string, value: string): string {
  if (!/^-?\d{1,30}(\.\d{1,15})?$/.test(value)) return value
  const digits = value.split('.')[1]?.length ?? 0
  const format = new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  // Formatting a decimal string is exact (ECMA-402 Intl.NumberFormat v3), a number would not be.
  return format.format(value as Intl.StringNumericLiteral)
}

function moneyText(locale: string, value: number, currency: string, digits: number): string {
  const options = { style: 'currency', currency, maximumFractionDigits: digits } as const
  return new Intl.NumberFormat(locale, options).format(value)
}

function weekdaysText(locale: string, list: Intl.ListFormat, days: readonly number[]): string {
  const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' })
  const names = days.map((each) => weekday.format(MONDAY_MS + (each - 1) * DAY))
  const [first = 0, last = first] = [days[0], days.at(-1)]
  const isRun = days.length > 2 && last - first === days.length - 1
  return isRun ? `${names[0] ?? ''}–${names.at(-1) ?? ''}` : list.format(names)
}

function spanText(ms: number, format: Record<'whole' | 'one', Intl.NumberFormat>): string {
  if (ms < 10) return `${format.one.format(ms)} ms`
  if (ms < 1000) return `${format.whole.format(ms)} ms`
  if (ms < 10_000) return `${format.one.format(ms / 1000)} s`
  if (ms < MINUTE) return `${format.whole.format(ms / 1000)} s`
  if (ms < HOUR) return `${format.whole.format(ms / MINUTE)} min`
  if (ms < DAY) return `${format.one.format(ms / HOUR)} h`
  return `${format.one.format(ms / DAY)} d`
}

function relativeText(format: Intl.RelativeTimeFormat, differenceMs: number): string {
  const size = Math.abs(differenceMs)
  if (size < MINUTE) return format.format(Math.round(differenceMs / 1000), 'second')
  if (size < HOUR) return format.format(Math.round(differenceMs / MINUTE), 'minute')
  if (size < DAY) return format.format(Math.round(differenceMs / HOUR), 'hour')
  return format.format(Math.round(differenceMs / DAY), 'day')
}
