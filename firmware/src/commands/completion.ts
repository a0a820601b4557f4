import { Argument, type Command } from 'commander'

import { completionScript, SHELLS, type Shell } from '../reference/completion.ts'
import { outlineOf } from '../reference/outline.ts'
import { EXIT_HELP } from '../terminal.ts'

const HELP = `
Examples:
  source <(s3mp completion bash)
  s3mp completion zsh > "\${fpath[1]}/_s3mp"
  s3mp completion fish > ~/.config/fish/completions/s3mp.fish
${EXIT_HELP}`

/** Adds `s3mp completion`: what a shell needs to complete commands and flags. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print what a shell needs to complete commands and flags')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, outlineOf(program)))
    })
}
