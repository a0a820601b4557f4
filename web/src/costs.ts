/* What energy costs its owner. */

/** Rates of one tariff. */
export const TARIFF_RATES_MAX = 16

/** The price of what one counter counts. */
export interface TariffRate {
  /** The counter's OBIS code in full: '1-0:1.8.0*255', '7-0:3.0.0*255', … */
  readonly register: string
  /** Per kWh where the counter counts energy, per m³ where it counts a volume; decimal: "0.3187". */
  readonly price: string
  /** True for what is fed in and paid for. */
  readonly earns: boolean
}

/**
 * `GET /api/v1/devices/{device}/tariff` answers it (404 before one was entered), and
 * `PUT /api/v1/devices/{device}/tariff` (operator; on the meter's own page its owner) keeps it and
 * answers what was kept.
 */
export interface Tariff {
  /** ISO 4217: 'EUR'. */
  readonly currency: string
  /** Fixed charge of a month, decimal. */
  readonly monthly: string
  readonly rates: readonly TariffRate[]
}

/*
 * `GET /api/v1/devices/{device}/readings.csv?fromMs=&toMs=&stream=&head=` answers text/csv as a
 * download: a line for each reading with its time (ISO 8601, UTC), sequence number, and a column for
 * each register; values exact.
 */
