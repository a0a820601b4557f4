/** First block of frame format A: length to type; the others have sixteen bytes. */
const FIRST_BYTES = 10
const BLOCK_BYTES = 16
const CRC_BYTES = 2
const POLYNOMIAL = 0x3d65

/**
 * A frame without the checksums of its blocks (frame format A of EN 13757-4), which most receivers
 * leave out; undefined where they are there and one does not hold.
 */
export function withoutBlockChecks(bytes: Uint8Array): Uint8Array | undefined {
  const told = (bytes[0] ?? 0) + 1
  if (bytes.length === told) return bytes
  const rest = told - FIRST_BYTES
  const blocks = 1 + Math.ceil(rest / BLOCK_BYTES)
  // Any other length is no frame at all; the decoder says so.
  if (rest < 1 || bytes.length !== told + CRC_BYTES * blocks) return bytes
  const out = new Uint8Array(told)
  let [at, to] = [0, 0]
  for (let block = 0; block < blocks; block++) {
    const size = block === 0 ? FIRST_BYTES : Math.min(BLOCK_BYTES, told - to)
    const crc = crc16(bytes.subarray(at, at + size))
    if (bytes[at + size] !== crc >> 8 || bytes[at + size + 1] !== (crc & 0xff)) return undefined
    out.set(bytes.subarray(at, at + size), to)
    at += size + CRC_BYTES
    to += size
  }
  return out
}

/** CRC-16/EN-13757 (EN 13757-4, 11.3.6), high byte first on the air. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ POLYNOMIAL) & 0xffff : (crc << 1) & 0xffff
    }
  }
  return crc ^ 0xffff
}
