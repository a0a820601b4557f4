import type { Command, Option } from 'commander'

/** One flag of a command. */
export interface FlagOutline {
  /** `--json`, `-c`, or both. */
  readonly names: readonly string[]
  /** As the help writes it: `-c, --config <file>`. */
  readonly usage: string
  readonly description: string
  /** The words it takes, where there are only these. */
  readonly choices: readonly string[]
  /** Whether a word follows it. */
  readonly takesValue: boolean
}

/** One command with its flags. */
export interface CommandOutline {
  readonly name: string
  readonly usage: string
  readonly description: string
  readonly flags: readonly FlagOutline[]
}

/** Programs of other rooms that the launcher finds beside this one. */
const NEIGHBOURS: readonly CommandOutline[] = [
  {
    name: 'headend',
    usage: '[command]',
    description: 'the head-end: receives, verifies, stores and acknowledges',
    flags: [],
  },
  {
    name: 'scion',
    usage: 'TOOL [flags] [target]',
    description: 'address, showpaths, ping and traceroute of a SCION host',
    flags: [],
  },
]

/** What the command line consists of, read off the very objects that parse it. */
export function outlineOf(program: Command): readonly CommandOutline[] {
  const own = program.commands.map((command) => ({
    name: command.name(),
    usage: command.usage(),
    description: command.description(),
    flags: command.createHelp().visibleOptions(command).map(flagOf),
  }))
  return [...own, ...NEIGHBOURS].sort((a, b) => a.name.localeCompare(b.name))
}

function flagOf(option: Option): FlagOutline {
  const { short, long, flags, description, argChoices, required, optional } = option
  return {
    names: [short, long].filter((name) => name !== undefined),
    usage: flags,
    description,
    choices: argChoices ?? [],
    takesValue: required || optional,
  }
}
