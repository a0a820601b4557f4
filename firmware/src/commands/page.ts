import type { Command } from 'commander'

import { FirmwareError } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { EXIT_HELP, say } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly newCode: boolean
}

const HELP = `
The role that shows the meter's own page. It has the network and no key: what it shows it asks the
meter for, over a socket. s3mp run needs no role of its own for that.

On loopback everybody on this machine may see the page. Open it to your network by
[page] listen = "0.0.0.0:8490"; then a code is shown once in the log (journalctl -u s3mp-page | grep
page.code), and whoever enters it is let in. --new-code makes another one and ends every session.

Examples:
  s3mp page --config /etc/s3mp/meter.toml
  s3mp page --new-code
${EXIT_HELP}`

/** Adds `s3mp page`: the role that serves the meter's own page. */
export function addPageCommand(program: Command): void {
  program
    .command('page')
    .description("the role that serves the meter's own page; it has the network and no key")
    .option('-c, --config <file>', 'configuration', CONFIG_FILE)
    .option('--new-code', 'make a new code for the page, print it and end', false)
    .addHelpText('after', HELP)
    .action(async ({ config, newCode }: Options) => {
      const checked = readConfig(config)
      const { codeFile, servePageRole } = await import('../service/page.ts')
      if (!newCode) {
        await servePageRole(checked)
        return
      }
      if (checked.page.listen === undefined) {
        throw new FirmwareError('usage', 'page.listen is "off": there is no page to open')
      }
      const { makeCode } = await import('../page/access.ts')
      const { systemRandomBytes } = await import('../service/system.ts')
      say(await makeCode(codeFile(checked), systemRandomBytes))
    })
}
