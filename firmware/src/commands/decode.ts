import { createReadStream } from 'node:fs'
import { once } from 'node:events'
import { styleText } from 'node:util'
import type { DecoderEvent, DecoderProtocol, ListDraft, Reading } from '@s3mp/meter'
import {
  CaptureBytes,
  MeterError,
  PROTOCOLS,
  createDecoder,
  decimal,
  obisName,
  printable,
  toHex,
} from '@s3mp/meter'
import type { Command } from 'commander'
import { Argument, InvalidArgumentError, Option } from 'commander'

import { rawOf } from '../blackbox/stream.ts'
import { listBlock, readLists, withList } from '../config/list-block.ts'
import { configText, replaceConfig } from '../config/replace.ts'
import { FirmwareError } from '../errors.ts'
import { PROPOSE_BYTES_MAX, proposalInWords, proposeFromCapture } from './propose.ts'

/** What `s3mp decode` can be told. */
export interface DecodeOptions {
  readonly protocol: DecoderProtocol
  readonly json: boolean
  /** Encryption and authentication key of a DLMS meter, in hex. */
  readonly key?: string
  readonly authKey?: string
  /** Seconds between telegrams whose lists have no codes: what their places mean is proposed. */
  readonly propose?: number
  /** A file with lists without codes that their owner has named, and whose they are. */
  readonly list?: string
  readonly meter?: string
  /** A configuration into which what is proposed goes. */
  readonly write?: string
}

/** What a capture held. */
export interface DecodeSummary {
  readonly readings: number
  readonly discardedBytes: number
}

/** Takes one line of output; a promise that is waited for keeps memory bounded. */
export type LineSink = (line: string) => Promise<void> | void

/** Bytes of a capture read at a time. */
export const DECODE_CHUNK_BYTES_MAX = 65_536

/** Adds `s3mp decode` to the command line. Sets `process.exitCode`: 0 readings, 1 none, 2 usage. */
export function addDecodeCommand(program: Command): void {
  program
    .command('decode')
    .description('print the readings of captured telegrams, raw or as hex text')
    .addArgument(new Argument('<file>', 'the capture, or - for standard input'))
    .addOption(
      new Option('-p, --protocol <name>', 'protocol of the meter')
        .choices(['auto', ...PROTOCOLS])
        .default('auto'),
    )
    .option('--key <hex>', 'encryption key of a DLMS meter, 32 or 64 hex digits')
    .option('--auth-key <hex>', 'authentication key of a DLMS meter')
    .option('--json', 'one JSON line a telegram, one for what was discarded', false)
    .addOption(
      new Option(
        '--propose <seconds>',
        'for DLMS lists without codes, sent so many seconds apart: what their places seem to mean',
      ).argParser(secondsOf),
    )
    .option('-w, --write <file>', 'with --propose: write the list into this configuration')
    .option('--list <file>', 'read lists without codes as this configuration says')
    .option('--meter <name>', 'which meter of the configuration, where there are several')
    .addHelpText('after', HELP)
    .action(async (file: string, options: DecodeOptions) => {
      process.exitCode = await runDecode(file, options)
    })
}

/** Seconds between telegrams. */
function secondsOf(text: string): number {
  const seconds = Number(text)
  if (/^\d{1,4}(?:\.\d{1,3})?$/.test(text) && seconds > 0) return seconds
  throw new InvalidArgumentError('expected seconds, such as 10')
}

/** A key in hex. The message does not repeat it, as commander's own would. */
function keyOf(option: string, digits: string): Uint8Array {
  if (!/^(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{64})$/.test(digits)) {
    throw new MeterError(
      'range',
      `${option}: expected 32 or 64 hex digits, found ${digits.length} characters`,
    )
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => parseInt(byte, 16))
}

const HELP = `
Examples:
  s3mp decode capture.bin
  s3mp decode --json - < telegram.hex
  timeout 10 cat /dev/ttyUSB0 | s3mp decode --protocol sml -
  s3mp decode --protocol dlms --key "$EK" --auth-key "$AK" push.bin
  s3mp decode --propose 10 push.bin
  s3mp decode --propose 10 --write /etc/s3mp/meter.toml push.bin
  s3mp decode --list /etc/s3mp/meter.toml push.bin

Exit status:
  0  at least one reading was found
  1  none was found, or the file cannot be read
  2  wrong usage`

/** Decodes a file to standard output and answers the exit status. */
async function runDecode(file: string, options: DecodeOptions): Promise<number> {
  const name = file === '-' ? 'standard input' : file
  const source: AsyncIterable<Uint8Array> =
    file === '-' ? process.stdin : createReadStream(file, { highWaterMark: DECODE_CHUNK_BYTES_MAX })
  try {
    if (options.propose !== undefined) return await runPropose(source, options, options.propose)
    const summary = await decodeCapture(source, options, writeLine)
    if (summary.readings > 0) return 0
    complain(`${name}: no reading found (${bytesInWords(summary.discardedBytes)})`)
  } catch (error) {
    // Whoever reads our output has heard enough, as `head` does.
    if (codeOf(error) === 'EPIPE') return 0
    if (error instanceof MeterError && error.code === 'range') {
      complain(error.message)
      return 2
    }
    complain(`${name}: ${reasonInWords(error)}`)
  }
  return 1
}

/** Prints what the places of lists without codes seem to mean; exit status 1 where nothing does. */
async function runPropose(
  source: AsyncIterable<Uint8Array>,
  options: DecodeOptions,
  seconds: number,
): Promise<number> {
  const { key, authKey, json } = options
  const capture = new CaptureBytes()
  // One byte more than is looked at, so that a capture that is too long is refused and not cut.
  const bytes = new Uint8Array(PROPOSE_BYTES_MAX + 1)
  let length = 0
  const take = (piece: Uint8Array): void => {
    bytes.set(piece.subarray(0, bytes.length - length), length)
    length = Math.min(bytes.length, length + piece.length)
  }
  for await (const chunk of rawOf(source)) take(capture.push(chunk))
  take(capture.end())
  const { proposals, draft } = proposeFromCapture(bytes.subarray(0, length), 1_000 * seconds, {
    ...(key === undefined ? {} : { key: keyOf('--key', key) }),
    ...(authKey === undefined ? {} : { authenticationKey: keyOf('--auth-key', authKey) }),
  })
  for (const proposal of proposals) {
    await writeLine(json ? JSON.stringify(proposal) : proposalInWords(proposal))
  }
  if (draft !== undefined) {
    await tellDraft(draft, options)
    return 0
  }
  complain('the places of the lists without codes have no relation that could name them')
  return 1
}

/** Prints the list for the configuration, or puts it there; the file before stays as `.bak`. */
async function tellDraft(draft: ListDraft, { json, write, meter }: DecodeOptions): Promise<void> {
  if (write !== undefined) {
    replaceConfig(write, withList(configText(write), write, draft, meter))
  }
  if (json) {
    const { types, places } = draft
    await writeLine(JSON.stringify({ list: { types, places } }))
    return
  }
  const how =
    write === undefined
      ? 'Compare each place with the display, then put this behind its [meter] (--write FILE does):'
      : `Written into ${write}. Compare each place with the display, and correct what is not so:`
  await writeLine(`\n${bold(how)}\n${listBlock(draft)}`)
}

/**
 * Decodes a capture as it streams in and prints what it finds, line by line.
 *
 * @throws MeterError `malformed` where a capture in hex text has something else in it.
 */
export async function decodeCapture(
  source: AsyncIterable<Uint8Array>,
  options: DecodeOptions,
  print: LineSink,
): Promise<DecodeSummary> {
  const capture = new CaptureBytes()
  const { protocol, key, authKey, list, meter } = options
  const decoder = createDecoder(protocol, {
    bodies: true,
    ...(list === undefined ? {} : { lists: readLists(list, meter) }),
    ...(key === undefined ? {} : { key: keyOf('--key', key) }),
    ...(authKey === undefined ? {} : { authenticationKey: keyOf('--auth-key', authKey) }),
  })
  const report = new Report(options.json, print)
  for await (const chunk of rawOf(source)) await report.take(decoder.push(capture.push(chunk)))
  await report.take(decoder.push(capture.end()))
  await report.take(decoder.end())
  await report.end()
  return report
}

/** Writes events as lines; garbage that follows garbage becomes one line. */
class Report implements DecodeSummary {
  readings = 0
  discardedBytes = 0
  readonly #json: boolean
  readonly #print: LineSink
  #garbage = 0

  constructor(json: boolean, print: LineSink) {
    this.#json = json
    this.#print = print
  }

  async take(events: readonly DecoderEvent[]): Promise<void> {
    for (const event of events) {
      if (event.type === 'discarded') {
        this.discardedBytes += event.bytes
        if (event.reason === 'garbage') this.#garbage += event.bytes
        else {
          await this.#flush()
          await this.#discarded(event.bytes, event.reason)
        }
        continue
      }
      await this.#flush()
      this.readings++
      const { reading, offset, length } = event
      if (this.#json) await this.#print(JSON.stringify(readingJson(reading, offset, length)))
      else for (const line of readingLines(reading, offset, length)) await this.#print(line)
    }
  }

  async end(): Promise<void> {
    await this.#flush()
    if (!this.#json && this.readings > 0) {
      const { readings, discardedBytes } = this
      await this.#print(
        `${readings} reading${readings === 1 ? '' : 's'}, ${bytesInWords(discardedBytes)}`,
      )
    }
  }

  async #flush(): Promise<void> {
    if (this.#garbage === 0) return
    const bytes = this.#garbage
    this.#garbage = 0
    await this.#discarded(bytes, 'garbage')
  }

  async #discarded(bytes: number, reason: string): Promise<void> {
    await this.#print(
      this.#json
        ? JSON.stringify({ discarded: bytes, reason })
        : dim(`${bytesInWords(bytes)}: ${REASONS[reason] ?? reason} (${reason})\n`),
    )
  }
}

const REASONS: Readonly<Record<string, string>> = {
  garbage: 'no telegram begins here',
  crc: "the telegram's checksum does not hold",
  escape: 'an escape sequence that the transport does not have',
  padding: 'fill bytes or alignment are wrong',
  oversize: 'longer than any telegram',
  truncated: 'the end of the telegram is missing',
  'message-crc': 'the checksum of a message in the telegram does not hold',
  malformed: "the content breaks the protocol's grammar",
  empty: 'a sound telegram without a reading',
  'key-missing': 'the telegram is encrypted; give its key with --key',
  'key-wrong': 'the encryption key does not open the telegram',
  unauthentic: 'the encryption key is right, the authentication key is not',
  replay: 'the counter of the telegram has been used before',
}

/** A reading as the one JSON line of `--json`; exact decimals, fields in a fixed order. */
export function readingJson(reading: Reading, offset: number, length: number): object {
  const { protocol, device, flags, manufacturer, statusWord, meterTime, security } = reading
  return {
    protocol,
    offset,
    device,
    registers: reading.registers.map((register) => ({
      obis: register.obis,
      value: decimal(register),
      unit: register.unit,
      ...(register.wireDigits === undefined
        ? {}
        : { wire: decimal({ digits: register.wireDigits, scaler: register.scaler }) }),
      ...(register.derived === true ? { derived: true } : {}),
    })),
    flags,
    length,
    ...(manufacturer === undefined ? {} : { manufacturer }),
    ...(statusWord === undefined ? {} : { status: `0x${statusWord.toString(16)}` }),
    ...(meterTime === undefined ? {} : { time: meterTime }),
    ...(security === undefined ? {} : { security }),
    texts: reading.texts.map(({ obis, bytes }) => ({ obis, text: textOf(bytes) })),
  }
}

/** A reading as people read it. */
function readingLines(reading: Reading, offset: number, length: number): readonly string[] {
  const rows = [
    ...reading.registers.map((register) => ({
      obis: register.obis,
      name: obisName(register.obis) + (register.derived === true ? ' (derived)' : ''),
      value: decimal(register),
      unit: register.unit,
    })),
    ...reading.texts.map(({ obis, bytes }) => ({
      obis,
      name: obisName(obis),
      value: textOf(bytes),
      unit: '',
    })),
  ]
  const numbers = rows.slice(0, reading.registers.length)
  const wide = (texts: readonly string[]): number =>
    Math.max(0, ...texts.map((text) => text.length))
  const obisWidth = wide(rows.map(({ obis }) => obis))
  const nameWidth = wide(rows.map(({ name }) => name))
  const valueWidth = wide(numbers.map(({ value }) => value))
  const maker = reading.manufacturer === undefined ? '' : ` by ${reading.manufacturer}`
  const device = reading.device === '' ? 'a meter without id' : reading.device
  const head = `${reading.protocol.toUpperCase()} from ${device}${maker}`
  return [
    `${bold(head)}  ${dim(`bytes ${offset} to ${offset + length - 1}`)}`,
    ...rows.map(({ obis, name, value, unit }, index) => {
      const shown = index < numbers.length ? value.padStart(valueWidth) : value
      return `  ${dim(obis.padEnd(obisWidth))}  ${name.padEnd(nameWidth)}  ${shown} ${unit}`.trimEnd()
    }),
    ...(reading.flags.length > 0 ? [`  ${strong(`flags: ${reading.flags.join(', ')}`)}`] : []),
    '',
  ]
}

function textOf(bytes: Uint8Array): string {
  return printable(bytes) ?? toHex(bytes)
}

function bytesInWords(bytes: number): string {
  return `${bytes} byte${bytes === 1 ? '' : 's'} discarded`
}

async function writeLine(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain')
}

function complain(sentence: string): void {
  process.stderr.write(`s3mp decode: ${sentence}\n`)
}

function reasonInWords(error: unknown): string {
  if (error instanceof FirmwareError) return `${error.message} (${error.code})`
  if (error instanceof MeterError) return `${error.message} (${error.code})`
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such file (not-found)'
    case 'EISDIR':
      return 'this is a folder; name a file in it (folder)'
    case 'EACCES':
      return 'reading it is not permitted (permission)'
    default:
      if (error instanceof Error) return error.message
      throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function bold(text: string): string {
  return styleText('bold', text)
}

function strong(text: string): string {
  return styleText('yellow', text)
}

function dim(text: string): string {
  return styleText('dim', text)
}
