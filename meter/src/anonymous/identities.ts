import { toHex } from '../bytes.ts'
import type { Reading, TextEntry } from '../reading.ts'
import { splitMedia } from '../media.ts'
import { Alias, SERIAL_DIGITS_MIN } from './alias.ts'

/** Names that one capture may hold; a capture with more is no meter's. */
export const IDENTITIES_MAX = 256

/** Bytes that give a meter away, and what stands in their place. */
export interface Identity {
  readonly original: Uint8Array
  readonly alias: Uint8Array
}

/** Shortest name that is looked for, with what stands around it. */
const NAME_BYTES_MIN = 5
/** Shortest name that is looked for anywhere: shorter ones are found in values all the time. */
const FREE_BYTES_MIN = 8
/** A server id by DIN 43863-5: length, medium, maker, block, number. */
const DIN_BYTES = 10
/** Different letters of a name that tells anything: zeros and blanks do not. */
const NAME_LETTERS_MIN = 3

/**
 * Codes under which meters send who they are, whose they are, and what somebody wrote to them
 * (IEC 62056-61 §6.2, EDIS, and makers' own): ids, serial and equipment numbers, keys, messages.
 */
const NAME_CODES: readonly RegExp[] = [
  /^\d+-\d+:0\.0\.\d+\*/,
  /^\d+-\d+:96\.(1|13)\.\d+\*/,
  /^0-0:96\.1\.255\*/,
  /^\d+-\d+:42\.0\.0\*/,
  /^129-129:199\.130\.5\*/,
  /^\d+-\d+:9\.(20|21|6)\.0\*/,
  /^\d+-\d+:0\.0\.255\*/,
]

/** Everything in readings by which a meter, or one behind it, could be known again. */
export function identitiesOf(readings: readonly Reading[], alias: Alias): readonly Identity[] {
  const found = new Map<string, Identity>()
  const add = (original: Uint8Array, other: Uint8Array): void => {
    if (found.size >= IDENTITIES_MAX || !tells(original)) return
    found.set(toHex(original), { original, alias: other })
  }
  for (const reading of readings) {
    for (const part of splitMedia(reading)) addText(part.reading.device, alias, add)
    for (const entry of reading.texts) if (isName(entry)) addBytes(entry.bytes, alias, add)
  }
  return [...found.values()].sort((a, b) => b.original.length - a.original.length)
}

type Add = (original: Uint8Array, alias: Uint8Array) => void

function isName({ obis }: TextEntry): boolean {
  return NAME_CODES.some((code) => code.test(obis))
}

function addBytes(bytes: Uint8Array, alias: Alias, add: Add): void {
  const text = latin1(bytes)
  if (/^[\x20-\x7e]+$/.test(text)) {
    addText(text.trim(), alias, add)
    return
  }
  if (bytes.length === DIN_BYTES && /^[A-Z]{3}$/.test(text.slice(2, 5))) {
    const serial = new DataView(bytes.buffer, bytes.byteOffset, DIN_BYTES).getUint32(6)
    const other = bytes.slice(2)
    new DataView(other.buffer).setUint32(4, Number(alias.digits(String(serial))))
    add(bytes.slice(2), other)
    return
  }
  const other = alias.raw(bytes)
  add(bytes, other)
  for (const upper of [false, true]) add(hexText(bytes, upper), hexText(other, upper))
}

/** A name in all the ways in which it is written: text, hex of the text, DIN's bytes, its number. */
function addText(name: string, alias: Alias, add: Add): void {
  if (name === '') return
  const other = alias.text(name)
  if (name.length < FREE_BYTES_MIN) {
    // Values look like it, too: only where it stands by itself.
    add(ascii(`(${name})`), ascii(`(${other})`))
    add(sized(name), sized(other))
    return
  }
  add(ascii(name), ascii(other))
  for (const upper of [false, true]) add(hexText(ascii(name), upper), hexText(ascii(other), upper))
  if (/^([0-9a-f]{2})+$/i.test(name) && !/^\d+$/.test(name)) {
    addBytes(Uint8Array.from(Buffer.from(name, 'hex')), alias, add)
  }
  const number = new RegExp(`\\d{${SERIAL_DIGITS_MIN},}$`).exec(name)?.[0].slice(-8)
  if (number === undefined) return
  const significant = number.replace(/^0+/, '')
  if (significant.length >= FREE_BYTES_MIN - 1) {
    add(ascii(significant), ascii(alias.digits(significant)))
  }
  const din = /^[0-9A-F]([A-Z]{3})([0-9A-F]{2})\d{8}$/.exec(name)
  if (din === null) return
  const [, maker = '', block = ''] = din
  const raw = (serial: string): Uint8Array => dinBytes(maker, block, Number(serial))
  add(raw(number), raw(alias.digits(number)))
}

/** DIN 43863-5 as bytes, from the maker's letters on: what stands before is the medium's. */
function dinBytes(maker: string, block: string, serial: number): Uint8Array {
  const bytes = new Uint8Array(8)
  bytes.set(ascii(maker))
  bytes[3] = Number.parseInt(block, 16)
  new DataView(bytes.buffer).setUint32(4, serial)
  return bytes
}

function tells(name: Uint8Array): boolean {
  return name.length >= NAME_BYTES_MIN && new Set(name).size >= NAME_LETTERS_MIN
}

/** As an octet string of SML: the length, which counts itself, in front. */
function sized(name: string): Uint8Array {
  return Uint8Array.of(name.length + 1, ...ascii(name))
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function hexText(bytes: Uint8Array, isUpper: boolean): Uint8Array {
  const text = toHex(bytes)
  return ascii(isUpper ? text.toUpperCase() : text)
}
