import type { Command } from 'commander'

import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { EXIT_HELP } from '../terminal.ts'

interface Options {
  readonly config: string
}

/** Adds `s3mp meter`: the role that reads, signs and keeps, and has no network. */
export function addMeterCommand(program: Command): void {
  program
    .command('meter')
    .description('the role that reads, signs and keeps; it has the keys and no network')
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .addHelpText('after', EXIT_HELP)
    .action(async ({ config }: Options) => {
      const checked = readConfig(config)
      const { serveMeter } = await import('../service/serve.ts')
      await serveMeter(checked)
    })
}
