import { printable } from '../bytes.ts'
import { formatObis } from '../obis.ts'
import type { Data } from './axdr.ts'
import { AXDR } from './axdr.ts'
import { isDateTime } from './clock.ts'
import type { PositionalList } from './lists.ts'
import { POSITIONAL_LISTS, typeLetter } from './lists.ts'

/** One value of a body with what the meter says about it. */
export interface Entry {
  readonly obis: string
  readonly value: Data
  /** Power of ten, where the meter sends it or a documented list has it. */
  readonly scaler?: number
  /** Code of the unit, where the meter sends it. */
  readonly unitCode?: number
}

/** A body as named values, however its meter lays them out. */
export interface Layout {
  /** Which layout it is: 'push-list', 'pairs', or the name of a documented list. */
  readonly name: string
  readonly entries: readonly Entry[]
  /** Texts without a name: a list's version, a device number. */
  readonly loose: readonly Uint8Array[]
  /** The device number of a list that has one at a known place. */
  readonly device?: Uint8Array
}

const OBIS_BYTES = 6
/** Attribute of a register that holds scaler and unit; of the others 2 holds the value. */
const SCALER_UNIT = 3
const VALUE = 2
/** COSEM interface class of registers, whose attribute 3 is scaler and unit. */
const REGISTERS = [3, 4, 5]

/**
 * Finds the values in a notification's body: a push-object list with the values behind it, OBIS
 * codes each followed by its value (and scaler and unit), nested or flat, or a list without codes:
 * one of the meter's owner (`own`), who knows best, or a documented one. Undefined when it is none
 * of these.
 */
export function readLayout(body: Data, own: readonly PositionalList[] = []): Layout | undefined {
  if (body.type !== 'list') return undefined
  return readPushList(body.items) ?? readPairs(body.items) ?? readPositional(body.items, own)
}

interface PushObject {
  readonly classId: number
  readonly obis: string
  readonly attribute: number
}

/** A structure of class, OBIS code, attribute and data index: an element of a push-object list. */
function pushObject(data: Data): PushObject | undefined {
  if (data.type !== 'list' || data.items.length < 4) return undefined
  const [classId, name, attribute] = data.items
  if (classId?.type !== 'number' || attribute?.type !== 'number') return undefined
  if (name?.type !== 'octets' || name.bytes.length !== OBIS_BYTES) return undefined
  return {
    classId: Number(classId.digits),
    obis: formatObis(name.bytes),
    attribute: Number(attribute.digits),
  }
}

/**
 * Values named by a list in front, which may count itself as the first of them; they stand behind it
 * one by one, or in a list of their own.
 */
function readPushList(outer: readonly Data[]): Layout | undefined {
  const [list, inner] = outer
  if (list?.type !== 'list' || list.items.length === 0) return undefined
  const nested = outer.length === 2 && list.items.length > 1 && inner?.type === 'list'
  const items = nested ? [list, ...inner.items] : outer
  const objects = list.items.map(pushObject)
  const own = objects.length === items.length ? 0 : 1
  if (objects.length !== items.length - own) return undefined
  const entries: Entry[] = []
  for (const [index, object] of objects.entries()) {
    const value = items[index + own]
    if (object === undefined || value === undefined) return undefined
    if (value === list || value.type === 'null') continue
    const unit = REGISTERS.includes(object.classId) && object.attribute === SCALER_UNIT
    if (unit) describe(entries, object.obis, value)
    // The first attribute is an object's own name; others than the second are settings or states.
    else if (object.attribute >= VALUE) {
      const inner = value.type === 'list' ? valueIn(value.items) : { value }
      if (inner !== undefined) entries.push({ obis: object.obis, ...inner })
    }
  }
  return { name: 'push-list', entries, loose: [] }
}

/** Gives the scaler and unit that came as a value of their own to the register they are for. */
function describe(entries: Entry[], obis: string, value: Data): void {
  const index = entries.findLastIndex((entry) => entry.obis === obis)
  const entry = entries[index]
  const unit = scalerUnit(value)
  if (entry !== undefined && unit !== undefined) entries[index] = { ...entry, ...unit }
}

/** Codes followed by values, in one list or in a list of small ones. */
function readPairs(items: readonly Data[]): Layout | undefined {
  const entries: Entry[] = []
  const loose: Uint8Array[] = []
  if (items.length > 0 && items.every((item) => item.type === 'list')) {
    for (const item of items) collect(item.items, entries, loose)
  } else {
    collect(items, entries, loose)
  }
  if (!entries.some(({ value }) => value.type === 'number')) return undefined
  return { name: 'pairs', entries, loose }
}

function collect(items: readonly Data[], entries: Entry[], loose: Uint8Array[]): void {
  const attribute = attributeEntry(items)
  if (attribute !== undefined) {
    entries.push(...attribute)
    return
  }
  for (let at = 0; at < items.length; at++) {
    const item = items[at]
    const value = items[at + 1]
    const obis = item === undefined ? undefined : obisOf(item)
    if (obis !== undefined && value !== undefined && obisOf(value) === undefined) {
      const inner = value.type === 'list' ? valueIn(value.items) : undefined
      const unit = scalerUnit(items[at + 2]) ?? flatUnit(items[at + 2], items[at + 3])
      if (inner !== undefined) entries.push({ obis, ...inner })
      else if (value.type !== 'list' && value.type !== 'null')
        entries.push({ obis, value, ...unit })
      if (value.type === 'list' && inner === undefined) continue
      const flat = unit !== undefined && scalerUnit(items[at + 2]) === undefined
      at += flat ? 3 : unit === undefined ? 1 : 2
    } else if (item?.type === 'octets') loose.push(item.bytes)
    else if (item?.type === 'list') collect(item.items, entries, loose)
  }
}

/**
 * Class, code, attribute, and then the attribute's value: one object told with all its names. Empty
 * where it has no value, or is the name alone, as push-object lists have it.
 */
function attributeEntry(items: readonly Data[]): readonly Entry[] | undefined {
  if (items.length < 4 || items.length > 5) return undefined
  const [classId, name, attribute, value, unit] = items
  if (classId?.type !== 'number' || classId.tag !== AXDR.uint16) return undefined
  if (attribute?.type !== 'number' || attribute.tag !== AXDR.int8) return undefined
  const obis = name === undefined ? undefined : obisOf(name)
  if (obis === undefined || value === undefined) return undefined
  if (value.type === 'null' || isDataIndex(value, items.length)) return []
  if (value.type !== 'list') return [{ obis, value, ...scalerUnit(unit) }]
  const inner = valueIn(value.items)
  return inner === undefined ? [] : [{ obis, ...inner }]
}

/** "All of it" where a push-object list says which part of an attribute is meant. */
function isDataIndex(value: Data, size: number): boolean {
  return size === 4 && value.type === 'number' && value.tag === AXDR.uint16 && value.digits === 0n
}

/** A value with its scaler and unit in a structure of their own. */
function valueIn(items: readonly Data[]): Omit<Entry, 'obis'> | undefined {
  const [value, second, third] = items
  if (value === undefined || value.type === 'list' || value.type === 'null') return undefined
  if (obisOf(value) !== undefined) return undefined
  const unit = items.length === 2 ? scalerUnit(second) : flatUnit(second, third)
  return unit === undefined || items.length > 3 ? undefined : { value, ...unit }
}

/** The OBIS code in six octets, or written out; texts of six letters (`KFM_001` has seven) are none. */
function obisOf(data: Data): string | undefined {
  if (data.type !== 'octets') return undefined
  if (data.bytes.length !== OBIS_BYTES) return writtenObis(data.bytes)
  const [medium = 0xff, channel = 0xff] = data.tag === AXDR.octets ? data.bytes : []
  return medium <= MEDIUM_MAX && channel <= CHANNEL_MAX ? formatObis(data.bytes) : undefined
}

/** A code as text, all its six groups: `1-0:1.8.0*255` or `1.0.1.8.0.255`. */
function writtenObis(bytes: Uint8Array): string | undefined {
  const [first = 0] = bytes
  if (first < DIGIT_0 || first > DIGIT_9 || bytes.length > OBIS_LETTERS_MAX) return undefined
  const match = WRITTEN.exec(printable(bytes) ?? '')
  const groups = match?.slice(1).map(Number) ?? []
  if (match === null || groups.some((group) => group > 0xff)) return undefined
  return formatObis(Uint8Array.from(groups))
}

const WRITTEN = /^(\d{1,2})[-.](\d{1,3})[:.](\d{1,3})\.(\d{1,3})\.(\d{1,3})[*.](\d{1,3})$/
const DIGIT_0 = 0x30
const DIGIT_9 = 0x39
/** Letters of the longest code. */
const OBIS_LETTERS_MAX = 22

/** Value groups A and B of IEC 62056-61: media 0 to 15, channels 0 to 64 and some of makers. */
const MEDIUM_MAX = 15
const CHANNEL_MAX = 199

/** Scaler and unit from the structure that holds them. */
function scalerUnit(
  data: Data | undefined,
): { readonly scaler: number; readonly unitCode: number } | undefined {
  if (data?.type !== 'list' || data.items.length !== 2) return undefined
  const [scaler, unit] = data.items
  if (scaler?.type !== 'number' || scaler.tag !== AXDR.int8) return undefined
  if (unit?.type !== 'number' || unit.tag !== AXDR.enumeration) return undefined
  return { scaler: Number(scaler.digits), unitCode: Number(unit.digits) }
}

/** Whether a value may stand at a place: types alone do not tell a number of a meter from a time. */
function suits(value: Data, place: PositionalList['places'][number] | undefined): boolean {
  const bytes = value.type === 'octets' ? value.bytes : undefined
  if (place === 'clock') return bytes !== undefined && isDateTime(bytes)
  return place !== 'device' || /[0-9A-Za-z]/.test(printable(bytes ?? new Uint8Array()) ?? '')
}

/** The same number counted the other way. */
function turned(value: Data): Data {
  return value.type === 'number' ? { ...value, digits: -value.digits } : value
}

/** Scaler and unit one behind the other without a structure around them. */
function flatUnit(
  scaler: Data | undefined,
  unit: Data | undefined,
): { readonly scaler: number; readonly unitCode: number } | undefined {
  if (scaler === undefined || unit === undefined) return undefined
  return scalerUnit({ type: 'list', tag: AXDR.structure, items: [scaler, unit] })
}

/** A list whose elements have the types of a known one. */
function readPositional(
  items: readonly Data[],
  own: readonly PositionalList[],
): Layout | undefined {
  const types = items.map(typeLetter).join('')
  const [head] = items
  const first = head?.type === 'octets' ? String.fromCharCode(...head.bytes.subarray(0, 8)) : ''
  const list = [...own, ...POSITIONAL_LISTS].find(
    (one) =>
      one.types.test(types) &&
      (one.begins === undefined || first.startsWith(one.begins)) &&
      (one.byTypes === true || items.every((item, index) => suits(item, one.places[index]))),
  )
  if (list === undefined) return undefined
  const entries: Entry[] = []
  const loose: Uint8Array[] = []
  let device: Uint8Array | undefined
  for (const [index, value] of items.entries()) {
    const place = list.places[index] ?? 'skip'
    if (place === 'device') device = value.type === 'octets' ? value.bytes : undefined
    else if (place === 'skip' || place === 'clock') {
      if (value.type === 'octets') loose.push(value.bytes)
    } else {
      const [obis, scaler, unitCode, isTurned = false] = place
      const unit = unitCode === undefined ? {} : { unitCode }
      entries.push({ obis, value: isTurned ? turned(value) : value, scaler, ...unit })
    }
  }
  return { name: list.name, entries, loose, ...(device === undefined ? {} : { device }) }
}
