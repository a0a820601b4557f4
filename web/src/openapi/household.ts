import {
  TARIFF_PERIODS_MAX,
  TARIFF_RATES_MAX,
  TARIFF_ZONES_MAX,
  TIME_ZONE_CHARS_MAX,
  type CostsAnswer,
  type Tariff,
} from '../api.ts'
import { z } from 'zod'

/* Answers about what energy costs. */

const timeMs = z.int()
const decimal = z.string().regex(/^-?[0-9]+(\.[0-9]+)?$/)
const obis = z.string().regex(/^\d+-\d+:\d+\.\d+\.\d+\*\d+$/)
const money = z.union([decimal, z.null()])
const clockTime = z.string().regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/)

const zone = z.strictObject({
  days: z.array(z.int().min(1).max(7)).min(1).max(7),
  from: clockTime,
  to: clockTime,
  price: decimal,
})

/** What the owner pays. */
export const tariff: z.ZodType<Tariff> = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/),
  timeZone: z.string().max(TIME_ZONE_CHARS_MAX).exactOptional(),
  periods: z
    .array(
      z.strictObject({
        fromMs: timeMs,
        monthly: decimal,
        rates: z
          .array(
            z.strictObject({
              register: obis,
              price: decimal,
              zones: z.array(zone).max(TARIFF_ZONES_MAX).exactOptional(),
              earns: z.boolean(),
              factor: decimal.exactOptional(),
            }),
          )
          .max(TARIFF_RATES_MAX),
      }),
    )
    .max(TARIFF_PERIODS_MAX),
})

/** What spans of time cost. */
export const costsAnswer: z.ZodType<CostsAnswer> = z.strictObject({
  device: z.string().regex(/^[0-9a-f]{66}$/),
  head: z.int().min(0),
  currency: z.string(),
  spans: z.array(
    z.strictObject({
      fromMs: timeMs,
      toMs: timeMs,
      energy: money,
      earned: money,
      fixed: money,
      total: money,
      counted: z.array(
        z.strictObject({
          register: obis,
          amount: money,
          unit: z.string(),
          byPrice: z.array(z.strictObject({ price: decimal, amount: money })).exactOptional(),
        }),
      ),
      quarantined: z.literal(true).exactOptional(),
    }),
  ),
})
