import { ScionError } from '../errors.ts'

/** The longest text taken for an address, in UTF-16 units: longer ones are refused unread. */
export const ADDRESS_TEXT_MAX = 255

/** Throws `ERR_SCION_ADDRESS` for a text longer than {@link ADDRESS_TEXT_MAX}. */
export function textLimit(text: string, field: string): void {
  if (text.length > ADDRESS_TEXT_MAX) {
    throw new ScionError(
      'ERR_SCION_ADDRESS',
      `${field}: at most ${ADDRESS_TEXT_MAX} characters, found ${text.length}`,
    )
  }
}

/** A foreign text made fit for an error message: quoted, escaped and cut. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 80)}…`)
}
