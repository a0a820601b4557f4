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

/** Puts an answer's columns into a curve, with a null wherever two points are too far apart. */
export function toCurve(
  timesMs: readonly number[],
  values: readonly (number | null)[],
  gapMs: number,
): Curve {
  const seconds: number[] = []
  const out: (number | null)[] = []
  let lastMs: number | undefined
  timesMs.forEach((timeMs, index) => {
    if (lastMs !== undefined && timeMs - lastMs > gapMs) {
      seconds.push((lastMs + gapMs) / 1000)
      out.push(null)
    }
    seconds.push(timeMs / 1000)
    out.push(values[index] ?? null)
    lastMs = timeMs
  })
  return { seconds, values: out }
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

/** Average over time of a stepped curve between its points, gaps left out; undefined where empty. */
export function timeAverage(curve: Curve): number | undefined {
  let [area, covered] = [0, 0]
  for (let index = 1; index < curve.seconds.length; index += 1) {
    const value = curve.values[index - 1] ?? null
    if (value === null || (curve.values[index] ?? null) === null) continue
    const seconds = (curve.seconds[index] ?? 0) - (curve.seconds[index - 1] ?? 0)
    area += value * seconds
    covered += seconds
  }
  return covered > 0 ? area / covered : undefined
}
