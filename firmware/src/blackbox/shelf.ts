import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { BLACKBOX_FILES_MAX } from './blackbox.ts'

/** The folder of captures below the state folder. */
export const BLACKBOX_FOLDER = 'blackbox'

/** Captures in a folder, the newest first. */
export function capturesIn(folder: string): readonly string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.capture'))
    return names.sort((a, b) => (a < b ? 1 : -1)).map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** Keeps a capture for the owner alone and takes the oldest away. @throws what the file system says. */
export function keepCapture(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  for (const old of capturesIn(folder).slice(BLACKBOX_FILES_MAX)) rmSync(old, { force: true })
}
