import { existsSync, mkdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CONFIG_PATH_DEFAULT, readConfig, type HeadendConfig } from '../config.ts'
import { HeadendError } from '../errors.ts'
import { SecretFolder } from '../keys/files.ts'
import { SqliteStore } from '../store/store.ts'

/** The store, within the data folder. */
export const STORE_FILE = 'store.sqlite'
/** The folder of the secret keys, within the data folder. */
export const KEYS_FOLDER = 'keys'

/** The configuration that a command works with: the one named, one in this folder, the system's. */
export function findConfig(named: string | undefined): string {
  if (named !== undefined) return named
  return isOwn('headend.toml') ? 'headend.toml' : CONFIG_PATH_DEFAULT
}

/** A stranger's file in a shared folder is passed over: it would say where keys are. */
function isOwn(file: string): boolean {
  try {
    return statSync(file).uid === process.getuid?.()
  } catch {
    return false
  }
}

/** Who works at the command line, for the audit log. */
export function commandLine(): string {
  try {
    return `command-line:${userInfo().username}`
  } catch {
    // A user id without an entry in the system's list, as in a container.
    return `command-line:${process.getuid?.() ?? 'unknown'}`
  }
}

/** Opens the store that a configuration names; the folder must have been made by `init`. */
export function openStore(config: HeadendConfig): SqliteStore {
  if (!existsSync(config.dataFolder)) {
    throw new HeadendError(
      'ERR_HEADEND_STORE',
      `${config.dataFolder}: expected the data folder, found none; run 's3mp headend init' first`,
    )
  }
  return new SqliteStore(join(config.dataFolder, STORE_FILE))
}

/** Makes the data folder, for its owner only. */
export function makeDataFolder(config: HeadendConfig): void {
  try {
    mkdirSync(config.dataFolder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `${config.dataFolder}: cannot be made (${reason}); choose another as data`
    throw new HeadendError('ERR_HEADEND_STORE', message, { cause })
  }
}

/** The folder with the head-end's secret keys. */
export function secretsOf(config: HeadendConfig): SecretFolder {
  return new SecretFolder(join(config.dataFolder, KEYS_FOLDER))
}

/** The configuration of a command's `--config`. */
export function configOf(options: { readonly config?: string }): HeadendConfig {
  return readConfig(findConfig(options.config))
}

/**
 * Makes sure that one process only receives into a data folder. The lock is the kernel's, on a file
 * of its own, and ends with the process however it ends.
 *
 * @throws HeadendError `ERR_HEADEND_STATE` where another one runs.
 */
export function lockDataFolder(config: HeadendConfig): { release(): void } {
  const database = new DatabaseSync(join(config.dataFolder, 'run.lock'), { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new HeadendError(
      'ERR_HEADEND_STATE',
      `${config.dataFolder}: another head-end is running on it; stop that one, or use other data`,
      { cause },
    )
  }
  return {
    release: () => {
      database.close()
    },
  }
}
