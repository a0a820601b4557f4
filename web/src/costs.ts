/* What energy costs its owner. */

/** Rates of one period of a tariff. */
export const TARIFF_RATES_MAX = 16

/** Periods of one tariff: a change of price every month for ten years. */
export const TARIFF_PERIODS_MAX = 120

/** Zones of one rate: more than any supplier has. */
export const TARIFF_ZONES_MAX = 8

/** Days that one question about costs may span where hours have prices of their own: three years. */
export const ZONED_DAYS_MAX = 1100

/** Characters of the name of a time zone. */
export const TIME_ZONE_CHARS_MAX = 64

/**
 * Hours with a price of their own, by the clocks in the tariff's `timeZone`: where clocks are put forward
 * or back inside of a zone it is an hour shorter or longer, and an hour that comes twice counts twice.
 */
export interface TariffZone {
  /** Weekdays on which it begins, ascending: 1 Monday … 7 Sunday (ISO 8601). */
  readonly days: readonly number[]
  /** "22:00", in whole minutes. */
  readonly from: string
  /** "06:00"; not after `from` means on the day after, so that from 00:00 to 00:00 is the whole day. */
  readonly to: string
  /** As in {@link TariffRate}; "0" is free. */
  readonly price: string
}

/** The price of what one counter counts. */
export interface TariffRate {
  /** The counter's OBIS code in full: '1-0:1.8.0*255', '7-0:3.0.0*255', … */
  readonly register: string
  /** Per kWh where the counter counts energy, per m³ where it counts a volume; decimal: "0.3187". */
  readonly price: string
  /** Hours in which another price holds; the first that fits counts, and `price` in all other hours. */
  readonly zones?: readonly TariffZone[]
  /** True for what is fed in and paid for. */
  readonly earns: boolean
  /** What a m³ is charged as, in kWh, where the price is per kWh of gas: "10.312". */
  readonly factor?: string
}

/** What is paid from one moment on, until the next period begins. */
export interface TariffPeriod {
  readonly fromMs: number
  /** Fixed charge of a month, decimal; a month is a twelfth of 365 days. */
  readonly monthly: string
  readonly rates: readonly TariffRate[]
}

/**
 * `GET /api/v1/devices/{device}/tariff` answers it (404 before one was entered), and
 * `PUT /api/v1/devices/{device}/tariff` (operator; on the meter's own page its owner) keeps it and
 * answers what was kept.
 */
export interface Tariff {
  /** ISO 4217: 'EUR'. */
  readonly currency: string
  /** The owner's time zone by its IANA name, 'Europe/Zurich'; must be there where a rate has zones. */
  readonly timeZone?: string
  /** In order of `fromMs`; before the first nothing is known of costs. */
  readonly periods: readonly TariffPeriod[]
}

/**
 * What one span of time cost, from the signed counters at its edges. Money is an exact decimal; only
 * the fixed charge, being a share of a month, is rounded, at six places. A value is null where a
 * counter was not read around an edge (or ran backwards: another meter).
 */
export interface CostSpan {
  readonly fromMs: number
  readonly toMs: number
  /** What the energy drawn cost. */
  readonly energy: string | null
  /** What the energy fed in earned. */
  readonly earned: string | null
  readonly fixed: string | null
  /** `energy` − `earned` + `fixed`. */
  readonly total: string | null
  /** What was counted, as the rates name it, in kWh or m³. */
  readonly counted: readonly {
    readonly register: string
    readonly amount: string | null
    readonly unit: string
    /** The same by price, where hours have prices of their own; adds up to the whole, exactly. */
    readonly byPrice?: readonly { readonly price: string; readonly amount: string | null }[]
  }[]
  /** A reading that this is made of came in while the device was in quarantine. */
  readonly quarantined?: true
}

/**
 * `GET /api/v1/devices/{device}/costs?edges=MS,MS,…[&head=N]`: what each span between two neighbouring
 * edges cost (404 where no tariff was entered). At most COUNTER_EDGES_MAX edges, in order; where hours have
 * prices of their own, over no more than {@link ZONED_DAYS_MAX} days.
 */
export interface CostsAnswer {
  readonly device: string
  readonly head: number
  readonly currency: string
  readonly spans: readonly CostSpan[]
}

/*
 * `GET /api/v1/devices/{device}/readings.csv?fromMs=&toMs=&stream=[&decimal=comma]` answers text/csv as
 * a download: a line for each reading with its time (ISO 8601, UTC), sequence number, and a column for
 * each register; values exact. `decimal=comma` writes for spreadsheets that expect it.
 */
