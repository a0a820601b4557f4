import { printable, toHex } from '../bytes.ts'

const DIN_BYTES = 10
const DIN_MARKS = [0x0a, 0x09]

/**
 * Text of a server id. DIN 43863-5 ids (`0A 01 E M H 00 00 BC 61 4E`) read as on the name plate:
 * '1EMH0012345678', that is medium, maker, block, serial number. Others are text where printable,
 * else hex.
 */
export function deviceName(id: Uint8Array): string {
  if (isDin(id)) {
    const serial = new DataView(id.buffer, id.byteOffset, id.byteLength).getUint32(6)
    const block = (id[5] ?? 0).toString(16).padStart(2, '0').toUpperCase()
    const medium = (id[1] ?? 0).toString(16).toUpperCase()
    return `${medium}${maker(id, 2) ?? ''}${block}${serial.toString().padStart(8, '0')}`
  }
  return printable(id) ?? toHex(id)
}

/** Three letters of the maker in a server id, whether in the DIN form or an older one. */
export function makerInId(id: Uint8Array): string | undefined {
  return id.length === DIN_BYTES ? (maker(id, isDin(id) ? 2 : 1) ?? maker(id, 2)) : undefined
}

function isDin(id: Uint8Array): boolean {
  return id.length === DIN_BYTES && DIN_MARKS.includes(id[0] ?? 0) && maker(id, 2) !== undefined
}

function maker(id: Uint8Array, at: number): string | undefined {
  const text = printable(id.subarray(at, at + 3))
  return text !== undefined && /^[A-Z]{3}$/.test(text) ? text : undefined
}
