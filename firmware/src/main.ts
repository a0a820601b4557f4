import { Command, CommanderError } from 'commander'

import { addAlignCommand } from './commands/align.ts'
import { addConfigCommand } from './commands/config.ts'
import { addDecodeCommand } from './commands/decode.ts'
import { addDoctorCommand } from './commands/doctor.ts'
import { addEnrollCommand } from './commands/enroll.ts'
import { addKeygenCommand } from './commands/keygen.ts'
import { addMeterCommand } from './commands/meter.ts'
import { addRunCommand } from './commands/run.ts'
import { addStatusCommand } from './commands/status.ts'
import { addUplinkCommand } from './commands/uplink.ts'
import { addVerifyCommand } from './commands/verify.ts'
import { codeOf, FirmwareError, reasonOf } from './errors.ts'
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

function programOf(): Command {
  const program = new Command('s3mp')
    .description('a secure smart meter: real telegrams, signed and encrypted readings, over SCION')
    .version('0.1.0')
    .showSuggestionAfterError()
    .addHelpText('after', HELP)
  for (const add of [
    addRunCommand,
    addMeterCommand,
    addUplinkCommand,
    addKeygenCommand,
    addEnrollCommand,
    addConfigCommand,
    addStatusCommand,
    addDoctorCommand,
    addAlignCommand,
    addDecodeCommand,
    addVerifyCommand,
  ]) {
    add(program)
  }
  for (const command of [program, ...program.commands]) {
    command.exitOverride()
    command.configureOutput({ writeErr: (text) => process.stderr.write(text) })
  }
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
  // Not foreseen: the stack helps whoever mends it.
  complain(`s3mp: ${reasonOf(error)} (${codeOf(error)})`)
  if (error instanceof Error && error.stack !== undefined) complain(error.stack)
  return EXIT.no
}

const major = Number(process.versions.node.split('.')[0])
if (major < NODE_MAJOR_MIN) {
  complain(
    `s3mp: Node ${String(NODE_MAJOR_MIN)} or newer is needed, found ${process.version} (ERR_S3MP_NODE)`,
  )
  process.exit(EXIT.no)
}
try {
  await programOf().parseAsync()
} catch (error) {
  process.exitCode = statusOf(error)
}
