import { existsSync, readFileSync, statSync } from 'node:fs'

import { CONFIG_BYTES_MAX, parseConfig, type Config } from '../config/load.ts'
import { codeOf, FirmwareError, fileReasonOf } from '../errors.ts'

/** Where an installed meter has its configuration. */
const SYSTEM_FILE = '/etc/s3mp/meter.toml'

/** Where whoever tries things out has it. */
const OWN_FILE = 'meter.toml'

/**
 * Where the configuration is when nobody says otherwise: in the folder one stands in, where a file of that
 * name is there and is one's own, else where an installed meter has it. A stranger's file in a shared
 * folder is passed over: it says where keys are.
 */
export const CONFIG_FILE = isOwn(OWN_FILE) ? OWN_FILE : SYSTEM_FILE

function isOwn(file: string): boolean {
  try {
    const found = statSync(file)
    return found.isFile() && found.uid === process.getuid?.()
  } catch {
    // Not there, or this user may not look into the folder that sudo was called in.
    return false
  }
}

/** Reads and checks a configuration file. @throws ConfigError, FirmwareError `config` */
export function readConfig(file: string): Config {
  try {
    if (existsSync(file) && statSync(file).size > CONFIG_BYTES_MAX) {
      throw new FirmwareError(
        'config',
        `${file}: expected at most ${String(CONFIG_BYTES_MAX)} bytes`,
      )
    }
    return parseConfig(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof FirmwareError) throw error
    const cure =
      codeOf(error) === 'ENOENT'
        ? `is not there; make one: s3mp doctor --write ${file === SYSTEM_FILE ? OWN_FILE : file}, or name yours with --config`
        : fileReasonOf(error)
    throw new FirmwareError('config', `${file}: ${cure}`, { cause: error })
  }
}
