/** How much time a curve shows; `quarter` is that of an hour. */
export type Span = 'quarter' | 'hour' | 'day' | 'week' | 'month' | 'year'

/** The spans to choose from, shortest first. */
export const SPANS = ['hour', 'day', 'week', 'month', 'year'] as const satisfies readonly Span[]

/**
 * The edges of the bars of a span that ends with the period `nowMs` lies in, or `back` periods before
 * it, in the reader's own time zone: minutes of a quarter of an hour, five of them in an hour, hours of
 * a day, days of a week or month, months of a year. Edges are where local clocks say so, which makes
 * the days of a change of clocks 23 or 25 hours long.
 */
export function barEdges(span: Span, nowMs: number, back = 0): readonly number[] {
  const now = new Date(nowMs)
  const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()]
  const edges = (count: number, at: (index: number) => Date): readonly number[] =>
    Array.from({ length: count + 1 }, (_, index) => at(index).getTime())
  switch (span) {
    case 'quarter': {
      const first = now.getMinutes() - 14 - 15 * back
      return edges(15, (index) => new Date(year, month, day, now.getHours(), first + index))
    }
    case 'hour': {
      const hour = now.getHours() - back
      const five = Math.floor(now.getMinutes() / 5) * 5 + 5
      return edges(12, (index) => new Date(year, month, day, hour, five - (12 - index) * 5))
    }
    case 'day':
      return edges(24, (index) => new Date(year, month, day - back, index))
    case 'week': {
      // Weeks begin on Monday (ISO 8601).
      const monday = day - ((now.getDay() + 6) % 7) - 7 * back
      return edges(7, (index) => new Date(year, month, monday + index))
    }
    case 'month': {
      const days = new Date(year, month - back + 1, 0).getDate()
      return edges(days, (index) => new Date(year, month - back, 1 + index))
    }
    case 'year':
      return edges(12, (index) => new Date(year - back, index, 1))
  }
}

/** Local midnight before, and the first of the month before: where today and this month begin. */
export function beginnings(nowMs: number): { readonly day: number; readonly month: number } {
  const now = new Date(nowMs)
  return {
    day: new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime(),
    month: new Date(now.getFullYear(), now.getMonth(), 1).getTime(),
  }
}
