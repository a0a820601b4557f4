import type { Command } from 'commander'

import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { EXIT_HELP } from '../terminal.ts'

interface Options {
  readonly config: string
}

/** Adds `s3mp run`: both roles in one process. */
export function addRunCommand(program: Command): void {
  program
    .command('run')
    .description('meter and uplink in one process')
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .addHelpText('after', `\nExample:\n  s3mp run --config meter.toml\n${EXIT_HELP}`)
    .action(async ({ config }: Options) => {
      const checked = readConfig(config)
      const { serveBoth } = await import('../service/serve.ts')
      await serveBoth(checked)
    })
}
