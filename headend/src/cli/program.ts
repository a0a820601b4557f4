import { Command } from 'commander'
import { addBackupCommand } from './backup.ts'
import { addDeviceCommands } from './devices.ts'
import { addExportCommand } from './export.ts'
import { addInitCommands } from './init.ts'
import { EXIT, explainError, type Output } from './output.ts'
import { addPeopleCommands } from './people.ts'
import { addRunCommand } from './run.ts'

/** The version of the program, shown by `--version` and in the API. */
export const VERSION = '0.1.0'

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
Exit codes: ${EXIT.ok} ok, ${EXIT.failed} it failed or is not so, ${EXIT.usage} wrong usage.

Examples:
  s3mp headend init --config ./headend.toml
  s3mp headend enroll meter-card.json --name "12 Main Street"
  s3mp headend user add anna --role administrator
  s3mp headend                                 run it
  s3mp headend devices --json`,
    )
  addRunCommand(program, output, signal)
  addInitCommands(program, output)
  addDeviceCommands(program, output)
  addExportCommand(program, output)
  addPeopleCommands(program, output)
  addBackupCommand(program, output)
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
