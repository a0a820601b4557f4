import type { CommandOutline } from './outline.ts'

/** What of the program a manual page shows besides its commands. */
export interface ManualHead {
  readonly version: string
  readonly description: string
}

/** The manual page in roff, for `man -l -` or /usr/share/man/man1. */
export function manualPage(
  { version, description }: ManualHead,
  commands: readonly CommandOutline[],
): string {
  const parts = commands.flatMap(({ name, usage, description: about, flags }) => [
    `.SS s3mp ${roff(name)} ${roff(usage)}`,
    roff(capital(about)),
    ...flags.flatMap((flag) => [
      '.TP',
      `\\fB${roff(flag.usage)}\\fR`,
      roff(capital(flag.description)),
    ]),
  ])
  return `${[
    `.TH S3MP 1 "" "S3MP ${roff(version)}" "User commands"`,
    '.SH NAME',
    `s3mp \\- ${roff(description)}`,
    '.SH SYNOPSIS',
    '.B s3mp',
    '\\fICOMMAND\\fR [\\fIOPTION\\fR]...',
    '.SH COMMANDS',
    ...parts,
    '.SH EXIT STATUS',
    '.TP',
    '0',
    'It is so, or was done.',
    '.TP',
    '1',
    'It is not so, or failed; the reason is on standard error with its code.',
    '.TP',
    '2',
    'Wrong usage.',
    '.SH FILES',
    '.TP',
    '/etc/s3mp/meter.toml',
    'Configuration of both roles of the meter.',
    '.TP',
    '/var/lib/s3mp',
    'Device key, spool and counters.',
  ].join('\n')}\n`
}

/** Text without the meaning that roff gives to backslashes, minus signs and first characters. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('\n', ' ')
    .replace(/^([.'])/u, '\\&$1')
}

function capital(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return whole.endsWith('.') ? whole : `${whole}.`
}
