import { crc16Arc, crc16Kermit, crc16X25 } from '../crc16.ts'

/**
 * A checksum in a capture and what it covers. It is never made anew: the change of what it covers is
 * carried over. CRCs and sums are linear, so one that held still holds, and one that was wrong is
 * wrong by as much as before, which is what somebody who looks for a fault wants to see.
 */
export interface Check {
  /** How it is computed and written. */
  readonly kind: 'x25' | 'kermit' | 'arc' | 'xor' | 'sum'
  /** Positions of the bytes covered, in order. */
  readonly covers: ArrayLike<number>
  /** Positions of the checksum's own bytes, most significant first; hex digits for `arc`. */
  readonly at: readonly number[]
  /** Positions of bytes that mean nothing and may be chosen so that the checksum fits its field. */
  readonly free?: readonly number[]
}

/** Values tried for bytes that mean nothing until a checksum fits a narrower field. */
const FITS_TRIED_MAX = 65_536

/** Carries over a change. False where the new checksum does not fit into its field. */
export function carryOver(check: Check, before: Uint8Array, after: Uint8Array): boolean {
  const old = gather(before, check.covers)
  const first = difference(check.kind, old, gather(after, check.covers))
  if (write(check, before, after, first)) return true
  for (let tried = 0; tried < FITS_TRIED_MAX && check.free !== undefined; tried++) {
    for (const [place, position] of check.free.entries()) {
      const byte = (tried >>> (8 * place)) & 0xff
      after[position] = byte === ESCAPE ? 0 : byte
    }
    const change = difference(check.kind, old, gather(after, check.covers))
    if (write(check, before, after, change)) return true
  }
  return false
}

const ESCAPE = 0x1b

/** What a change of the bytes does to their checksum. */
function difference(kind: Check['kind'], before: Uint8Array, after: Uint8Array): number {
  switch (kind) {
    case 'x25': {
      // Written low byte first; here the most significant byte of the field comes first.
      const change = crc16X25(before) ^ crc16X25(after)
      return ((change & 0xff) << 8) | (change >> 8)
    }
    case 'kermit':
      return crc16Kermit(before) ^ crc16Kermit(after)
    case 'arc':
      return crc16Arc(before) ^ crc16Arc(after)
    case 'xor':
      return xorOf(before) ^ xorOf(after)
    case 'sum':
      return (sumOf(after) - sumOf(before)) & 0xff
  }
}

function write(
  { kind, at }: Check,
  before: Uint8Array,
  after: Uint8Array,
  change: number,
): boolean {
  const bits = kind === 'arc' ? 4 : 8
  let old = 0
  for (const position of at) {
    const byte = before[position] ?? 0
    old = (old << bits) | (kind === 'arc' ? hexDigit(byte) : byte)
  }
  const value = kind === 'sum' ? (old + change) & 0xff : old ^ change
  if (value >= 2 ** (bits * at.length)) return false
  for (const [index, position] of at.entries()) {
    const part = (value >>> (bits * (at.length - 1 - index))) & (2 ** bits - 1)
    after[position] = kind === 'arc' ? digitOf(part, before[position] ?? 0) : part
  }
  return true
}

function hexDigit(byte: number): number {
  return Number.parseInt(String.fromCharCode(byte), 16) || 0
}

/** A hex digit, small where the one before it was small. */
function digitOf(value: number, model: number): number {
  const digit = value.toString(16)
  return (model >= 0x61 ? digit : digit.toUpperCase()).charCodeAt(0)
}

function gather(bytes: Uint8Array, positions: ArrayLike<number>): Uint8Array {
  const gathered = new Uint8Array(positions.length)
  for (let at = 0; at < positions.length; at++) gathered[at] = bytes[positions[at] ?? 0] ?? 0
  return gathered
}

function xorOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum ^ byte, 0)
}

function sumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)
}
