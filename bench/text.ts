/**
 * Decoding of text telegrams: milliseconds a telegram when the line delivers 8 bytes at a time,
 * beside smartmeter-obis on the same bytes in the same run, which reads P1 as D0, without CRC-16; and
 * beside dsmr-parser, which is given each telegram whole, because it cannot find one in a stream.
 */
import { createDecoder } from '../meter/src/index.ts'
import type { HouseholdState } from '../meter/src/simulator/index.ts'
import {
  D0_STYLES,
  DSMR_STYLES,
  Household,
  TextHousehold,
  encodeD0,
  encodeDsmr,
} from '../meter/src/simulator/index.ts'
import { loadPeer } from './support/peers.ts'
import type { Figure } from './table.ts'
import { median } from './table.ts'

const TELEGRAMS = 300
/** The peer takes a hundred times as long: a tenth of the telegrams says as much. */
const PEER_TELEGRAMS = 30
const ROUNDS = 9
const WARM_UP_ROUNDS = 3
const CHUNK = 8
const AIM_MS = 0.05
const START_MS = Date.UTC(2026, 5, 10, 8)

/** Decodes telegrams in chunks and answers how many readings came of it. */
type Contender = (telegrams: readonly Uint8Array[]) => number

const LINES: readonly (readonly [
  name: string,
  protocol: 'd0' | 'dsmr',
  encode: (state: HouseholdState) => Uint8Array,
])[] = [
  ['D0 push', 'd0', (state) => encodeD0(state, D0_STYLES.push)],
  ['D0 readout', 'd0', (state) => encodeD0(state, D0_STYLES.readout)],
  ['DSMR P1 version 5', 'dsmr', (state) => encodeDsmr(state, DSMR_STYLES.v5)],
]

/** Compares the decoders. */
export async function run(): Promise<readonly Figure[]> {
  await Promise.resolve()
  const figures: Figure[] = []
  const peer = smartmeterObis()
  const whole = dsmrParser()
  for (const [name, protocol, encode] of LINES) {
    const household = new Household({ seed: 3, startMs: START_MS, solarPeakW: 4_000 })
    const meter = new TextHousehold({ household, encode })
    const telegrams = Array.from({ length: TELEGRAMS }, (_, second) =>
      meter.telegram(START_MS + 1_000 * second),
    )
    const contenders: Contender[] = [ours(protocol), ours('auto')]
    if (typeof peer !== 'string') contenders.push((all) => peer(all.slice(0, PEER_TELEGRAMS)))
    const [alone = NaN, auto = NaN, theirs = NaN] = compare(contenders, telegrams)
    if (protocol === 'dsmr') figures.push(besideWhole(name, whole, telegrams))
    figures.push(
      figure(`${name}, ${CHUNK}-byte chunks`, alone),
      figure(`${name}, protocol found by itself`, auto),
    )
    if (typeof peer === 'string') {
      figures.push({ name: 'smartmeter-obis', value: NaN, unit: 'ms/telegram', note: peer })
    } else {
      const ratio = theirs / alone
      const beside = { unit: 'ms/telegram', peer: 's3mp', aim: '> 1', met: ratio > 1 }
      figures.push({ name: `${name}, smartmeter-obis`, value: theirs, ratio, ...beside })
    }
  }
  return figures
}

/** The peer that takes whole telegrams, and this decoder given them whole, too. */
function besideWhole(
  name: string,
  peer: Contender | string,
  telegrams: readonly Uint8Array[],
): Figure {
  const unit = 'ms/telegram'
  if (typeof peer === 'string') return { name: 'dsmr-parser', value: NaN, unit, note: peer }
  const [alone = NaN, theirs = NaN] = compare([ours('dsmr', Infinity), peer], telegrams)
  const ratio = theirs / alone
  const beside = { unit, peer: 's3mp', aim: '> 1', met: ratio > 1 }
  return { name: `${name} whole, dsmr-parser`, value: theirs, ratio, ...beside }
}

function figure(name: string, value: number): Figure {
  return { name, value, unit: 'ms/telegram', aim: `<= ${AIM_MS}`, met: value <= AIM_MS }
}

/** Medians of rounds taken turn and turn about. */
function compare(
  contenders: readonly Contender[],
  telegrams: readonly Uint8Array[],
): readonly number[] {
  const times = contenders.map((): number[] => [])
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const [index, contender] of contenders.entries()) {
      const started = performance.now()
      const readings = contender(telegrams)
      const ms = (performance.now() - started) / readings
      if (readings % PEER_TELEGRAMS !== 0) throw new Error(`${readings} telegrams read`)
      if (round >= 0) times[index]?.push(ms)
    }
  }
  return times.map(median)
}

function ours(protocol: 'auto' | 'd0' | 'dsmr', chunk = CHUNK): Contender {
  return (telegrams) => {
    const decoder = createDecoder(protocol)
    let readings = 0
    for (const telegram of telegrams) {
      for (let at = 0; at < telegram.length; at += chunk) {
        for (const event of decoder.push(telegram.subarray(at, at + chunk))) {
          if (event.type === 'reading') readings++
        }
      }
    }
    return readings
  }
}

function dsmrParser(): Contender | string {
  const peer = loadPeer('dsmr-parser')
  if ('absent' in peer) return peer.absent
  const parser = peer.loaded as { parse(text: string): { readonly objects: unknown } }
  return (telegrams) => {
    let readings = 0
    for (const telegram of telegrams) {
      if (parser.parse(Buffer.from(telegram).toString('latin1')).objects !== undefined) readings++
    }
    return readings
  }
}

/** What is used here of smartmeter-obis: it is asked after every chunk whether it has enough. */
type D0Protocol = new (
  options: { readonly debug: number; readonly logger: () => void },
  store: (error: unknown) => void,
) => {
  initState(): void
  checkMessage(message: Buffer): boolean
  handleMessage(message: Buffer): Buffer | null
}

function smartmeterObis(): Contender | string {
  const peer = loadPeer('smartmeter-obis/lib/protocols/D0Protocol.js')
  if ('absent' in peer) return peer.absent
  const Protocol = peer.loaded as D0Protocol
  return (telegrams) => {
    let readings = 0
    const protocol = new Protocol({ debug: 0, logger: () => undefined }, (error) => {
      if (error === null || error === undefined) readings++
    })
    for (const telegram of telegrams) {
      protocol.initState()
      const before = readings
      const buffer = Buffer.alloc(telegram.length)
      let length = 0
      for (let at = 0; at < telegram.length; at += CHUNK) {
        const piece = telegram.subarray(at, at + CHUNK)
        buffer.set(piece, length)
        length += piece.length
        while (readings === before && protocol.checkMessage(buffer.subarray(0, length))) {
          const rest = protocol.handleMessage(buffer.subarray(0, length))
          length = rest?.length ?? 0
          if (rest !== null) buffer.set(rest, 0)
        }
      }
    }
    return readings
  }
}
