import { TARIFF_PERIODS_MAX, TARIFF_RATES_MAX, type CostsAnswer, type Tariff } from '@s3mp/web/api'
import { z } from 'zod'

/* Answers about what energy costs. */

const timeMs = z.int()
const decimal = z.string().regex(/^-?[0-9]+(\.[0-9]+)?$/)
const obis = z.string().regex(/^\d+-\d+:\d+\.\d+\.\d+\*\d+$/)
const money = z.union([decimal, z.null()])

/** What the owner pays. */
export const tariff: z.ZodType<Tariff> = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/),
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
      counted: z.array(z.strictObject({ register: obis, amount: money, unit: z.string() })),
      quarantined: z.literal(true).exactOptional(),
    }),
  ),
})
