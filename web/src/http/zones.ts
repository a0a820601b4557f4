import type { TariffRate, TariffZone } from '../costs.ts'
import type { LocalClock, WallTime } from './local-clock.ts'

/** A run of time in which one price holds. */
export interface PricedRun {
  readonly beginMs: number
  readonly endMs: number
  readonly price: string
}

/**
 * A span as runs of one price, in order and without a gap; neighbours differ in price, so that no
 * counter is asked for at a moment that changes nothing.
 */
export function pricedRuns(
  rate: TariffRate,
  clock: LocalClock | undefined,
  beginMs: number,
  endMs: number,
): readonly PricedRun[] {
  const { zones = [], price } = rate
  if (zones.length === 0 || clock === undefined) return [{ beginMs, endMs, price }]
  const minutes = zones.flatMap(({ from, to }) => [minuteOf(from), minuteOf(to)])
  const runs: PricedRun[] = []
  let open = { beginMs, price: priceAt(rate, clock.at(beginMs)) }
  for (const { atMs, time } of clock.reach(minutes, beginMs, endMs)) {
    const next = priceAt(rate, time)
    if (next === open.price) continue
    runs.push({ ...open, endMs: atMs })
    open = { beginMs: atMs, price: next }
  }
  return [...runs, { ...open, endMs }]
}

/** The price that holds when clocks show that. */
export function priceAt({ zones = [], price }: TariffRate, time: WallTime): string {
  return zones.find((zone) => isIn(zone, time))?.price ?? price
}

function isIn({ days, from, to }: TariffZone, { weekday, minute }: WallTime): boolean {
  const [begin, end] = [minuteOf(from), minuteOf(to)]
  if (begin < end) return days.includes(weekday) && minute >= begin && minute < end
  const eve = weekday === 1 ? 7 : weekday - 1
  return (days.includes(weekday) && minute >= begin) || (days.includes(eve) && minute < end)
}

/** The minute of the day that "22:00" names. */
export function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
}
