import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow } from '../store/types.ts'
import type { CurveQuestion } from './curves.ts'
import { streamOf } from './parts.ts'
import { curveStreams } from './streams.ts'

interface Candidate {
  readonly stream: StreamRow
  readonly intervalMs: number
  readonly firstMs: number
  readonly lastMs: number
}

/**
 * The stream that draws a curve best: the coarsest that still fills every bucket and leaves nothing of
 * the range out that a finer one has. A year of one reading a second is thirty million of them, and
 * meters drop fine streams first: where they reach less far back, the coarse one is drawn.
 */
export function suitingStream(
  store: SqliteStore,
  device: DeviceRow,
  head: number,
  { fromMs, toMs, points }: CurveQuestion,
): StreamRow | undefined {
  const streams = curveStreams(head)
    .map((name) => streamOf(store, device, name))
    .filter((stream) => stream !== undefined)
  const candidates = streams
    .map((stream) => candidateOf(store, stream, fromMs, toMs))
    .filter((one) => one !== undefined)
  const widthMs = (toMs - fromMs) / points
  const firstMs = Math.min(...candidates.map((one) => one.firstMs))
  const lastMs = Math.max(...candidates.map((one) => one.lastMs))
  const whole = candidates.filter((one) => {
    const slackMs = 2 * Math.max(one.intervalMs, widthMs)
    return one.firstMs <= firstMs + slackMs && one.lastMs >= lastMs - slackMs
  })
  const suiting = whole.findLast(({ intervalMs }) => intervalMs <= widthMs)
  return (suiting ?? whole[0] ?? candidates[0])?.stream ?? streams[0]
}

function candidateOf(
  store: SqliteStore,
  stream: StreamRow,
  fromMs: number,
  toMs: number,
): Candidate | undefined {
  const { queries } = store
  const last = queries.sampleBefore(stream.row, toMs - 1)
  const first = queries.sampleFrom(stream.row, fromMs)
  if (last === undefined || first === undefined || first.timeMs >= toMs) return undefined
  const schema = stream.schema === undefined ? undefined : queries.schema(stream.schema)
  const intervalMs = schema?.intervalMs ?? 0
  return { stream, intervalMs, firstMs: first.timeMs, lastMs: last.timeMs }
}
