import { MeterError } from '../errors.ts'
import type { Data } from './axdr.ts'
import { AXDR } from './axdr.ts'

/** Bytes, or their values one by one, as {@link join} takes them. */
export type Piece = Uint8Array | readonly number[]

/** The pieces one behind the other. */
export function join(...pieces: readonly Piece[]): Uint8Array {
  let length = 0
  for (const piece of pieces) length += piece.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** Two bytes, big-endian. */
export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

/** Four bytes, big-endian. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

/** A length as A-XDR and BER have it: one byte below 128, else the number of bytes before them. */
export function lengthOf(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value)
  if (value < 0x100) return Uint8Array.of(0x81, value)
  if (value < 0x1_0000) return Uint8Array.of(0x82, value >> 8, value & 0xff)
  return join([0x84], u32(value))
}

/** Bytes behind their length. */
export function counted(bytes: Piece): Uint8Array {
  return join(lengthOf(bytes.length), bytes)
}

/** Integers by tag: bytes, and whether they are signed. */
const WIDTHS: Readonly<Record<number, number>> = {
  3: 1,
  5: 4,
  6: 4,
  13: 1,
  15: 1,
  16: 2,
  17: 1,
  18: 2,
  20: 8,
  21: 8,
  22: 1,
}

/**
 * Writes one value in A-XDR with all that is in it.
 *
 * @throws {@link MeterError} `unsupported` for types that this package only reads: floating point,
 *   bit strings, compact arrays.
 */
export function encodeData(data: Data): Uint8Array {
  switch (data.type) {
    case 'null':
      return Uint8Array.of(0)
    case 'list':
      return join([data.tag], lengthOf(data.items.length), ...data.items.map(encodeData))
    case 'octets': {
      const fixed = data.tag >= 25 && data.tag <= 27
      if (data.tag === AXDR.bits) break
      return fixed ? join([data.tag], data.bytes) : join([data.tag], counted(data.bytes))
    }
    case 'number': {
      const width = WIDTHS[data.tag]
      if (width === undefined) break
      const bytes = new Uint8Array(width)
      let digits = data.digits
      for (let at = width - 1; at >= 0; at--) {
        bytes[at] = Number(digits & 0xffn)
        digits >>= 8n
      }
      return join([data.tag], bytes)
    }
  }
  throw new MeterError('unsupported', `data.tag: expected a type to be written, found ${data.tag}`)
}

/** A number as A-XDR has it. */
export function numberData(tag: number, value: number | bigint): Data {
  return { type: 'number', tag, digits: BigInt(value), scaler: 0 }
}

/** An octet string. */
export function octetData(bytes: Uint8Array): Data {
  return { type: 'octets', tag: AXDR.octets, bytes }
}

/** A structure of these values. */
export function structureData(...items: readonly Data[]): Data {
  return { type: 'list', tag: AXDR.structure, items }
}

/** An array of these values. */
export function arrayData(items: readonly Data[]): Data {
  return { type: 'list', tag: AXDR.array, items }
}
