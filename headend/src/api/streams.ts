const DEVICE_STREAMS = new Map([
  [8, 'events'],
  [9, 'health'],
])
const HEAD_STREAMS = new Map([
  [1, 'quarter'],
  [2, 'minute'],
  [3, 'live'],
])
const STREAMS_PER_HEAD = 16

/**
 * The name of a stream: the first head's are `quarter`, `minute` and `live`, a further head `n`'s
 * `quarter-n` and so on, the device's own `events` and `health`, any other `stream-N`.
 */
export function streamName(number: number): string {
  const own = DEVICE_STREAMS.get(number)
  if (own !== undefined) return own
  const head = Math.floor(number / STREAMS_PER_HEAD)
  const name = HEAD_STREAMS.get(number % STREAMS_PER_HEAD)
  if (name === undefined) return `stream-${number}`
  return head === 0 ? name : `${name}-${head}`
}

/** The number of a stream's name; undefined for what is no name. */
export function streamNumber(name: string): number | undefined {
  const match = /^([a-z]{4,7})(?:-([0-9]{1,5}))?$/.exec(name)
  if (match === null) return undefined
  const [, word, digits] = match
  const count = digits === undefined ? undefined : Number(digits)
  const number = word === 'stream' ? count : numberOf(word, count)
  return number !== undefined && streamName(number) === name ? number : undefined
}

function numberOf(word: string | undefined, head = 0): number | undefined {
  for (const [number, name] of HEAD_STREAMS) {
    if (name === word) return head * STREAMS_PER_HEAD + number
  }
  for (const [number, name] of DEVICE_STREAMS) if (name === word) return number
  return undefined
}

/** Names of a meter's streams of readings, finest first: where a curve is looked for. */
export function curveStreams(head: number): readonly string[] {
  return [3, 2, 1].map((place) => streamName(head * STREAMS_PER_HEAD + place))
}

/** Which of the device's meters a stream is of; undefined for the device's own streams. */
export function headOfStream(number: number): number | undefined {
  const isOwn = DEVICE_STREAMS.has(number) || !HEAD_STREAMS.has(number % STREAMS_PER_HEAD)
  return isOwn ? undefined : Math.floor(number / STREAMS_PER_HEAD)
}
