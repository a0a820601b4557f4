import { decodeDateTime } from './dlms/clock.ts'
import { latin } from './iec62056-21/framer.ts'
import { clockTime, octetText } from './iec62056-21/reading.ts'
import { parseObis } from './obis.ts'
import type { MeterTime, Reading, Register, TextEntry } from './reading.ts'
import { unitCode } from './units.ts'

/** What a meter measures. */
export type Medium =
  'electricity' | 'gas' | 'heat' | 'cooling' | 'water' | 'hot-water' | 'heat-cost' | 'other'

/** What one telegram says about one of the meters that it speaks for. */
export interface MediumReading {
  readonly medium: Medium
  /** M-Bus channel, 1 to 64; 0 for the meter that sends the telegram. */
  readonly channel: number
  /** With the sub-meter's own number as `device`, and the time of its value as `meterTime`. */
  readonly reading: Reading
}

/** Highest channel behind a meter; DSMR has 4, DLMS M-Bus masters up to 64. */
export const MEDIA_CHANNEL_MAX = 64

/** Device types of EN 13757-3 table 6, as `0-n:24.1.0` gives them. */
const DEVICE_TYPES: Readonly<Record<number, Medium>> = {
  2: 'electricity',
  3: 'gas',
  4: 'heat',
  6: 'hot-water',
  7: 'water',
  8: 'heat-cost',
  10: 'cooling',
  11: 'cooling',
  12: 'heat',
  13: 'heat',
  21: 'hot-water',
  22: 'water',
}

/** Value group A of OBIS (IEC 62056-61, table 1). */
const GROUP_A: Readonly<Record<number, Medium>> = {
  1: 'electricity',
  4: 'heat-cost',
  5: 'cooling',
  6: 'heat',
  7: 'gas',
  8: 'water',
  9: 'hot-water',
}

/** M-Bus objects: device and value of a channel, its clock, its device numbers. */
const VALUE = 24
const ABSTRACT = 96
const CHANNEL_CODE = /^0-(\d{1,2}):(\d+)\.(\d+)\.(\d+)\*/
const DEVICE_TYPE = /^0-\d+:24\.1\./
const NEWEST_VALUE = /^0-\d+:24\.[23]\./
const EQUIPMENT = /^0-\d+:96\.1\.[01]\*/
const JOULE = unitCode('J')

/**
 * One reading for each meter that a telegram speaks for: the meter itself first, without what belongs
 * to others, then gas, water and heat meters on its M-Bus channels by channel. A channel without a
 * value is left out. Nothing is lost: what belongs to no channel stays with the meter itself.
 *
 * Sub-meters are asked once in five minutes or an hour, so their readings repeat: one is new when its
 * `meterTime` is.
 */
export function splitMedia(reading: Reading): readonly MediumReading[] {
  const channels = [...new Set(reading.registers.map(channelOf))]
    .filter((one) => one > 0)
    .sort(rise)
  const subs = channels.flatMap((channel) => {
    const registers = reading.registers.filter((one) => channelOf(one) === channel)
    const texts = reading.texts.filter((one) => channelOf(one) === channel)
    const values = registers.filter(({ obis }) => NEWEST_VALUE.test(obis))
    const sub = subReading(reading, registers, texts)
    return values.length === 0 ? [] : [{ medium: mediumOf(values, sub), channel, reading: sub }]
  })
  const taken = new Set(subs.map(({ channel }) => channel))
  const own = (entry: { readonly obis: string }): boolean => !taken.has(channelOf(entry))
  const main: Reading =
    subs.length === 0
      ? reading
      : { ...reading, registers: reading.registers.filter(own), texts: reading.texts.filter(own) }
  return [{ medium: ownMedium(main), channel: 0, reading: main }, ...subs]
}

function subReading(
  { protocol, flags, security }: Reading,
  registers: readonly Register[],
  texts: readonly TextEntry[],
): Reading {
  const equipment = texts.find(({ obis }) => EQUIPMENT.test(obis))
  const meterTime = captureTime(texts)
  return {
    protocol,
    device: equipment === undefined ? '' : nameOf(equipment.bytes),
    registers,
    texts,
    flags,
    ...(security === undefined ? {} : { security }),
    ...(meterTime === undefined ? {} : { meterTime }),
  }
}

/** When the sub-meter was asked: it stands under the code of the value, or of the capture time. */
function captureTime(texts: readonly TextEntry[]): MeterTime | undefined {
  for (const { obis, bytes } of texts) {
    if (!NEWEST_VALUE.test(obis)) continue
    const time = decodeDateTime(bytes) ?? clockTime(latin(bytes))
    if (time !== undefined) return time
  }
  return undefined
}

function mediumOf(values: readonly Register[], { registers, texts }: Reading): Medium {
  const type = texts.find(({ obis }) => DEVICE_TYPE.test(obis))
  const number = registers.find(({ obis }) => DEVICE_TYPE.test(obis))?.digits
  const code = number ?? Number.parseInt(type === undefined ? '' : latin(type.bytes), 10)
  const known = DEVICE_TYPES[Number(code)]
  if (known !== undefined) return known
  if (values.some((one) => one.unitCode === JOULE)) return 'heat'
  // Belgium: 24.2.3 is gas not converted to normal temperature, 24.2.1 is water.
  return values.some(({ obis }) => obis.includes(':24.2.3*')) ? 'gas' : 'other'
}

/** The medium that most codes of a meter's own registers name. */
function ownMedium({ registers }: Reading): Medium {
  const counts = new Map<Medium, number>()
  for (const { obis } of registers) {
    const medium = GROUP_A[parseObis(obis)?.[0] ?? 0]
    if (medium !== undefined) counts.set(medium, (counts.get(medium) ?? 0) + 1)
  }
  let best: Medium = registers.length === 0 ? 'other' : 'electricity'
  for (const [medium, count] of counts) if (count > (counts.get(best) ?? 0)) best = medium
  return best
}

/** The M-Bus channel that a code belongs to, 0 for none. */
function channelOf({ obis }: { readonly obis: string }): number {
  const [, b, c] = CHANNEL_CODE.exec(obis) ?? []
  const channel = Number(b ?? 0)
  const belongs = Number(c) === VALUE || Number(c) === ABSTRACT
  return belongs && channel <= MEDIA_CHANNEL_MAX ? channel : 0
}

function nameOf(bytes: Uint8Array): string {
  return octetText(bytes).replace(/[^ -~]/g, '')
}

function rise(left: number, right: number): number {
  return left - right
}
