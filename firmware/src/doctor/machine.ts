import {
  accessSync,
  constants,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs'

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
  /** Permission bits of a file, or undefined where it is not there. */
  mode(path: string): number | undefined
  /** Names of the other programs that have a file open, as far as this user may see. */
  holders(path: string): readonly string[]
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
    mode: (path) => quietly(() => statSync(path).mode & 0o7777),
    holders,
    freeBytes: (path) =>
      quietly(() => {
        const { bavail, bsize } = statfsSync(path)
        return bavail * bsize
      }),
  }
}

/** Programs looked through for who has a port open. */
export const PROGRAMS_MAX = 4096

function holders(path: string): readonly string[] {
  const device = quietly(() => realpathSync(path))
  // The far end of a pseudo-terminal may keep it open without reading from it.
  if (device === undefined || device.startsWith('/dev/pts/')) return []
  const names: string[] = []
  const pids = (quietly(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/u.test(name))
  for (const pid of pids.slice(0, PROGRAMS_MAX)) {
    if (Number(pid) === process.pid) continue
    const open = quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? []
    const isHeld = open.some(
      (fd) => quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) === device,
    )
    const name = quietly(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    if (isHeld) names.push(`${name ?? 'a program'} (${pid})`)
  }
  return names
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
