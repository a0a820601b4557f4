/** Whether `whole` holds the bytes of `part` from `offset` on. */
export function hasBytesAt(whole: Uint8Array, offset: number, part: Uint8Array): boolean {
  if (whole.length - offset < part.length) return false
  for (let index = 0; index < part.length; index++) {
    if (whole[offset + index] !== part[index]) return false
  }
  return true
}

/** Whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && hasBytesAt(a, 0, b)
}
