import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Folders made by a test file, removed by {@link removeFolders} in its `after`. */
const made: string[] = []

/** A fresh, empty folder. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 's3mp-'))
  made.push(folder)
  return folder
}

/** Removes every folder of this run. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}
