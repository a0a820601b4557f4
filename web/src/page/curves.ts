import type { SeriesAnswer } from '../api.ts'
import { client } from './client.ts'
import type { SeriesQuestion } from './client.ts'
import { toCurve } from './logic/series.ts'
import type { Curve } from './logic/series.ts'

/** A beginning that is missing for less than this is no reason to ask again. */
const MISSING_MS_MIN = 1_800_000

/**
 * The curve of a time, as fine as there are readings. Where the finest stream begins in the middle (it
 * was switched on later, or is kept for shorter), the quarter hours tell what was before.
 */
export async function fetchCurve(id: string, question: SeriesQuestion): Promise<Curve> {
  const fine = await client.series(id, question)
  const first = fine.timesMs[0] ?? question.toMs
  const { fromMs, head = 0 } = question
  if (fine.stream.startsWith('quarter') || first - fromMs < MISSING_MS_MIN) return curveOf(fine)
  const stream = head === 0 ? 'quarter' : `quarter-${head}`
  const coarse = await client
    .series(id, { ...question, toMs: first, stream })
    .then(curveOf, () => undefined)
  if (coarse === undefined) return curveOf(fine)
  const later = curveOf(fine)
  return {
    seconds: [...coarse.seconds, ...later.seconds],
    values: [...coarse.values, ...later.values],
  }
}

function curveOf(answer: SeriesAnswer): Curve {
  return toCurve(answer.timesMs, answer.values)
}
