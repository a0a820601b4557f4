import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { systemClock } from '@s3mp/hal'
import type { Command } from 'commander'

import { captureLines, readCapture } from '../blackbox/capture.ts'
import { NOTES, reportOf } from '../blackbox/report.ts'
import { BLACKBOX_FOLDER, capturesIn } from '../blackbox/shelf.ts'
import { checkBoard } from '../doctor/checks.ts'
import { thisMachine } from '../doctor/machine.ts'
import { codeOf, FirmwareError, fileReasonOf } from '../errors.ts'
import { CONFIG_FILE, readConfig } from '../service/options.ts'
import { systemRandomBytes } from '../service/system.ts'
import { VERSION } from '../service/version.ts'
import { complain, EXIT, EXIT_HELP, say, sayJson } from '../terminal.ts'

interface Options {
  readonly config: string
  readonly output: string
  readonly list: boolean
  readonly force: boolean
  readonly json: boolean
}

const HELP = `
Takes a capture and puts other names and numbers for every one that could tell whose meter it is, the
same everywhere; values, times, faults and checksums stay what they were, so that whoever gets it can
replay exactly what went wrong. Without a file it takes what the running meter's black box kept of the
last fault. Nothing is sent anywhere: you give the file to whom you want.

Ciphered telegrams stay ciphered. The name of their sender is part of what protects them, so that with
another name nobody can open them any more: such a report shows frames and lengths, not values.

Examples:
  s3mp report -o report.capture                    the last fault
  s3mp report --list                               the faults that were kept
  s3mp report meter.capture -o report.capture
  s3mp replay report.capture                       what the reader of the report will see
${EXIT_HELP}`

/** Adds `s3mp report`: a capture without names, for whoever is to find a fault. */
export function addReportCommand(program: Command): void {
  program
    .command('report')
    .description('make a bug report that names no meter, of a capture or of the last fault')
    .argument('[file]', "a capture; the black box's newest where left out")
    .option('-o, --output <file>', 'the report', 'report.capture')
    .option('--list', 'list what the black box kept', false)
    .option('-c, --config <file>', 'configuration that names the state folder', CONFIG_FILE)
    .option('--force', 'write over a file that is there', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', HELP)
    .action((file: string | undefined, options: Options) => {
      process.exitCode = options.list ? list(options) : report(file, options)
    })
}

function list(options: Options): number {
  const files = capturesIn(join(readConfig(options.config).state.folder, BLACKBOX_FOLDER))
  if (options.json) sayJson({ files })
  else for (const file of files) say(file)
  if (files.length === 0) complain('The black box has kept no fault.')
  return files.length > 0 ? EXIT.ok : EXIT.no
}

function report(named: string | undefined, options: Options): number {
  const file = named ?? newest(options.config)
  const machine = thisMachine(systemClock.nowMs())
  const facts = { version: VERSION, board: checkBoard(machine).text }
  const { capture, names, notes } = reportOf(readCapture(file), facts, systemRandomBytes(32))
  try {
    const text = `${[...captureLines(capture)].join('\n')}\n`
    writeFileSync(options.output, text, { flag: options.force ? 'w' : 'wx' })
  } catch (error) {
    const isThere = codeOf(error) === 'EEXIST'
    const why = isThere ? 'is there already; --force writes over it' : fileReasonOf(error)
    throw new FirmwareError(isThere ? 'exists' : 'source', `${options.output}: ${why}`, {
      cause: error,
    })
  }
  if (options.json) sayJson({ from: file, file: options.output, names, notes })
  else {
    say(`${options.output}: ${String(names)} names replaced, from ${file}`)
    for (const note of notes)
      say(`note: ${NOTES[note]} (${note.toUpperCase().replaceAll('-', '_')})`)
    say('Look it over before you give it away: s3mp replay ' + options.output)
  }
  return EXIT.ok
}

function newest(config: string): string {
  const folder = join(readConfig(config).state.folder, BLACKBOX_FOLDER)
  const [file] = capturesIn(folder)
  if (file !== undefined) return file
  const cure = 'name a capture; s3mp record makes one'
  throw new FirmwareError('source', `${folder}: the black box has kept no fault; ${cure}`)
}
