import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { toHex } from '@s3mp/envelope'
import type { Command } from 'commander'
import { systemClock } from '../clock.ts'
import { HeadendError } from '../errors.ts'
import { systemRandom } from '../headend.ts'
import { SecretFolder } from '../keys/files.ts'
import { Keyring } from '../keys/keyring.ts'
import type { Output } from './output.ts'
import { commandLine, configOf, KEYS_FOLDER, openStore, secretsOf, STORE_FILE } from './place.ts'

interface BackupOptions {
  readonly config?: string
  readonly json?: true
}

const HELP = `
Makes FOLDER, a whole data folder with the store and the keys as they are now; a head-end that runs goes
on. It holds what opens the readings: keep it as secret as the head-end. To go back to it stop the head-end,
put it in the place of the data folder, and start. What was stored after it is lost then; meters have
deleted that, and their chains show which numbers are missing.

Example:
  s3mp headend backup /mnt/backup/headend-$(date +%F)`

/** Adds `backup`. */
export function addBackupCommand(program: Command, output: Output): void {
  program
    .command('backup')
    .description('copy store and keys into a new folder, while the head-end runs')
    .argument('<folder>', 'a folder that is not there yet')
    .option('-c, --config <file>', 'the configuration')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((folder: string, options: BackupOptions) => {
      const { bytes, keys } = backUp(folder, options)
      const path = resolve(folder)
      output.line(
        options.json
          ? JSON.stringify({ folder: path, storeBytes: bytes, keys })
          : `${path}: a store of ${Math.ceil(bytes / 2 ** 20)} MiB and ${keys} key files`,
      )
    })
}

function backUp(folder: string, options: BackupOptions): { bytes: number; keys: number } {
  const config = configOf(options)
  const secrets = secretsOf(config)
  const { ueid } = Keyring.open(secrets, config.prekeys, systemRandom)
  const store = openStore(config)
  try {
    makeNew(folder)
    try {
      // The keys come second: a prekey made in between is more than is needed, one missing would be less.
      store.copyTo(join(folder, STORE_FILE))
      const copies = new SecretFolder(join(folder, KEYS_FOLDER))
      const names = secrets.list()
      for (const name of names) copies.write(name, secrets.read(name) ?? '')
      store.audit(systemClock.nowMs(), 'headend.copied', toHex(ueid), { who: commandLine() })
      return { bytes: statSync(join(folder, STORE_FILE)).size, keys: names.length }
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  } finally {
    store.close()
  }
}

function makeNew(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `${folder}: cannot be made (${reason}); a backup never overwrites another`
    throw new HeadendError('ERR_HEADEND_STATE', message, { cause })
  }
}
