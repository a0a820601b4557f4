/**
 * Decoding of pushed DLMS: milliseconds a telegram when the line delivers 8 bytes at a time, in plain
 * and ciphered, beside Gurux's library for Java (warmed up) on the same bytes in the same run. No
 * decoder of DLMS in JavaScript is in the registry to stand beside.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { DecoderOptions } from '../meter/src/index.ts'
import { createDecoder, toHex } from '../meter/src/index.ts'
import type { DlmsStyle } from '../meter/src/simulator/index.ts'
import { DLMS_STYLES, DlmsHousehold, Household } from '../meter/src/simulator/index.ts'
import { timeGurux } from './support/gurux.ts'
import type { Figure } from './table.ts'
import { median } from './table.ts'

const TELEGRAMS = 300
const ROUNDS = 9
const WARM_UP_ROUNDS = 3
const PEER_ROUNDS = 40
const CHUNK = 8
const AIM_MS = 0.05
const START_MS = Date.UTC(2026, 5, 10, 8)
const INTERVAL_MS = 5_000
const GARBAGE_BYTES = 16 * 1024 * 1024
const GARBAGE_KIB_MAX = 256

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** One kind of telegram to decode. */
interface Line {
  readonly name: string
  readonly style: DlmsStyle
  readonly suite?: 0 | 2
  /** Whether the peer can be given it: it reads frames of HDLC. */
  readonly peer?: boolean
}

const LINES: readonly Line[] = [
  { name: 'HDLC, values with unit', style: DLMS_STYLES.described, peer: true },
  { name: 'HDLC, push list in segments', style: DLMS_STYLES.segmented },
  { name: 'HDLC, push list in blocks', style: DLMS_STYLES.blocks },
  { name: 'M-Bus, values with unit', style: DLMS_STYLES.mbus },
  { name: 'HDLC, suite 0', style: DLMS_STYLES.described, suite: 0, peer: true },
  { name: 'M-Bus, suite 2', style: DLMS_STYLES.mbus, suite: 2 },
]

function key(first: number, suite: 0 | 2): Uint8Array {
  return Uint8Array.from({ length: suite === 2 ? 32 : 16 }, (_, index) => first + index)
}

/** Compares the decoders. */
export async function run(): Promise<readonly Figure[]> {
  await Promise.resolve()
  return [...LINES.flatMap(measure), garbage()]
}

function measure({ name, style, suite, peer }: Line): readonly Figure[] {
  const keys =
    suite === undefined
      ? undefined
      : { encryptionKey: key(0, suite), authenticationKey: key(0xd0, suite) }
  const protection =
    keys === undefined
      ? {}
      : { protection: { ...keys, control: 0x30 | (suite ?? 0), systemTitle: TITLE } }
  const household = new Household({ seed: 3, startMs: START_MS, solarPeakW: 4_000 })
  const meter = new DlmsHousehold({ household, style, intervalMs: INTERVAL_MS, ...protection })
  const telegrams = Array.from({ length: TELEGRAMS }, (_, index) =>
    meter.telegram(START_MS + INTERVAL_MS * index),
  )
  const options: DecoderOptions =
    keys === undefined ? {} : { key: keys.encryptionKey, authenticationKey: keys.authenticationKey }
  const [alone, auto] = compare(telegrams, options)
  const figures = [
    figure(`${name}, ${CHUNK}-byte chunks`, alone),
    figure(`${name}, protocol found by itself`, auto),
  ]
  if (peer !== true) return figures
  const hex = keys === undefined ? '-' : toHex(keys.encryptionKey) + toHex(keys.authenticationKey)
  const theirs = timeGurux(telegrams, CHUNK, hex, PEER_ROUNDS)
  const label = `${name}, Gurux (Java)`
  if ('absent' in theirs) {
    return [...figures, { name: label, value: NaN, unit: 'ms/telegram', note: theirs.absent }]
  }
  const value = theirs.ns / 1e6
  const note = 'values alone, without names and units'
  const ratio = value / alone
  return [...figures, { name: label, value, ratio, unit: 'ms/telegram', peer: 's3mp', note }]
}

const TITLE = Uint8Array.from([0x53, 0x49, 0x4d, 0, 0, 0xbc, 0x61, 0x4e])

function figure(name: string, value: number): Figure {
  return { name, value, unit: 'ms/telegram', aim: `<= ${AIM_MS}`, met: value <= AIM_MS }
}

/** Medians of decoding as DLMS and by detection, rounds taken turn and turn about. */
function compare(
  telegrams: readonly Uint8Array[],
  options: DecoderOptions,
): readonly [number, number] {
  const times: [number[], number[]] = [[], []]
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [index, protocol] of (['dlms', 'auto'] as const).entries()) {
      const started = performance.now()
      const readings = decode(createDecoder(protocol, options), telegrams)
      const ms = (performance.now() - started) / readings
      if (readings !== TELEGRAMS) throw new Error(`decoded ${readings} telegrams of ${TELEGRAMS}`)
      if (round >= 0) times[index]?.push(ms)
    }
  }
  return [median(times[0]), median(times[1])]
}

function decode(
  decoder: ReturnType<typeof createDecoder>,
  telegrams: readonly Uint8Array[],
): number {
  let readings = 0
  for (const telegram of telegrams) {
    for (let at = 0; at < telegram.length; at += CHUNK) {
      for (const event of decoder.push(telegram.subarray(at, at + CHUNK))) {
        if (event.type === 'reading') readings++
      }
    }
  }
  return readings
}

/** Memory that 16 MiB of noise leave behind, full of bytes that frames begin with. */
function garbage(): Figure {
  const starts = [0x7e, 0xa0, 0x68, 0xfa, 0x00, 0x01, 0xdb, 0x08]
  const noise = Uint8Array.from({ length: 64 * 1024 }, (_, at) => {
    const random = Math.imul(at, 2_654_435_761) >>> 13
    return (random & 1) === 0 ? (starts[(random >> 1) & 7] ?? 0) : random
  })
  const decoder = createDecoder('dlms', { key: key(0, 0) })
  decoder.push(noise)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let fed = 0; fed < GARBAGE_BYTES; fed += noise.length) decoder.push(noise)
  collect()
  const value = Math.max(0, process.memoryUsage().heapUsed - before) / 1024
  return {
    name: 'memory held after 16 MiB of garbage',
    value,
    unit: 'KiB',
    aim: `<= ${GARBAGE_KIB_MAX}`,
    met: value <= GARBAGE_KIB_MAX,
  }
}
