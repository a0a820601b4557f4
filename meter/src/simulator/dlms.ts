import { crc16X25 } from '../crc16.ts'
import type { Sealing } from '../dlms/ciphering.ts'
import { seal } from '../dlms/ciphering.ts'
import { counted, join, u32 } from '../dlms/encode.ts'
import { parseObis } from '../obis.ts'
import { UNIT } from '../units.ts'
import type { HouseholdState } from './household.ts'

/** How a simulated meter pushes DLMS; each field is a habit of real meters. */
export interface DlmsStyle {
  /** What carries the APDU; `bare` is the APDU itself. */
  readonly link: 'hdlc' | 'mbus' | 'wrapper' | 'bare'
  /** OBIS and value, with scaler and unit besides, or a push-object list and then the values. */
  readonly layout: 'pairs' | 'pairs-with-unit' | 'push-list'
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
} as const satisfies Record<string, DlmsStyle>

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
  return join(head, [0x0c], dateTime(state.timeMs), body(entries(state), style))
}

/** general-glo-ciphering around an APDU (IEC 62056-5-3 §5.7.2). */
export function protect(apdu: Uint8Array, protection: DlmsProtection): Uint8Array {
  return join([0xdb], counted(protection.systemTitle), counted(seal(apdu, protection)))
}

interface PushEntry {
  readonly obis: readonly number[]
  readonly value: Uint8Array
  readonly scaler: number
  readonly unit: number
}

const LLC = Uint8Array.of(0xe6, 0xe7, 0x00)

function entries(state: HouseholdState): readonly PushEntry[] {
  const power = Math.round(state.powerMw / 1_000)
  const register = (code: string, value: Uint8Array, scaler: number, unit: number): PushEntry => ({
    obis: parseObis(`1-0:${code}*255`) ?? [],
    value,
    scaler,
    unit,
  })
  const double = (value: number): Uint8Array => join([0x06], u32(Math.max(0, value)))
  const long = (value: number): Uint8Array => Uint8Array.of(0x12, value >> 8, value & 0xff)
  const energy = (milliWh: bigint): Uint8Array => double(Number(milliWh / 1_000n))
  return [
    register('1.7.0', double(power), 0, UNIT.watt),
    register('2.7.0', double(-power), 0, UNIT.watt),
    ...state.voltageMv.map((volts, phase) =>
      register(`${32 + 20 * phase}.7.0`, long(Math.round(volts / 100)), -1, UNIT.volt),
    ),
    ...state.currentMa.map((amps, phase) =>
      register(`${31 + 20 * phase}.7.0`, long(Math.round(amps / 10)), -2, UNIT.ampere),
    ),
    register('1.8.0', energy(state.importMilliWh), 0, UNIT.wattHour),
    register('2.8.0', energy(state.exportMilliWh), 0, UNIT.wattHour),
  ]
}

const DEVICE_OBIS = [0, 0, 96, 1, 0, 255]

function body(registers: readonly PushEntry[], style: DlmsStyle): Uint8Array {
  const device = Uint8Array.from(style.device, (letter) => letter.charCodeAt(0))
  const name = (obis: readonly number[]): Uint8Array => join([0x09, 6], obis)
  if (style.layout === 'push-list') {
    const object = (classId: number, obis: readonly number[]): Uint8Array =>
      join([0x02, 4, 0x12, 0, classId], name(obis), [0x0f, 2, 0x12, 0, 0])
    const objects = [object(1, DEVICE_OBIS), ...registers.map(({ obis }) => object(3, obis))]
    const values = [join([0x09, device.length], device), ...registers.map(({ value }) => value)]
    return join([0x02, 1 + values.length, 0x01, objects.length], ...objects, ...values)
  }
  const id = join(name(DEVICE_OBIS), [0x09, device.length], device)
  if (style.layout === 'pairs') {
    const pairs = registers.map(({ obis, value }) => join(name(obis), value))
    return join([0x02, 2 * (registers.length + 1)], id, ...pairs)
  }
  const described = registers.map(({ obis, value, scaler, unit }) =>
    join([0x02, 3], name(obis), value, [0x02, 2, 0x0f, scaler & 0xff, 0x16, unit]),
  )
  return join([0x01, registers.length + 1, 0x02, 2], id, ...described)
}

/** The date-time of a meter that keeps UTC. */
function dateTime(timeMs: number): Uint8Array {
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
