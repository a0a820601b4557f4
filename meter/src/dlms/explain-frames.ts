import { toHex } from '../bytes.ts'
import type { TelegramField } from '../sml/explain.ts'
import { APDU } from './apdu.ts'
import { BARE } from './bare.ts'
import { join } from './encode.ts'
import type { Framing } from './frame-scanner.ts'
import { FrameScanner } from './frame-scanner.ts'
import { HDLC } from './hdlc.ts'
import { MBUS } from './mbus.ts'
import { WRAPPER } from './wrapper.ts'

/** What a link carried, and the fields of the link itself. */
export interface Carried {
  readonly apdu: Uint8Array
  /** Position in the telegram of each byte of the APDU. */
  readonly positions: readonly number[]
  readonly fields: readonly TelegramField[]
}

/** One frame of a link. */
interface Frame {
  readonly start: number
  readonly end: number
  /** Where what it carries lies. */
  readonly from: number
  readonly to: number
}

type Kind = TelegramField['kind']
/** Parts of a head or tail: how many bytes, and what they are; the last takes the rest. */
type Part = readonly [bytes: number, kind: Kind, label: string]

interface Link {
  readonly framing: Framing
  readonly head: (bytes: Uint8Array, frame: Frame) => readonly Part[]
  readonly tail: (bytes: Uint8Array, frame: Frame) => readonly Part[]
}

const FLAG = 0x7e
const LLC_BYTES = 3
const BLOCK_HEAD_BYTES = 6

const LINKS: readonly Link[] = [
  { framing: HDLC, head: hdlcHead, tail: hdlcTail },
  {
    framing: MBUS,
    head: () => [
      [4, 'frame', 'start and length'],
      [3, 'header', 'C, A, CI'],
      [2, 'header', 'service access points'],
    ],
    tail: () => [
      [1, 'checksum', 'checksum'],
      [1, 'frame', 'stop'],
    ],
  },
  {
    framing: WRAPPER,
    head: () => [
      [2, 'frame', 'version'],
      [4, 'header', 'source and destination'],
      [2, 'frame', 'length'],
    ],
    tail: () => [],
  },
  { framing: BARE, head: () => [], tail: () => [] },
]

/**
 * Finds which link carried a telegram and names its parts: frames, blocks, LLC. Undefined when the
 * bytes are not whole frames of any.
 */
export function explainFrames(bytes: Uint8Array): Carried | undefined {
  for (const link of LINKS) {
    const frames = framesOf(link.framing, bytes)
    if (frames !== undefined) return carry(bytes, frames, link)
  }
  return undefined
}

/** The frames that fill the bytes; undefined where anything is left over. */
function framesOf(framing: Framing, bytes: Uint8Array): readonly Frame[] | undefined {
  const frames: Frame[] = []
  let sound = bytes.length > 0
  const scanner = new FrameScanner(framing, {
    frame(_payload, { start, end, length }, offset) {
      const at = { start: offset, end: offset + length }
      frames.push({ ...at, from: offset + start, to: offset + end })
    },
    discarded() {
      sound = false
    },
  })
  for (const byte of bytes) scanner.push(byte)
  scanner.end()
  return sound && frames.length > 0 ? frames : undefined
}

function carry(bytes: Uint8Array, frames: readonly Frame[], link: Link): Carried {
  const fields: TelegramField[] = []
  const chunks: Uint8Array[] = []
  const positions: number[] = []
  const tell = (start: number, end: number, parts: readonly Part[]): void => {
    let at = start
    for (const [index, [length, kind, label]] of parts.entries()) {
      const stop = index === parts.length - 1 ? end : Math.min(at + length, end)
      const value = kind === 'checksum' ? { value: toHex(bytes.subarray(at, stop)) } : {}
      if (stop > at) fields.push({ start: at, end: stop, kind, label, ...value })
      at = stop
    }
  }
  for (const frame of frames) {
    tell(frame.start, frame.from, link.head(bytes, frame))
    tell(frame.to, frame.end, link.tail(bytes, frame))
    let { from } = frame
    if (isLlc(bytes, frame)) {
      tell(from, from + LLC_BYTES, [[LLC_BYTES, 'header', 'LLC']])
      from += LLC_BYTES
    }
    if (bytes[from] === APDU.generalBlockTransfer) {
      const length = bytes[from + BLOCK_HEAD_BYTES] ?? 0
      const head = BLOCK_HEAD_BYTES + 1 + (length > 0x80 ? length - 0x80 : 0)
      tell(from, from + head, [[head, 'header', 'general-block-transfer']])
      from += head
    }
    chunks.push(bytes.subarray(from, frame.to))
    for (let at = from; at < frame.to; at++) positions.push(at)
  }
  return { apdu: join(...chunks), positions, fields }
}

function isLlc(bytes: Uint8Array, { from }: Frame): boolean {
  return bytes[from] === 0xe6 && bytes[from + 1] === 0xe7 && bytes[from + 2] === 0
}

function hdlcHead(bytes: Uint8Array, { start, from }: Frame): readonly Part[] {
  let flags = 0
  while (bytes[start + flags] === FLAG) flags++
  // Format, addresses and control in between, as wide as they are.
  const addresses = from - start - flags - 2 - 1 - 2
  return [
    [flags, 'frame', 'flag'],
    [2, 'header', 'format and length'],
    [addresses, 'header', 'addresses'],
    [1, 'header', 'control'],
    [2, 'checksum', 'HCS'],
  ]
}

function hdlcTail(_bytes: Uint8Array, { to, end }: Frame): readonly Part[] {
  const flag: Part = [1, 'frame', 'flag']
  return end - to > 1 ? [[2, 'checksum', 'FCS'], flag] : [flag]
}
