import { createDecipheriv } from 'node:crypto'
import { MeterError } from '../errors.ts'
import { APDU, decodeNotification } from './apdu.ts'

const BLOCK_BYTES = 16

/**
 * The notification in an APDU that is enciphered block by block (AES-128, electronic code book,
 * zeros behind it up to a whole block), as meters of Kaifa did before they had DLMS's own protection
 * (`quirks.ts`: blockCipher). Undefined where none comes out under this key.
 *
 * No title, no counter and no tag: the link's checksum and the structure are all that vouches for it.
 */
export function openBlocks(apdu: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const { length } = apdu
  if (length === 0 || length % BLOCK_BYTES !== 0 || key.length !== BLOCK_BYTES) return undefined
  const cipher = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false)
  const [head] = cipher.update(apdu.subarray(0, BLOCK_BYTES))
  if (head !== APDU.dataNotification) return undefined
  const rest = createDecipheriv('aes-128-ecb', key, null).setAutoPadding(false)
  const padded = new Uint8Array(rest.update(apdu))
  for (let end = length; end > length - BLOCK_BYTES; end--) {
    const plain = padded.subarray(0, end)
    if (isNotification(plain)) return plain
    if (padded[end - 1] !== 0) return undefined
  }
  return undefined
}

function isNotification(plain: Uint8Array): boolean {
  try {
    decodeNotification(plain)
    return true
  } catch (error) {
    if (error instanceof MeterError) return false
    throw error
  }
}
