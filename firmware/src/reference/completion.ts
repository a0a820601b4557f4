import type { CommandOutline, FlagOutline } from './outline.ts'

/** Shells that a completion can be written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** One of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number]

/** The completion script of a shell, to be sourced or put where the shell looks for it. */
export function completionScript(shell: Shell, commands: readonly CommandOutline[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands)
    case 'zsh':
      return zsh(commands)
    case 'fish':
      return fish(commands)
  }
}

function bash(commands: readonly CommandOutline[]): string {
  const cases = commands.flatMap(({ name, flags }) => [
    ...flags.flatMap(({ names, choices }) =>
      choices.length === 0
        ? []
        : [
            `    ${names.map((one) => `${name}:${one}`).join('|')}) words='${choices.join(' ')}' ;;`,
          ],
    ),
    `    ${name}:*) words='${flags.flatMap(({ names }) => names).join(' ')}' ;;`,
  ])
  return `# s3mp completion bash > /etc/bash_completion.d/s3mp
_s3mp() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(' ')}'
  else
    case "\${COMP_WORDS[1]}:$before" in
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _s3mp s3mp
`
}

function zsh(commands: readonly CommandOutline[]): string {
  const names = commands.map(({ name, description }) => `    '${name}:${quoted(description)}'`)
  const cases = commands.map(({ name, flags }) => {
    const words = flags.map((flag) => `        ${zshFlag(flag)} \\`)
    return `      ${name})\n      _arguments \\\n${words.join('\n')}\n        '*:file:_files' ;;`
  })
  return `#compdef s3mp
# s3mp completion zsh > "\${fpath[1]}/_s3mp"
_s3mp() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  else
    local name=$words[2]
    shift words
    (( CURRENT-- ))
    case $name in
${cases.join('\n')}
    esac
  fi
}
_s3mp "$@"
`
}

function zshFlag({ names, description, choices, takesValue }: FlagOutline): string {
  const value =
    choices.length > 0 ? `:value:(${choices.join(' ')})` : takesValue ? ':value:_files' : ''
  const text = `[${quoted(description).replaceAll('[', '(').replaceAll(']', ')')}]${value}`
  return names.length === 1
    ? `'${names.join('')}${text}'`
    : `'(${names.join(' ')})'{${names.join(',')}}'${text}'`
}

function fish(commands: readonly CommandOutline[]): string {
  const lines = commands.flatMap(({ name, description, flags }) => [
    `complete -c s3mp -n __fish_use_subcommand -a ${name} -d '${quoted(description)}'`,
    ...flags.map((flag) => {
      const spelt = flag.names.map((one) =>
        one.startsWith('--') ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`,
      )
      const value =
        flag.choices.length > 0
          ? ` -x -a '${flag.choices.join(' ')}'`
          : flag.takesValue
            ? ' -r'
            : ''
      const when = `-n '__fish_seen_subcommand_from ${name}'`
      return `complete -c s3mp ${when} ${spelt.join(' ')}${value} -d '${quoted(flag.description)}'`
    }),
  ])
  return `# s3mp completion fish > ~/.config/fish/completions/s3mp.fish\n${lines.join('\n')}\n`
}

/** Text that may stand between single quotes in any of the three. */
function quoted(text: string): string {
  return text.replaceAll("'", '’').replaceAll(':', ' –').replaceAll('\n', ' ')
}
