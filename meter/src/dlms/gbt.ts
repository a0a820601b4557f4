import { Reader } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import { readLength } from './axdr.ts'

/** Tag of general block transfer (IEC 62056-5-3). */
export const GENERAL_BLOCK_TRANSFER = 0xe0

const LAST = 0x80

/** One block of a long APDU. */
export interface TransferBlock {
  /** 1 for the first. */
  readonly number: number
  readonly last: boolean
  /** Part of the APDU; borrowed. */
  readonly data: Uint8Array
}

/**
 * Reads a block: `E0`, control (last, streaming, window), its number, the number acknowledged, length,
 * data.
 *
 * @throws {@link MeterError} `short` or `malformed` when the length is not that of the data.
 */
export function decodeBlock(apdu: Uint8Array): TransferBlock {
  const reader = new Reader(apdu)
  reader.skip(1, 'block.tag')
  const last = (reader.u8('block.control') & LAST) !== 0
  const number = reader.u16('block.number')
  reader.skip(2, 'block.acknowledged')
  const length = readLength(reader, 'block.length')
  const data = reader.bytes(length, 'block.data')
  if (reader.remaining > 0) {
    throw new MeterError('malformed', `block: expected ${length} bytes, found more`)
  }
  return { number, last, data }
}
