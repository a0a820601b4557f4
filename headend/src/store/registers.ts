import { HeadendError } from '../errors.ts'

const VALUE_BYTES = 8

/**
 * Packs a sample's registers for the store: a bitmap of those that are there, then eight bytes each,
 * two's complement, big-endian. Derived from the signed bytes, so that a curve of a day needs no
 * CBOR and no hashing.
 */
export function packRegisters(registers: readonly (bigint | null)[]): Uint8Array {
  const bitmapBytes = Math.ceil(registers.length / 8)
  const packed = new Uint8Array(bitmapBytes + registers.length * VALUE_BYTES)
  const view = new DataView(packed.buffer)
  for (const [index, value] of registers.entries()) {
    if (value === null) continue
    packed[index >> 3] = (packed[index >> 3] ?? 0) | (1 << (index & 7))
    view.setBigInt64(bitmapBytes + index * VALUE_BYTES, value)
  }
  return packed
}

/** The registers of {@link packRegisters}. */
export function unpackRegisters(packed: Uint8Array): readonly (bigint | null)[] {
  const count = registerCount(packed)
  return Array.from({ length: count }, (_, index) => registerAt(packed, index))
}

/** One register of a packed sample; null where the meter gave none, or the sample has fewer. */
export function registerAt(packed: Uint8Array, index: number): bigint | null {
  const count = registerCount(packed)
  if (index >= count) return null
  const there = ((packed[index >> 3] ?? 0) >> (index & 7)) & 1
  if (there === 0) return null
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  return view.getBigInt64(packed.length - (count - index) * VALUE_BYTES)
}

function registerCount(packed: Uint8Array): number {
  // n values take 8n + ceil(n / 8) bytes, so that n is the whole part of 8 × bytes / 65.
  const count = Math.floor((packed.length * 8) / 65)
  if (packed.length !== count * VALUE_BYTES + Math.ceil(count / 8)) {
    throw new HeadendError(
      'ERR_HEADEND_STORE',
      `samples.registers: ${packed.length} bytes fit no count`,
    )
  }
  return count
}
