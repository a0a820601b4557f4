import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A vector file of this room: where it comes from, and its cases. */
export interface VectorFile<T> {
  readonly source: string
  readonly cases: readonly T[]
}

/** Reads `test/vectors/NAME.json`. */
export function vectorFile(name: string): unknown {
  const path = join(import.meta.dirname, '..', 'vectors', `${name}.json`)
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Reads a file of plain cases; their shape is the file's own promise. */
export function vectors<T>(name: string): VectorFile<T> {
  return vectorFile(name) as VectorFile<T>
}
