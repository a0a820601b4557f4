/**
 * SML decoding: milliseconds a telegram when the line delivers 8 bytes at a time, beside the other
 * decoders of the field on the same bytes in the same run.
 *
 * The telegrams are those of the simulator, in four styles that all decoders here know.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createDecoder } from '../meter/src/index.ts'
import type { SmlStyle } from '../meter/src/simulator/index.ts'
import { Household, SML_STYLES, SmlHousehold } from '../meter/src/simulator/index.ts'
import { timeLibsml } from './support/libsml.ts'
import { loadPeer } from './support/peers.ts'
import type { Figure } from './table.ts'
import { median } from './table.ts'

const TELEGRAMS = 800
const ROUNDS = 15
const WARM_UP_ROUNDS = 4
const CHUNK = 8
const AIM_MS = 0.01
const LIBSML_SECONDS = 0.5
const GARBAGE_BYTES = 1 << 24
const START_MS = Date.UTC(2026, 5, 10, 8)

/** A decoder under test: what it makes of telegrams that come in chunks; answers how many. */
type Contender = (telegrams: readonly Uint8Array[], stream: Uint8Array, chunk: number) => number

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void

/** Compares the decoders. */
export async function run(): Promise<readonly Figure[]> {
  await Promise.resolve()
  const telegrams = makeTelegrams()
  const stream = concatenate(telegrams)
  const figures: Figure[] = []
  const contenders: [string, Contender][] = [
    ['s3mp', decodeOurs],
    ['s3mp, whole telegrams', decodeWhole],
  ]
  for (const [name, make] of [
    ['smartmeter-obis', smartmeterObis],
    ['open-sml', openSml],
  ] as const) {
    const peer = make()
    if (typeof peer === 'string') figures.push(absent(name, peer))
    else contenders.push([name, peer])
  }
  // Turn and turn about, so that a busy machine is unfair to all alike.
  const times = new Map(contenders.map(([name]) => [name, [] as number[]]))
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [name, contender] of contenders) {
      // Nobody pays for what others left behind.
      collect({ type: 'minor' })
      const ms = timed(() => contender(telegrams, stream, CHUNK))
      if (round >= 0) times.get(name)?.push(ms)
    }
  }
  const ours = median(times.get('s3mp') ?? [])
  const oursWhole = median(times.get('s3mp, whole telegrams') ?? [])
  figures.unshift({
    name: `SML decode, ${CHUNK}-byte chunks`,
    value: ours,
    unit: 'ms/telegram',
    aim: `<= ${AIM_MS}`,
    met: ours <= AIM_MS,
  })
  for (const [name, samples] of times) {
    if (name.startsWith('s3mp')) continue
    // open-sml has no transport: whole telegrams stand beside whole telegrams.
    const whole = name === 'open-sml'
    const what = whole ? 'whole telegrams' : `${CHUNK}-byte chunks`
    figures.push(beside(`${name}, ${what}`, median(samples), whole ? oursWhole : ours))
  }
  figures.push(...libsmlFigures(stream, ours), ...chunkFigures(telegrams, stream, ours, oursWhole))
  figures.push(...garbageFigures(stream))
  return figures
}

function beside(name: string, value: number, ours: number): Figure {
  const ratio = value / ours
  return {
    name,
    value,
    unit: 'ms/telegram',
    peer: 's3mp',
    ratio,
    aim: '> 1',
    met: ratio > 1,
  }
}

function absent(name: string, note: string): Figure {
  return { name, value: NaN, unit: 'ms/telegram', note }
}

function makeTelegrams(): readonly Uint8Array[] {
  const { emhOld, dzgOld, iskraOld, locked } = SML_STYLES
  const styles = [emhOld, dzgOld, iskraOld, locked]
  return styles.flatMap((habits) => {
    // A checksum as Unsigned8 is beyond open-sml.
    const style: Partial<SmlStyle> = { ...habits, shortCrc: false }
    const household = new Household({ seed: 3, startMs: START_MS, solarPeakW: 4000 })
    const meter = new SmlHousehold({ household, style })
    const endMs = START_MS + (1000 * TELEGRAMS) / styles.length
    return [...meter.between(START_MS, endMs)].map(({ bytes }) => bytes)
  })
}

const decodeOurs: Contender = (_telegrams, stream, chunk) => {
  const decoder = createDecoder('sml')
  let readings = 0
  for (let at = 0; at < stream.length; at += chunk) {
    for (const event of decoder.push(stream.subarray(at, at + chunk))) {
      if (event.type === 'reading') readings++
    }
  }
  return readings
}

/** The same with each telegram as one chunk. */
const decodeWhole: Contender = (telegrams) => {
  const decoder = createDecoder('sml')
  let readings = 0
  for (const telegram of telegrams) {
    for (const event of decoder.push(telegram)) if (event.type === 'reading') readings++
  }
  return readings
}

/** What is used here of open-sml. */
interface OpenSml {
  readonly SmlFile: new () => { parse(bytes: Buffer): void; readonly messages: readonly unknown[] }
}

/** open-sml parses whole telegrams; it checks the checksums as we do. */
function openSml(): Contender | string {
  const peer = loadPeer('open-sml')
  if ('absent' in peer) return peer.absent
  const { SmlFile } = peer.loaded as OpenSml
  return (telegrams) => {
    let parsed = 0
    for (const telegram of telegrams) {
      const file = new SmlFile()
      file.parse(Buffer.from(telegram.buffer, telegram.byteOffset, telegram.length))
      if (file.messages.length === 3) parsed++
    }
    return parsed
  }
}

/** What is used here of smartmeter-obis: the protocol class behind its serial transport. */
type SmlProtocol = new (
  options: object,
  store: (error: unknown, result: unknown) => void,
) => { checkMessage(bytes: Buffer): boolean; handleMessage(bytes: Buffer): Buffer | null }

/** Fed as its serial transport does: copy into a buffer, ask at every chunk, hand over, go on. */
function smartmeterObis(): Contender | string {
  const peer = loadPeer('smartmeter-obis/lib/protocols/SmlProtocol.js')
  if ('absent' in peer) return peer.absent
  const Protocol = peer.loaded as SmlProtocol
  return (_telegrams, stream, chunk) => {
    let results = 0
    const protocol = new Protocol({ debug: 0, logger: () => undefined }, (error) => {
      if (error === null || error === undefined) results++
    })
    const buffer = Buffer.alloc(300_000)
    let length = 0
    for (let at = 0; at < stream.length; at += chunk) {
      const piece = stream.subarray(at, at + chunk)
      buffer.set(piece, length)
      length += piece.length
      while (length > 0 && protocol.checkMessage(buffer.subarray(0, length))) {
        const rest = protocol.handleMessage(buffer.subarray(0, length))
        length = rest?.length ?? 0
        if (rest !== null) buffer.set(rest, 0)
      }
    }
    return results
  }
}

function libsmlFigures(stream: Uint8Array, ours: number): readonly Figure[] {
  const times = timeLibsml(stream, TELEGRAMS, LIBSML_SECONDS)
  if ('absent' in times) return [absent('libsml', times.absent)]
  return [
    beside('libsml (C), reading a file by itself', times.readNs / 1e6, ours),
    {
      name: 'libsml (C), parser alone, no frame checksum',
      value: times.parseNs / 1e6,
      unit: 'ms/telegram',
      peer: 's3mp',
      ratio: times.parseNs / 1e6 / ours,
    },
  ]
}

function chunkFigures(
  telegrams: readonly Uint8Array[],
  stream: Uint8Array,
  ours: number,
  oursWhole: number,
): readonly Figure[] {
  const samples = Array.from({ length: ROUNDS }, () =>
    timed(() => decodeOurs(telegrams, stream, 64)),
  )
  const value = median(samples)
  return [
    {
      name: 'SML decode, 64-byte chunks',
      value,
      unit: 'ms/telegram',
      peer: '8-byte chunks',
      ratio: value / ours,
    },
    {
      name: 'SML decode, whole telegrams',
      value: oursWhole,
      unit: 'ms/telegram',
      peer: '8-byte chunks',
      ratio: oursWhole / ours,
    },
  ]
}

/** What 16 MiB of noise before the telegrams cost afterwards: in time a telegram, and in memory. */
function garbageFigures(stream: Uint8Array): readonly Figure[] {
  const noise = new Uint8Array(64 * 1024).map((_, at) => (at * 2_654_435_761) >>> 13)
  const fresh = createDecoder('sml')
  const dirtied = createDecoder('sml')
  collect()
  const before = process.memoryUsage().heapUsed
  for (let fed = 0; fed < GARBAGE_BYTES; fed += noise.length) dirtied.push(noise)
  collect()
  const heldBytes = process.memoryUsage().heapUsed - before
  // Turn and turn about: the engine has tuned its code for both alike.
  const clean: number[] = []
  const dirty: number[] = []
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    const one = timed(() => feed(fresh, stream))
    const other = timed(() => feed(dirtied, stream))
    if (round < 0) continue
    clean.push(one)
    dirty.push(other)
  }
  const ratio = median(dirty) / median(clean)
  return [
    {
      name: 'SML decode, 16 MiB of garbage in front',
      value: median(dirty),
      unit: 'ms/telegram',
      peer: 'without garbage',
      ratio,
      aim: '<= 1.25',
      met: ratio <= 1.25,
    },
    {
      name: 'memory held after 16 MiB of garbage',
      value: Math.max(0, heldBytes) / 1024,
      unit: 'KiB',
      aim: '<= 256',
      met: heldBytes <= 256 * 1024,
    },
  ]
}

function feed(decoder: ReturnType<typeof createDecoder>, stream: Uint8Array): number {
  let readings = 0
  for (let at = 0; at < stream.length; at += CHUNK) {
    for (const event of decoder.push(stream.subarray(at, at + CHUNK))) {
      if (event.type === 'reading') readings++
    }
  }
  return readings
}

/** Milliseconds a telegram; a decoder that loses telegrams has no time. */
function timed(work: () => number): number {
  const started = performance.now()
  const count = work()
  const ms = performance.now() - started
  if (count !== TELEGRAMS) throw new Error(`decoded ${count} telegrams of ${TELEGRAMS}`)
  return ms / TELEGRAMS
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
