import { createReadStream, readFileSync, statSync } from 'node:fs'

import { systemClock } from '@s3mp/hal'
import type { Command } from 'commander'

import type { PublicKey, VerifyReport } from '@s3mp/envelope'

import { FirmwareError, fileReasonOf } from '../errors.ts'
import { linesOf } from '../lines.ts'
import { bold, EXIT, EXIT_HELP, judged, say, sayJson, terminalProgress } from '../terminal.ts'

/** Bytes of a public key file. */
export const KEY_FILE_BYTES_MAX = 16_384

interface Options {
  readonly key: string
  readonly json: boolean
}

const HELP = `
FILE is an export of records (JSON lines, as the head-end's page and API give it); - is standard input.
The key must come from the device itself: its label, or the file that s3mp keygen wrote. Nothing but
these two is used: no network, no head-end.

Examples:
  s3mp verify readings.jsonl --key device.json
  s3mp verify - --key device.json --json < readings.jsonl
${EXIT_HELP}`

/** Adds `s3mp verify`: checks stored or exported records with nothing but the device's public key. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description("check exported records with nothing but the device's public key")
    .argument('<file>', 'the export, or - for standard input')
    .requiredOption('-k, --key <file>', "the device's public key (JSON or PEM)")
    .option('--json', 'print the whole report as one JSON object', false)
    .addHelpText('after', HELP)
    .action(async (file: string, { key, json }: Options) => {
      const report = await verifyFile(file, await readKey(key))
      if (json) sayJson(report)
      else for (const line of reportLines(report)) say(line)
      process.exitCode = report.proven ? EXIT.ok : EXIT.no
    })
}

async function readKey(file: string): Promise<PublicKey> {
  const { decodePublicKeyFile, EnvelopeError } = await import('@s3mp/envelope')
  try {
    if (statSync(file).size > KEY_FILE_BYTES_MAX) throw new Error('is too long for a key')
    return decodePublicKeyFile(readFileSync(file, 'utf8'))
  } catch (error) {
    const what = error instanceof EnvelopeError ? 'expected a public key: ' : ''
    throw new FirmwareError('unproven', `${file}: ${what}${fileReasonOf(error)}`, { cause: error })
  }
}

async function verifyFile(file: string, key: PublicKey): Promise<VerifyReport> {
  const { EnvelopeError, verifyExport, verifyPlatform } = await import('@s3mp/envelope')
  const input: AsyncIterable<Uint8Array> = file === '-' ? process.stdin : createReadStream(file)
  const name = file === '-' ? 'standard input' : file
  try {
    return await verifyExport(counted(linesOf(input)), { key, verify: verifyPlatform })
  } catch (error) {
    const what = error instanceof EnvelopeError ? 'expected an export of records: ' : ''
    throw new FirmwareError('unproven', `${name}: ${what}${fileReasonOf(error)}`, { cause: error })
  }
}

/** The same lines; a person who waits sees how many there were so far. */
async function* counted(lines: AsyncIterable<string>): AsyncGenerator<string> {
  const progress = terminalProgress(systemClock)
  let count = 0
  try {
    for await (const line of lines) {
      progress.show(`${String(count++)} records checked …`)
      yield line
    }
  } finally {
    progress.clear()
  }
}

const MARK = { proven: '✔', refuted: '✘', 'not-proven': '·' } as const

/** The last line: only what a signature covers from end to end is called proven. */
function conclusion({ ok, proven, streams }: VerifyReport): string {
  if (proven) return 'Proven.'
  if (!ok) return 'Not proven.'
  const open = streams.reduce((sum, { unproven }) => sum + unproven, 0)
  return `Not proven: nothing is wrong, but no signature covers ${String(open)} of the records.`
}

/** A report in words: what was looked at, what is proven, what is not, and what is wrong. */
export function reportLines(report: VerifyReport): readonly string[] {
  const { ueid, fingerprint, records, signatures, steps, problems } = report
  return [
    `${bold('device')}       ${ueid}`,
    `${bold('fingerprint')}  ${fingerprint.replace(/(.{4})(?=.)/gu, '$1 ')}`,
    `${bold('records')}      ${String(records)}, ${String(signatures)} of them signed`,
    '',
    ...steps.map(({ result, text }) => {
      const line = `${MARK[result]} ${text}`.replaceAll('; stream ', ';\n  stream ')
      return result === 'not-proven' ? line : judged(result === 'proven', line)
    }),
    ...(problems.length === 0 ? [] : ['', 'Wrong:']),
    ...problems.map(({ record, code, text }) => `  record ${String(record)}: ${text} (${code})`),
    '',
    judged(report.proven, conclusion(report)),
  ]
}
