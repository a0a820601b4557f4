import type { Command } from 'commander'

import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { EXIT_HELP } from '../terminal.ts'

interface Options {
  readonly config: string
}

/** Adds `s3mp uplink`: the role that touches the network, and has no key. */
export function addUplinkCommand(program: Command): void {
  program
    .command('uplink')
    .description('the role that carries sealed objects; it has the network and no key')
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .addHelpText('after', EXIT_HELP)
    .action(async ({ config }: Options) => {
      const checked = readConfig(config)
      const { serveUplink } = await import('../service/serve.ts')
      await serveUplink(checked)
    })
}
