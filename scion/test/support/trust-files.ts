import assert from 'node:assert/strict'
import { bytes, vectors } from './vectors.ts'

const { files } = vectors<{ files: Readonly<Record<string, string>> }>('trust-files.json')

/** A certificate, chain or TRC file by its name in `vectors/trust-files.json`. */
export function trustFile(name: string): Uint8Array {
  const file = files[name]
  assert.ok(file !== undefined, `no vector ${name}`)
  return Uint8Array.from(Buffer.from(file, 'base64'))
}

/** The same as text. */
export function trustText(name: string): string {
  return Buffer.from(trustFile(name)).toString('latin1')
}

/** A change of a file: at `offset`, `remove` bytes give way to `insert` (hexadecimal). */
export interface Patch {
  readonly offset: number
  readonly remove: number
  readonly insert: string
}

/** Applies patches whose offsets are those of the unpatched file. */
export function patched(file: Uint8Array, patches: readonly Patch[] = []): Uint8Array {
  let changed = [...file]
  for (const { offset, remove, insert } of patches.toReversed()) {
    changed = changed.toSpliced(offset, remove, ...bytes(insert))
  }
  return Uint8Array.from(changed)
}
