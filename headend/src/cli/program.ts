import { Command } from 'commander'
import { CONFIG_PATH_DEFAULT } from '../config.ts'
import { addBackupCommand } from './backup.ts'
import { addDeviceCommands } from './devices.ts'
import { addExportCommand } from './export.ts'
import { addInitCommands } from './init.ts'
import { EXIT, explainError, type Output } from './output.ts'
import { addPeopleCommands } from './people.ts'
import { addRunCommand } from './run.ts'

/** The version of the program, shown by `--version` and in the API. */
export const VERSION = '0.1.0'

/** What the commands are for, in the order in which an operator needs them. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'Begin:': ['init', 'card', 'enroll'],
  'Run:': ['run', 'backup'],
  'Devices:': ['devices', 'quarantine', 'release', 'revoke', 'export'],
  'People and programs:': ['user', 'token', 'audit'],
}

/** Runs one command line; resolves with the exit code, and never rejects. */
export async function runProgram(
  words: readonly string[],
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const program = new Command('s3mp-headend')
    .description('The head-end of S3MP: receives, verifies, stores and acknowledges readings.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        output.line(text.trimEnd())
      },
      writeErr: (text) => {
        output.note(text.trimEnd())
      },
      outputError: (text, write) => {
        const words = text
          .replace(/^error: /, '')
          .trim()
          .replace(/\s*\n\s*/g, ' ')
        write(`s3mp-headend: ${words}; --help says how it is used (ERR_HEADEND_USAGE)`)
      },
    })
    .addHelpText(
      'after',
      `
Examples:
  s3mp headend init --config ./headend.toml
  s3mp headend enroll meter-card.json --name "12 Main Street"
  s3mp headend user add anna --role administrator
  s3mp headend                                 run it
  s3mp headend devices --json

The configuration is headend.toml in the folder you are in, else ${CONFIG_PATH_DEFAULT}, unless --config names one.

Exit status:
  ${EXIT.ok}  it is so, or was done
  ${EXIT.failed}  it is not so, or failed; the reason is on standard error with its code
  ${EXIT.usage}  wrong usage`,
    )
  addInitCommands(program, output)
  addRunCommand(program, output, signal)
  addBackupCommand(program, output)
  addDeviceCommands(program, output)
  addExportCommand(program, output)
  addPeopleCommands(program, output)
  for (const command of program.commands) {
    const [title] = Object.entries(GROUPS).find(([, names]) => names.includes(command.name())) ?? []
    if (title !== undefined) command.helpGroup(title)
  }
  try {
    await program.parseAsync(withCommand(words), { from: 'user' })
    return EXIT.ok
  } catch (error) {
    return explainError(error, output)
  }
}

/** No command means `run`. Commander's own default would take a misspelt command for its argument. */
function withCommand(words: readonly string[]): string[] {
  const [first] = words
  const isAbout = first !== undefined && /^(?:-h|--help|-V|--version)$/.test(first)
  return first === undefined || (first.startsWith('-') && !isAbout) ? ['run', ...words] : [...words]
}
