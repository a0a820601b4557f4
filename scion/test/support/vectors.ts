import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Reads a vector file; the shape is the test's word for what the file holds. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
export function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../vectors', name), 'utf8')) as T
}

/** Bytes from hexadecimal. */
export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

/** Hexadecimal from bytes. */
export function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}
