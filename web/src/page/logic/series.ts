/** A curve in columns, as uPlot takes it: seconds, and a value or a gap for each. */
export interface Curve {
  readonly seconds: readonly number[]
  readonly values: readonly (number | null)[]
}

/** Points a live curve holds: an hour of one a second. */
export const LIVE_POINTS_MAX = 3600

/** Adds a point in order of time, drops what is older than `spanMs`, and marks a silence as a gap. */
export function appendPoint(
  curve: Curve,
  timeMs: number,
  value: number,
  spanMs: number,
  gapMs: number,
): Curve {
  const second = timeMs / 1000
  const last = curve.seconds.at(-1)
  // A reading that arrives late, or again, has its place in the record, not at the curve's end.
  if (last !== undefined && second <= last) return curve
  const seconds = [...curve.seconds]
  const values = [...curve.values]
  if (last !== undefined && (second - last) * 1000 > gapMs) {
    seconds.push(last + gapMs / 1000)
    values.push(null)
  }
  seconds.push(second)
  values.push(value)
  const oldest = second - spanMs / 1000
  let drop = Math.max(0, seconds.length - LIVE_POINTS_MAX)
  while ((seconds[drop] ?? oldest) < oldest) drop += 1
  return { seconds: seconds.slice(drop), values: values.slice(drop) }
}

/** Shortest silence that is drawn as a gap, whatever the rhythm of the readings. */
const GAP_MS_FLOOR = 3000

/** How many usual distances without a reading are a gap: one may be lost, or late. */
const GAP_FACTOR = 2.5

/**
 * Puts an answer's columns into a curve. Where readings are missing follows from their own rhythm: a
 * null stands wherever two are much further apart than is usual among them.
 */
export function toCurve(timesMs: readonly number[], values: readonly (number | null)[]): Curve {
  const points = timesMs.flatMap((timeMs, index) => {
    const value = values[index] ?? null
    return value === null ? [] : [{ timeMs, value }]
  })
  const gapMs = Math.max(
    GAP_MS_FLOOR,
    GAP_FACTOR * usualDistance(points.map((each) => each.timeMs)),
  )
  const seconds: number[] = []
  const out: (number | null)[] = []
  points.forEach(({ timeMs, value }, index) => {
    const before = points[index - 1]?.timeMs
    if (before !== undefined && timeMs - before > gapMs) {
      seconds.push((before + timeMs) / 2000)
      out.push(null)
    }
    seconds.push(timeMs / 1000)
    out.push(value)
  })
  return { seconds, values: out }
}

/** The median distance of neighbours; 0 for fewer than two. */
export function usualDistance(times: readonly number[]): number {
  const distances = times.slice(1).map((time, index) => time - (times[index] ?? time))
  distances.sort((one, two) => one - two)
  return distances[Math.floor(distances.length / 2)] ?? 0
}

/**
 * What a counter grew by between each two edges (seconds): from the reading before the bar's begin to
 * the last one in it; where there is none before, from the first one in it. Null for a bar without.
 */
export function growthByBar(counter: Curve, edges: readonly number[]): readonly (number | null)[] {
  const known = counter.seconds.flatMap((second, index) => {
    const value = counter.values[index] ?? null
    return value === null ? [] : [{ second, value }]
  })
  return edges.slice(1).map((end, index) => {
    const begin = edges[index] ?? end
    const inside = known.filter((each) => each.second > begin && each.second <= end)
    const last = inside.at(-1)
    if (last === undefined) return null
    const before = known.findLast(
      (each) => each.second <= begin && begin - each.second < end - begin,
    )
    return last.value - (before ?? inside[0] ?? last).value
  })
}

/**
 * Thins a curve to at most about `points`, keeping the lowest and the highest of every run and every
 * gap: a kettle of one second is still there on the curve of a day.
 */
export function thin(curve: Curve, points: number): Curve {
  const total = curve.seconds.length
  if (total <= points || points < 4) return curve
  const width = Math.ceil((2 * total) / points)
  const keep: number[] = []
  for (let start = 0; start < total; start += width) {
    keep.push(...extremes(curve.values, start, Math.min(start + width, total)))
  }
  return {
    seconds: keep.map((index) => curve.seconds[index] ?? 0),
    values: keep.map((index) => curve.values[index] ?? null),
  }
}

/** Indices of the lowest, the highest and the first gap of a run, in order. */
function extremes(values: readonly (number | null)[], start: number, end: number): number[] {
  let [low, high, gap] = [-1, -1, -1]
  for (let index = start; index < end; index += 1) {
    const value = values[index] ?? null
    if (value === null) {
      if (gap < 0) gap = index
      continue
    }
    if (low < 0 || value < (values[low] ?? 0)) low = index
    if (high < 0 || value > (values[high] ?? 0)) high = index
  }
  return [...new Set([low, high, gap])].filter((index) => index >= 0).sort((a, b) => a - b)
}
