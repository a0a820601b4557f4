/** The four bytes of a dotted quad without leading zeros, or undefined. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  const parts = match.slice(1)
  // RFC 6943 §3.1.1: "010" is 8 to some parsers and 10 to others, so it is neither here.
  if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith('0')))) {
    return undefined
  }
  return Uint8Array.from(parts, Number)
}

/** The sixteen bytes of an IPv6 address (RFC 4291 §2.2) without zone, or undefined. */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (text.length > 45) return undefined
  const gap = text.indexOf('::')
  if (gap < 0) {
    const groups = groupsOf(text, true)
    return groups?.length === 8 ? bytesOf(groups) : undefined
  }
  const head = gap === 0 ? [] : groupsOf(text.slice(0, gap), false)
  const tail = gap + 2 === text.length ? [] : groupsOf(text.slice(gap + 2), true)
  if (head === undefined || tail === undefined || head.length + tail.length > 7) return undefined
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0)
  return bytesOf([...head, ...zeros, ...tail])
}

/** Writes four bytes as a dotted quad. */
export function formatIpv4(bytes: Uint8Array): string {
  return bytes.join('.')
}

/** Writes sixteen bytes as RFC 5952 recommends, IPv4-mapped addresses with a dotted quad. */
export function formatIpv6(bytes: Uint8Array): string {
  if (isMappedIpv4(bytes)) return `::ffff:${formatIpv4(bytes.subarray(12))}`
  const groups: number[] = []
  for (let at = 0; at < 16; at += 2) {
    groups.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0))
  }
  const { start, length } = longestZeroRun(groups)
  const hex = groups.map((group) => group.toString(16))
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** Whether sixteen bytes are an IPv4-mapped address, ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */
export function isMappedIpv4(bytes: Uint8Array): boolean {
  if (bytes[10] !== 0xff || bytes[11] !== 0xff || bytes.length !== 16) return false
  for (let at = 0; at < 10; at++) {
    if (bytes[at] !== 0) return false
  }
  return true
}

function groupsOf(text: string, quadAllowed: boolean): number[] | undefined {
  const parts = text.split(':')
  const groups: number[] = []
  for (const [index, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const quad = quadAllowed && index === parts.length - 1 ? parseIpv4(part) : undefined
    if (quad === undefined) return undefined
    const [a = 0, b = 0, c = 0, d = 0] = quad
    groups.push((a << 8) | b, (c << 8) | d)
  }
  return groups
}

function bytesOf(groups: readonly number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start }
  }
  return best
}
