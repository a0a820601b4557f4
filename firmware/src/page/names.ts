import { isReadingStream, STREAM, STREAMS_PER_PLACE } from '../streams.ts'

const WORDS: readonly (readonly [number, string])[] = [
  [STREAM.billing, 'quarter'],
  [STREAM.minute, 'minute'],
  [STREAM.live, 'live'],
]

/** The name of a stream as the API has it: `live`, `minute-1`, `events`. */
export function streamName(stream: number): string {
  if (stream === STREAM.events) return 'events'
  if (stream === STREAM.health) return 'health'
  const place = Math.floor(stream / STREAMS_PER_PLACE)
  const word = WORDS.find(([number]) => number === stream % STREAMS_PER_PLACE)?.[1]
  if (word === undefined) return `stream-${String(stream)}`
  return place === 0 ? word : `${word}-${String(place)}`
}

/** The streams of readings of a place, the finest first. */
export function streamsOf(place: number): readonly number[] {
  return [STREAM.live, STREAM.minute, STREAM.billing].map((one) => place * STREAMS_PER_PLACE + one)
}

/** The place that a stream of readings belongs to. */
export function placeOf(stream: number): number | undefined {
  return isReadingStream(stream) ? Math.floor(stream / STREAMS_PER_PLACE) : undefined
}
