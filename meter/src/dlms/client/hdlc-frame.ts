import { crc16X25 } from '../../crc16.ts'
import { MeterError } from '../../errors.ts'
import { join } from '../encode.ts'
import type { FrameVerdict, Framing } from '../frame-scanner.ts'
import { HDLC } from '../hdlc.ts'

/** Bytes of a server's address: one, two or four (IEC 62056-46 §6.4.2.2). */
export type HdlcAddressBytes = 1 | 2 | 4

/** The kinds of frame of a normal response mode connection. */
export type HdlcControl =
  | {
      readonly kind: 'information'
      /** Number of this frame, and the number expected next from the other side; modulo 8. */
      readonly send: number
      readonly receive: number
    }
  | { readonly kind: 'ready' | 'not-ready' | 'reject'; readonly receive: number }
  | { readonly kind: 'connect' | 'disconnect' | 'acknowledge' | 'disconnected' | 'frame-reject' }
  | { readonly kind: 'unnumbered' }

/** One frame of a conversation; bytes borrowed. */
export interface HdlcFrame {
  readonly destination: Uint8Array
  readonly source: Uint8Array
  readonly control: HdlcControl
  /** The other side may speak now (poll), or this side is done (final). */
  readonly final: boolean
  /** More frames of the same APDU follow. */
  readonly segmented: boolean
  readonly information: Uint8Array
}

const FLAG = 0x7e
const TYPE = 0xa000
const SEGMENTED = 0x0800
const LENGTH = 0x07ff
const FINAL = 0x10
const CHECKSUM_BYTES = 2

/** Unnumbered control fields without their final bit. */
const UNNUMBERED = {
  connect: 0x83,
  disconnect: 0x43,
  acknowledge: 0x63,
  disconnected: 0x0f,
  'frame-reject': 0x87,
  unnumbered: 0x03,
} as const

/** Supervisory ones. */
const SUPERVISORY = { ready: 0x01, 'not-ready': 0x05, reject: 0x09 } as const

/**
 * Frames of a conversation: HDLC as for push, with the whole header as part of what it carries,
 * because who speaks and what comes next stand there.
 */
export const HDLC_WITH_HEADER: Framing = {
  bytesMax: HDLC.bytesMax,

  mayBegin: (byte, joined) => HDLC.mayBegin(byte, joined),

  judge(bytes, start, end, joined, over): FrameVerdict {
    const verdict = HDLC.judge(bytes, start, end, joined, over)
    if (verdict.type !== 'frame') return verdict
    let head = start
    while (bytes[head] === FLAG) head++
    return { type: 'frame', frame: { ...verdict.frame, start: head } }
  },
}

/** One address byte for a client, the low bit of the last byte set. */
export function clientAddress(client: number): Uint8Array {
  return address([client], 1)
}

/**
 * A server's address: logical device and, with two or four bytes, physical device behind it.
 *
 * @throws {@link MeterError} `range` for numbers that do not fit.
 */
export function serverAddress(
  logical: number,
  physical: number | undefined,
  bytes: HdlcAddressBytes,
): Uint8Array {
  if (bytes === 1) return address([logical], 1)
  return address([logical, physical ?? 0], bytes === 2 ? 1 : 2)
}

function address(parts: readonly number[], width: 1 | 2): Uint8Array {
  const bytes: number[] = []
  for (const part of parts) {
    if (!Number.isInteger(part) || part < 0 || part >= 1 << (7 * width)) {
      throw new MeterError('range', `address: expected ${7 * width} bits, found ${part}`)
    }
    if (width === 2) bytes.push((part >> 7) << 1)
    bytes.push((part & 0x7f) << 1)
  }
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) | 1
  return Uint8Array.from(bytes)
}

/** A frame with its flags and checksums. */
export function encodeFrame(frame: HdlcFrame): Uint8Array {
  const { destination, source, information } = frame
  const head = 2 + destination.length + source.length + 1 + CHECKSUM_BYTES
  const length = head + (information.length > 0 ? information.length + CHECKSUM_BYTES : 0)
  if (length > LENGTH) {
    throw new MeterError('range', `frame: expected at most ${LENGTH} bytes, found ${length}`)
  }
  const format = TYPE | (frame.segmented ? SEGMENTED : 0) | length
  const header = join([format >> 8, format & 0xff], destination, source, [controlByte(frame)])
  const checked = join(header, checksum(header))
  if (information.length === 0) return join([FLAG], checked, [FLAG])
  const content = join(checked, information)
  return join([FLAG], content, checksum(content), [FLAG])
}

/**
 * Takes apart what {@link HDLC_WITH_HEADER} found; its checksums have been checked. Undefined for a
 * control field that HDLC does not have.
 */
export function decodeFrame(bytes: Uint8Array): HdlcFrame | undefined {
  const format = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
  const afterDestination = addressEnd(bytes, 2)
  const afterSource = addressEnd(bytes, afterDestination)
  const byte = bytes[afterSource] ?? 0
  const control = controlOf(byte)
  if (control === undefined) return undefined
  return {
    destination: bytes.subarray(2, afterDestination),
    source: bytes.subarray(afterDestination, afterSource),
    control,
    final: (byte & FINAL) !== 0,
    segmented: (format & SEGMENTED) !== 0,
    information: bytes.subarray(afterSource + 1 + CHECKSUM_BYTES),
  }
}

function addressEnd(bytes: Uint8Array, start: number): number {
  let at = start
  while (((bytes[at] ?? 1) & 1) === 0) at++
  return at + 1
}

function controlByte({ control, final }: HdlcFrame): number {
  const bit = final ? FINAL : 0
  switch (control.kind) {
    case 'information':
      return (control.receive << 5) | bit | (control.send << 1)
    case 'ready':
    case 'not-ready':
    case 'reject':
      return (control.receive << 5) | bit | SUPERVISORY[control.kind]
    case 'connect':
    case 'disconnect':
    case 'acknowledge':
    case 'disconnected':
    case 'frame-reject':
    case 'unnumbered':
      return UNNUMBERED[control.kind] | bit
  }
}

function controlOf(byte: number): HdlcControl | undefined {
  const receive = byte >> 5
  if ((byte & 0x01) === 0) return { kind: 'information', send: (byte >> 1) & 7, receive }
  if ((byte & 0x03) === 0x01) {
    for (const kind of ['ready', 'not-ready', 'reject'] as const) {
      if ((byte & 0x0f) === SUPERVISORY[kind]) return { kind, receive }
    }
  }
  for (const kind of UNNUMBERED_KINDS) {
    if ((byte & ~FINAL) === UNNUMBERED[kind]) return { kind }
  }
  return undefined
}

const UNNUMBERED_KINDS = [
  'connect',
  'disconnect',
  'acknowledge',
  'disconnected',
  'frame-reject',
  'unnumbered',
] as const

function checksum(bytes: Uint8Array): Uint8Array {
  const crc = crc16X25(bytes)
  return Uint8Array.of(crc & 0xff, crc >> 8)
}
