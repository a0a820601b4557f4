import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Folders made by a test file, removed by {@link removeFolders} in its `after`. */
const made: string[] = []

/** Memory where there is some: days of virtual time are thousands of commits. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A fresh, empty folder. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(BASE, 's3mp-'))
  made.push(folder)
  return folder
}

/** Removes every folder of this run. */
export function removeFolders(): void {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}
