import { printable, toHex } from '../bytes.ts'
import type { MeterTime, Reading, ReadingFlag, Register, TextEntry } from '../reading.ts'
import { parseObis } from '../obis.ts'
import { UNIT_NONE, unitName } from '../units.ts'
import type { DataNotification } from './apdu.ts'
import { decodeDateTime } from './clock.ts'
import { implied, scaleHints } from './implied.ts'
import type { Entry, Layout } from './layouts.ts'
import { readLayout } from './layouts.ts'
import type { PositionalList } from './lists.ts'

/** Names of device numbers without their channel, the most telling first. */
const DEVICE_CODES = ['0-0:42.0.0', '0-0:96.1.0', '1-0:0.0.5', '0-0:96.1.1', '1-0:0.0.0']
const CLOCKS = ['0-0:1.0.0']
const CLOCK_BYTES = 12

/** Where a notification came from, as far as its protection tells. */
export interface Origin {
  readonly systemTitle?: Uint8Array | undefined
  readonly flags: readonly ReadingFlag[]
  /** Power of ten of energies that come without scale; the maker's if undefined. */
  readonly energyScaler?: number | undefined
}

/** Makers by the version texts of their lists. */
const LIST_MAKERS: readonly (readonly [string, string])[] = [
  ['Kamstrup_', 'KAM'],
  ['KFM_', 'KFM'],
  ['AIDON_', 'AID'],
  ['ISK', 'ISK'],
  ['LGZ', 'LGZ'],
]

/** What a notification says about a meter, `own` being its owner's lists; undefined where it holds nothing that is understood. */
export function readNotification(
  notification: DataNotification,
  origin: Origin,
  own: readonly PositionalList[] = [],
): Reading | undefined {
  const layout = readLayout(notification.body, own)
  if (layout === undefined) return undefined
  const listMaker = makerInList(layout)
  const { systemTitle } = origin
  const maker = (systemTitle === undefined ? undefined : makerInTitle(systemTitle)) ?? listMaker
  // Whoever wrote the list chose its scale, whatever the name of the meter begins with.
  const hints = { ...scaleHints(layout, listMaker ?? maker), energyScaler: origin.energyScaler }
  const registers: Register[] = []
  const texts: TextEntry[] = []
  const flags = new Set<ReadingFlag>(origin.flags)
  let clock: MeterTime | undefined
  for (const entry of layout.entries) {
    const { obis, value } = entry
    if (value.type === 'number') {
      const meant = entry.unitCode === undefined ? implied(entry, hints) : undefined
      if (meant !== undefined && entry.scaler === undefined) flags.add('scale-assumed')
      registers.push(register(entry, value, meant))
    } else if (value.type === 'octets') {
      if (isClock(obis) && value.bytes.length === CLOCK_BYTES) clock ??= decodeDateTime(value.bytes)
      else texts.push({ obis, bytes: value.bytes.slice() })
    }
  }
  if (registers.length === 0) return undefined
  const net = netPower(registers)
  if (net !== undefined) registers.push(net)
  clock = decodeDateTime(notification.dateTime) ?? clock ?? looseClock(layout)
  return {
    protocol: 'dlms',
    device: deviceOf(layout, texts, origin.systemTitle),
    ...(maker === undefined ? {} : { manufacturer: maker }),
    registers,
    texts,
    flags: [...flags],
    ...(clock === undefined ? {} : { meterTime: clock }),
  }
}

function register(
  entry: Entry,
  value: { readonly digits: bigint; readonly scaler: number },
  meant: { readonly scaler: number; readonly unitCode: number } | undefined,
): Register {
  const unitCode = entry.unitCode ?? meant?.unitCode ?? UNIT_NONE
  return {
    obis: entry.obis,
    digits: value.digits,
    scaler: value.scaler + (entry.scaler ?? meant?.scaler ?? 0),
    unit: unitName(unitCode),
    unitCode,
  }
}

/** One net power where the meter sends import and export apart, so that direction is never asked. */
export function netPower(registers: readonly Register[]): Register | undefined {
  const find = (code: string): Register | undefined =>
    registers.find(({ obis }) => /^1-\d+:/.test(obis) && obis.endsWith(`:${code}*255`))
  const into = find('1.7.0')
  const out = find('2.7.0')
  if (into === undefined || out?.scaler !== into.scaler || out.unitCode !== into.unitCode) {
    return undefined
  }
  if (find('16.7.0') !== undefined) return undefined
  return {
    ...into,
    obis: into.obis.replace(':1.7.0', ':16.7.0'),
    digits: into.digits - out.digits,
    derived: true,
  }
}

function isClock(obis: string): boolean {
  return CLOCKS.includes(channelless(obis))
}

/** 'A-0:C.D.E' of a code, whatever its channel and storage. */
function channelless(obis: string): string {
  const [a = 0, , c = 0, d = 0, e = 0] = parseObis(obis) ?? []
  return `${a}-0:${c}.${d}.${e}`
}

/** A date-time among the values that have no name. */
function looseClock(layout: Layout): MeterTime | undefined {
  for (const bytes of layout.loose) {
    const clock = bytes.length === CLOCK_BYTES ? decodeDateTime(bytes) : undefined
    if (clock !== undefined) return clock
  }
  return undefined
}

function deviceOf(
  layout: Layout,
  texts: readonly TextEntry[],
  systemTitle: Uint8Array | undefined,
): string {
  if (layout.device !== undefined) return textOf(layout.device)
  for (const code of DEVICE_CODES) {
    const found = texts.find(({ obis, bytes }) => channelless(obis) === code && bytes.length > 0)
    if (found !== undefined) return textOf(found.bytes)
  }
  const number = layout.loose.findLast((bytes) => /^[A-Z]{0,3}\d{6,}$/.test(printable(bytes) ?? ''))
  if (number !== undefined) return textOf(number)
  return systemTitle === undefined ? '' : titleText(systemTitle)
}

/** The maker that the texts of a list name. */
function makerInList(layout: Layout): string | undefined {
  const texts = [
    ...layout.loose,
    ...(layout.device === undefined ? [] : [layout.device]),
    ...layout.entries.flatMap(({ value }) => (value.type === 'octets' ? [value.bytes] : [])),
  ]
  for (const bytes of texts) {
    const text = printable(bytes) ?? ''
    const maker = LIST_MAKERS.find(([begins]) => text.startsWith(begins))
    if (maker !== undefined) return maker[1]
  }
  return undefined
}

/** Three letters of the maker at the front of a system title. */
export function makerInTitle(title: Uint8Array): string | undefined {
  const text = printable(title.subarray(0, 3)) ?? ''
  return /^[A-Z]{3}$/.test(text) ? text : undefined
}

/** A system title as text: maker and the rest in hex, so that it stays one word. */
export function titleText(title: Uint8Array): string {
  const maker = makerInTitle(title)
  return maker === undefined ? toHex(title) : `${maker}${toHex(title.subarray(3))}`
}

function textOf(bytes: Uint8Array): string {
  return (printable(bytes) ?? toHex(bytes)).trim()
}
