import { suitingCandidate, type CurveCandidate, type CurveQuestion } from '@s3mp/web/http'
import type { SqliteStore } from '../store/store.ts'
import type { StreamRow } from '../store/streams.ts'
import type { DeviceRow } from '../store/types.ts'
import { streamOf } from './parts.ts'
import { curveStreams } from './streams.ts'

interface Candidate extends CurveCandidate {
  readonly stream: StreamRow
}

/** The stream of a meter that draws a curve best. */
export function suitingStream(
  store: SqliteStore,
  device: DeviceRow,
  head: number,
  question: CurveQuestion,
): StreamRow | undefined {
  const streams = curveStreams(head)
    .map((name) => streamOf(store, device, name))
    .filter((stream) => stream !== undefined)
  const candidates = streams
    .map((stream) => candidateOf(store, stream, question))
    .filter((one) => one !== undefined)
  return suitingCandidate(candidates, question)?.stream ?? streams[0]
}

function candidateOf(
  store: SqliteStore,
  stream: StreamRow,
  { fromMs, toMs }: CurveQuestion,
): Candidate | undefined {
  const { queries } = store
  const last = queries.sampleBefore(stream.row, toMs - 1)
  const first = queries.sampleFrom(stream.row, fromMs)
  if (last === undefined || first === undefined || first.timeMs >= toMs) return undefined
  const schema = stream.schema === undefined ? undefined : queries.schema(stream.schema)
  const intervalMs = schema?.intervalMs ?? 0
  return { stream, intervalMs, firstMs: first.timeMs, lastMs: last.timeMs }
}
