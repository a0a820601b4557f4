import { existsSync, readFileSync, statSync } from 'node:fs'

import { CONFIG_BYTES_MAX, parseConfig, type Config } from '../config/load.ts'
import { codeOf, FirmwareError, reasonOf } from '../errors.ts'

/** Where the configuration is when nobody says otherwise. */
export const CONFIG_FILE = '/etc/s3mp/meter.toml'

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
        ? 'is not there; begin with: s3mp config --print-default > ' + file
        : reasonOf(error)
    throw new FirmwareError('config', `${file}: ${cure}`, { cause: error })
  }
}
