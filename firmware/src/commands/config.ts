import { Option, type Command } from 'commander'

import { printConfigTables, printDefaultConfig } from '../config/print.ts'
import { FirmwareError } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { EXIT_HELP, say, sayJson } from '../terminal.ts'

interface Options {
  readonly printDefault: boolean
  readonly printTables: boolean
  readonly json: boolean
}

const HELP = `
Examples:
  s3mp config --print-default > meter.toml
  s3mp config check meter.toml
${EXIT_HELP}`

/** Adds `s3mp config`: prints a whole configuration, or says whether one is right. */
export function addConfigCommand(program: Command): void {
  program
    .command('config')
    .description('print a configuration with every key, or check one')
    .argument('[check]', 'the word check')
    .argument('[file]', `the file to check (default: ${CONFIG_FILE})`)
    .option('--print-default', 'print every key with its default and what it means', false)
    .addOption(
      new Option('--print-tables', 'print the tables of the documentation')
        .default(false)
        .hideHelp(),
    )
    .option('--json', 'print the checked values as JSON', false)
    .addHelpText('after', HELP)
    .action((check: string | undefined, file: string | undefined, options: Options) => {
      if (options.printDefault) process.stdout.write(printDefaultConfig())
      else if (options.printTables) process.stdout.write(printConfigTables())
      else if (check !== 'check') {
        const found = check === undefined ? 'nothing' : JSON.stringify(check.slice(0, 40))
        throw new FirmwareError('usage', `expected "check FILE" or --print-default, found ${found}`)
      } else {
        const config = readConfig(file ?? CONFIG_FILE)
        if (options.json) sayJson(config)
        else say(`${config.file}: right`)
      }
    })
}
