import type { CborValue } from '@s3mp/envelope'

import { FirmwareError } from '../errors.ts'

/** Characters of a text in a message. */
export const CHANNEL_TEXT_MAX = 256

/** What to throw for a field that is of another kind than expected. */
export function refused(field: string, expected: string): FirmwareError {
  return new FirmwareError('malformed', `${field}: expected ${expected}, found something else`)
}

/** A list of at most `max`. @throws FirmwareError `malformed` */
export function listOf(
  value: CborValue | undefined,
  field: string,
  max: number,
): readonly CborValue[] {
  if (Array.isArray(value) && value.length <= max) return value as readonly CborValue[]
  throw refused(field, `a list of at most ${String(max)}`)
}

/** A whole number from 0 on. @throws FirmwareError `malformed` */
export function countOf(value: CborValue | undefined, field: string): number {
  const count = typeof value === 'bigint' ? Number(value) : value
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count
  throw refused(field, 'a count')
}

/** Bytes. @throws FirmwareError `malformed` */
export function bytesOf(value: CborValue | undefined, field: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw refused(field, 'bytes')
}

/** A text of at most {@link CHANNEL_TEXT_MAX} characters. @throws FirmwareError `malformed` */
export function textOf(value: CborValue | undefined, field: string): string {
  if (typeof value === 'string' && value.length <= CHANNEL_TEXT_MAX) return value
  throw refused(field, 'text')
}

/** True or false. @throws FirmwareError `malformed` */
export function flagOf(value: CborValue | undefined, field: string): boolean {
  if (typeof value === 'boolean') return value
  throw refused(field, 'true or false')
}
