import { createHash } from 'node:crypto'
import { checkUint, putU32, putU64 } from '../writer.ts'
import type { Path, PathInterface } from './path.ts'

/**
 * The name of an interface sequence: SHA-256 over ISD-AS and interface number, both as 64 bits, in
 * lower-case hexadecimal. Empty for a path without interfaces. Two paths with one fingerprint differ
 * in their lifetime only.
 */
export function pathFingerprint(interfaces: readonly PathInterface[]): string {
  if (interfaces.length === 0) return ''
  const bytes = new Uint8Array(16 * interfaces.length)
  for (const [index, { isdAs, id }] of interfaces.entries()) {
    checkUint(id, 0xffff, 'interface.id')
    putU64(bytes, 16 * index, isdAs)
    putU32(bytes, 16 * index + 12, id)
  }
  return createHash('sha256').update(bytes).digest('hex')
}

/** Of paths with one fingerprint keeps the longest-lived (the first of them), in input order. */
export function withoutDuplicates<P extends Pick<Path, 'fingerprint' | 'expiryMs'>>(
  paths: readonly P[],
): readonly P[] {
  const best = new Map<string, P>()
  for (const path of paths) {
    const known = best.get(path.fingerprint)
    if (known === undefined || path.expiryMs > known.expiryMs) best.set(path.fingerprint, path)
  }
  return paths.filter((path) => best.get(path.fingerprint) === path)
}
