import { Command, CommanderError } from 'commander'

import { codeOf, fileReasonOf, FirmwareError, reasonOf } from './errors.ts'
import { VERSION } from './service/version.ts'
import { complain, EXIT, EXIT_HELP } from './terminal.ts'

/** The oldest Node that runs this program; the launcher sees to it. */
const NODE_MAJOR_MIN = 24

const HELP = `
Other programs:
  headend                          the head-end: s3mp headend --help
  scion                            address, showpaths, ping, traceroute of a SCION host: s3mp scion --help

Examples:
  s3mp doctor --write meter.toml             find the meter, write a configuration
  s3mp keygen                                the key of this device, once
  s3mp enroll --card headend-card.json       whom it seals for
  s3mp run                                   read, sign, keep, deliver
  s3mp status                                how that is going
  s3mp decode capture.bin                    what a meter said

The configuration is meter.toml in the folder you are in, else /etc/s3mp/meter.toml, unless --config names one.
${EXIT_HELP}`

/** Adds one command to the program. */
type Add = (program: Command) => void

/** What the commands are for, in the order in which an owner needs them. */
const GROUPS = {
  find: 'Find a meter and listen to it:',
  begin: 'Begin:',
  run: 'Run:',
  check: 'Check:',
  shell: 'For the shell:',
} as const

type Known = readonly [group: keyof typeof GROUPS, load: () => Promise<Add>]

/** Every command, loaded when it is asked for: each of them would cost memory that a role keeps. */
const COMMANDS: Readonly<Record<string, Known>> = {
  doctor: ['find', async () => (await import('./commands/doctor.ts')).addDoctorCommand],
  align: ['find', async () => (await import('./commands/align.ts')).addAlignCommand],
  pin: ['find', async () => (await import('./commands/pin.ts')).addPinCommand],
  decode: ['find', async () => (await import('./commands/decode.ts')).addDecodeCommand],
  record: ['find', async () => (await import('./commands/record.ts')).addRecordCommand],
  replay: ['find', async () => (await import('./commands/replay.ts')).addReplayCommand],
  report: ['find', async () => (await import('./commands/report.ts')).addReportCommand],
  config: ['begin', async () => (await import('./commands/config.ts')).addConfigCommand],
  keygen: ['begin', async () => (await import('./commands/keygen.ts')).addKeygenCommand],
  enroll: ['begin', async () => (await import('./commands/enroll.ts')).addEnrollCommand],
  run: ['run', async () => (await import('./commands/run.ts')).addRunCommand],
  meter: ['run', async () => (await import('./commands/meter.ts')).addMeterCommand],
  uplink: ['run', async () => (await import('./commands/uplink.ts')).addUplinkCommand],
  page: ['run', async () => (await import('./commands/page.ts')).addPageCommand],
  status: ['check', async () => (await import('./commands/status.ts')).addStatusCommand],
  metrics: ['check', async () => (await import('./commands/metrics.ts')).addMetricsCommand],
  verify: ['check', async () => (await import('./commands/verify.ts')).addVerifyCommand],
  completion: [
    'shell',
    async () => (await import('./commands/completion.ts')).addCompletionCommand,
  ],
  man: ['shell', async () => (await import('./commands/man.ts')).addManCommand],
}

/** Commands that speak of all the others. */
const SPEAK_OF_ALL: readonly (string | undefined)[] = ['completion', 'man']

/** The program with the command that is asked for; with all of them when none is, for its help. */
async function programOf(name: string | undefined): Promise<Command> {
  const program = new Command('s3mp')
    .description('a secure smart meter: real telegrams, signed and encrypted readings, over SCION')
    .version(VERSION)
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => {
        const words = text
          .replace(/^error: /u, '')
          .trim()
          .replace(/\s*\n\s*/gu, ' ')
        write(`s3mp: ${words} (ERR_S3MP_USAGE)\n`)
      },
    })
    .addHelpText('after', HELP)
  const isKnown =
    name !== undefined && Object.hasOwn(COMMANDS, name) && !SPEAK_OF_ALL.includes(name)
  for (const [known, [group, load]] of Object.entries(COMMANDS)) {
    if (isKnown && known !== name) continue
    const add = await load()
    add(program)
    program.commands.at(-1)?.helpGroup(GROUPS[group])
  }
  const help = new Command('help').argument('[command]').description('the same as COMMAND --help')
  program.addHelpCommand(help.helpGroup(GROUPS.shell))
  for (const command of [program, ...program.commands]) command.exitOverride()
  return program
}

/** Exit status of whatever was thrown; says it in one sentence with its code where nobody has yet. */
function statusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (error instanceof FirmwareError) {
    const code = `ERR_S3MP_${error.code.toUpperCase().replaceAll('-', '_')}`
    const lines = error.message.split('\n')
    for (const [index, line] of lines.entries()) {
      complain(index === lines.length - 1 ? `s3mp: ${line} (${code})` : `s3mp: ${line}`)
    }
    return error.code === 'usage' ? EXIT.usage : EXIT.no
  }
  if (error instanceof Error && error.name === 'AbortError') {
    complain('s3mp: interrupted')
    return EXIT.no
  }
  if (isForeseen(error)) {
    complain(`s3mp: ${wordsOf(error)} (${codeOf(error)})`)
    return EXIT.no
  }
  // Not foreseen: the stack helps whoever mends it.
  complain(`s3mp: ${reasonOf(error)} (${codeOf(error)})`)
  if (error instanceof Error && error.stack !== undefined) complain(error.stack)
  return EXIT.no
}

/** Errors of other rooms, and of the operating system about a file: their sentence says all there is. */
const SPEAKING = /^(?:Hal|Meter|Envelope|Scion|Http)Error$/u

function isForeseen(error: unknown): error is Error {
  return error instanceof Error && (SPEAKING.test(error.name) || 'syscall' in error)
}

/** What to do about hardware that does not answer, by its code. */
const CURES: Readonly<Record<string, string>> = {
  'not-found': 's3mp doctor says what is there',
  permission: 'sudo usermod -aG dialout "$USER", then log in again',
  busy: 'end it for now (the meter itself: systemctl stop s3mp-meter)',
}

function wordsOf(error: Error): string {
  if ('path' in error && typeof error.path === 'string') {
    return `${error.path}: ${fileReasonOf(error)}`
  }
  const cure = error.name === 'HalError' ? CURES[codeOf(error)] : undefined
  return cure === undefined ? reasonOf(error) : `${reasonOf(error)}; ${cure}`
}

// Whoever reads the output may have seen enough, as in s3mp decode FILE | head: no error.
process.stdout.on('error', () => {
  process.exit()
})

const major = Number(process.versions.node.split('.')[0])
if (major < NODE_MAJOR_MIN) {
  complain(
    `s3mp: Node ${String(NODE_MAJOR_MIN)} or newer is needed, found ${process.version} (ERR_S3MP_NODE)`,
  )
  process.exit(EXIT.no)
}
try {
  const program = await programOf(process.argv[2])
  await program.parseAsync()
} catch (error) {
  process.exitCode = statusOf(error)
}
