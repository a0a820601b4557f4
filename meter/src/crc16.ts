/** The bytes whose checksum is wanted: `bytes[start]` up to but not including `bytes[end]`. */
type Checksum = (bytes: Uint8Array, start?: number, end?: number) => number

/** 0x1021 reflected: X.25, Kermit, HDLC's FCS. */
const CCITT = table(0x8408)
/** 0x8005 reflected: ARC, the checksum of DSMR P1. */
const ARC = table(0xa001)

function table(polynomial: number): Uint16Array {
  const entries = new Uint16Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    entries[byte] = crc
  }
  return entries
}

function run(
  entries: Uint16Array,
  initial: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let crc = initial
  for (let at = start; at < end; at++) {
    crc = (crc >>> 8) ^ (entries[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  }
  return crc
}

/** CRC-16/X-25 (ISO/IEC 13239 FCS): SML transport and messages, HDLC. Sent low byte first. */
export const crc16X25: Checksum = (bytes, start = 0, end = bytes.length) =>
  run(CCITT, 0xffff, bytes, start, end) ^ 0xffff

/** CRC-16/KERMIT: the same polynomial without preset, used by some SML meters. Sent high first. */
export const crc16Kermit: Checksum = (bytes, start = 0, end = bytes.length) =>
  run(CCITT, 0, bytes, start, end)

/** CRC-16/ARC: DSMR P1, over `/` up to and including `!`. */
export const crc16Arc: Checksum = (bytes, start = 0, end = bytes.length) =>
  run(ARC, 0, bytes, start, end)
