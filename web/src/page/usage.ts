import { useEffect, useState } from 'preact/hooks'
import type { CostSpan, SeriesAnswer, Tariff } from '../api.ts'
import { client, ClientError } from './client.ts'
import type { SeriesQuestion } from './client.ts'
import type { Counters } from './logic/heads.ts'
import { subtractDecimals } from './logic/reading.ts'
import { toCurve } from './logic/series.ts'
import type { Curve } from './logic/series.ts'
import { beginnings } from './logic/spans.ts'
import { serverNowMs } from './session.ts'

/** How often the running day and month are asked for anew. */
const REFRESH_MS = 10_000

const QUARTER_MS = 900_000

/** What was counted in a time. */
export interface Amount {
  /** In watt-hours, or in `unit` for what is no energy. */
  readonly amount: number
  readonly unit: string
  /** Where the readings begin, if that is later than the time asked for. */
  readonly sinceMs?: number
}

/** One time with what was drawn, fed in and paid in it; what is absent is not known. */
export interface Usage {
  readonly drawn?: Amount
  readonly fed?: Amount
  readonly cost?: CostSpan
}

/** Today and this month, in the reader's own time zone. */
export interface Usages {
  readonly today: Usage
  readonly month: Usage
  readonly currency?: string
}

/** What a server knows of a device's prices: not asked yet, none entered, or these. */
export type KnownTariff = Tariff | 'none' | undefined

/** The tariff of a device, and a way to put another in its place once the server keeps it. */
export function useTariff(
  device: string | undefined,
): readonly [KnownTariff, (tariff: Tariff) => void] {
  const [known, setKnown] = useState<{ device: string; tariff: KnownTariff }>()
  useEffect(() => {
    if (device === undefined) return
    client.tariff(device).then(
      (tariff) => {
        setKnown({ device, tariff })
      },
      (error: unknown) => {
        // A server that keeps no tariffs refuses with another reason than that there is none.
        const isNone = error instanceof ClientError && error.code === 'not_found'
        if (isNone) setKnown({ device, tariff: 'none' })
      },
    )
  }, [device])
  return [
    known?.device === device ? known?.tariff : undefined,
    (tariff) => {
      if (device !== undefined) setKnown({ device, tariff })
    },
  ]
}

/** What a meter counted today and this month, kept up to date. */
export function useUsages(
  device: string | undefined,
  head: number,
  counters: Counters | undefined,
  tariff: KnownTariff,
): Usages {
  const [usages, setUsages] = useState<Usages>({ today: {}, month: {} })
  useEffect(() => {
    if (device === undefined || counters === undefined) return undefined
    let gone = false
    const load = async (): Promise<void> => {
      const next = await fetchUsages(device, head, counters, typeof tariff === 'object')
      if (!gone) setUsages(next)
    }
    void load()
    const timer = setInterval(() => void load(), REFRESH_MS)
    return () => {
      gone = true
      clearInterval(timer)
    }
  }, [device, head, counters?.drawn.join(), counters?.fed.join(), tariff])
  return usages
}

async function fetchUsages(
  device: string,
  head: number,
  counters: Counters,
  isPriced: boolean,
): Promise<Usages> {
  const nowMs = serverNowMs()
  const { day, month } = beginnings(nowMs)
  const of = async (fromMs: number): Promise<Usage> => {
    const [drawn, fed, costs] = await Promise.all([
      growth(device, head, counters.drawn, fromMs, nowMs),
      growth(device, head, counters.fed, fromMs, nowMs),
      isPriced ? client.costs(device, [fromMs, nowMs], head).catch(() => undefined) : undefined,
    ])
    const [cost] = costs?.spans ?? []
    currency ??= costs?.currency
    return { ...(drawn && { drawn }), ...(fed && { fed }), ...(cost && { cost }) }
  }
  let currency: string | undefined
  const [today, thisMonth] = await Promise.all([of(day), of(month)])
  return { today, month: thisMonth, ...(currency !== undefined && { currency }) }
}

/** What all of some counters grew by; undefined where one of them is not known. */
async function growth(
  device: string,
  head: number,
  registers: readonly string[],
  fromMs: number,
  nowMs: number,
): Promise<Amount | undefined> {
  const all = await Promise.all(
    registers.map((register) => growthOf(device, head, register, fromMs, nowMs)),
  )
  if (all.length === 0) return undefined
  return all.reduce(
    (sum, each) =>
    sum && each && { ...sum, amount: sum.amount + each.amount, ...(each.sinceMs && { sinceMs: each.sinceMs }) }, // prettier-ignore
  )
}

/** From the exact counter readings at both ends; where readings begin later, from their beginning. */
async function growthOf(
  device: string,
  head: number,
  register: string,
  fromMs: number,
  nowMs: number,
): Promise<Amount | undefined> {
  const answer = await client.counters(device, register, [fromMs, nowMs], head).catch(() => undefined) // prettier-ignore
  if (answer === undefined) return undefined
  const [begin = null, end = null] = answer.values
  const { unit } = answer
  const kilo = unit.startsWith('k') ? 1000 : 1
  if (begin !== null && end !== null)
    return { amount: Number(subtractDecimals(end, begin)) * kilo, unit }
  const [series, curve] = await begun(device, { register, fromMs, toMs: nowMs, points: 1000, head })
  const known = curve.values.filter((value) => value !== null)
  const [first, last] = [known[0], known.at(-1)]
  if (first === undefined || last === undefined) return undefined
  const sinceMs = (curve.seconds[0] ?? 0) * 1000
  return { amount: (last - first) * kilo, unit: series?.unit ?? unit, sinceMs }
}

/** A time shorter than this is asked for as fine as there are readings. */
const SHORT_MS = 6 * 3_600_000

/** A counter since its readings begin; where that was not long ago, as fine as there are readings. */
async function begun(
  device: string,
  question: SeriesQuestion,
): Promise<readonly [series: SeriesAnswer | undefined, curve: Curve]> {
  const ask = async (fromMs: number): ReturnType<typeof begun> => {
    const series = await client.series(device, { ...question, fromMs }).catch(() => undefined)
    return [series, toCurve(series?.timesMs ?? [], series?.values ?? [])]
  }
  const coarse = await ask(question.fromMs)
  const [first] = coarse[1].seconds
  if (first === undefined || question.toMs - first * 1000 > SHORT_MS) return coarse
  // A quarter hour that ends then began before it.
  const fine = await ask(Math.max(question.fromMs, first * 1000 - QUARTER_MS))
  return (fine[1].seconds[0] ?? Infinity) <= first ? fine : coarse
}
