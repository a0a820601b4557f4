import { Command, CommanderError } from 'commander'

import { codeOf, FirmwareError, reasonOf } from './errors.ts'
import { VERSION } from './service/version.ts'
import { complain, EXIT, EXIT_HELP } from './terminal.ts'

/** The oldest Node that runs this program; the launcher sees to it. */
const NODE_MAJOR_MIN = 24

const HELP = `
Examples:
  s3mp config --print-default > meter.toml   every key there is
  s3mp keygen                                the key of this device, once
  s3mp enroll --card headend.card            whom it seals for
  s3mp run                                   read, sign, keep, deliver
  s3mp decode capture.bin                    what a meter said

s3mp NAME that is none of these runs the program s3mp-NAME; so s3mp headend is the head-end.
${EXIT_HELP}`

/** Adds one command to the program. */
type Add = (program: Command) => void

/** Every command, loaded when it is asked for: each of them would cost memory that a role keeps. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  run: async () => (await import('./commands/run.ts')).addRunCommand,
  meter: async () => (await import('./commands/meter.ts')).addMeterCommand,
  uplink: async () => (await import('./commands/uplink.ts')).addUplinkCommand,
  page: async () => (await import('./commands/page.ts')).addPageCommand,
  metrics: async () => (await import('./commands/metrics.ts')).addMetricsCommand,
  keygen: async () => (await import('./commands/keygen.ts')).addKeygenCommand,
  enroll: async () => (await import('./commands/enroll.ts')).addEnrollCommand,
  config: async () => (await import('./commands/config.ts')).addConfigCommand,
  status: async () => (await import('./commands/status.ts')).addStatusCommand,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctorCommand,
  align: async () => (await import('./commands/align.ts')).addAlignCommand,
  pin: async () => (await import('./commands/pin.ts')).addPinCommand,
  record: async () => (await import('./commands/record.ts')).addRecordCommand,
  replay: async () => (await import('./commands/replay.ts')).addReplayCommand,
  report: async () => (await import('./commands/report.ts')).addReportCommand,
  decode: async () => (await import('./commands/decode.ts')).addDecodeCommand,
  verify: async () => (await import('./commands/verify.ts')).addVerifyCommand,
  completion: async () => (await import('./commands/completion.ts')).addCompletionCommand,
  man: async () => (await import('./commands/man.ts')).addManCommand,
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
  for (const [known, load] of Object.entries(COMMANDS)) {
    if (!isKnown || known === name) (await load())(program)
  }
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
  if (isForeseen(error)) {
    complain(`s3mp: ${reasonOf(error)} (${codeOf(error)})`)
    return EXIT.no
  }
  // Not foreseen: the stack helps whoever mends it.
  complain(`s3mp: ${reasonOf(error)} (${codeOf(error)})`)
  if (error instanceof Error && error.stack !== undefined) complain(error.stack)
  return EXIT.no
}

/** Errors of other rooms, and of the operating system about a file: their sentence says all there is. */
const SPEAKING = /^(?:Hal|Meter|Envelope|Scion|Http)Error$/u

function isForeseen(error: unknown): boolean {
  return error instanceof Error && (SPEAKING.test(error.name) || 'syscall' in error)
}

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
