import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'

import { FirmwareError, reasonOf } from '../errors.ts'
import { CONFIG_BYTES_MAX } from './load.ts'

/**
 * The text of a file that may be a configuration.
 *
 * @throws FirmwareError `config` for one that cannot be read, or is too long to be one.
 */
export function configText(file: string): string {
  return attempt(file, () => {
    if (statSync(file).size <= CONFIG_BYTES_MAX) return readFileSync(file, 'utf8')
    const most = `expected at most ${String(CONFIG_BYTES_MAX)} bytes`
    throw new FirmwareError('config', `${file}: ${most}, found more`)
  })
}

/**
 * Puts another text into a configuration. What was there stays beside it as `.bak`, for nobody's eyes
 * but those that could see it before: there may be keys in it.
 *
 * @throws FirmwareError `config` where it cannot be written.
 */
export function replaceConfig(file: string, text: string): void {
  attempt(file, () => {
    if (existsSync(file)) copyFileSync(file, `${file}.bak`)
    writeFileSync(file, text)
  })
}

function attempt<Result>(file: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof FirmwareError) throw error
    throw new FirmwareError('config', `${file}: ${reasonOf(error)}`, { cause: error })
  }
}
