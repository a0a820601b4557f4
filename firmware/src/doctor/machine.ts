import { accessSync, constants, readFileSync, readdirSync, statfsSync } from 'node:fs'

/** Bytes of a system file that the doctor reads at most. */
export const SYSTEM_FILE_BYTES_MAX = 65_536

/** The machine as the doctor looks at it; a test has one of its own. */
export interface Machine {
  readonly nodeVersion: string
  readonly nowMs: number
  /** The content of a file, or undefined where it cannot be read. */
  read(path: string): string | undefined
  /** Names in a folder, none where there is no folder. */
  list(path: string): readonly string[]
  /** Whether this user may write there. */
  mayWrite(path: string): boolean
  /** Bytes free for this user on the disk of a folder, or undefined. */
  freeBytes(path: string): number | undefined
}

/** The machine that this program runs on. */
export function thisMachine(nowMs: number): Machine {
  return {
    nodeVersion: process.versions.node,
    nowMs,
    read: (path) =>
      quietly(() =>
        readFileSync(path, 'utf8').slice(0, SYSTEM_FILE_BYTES_MAX).replace(/\0/gu, ' '),
      ),
    list: (path) => quietly(() => readdirSync(path)) ?? [],
    mayWrite: (path) =>
      quietly(() => {
        accessSync(path, constants.W_OK)
        return true
      }) ?? false,
    freeBytes: (path) =>
      quietly(() => {
        const { bavail, bsize } = statfsSync(path)
        return bavail * bsize
      }),
  }
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
