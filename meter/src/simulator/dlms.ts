import { crc16X25 } from '../crc16.ts'
import type { Sealing } from '../dlms/ciphering.ts'
import { seal } from '../dlms/ciphering.ts'
import { counted, join } from '../dlms/encode.ts'
import type { DlmsLayout } from './dlms-body.ts'
import { encodeBody } from './dlms-body.ts'
import type { HouseholdState } from './household.ts'

/** How a simulated meter pushes DLMS; each field is a habit of real meters. */
export interface DlmsStyle {
  /** What carries the APDU; `bare` is the APDU itself. */
  readonly link: 'hdlc' | 'mbus' | 'wrapper' | 'bare'
  readonly layout: DlmsLayout
  /** Largest part of an APDU in one frame; M-Bus has room for 250 bytes. */
  readonly partBytes: number
  /** Size of the blocks of general block transfer; 0 for none. */
  readonly blockBytes: number
  /** One flag ends a frame and begins the next. */
  readonly sharedFlags: boolean
  readonly device: string
}

/** Styles of meters that exist, as far as their telegrams go. */
export const DLMS_STYLES = {
  /** Scandinavia: one frame, scaler and unit with each value. */
  described: {
    link: 'hdlc',
    layout: 'pairs-with-unit',
    partBytes: 1_900,
    blockBytes: 0,
    sharedFlags: false,
    device: 'SIM1020304050',
  },
  /** Iskra in Switzerland: a push list over several HDLC segments. */
  segmented: {
    link: 'hdlc',
    layout: 'push-list',
    partBytes: 140,
    blockBytes: 0,
    sharedFlags: true,
    device: 'SIM1020304051',
  },
  /** Landis+Gyr: general block transfer over HDLC. */
  blocks: {
    link: 'hdlc',
    layout: 'push-list',
    partBytes: 1_900,
    blockBytes: 110,
    sharedFlags: false,
    device: 'SIM1020304052',
  },
  /** Austria: wired M-Bus. */
  mbus: {
    link: 'mbus',
    layout: 'pairs-with-unit',
    partBytes: 245,
    blockBytes: 0,
    sharedFlags: false,
    device: 'SIM1020304053',
  },
  /** TCP or UDP. */
  wrapper: {
    link: 'wrapper',
    layout: 'pairs',
    partBytes: 4_000,
    blockBytes: 0,
    sharedFlags: false,
    device: 'SIM1020304054',
  },
  /** Kamstrup in Denmark and Norway: a version text, then codes and values, no scale. */
  versioned: {
    link: 'hdlc',
    layout: 'versioned',
    partBytes: 1_900,
    blockBytes: 0,
    sharedFlags: false,
    device: 'SIM1020304055',
  },
  /** Kaifa in Norway: a list whose places alone say what they hold. */
  places: {
    link: 'hdlc',
    layout: 'places',
    partBytes: 1_900,
    blockBytes: 0,
    sharedFlags: false,
    device: 'SIM1020304056',
  },
  /** Sagemcom in Czechia: descriptors in bare bytes, over M-Bus in parts. */
  descriptors: {
    link: 'mbus',
    layout: 'descriptors',
    partBytes: 120,
    blockBytes: 0,
    sharedFlags: false,
    device: 'SIM1020304057',
  },
} as const satisfies Record<string, DlmsStyle>

/**
 * A list without codes that nobody has documented: nothing is read of it until its owner has said
 * what stands where, so it is none of {@link DLMS_STYLES}.
 */
export const DLMS_UNNAMED: DlmsStyle = {
  ...DLMS_STYLES.described,
  layout: 'unnamed',
  device: 'SIM1020304058',
}

/** How a simulated meter protects its APDUs. */
export type DlmsProtection = Sealing

/** A telegram of a simulated meter; ciphered where a protection is given. */
export function encodeDlms(
  state: HouseholdState,
  style: Partial<DlmsStyle> = {},
  protection?: DlmsProtection,
): Uint8Array {
  const full: DlmsStyle = { ...DLMS_STYLES.described, ...style }
  const plain = encodeNotification(state, full)
  return frameApdu(protection === undefined ? plain : protect(plain, protection), full)
}

/** An APDU in the frames of a style. */
export function frameApdu(apdu: Uint8Array, style: DlmsStyle): Uint8Array {
  switch (style.link) {
    case 'bare':
      return apdu
    case 'wrapper':
      return join([0, 1, 0, 1, 0, 0x67, apdu.length >> 8, apdu.length & 0xff], apdu)
    case 'mbus':
      return join(...parts(apdu, style.partBytes).map(mbusFrame))
    case 'hdlc': {
      const blocks = style.blockBytes === 0 ? [apdu] : parts(apdu, style.blockBytes).map(block)
      const frames = blocks.flatMap((bytes, index) => {
        const segments = parts(index === 0 ? join(LLC, bytes) : bytes, style.partBytes)
        return segments.map((segment, at) => hdlcFrame(segment, at + 1 < segments.length))
      })
      const rest = style.sharedFlags
        ? frames.map((frame, at) => frame.subarray(at > 0 ? 1 : 0))
        : frames
      return join(...rest)
    }
  }
}

/** The data-notification of a household's state. */
export function encodeNotification(state: HouseholdState, style: DlmsStyle): Uint8Array {
  const invoke = Math.floor(state.timeMs / 1_000) & 0xffffff
  const head = [0x0f, 0, invoke >> 16, (invoke >> 8) & 0xff, invoke & 0xff]
  return join(head, [0x0c], dateTime(state.timeMs), encodeBody(state, style.layout, style.device))
}

/** general-glo-ciphering around an APDU (IEC 62056-5-3 §5.7.2). */
export function protect(apdu: Uint8Array, protection: DlmsProtection): Uint8Array {
  return join([0xdb], counted(protection.systemTitle), counted(seal(apdu, protection)))
}

const LLC = Uint8Array.of(0xe6, 0xe7, 0x00)

/** The date-time of a meter that keeps UTC. */
export function dateTime(timeMs: number): Uint8Array {
  const date = new Date(timeMs)
  const year = date.getUTCFullYear()
  const day = date.getUTCDay() === 0 ? 7 : date.getUTCDay()
  return Uint8Array.of(
    year >> 8,
    year & 0xff,
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    day,
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    0,
    0,
    0,
    0,
  )
}

const HDLC_HEAD = [0x21, 0x03, 0x13]

function hdlcFrame(information: Uint8Array, more: boolean): Uint8Array {
  const size = 2 + HDLC_HEAD.length + 2 + information.length + 2
  const format = 0xa000 | (more ? 0x0800 : 0) | size
  const head = join([format >> 8, format & 0xff], HDLC_HEAD)
  const content = join(head, checksum(head), information)
  return join([0x7e], content, checksum(content), [0x7e])
}

function checksum(bytes: Uint8Array): Uint8Array {
  const crc = crc16X25(bytes)
  return Uint8Array.of(crc & 0xff, crc >> 8)
}

function mbusFrame(data: Uint8Array, index: number, all: readonly Uint8Array[]): Uint8Array {
  const last = index + 1 === all.length ? 0x10 : 0
  const content = join([0x53, 0xff, last | (index & 0x0f), 0x01, 0x67], data)
  const sum = content.reduce((total, byte) => total + byte, 0) & 0xff
  // The length is one byte and wraps, as in the field.
  const size = content.length & 0xff
  return join([0x68, size, size, 0x68], content, [sum, 0x16])
}

function block(data: Uint8Array, index: number, all: readonly Uint8Array[]): Uint8Array {
  const control = index + 1 === all.length ? 0xc0 : 0x40
  return join([0xe0, control, 0, index + 1, 0, 0], counted(data))
}

function parts(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / size))
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}
