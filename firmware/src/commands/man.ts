import type { Command } from 'commander'

import { manualPage } from '../reference/manual.ts'
import { outlineOf } from '../reference/outline.ts'
import { EXIT_HELP } from '../terminal.ts'

/** Adds `s3mp man`: the manual page, made of what the help is made of. */
export function addManCommand(program: Command): void {
  program
    .command('man')
    .description('print the manual page')
    .addHelpText('after', `\nExample:\n  s3mp man | man -l -\n${EXIT_HELP}`)
    .action(() => {
      const head = { version: program.version() ?? '', description: program.description() }
      process.stdout.write(manualPage(head, outlineOf(program)))
    })
}
