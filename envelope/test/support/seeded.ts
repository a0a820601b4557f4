import { createHash } from 'node:crypto'
import type { RandomBytes } from '@s3mp/envelope'

/** Random bytes that are the same in every run: SHA-256 over the seed and a counter. */
export function seeded(seed: string): RandomBytes {
  let counter = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let offset = 0; offset < length; offset += 32) {
      const block = createHash('sha256').update(`${seed} ${counter++}`).digest()
      bytes.set(block.subarray(0, Math.min(32, length - offset)), offset)
    }
    return bytes
  }
}
