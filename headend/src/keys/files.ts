import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { HeadendError } from '../errors.ts'

/** Largest key file read. */
export const SECRET_BYTES_MAX = 16_384

/** Where secrets are kept: a folder on a machine, memory in tests. */
export interface SecretFiles {
  /** Names of all files. */
  list(): readonly string[]
  /** A file's text; undefined where there is none. */
  read(name: string): string | undefined
  /** Writes a file so that after a power cut either all of it is there or the old one. */
  write(name: string, text: string): void
  /** Overwrites and removes a file. */
  remove(name: string): void
  /** Finishes writes and removals that a power cut interrupted; for the one process that writes. */
  tidy(): void
}

/** A folder that only its owner can enter. */
export class SecretFolder implements SecretFiles {
  readonly #folder: string

  /** Makes the folder where it is missing. @throws HeadendError `ERR_HEADEND_STORE`. */
  constructor(folder: string) {
    this.#folder = folder
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw folderError(folder, error)
    }
    const mode = statSync(folder).mode & 0o077
    if (mode !== 0) {
      throw new HeadendError(
        'ERR_HEADEND_STORE',
        `${folder}: holds secret keys, but others may look into it; run: chmod 700 ${folder}`,
      )
    }
  }

  list(): readonly string[] {
    return readdirSync(this.#folder).filter((name) => !name.endsWith('.tmp'))
  }

  read(name: string): string | undefined {
    const path = join(this.#folder, name)
    try {
      if (statSync(path).size > SECRET_BYTES_MAX) {
        throw new HeadendError('ERR_HEADEND_STORE', `${path}: too large for a key file`)
      }
      const text = readFileSync(path, 'utf8')
      // Overwritten, and then the power was cut: it is as good as gone.
      return isWiped(text) ? undefined : text
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      if (error instanceof HeadendError) throw error
      throw folderError(path, error)
    }
  }

  write(name: string, text: string): void {
    const path = join(this.#folder, name)
    const temporary = join(this.#folder, `${name}.${randomUUID()}.tmp`)
    try {
      writeDurably(temporary, text)
      renameSync(temporary, path)
      syncFolder(this.#folder)
    } catch (error) {
      throw folderError(path, error)
    }
  }

  remove(name: string): void {
    const path = join(this.#folder, name)
    try {
      // Best effort: flash may keep an old copy of the block; docs/headend.md says so.
      const size = statSync(path).size
      const file = openSync(path, 'r+')
      try {
        writeFileSync(file, new Uint8Array(size))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      unlinkSync(path)
      syncFolder(this.#folder)
    } catch (error) {
      throw folderError(path, error)
    }
  }

  tidy(): void {
    for (const name of readdirSync(this.#folder)) {
      const file = statSync(join(this.#folder, name))
      // What is no key file was put there by somebody else, and is theirs to take away.
      if (!file.isFile() || file.size > SECRET_BYTES_MAX) continue
      if (name.endsWith('.tmp') || this.read(name) === undefined) this.remove(name)
    }
  }
}

/** Secrets that end with the process. */
export class MemorySecrets implements SecretFiles {
  readonly #files = new Map<string, string>()

  list(): readonly string[] {
    return [...this.#files.keys()]
  }

  read(name: string): string | undefined {
    return this.#files.get(name)
  }

  write(name: string, text: string): void {
    this.#files.set(name, text)
  }

  remove(name: string): void {
    this.#files.delete(name)
  }

  tidy(): void {
    // Nothing here outlives a power cut.
  }
}

function isWiped(text: string): boolean {
  return text.replaceAll('\0', '') === ''
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600)
  try {
    // Not writeSync, which may write a part, say so, and be believed: on a disk that is nearly full.
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function folderError(path: string, cause: unknown): HeadendError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HeadendError('ERR_HEADEND_STORE', `${path}: cannot be used (${reason})`, { cause })
}
