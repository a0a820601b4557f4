import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'

import { HalError, parseSettings, readWithin, systemClock } from '@s3mp/hal'
import { createDecoder } from '@s3mp/meter'
import type { Command } from 'commander'

import { CAPTURE_FILE_BYTES_MAX, captureLines, chunkLine } from '../blackbox/capture.ts'
import { codeOf, FirmwareError, fileReasonOf } from '../errors.ts'
import { EXIT, EXIT_HELP, say, sayJson, terminalProgress, wholeNumber } from '../terminal.ts'

interface Options {
  readonly settings: string
  readonly seconds: string
  readonly output: string
  readonly force: boolean
  readonly json: boolean
}

const HELP = `
Writes down every byte that a head gives, and when, so that it can be played and decoded elsewhere. The
file names the meter: for a bug report let s3mp report take the names out. A running meter keeps such
captures of every fault by itself, under blackbox/ in its state folder.

Examples:
  s3mp record /dev/ttyUSB0 -o meter.capture
  s3mp record /dev/ttyUSB0 --settings '9600 7E1' --seconds 120 -o meter.capture
  s3mp decode meter.capture
  s3mp replay meter.capture
${EXIT_HELP}`

/** Adds `s3mp record`: what a head gives, byte by byte with its time, into a file. */
export function addRecordCommand(program: Command): void {
  program
    .command('record')
    .description('write down what a head gives, with the time of every byte')
    .argument('<device>', 'serial port of the head')
    .requiredOption('-o, --output <file>', 'the capture')
    .option('-s, --settings <line>', 'speed and format', '9600 8N1')
    .option('-n, --seconds <count>', 'stop after so many seconds; Ctrl-C stops before', '60')
    .option('--force', 'write over a file that is there', false)
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', HELP)
    .action(async (device: string, options: Options) => {
      process.exitCode = await record(device, options)
    })
}

async function record(device: string, options: Options): Promise<number> {
  const settings = parseSettings(options.settings)
  const limitMs = wholeNumber('--seconds', options.seconds) * 1000
  const { linuxSerial } = await import('@s3mp/hal/linux')
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  const port = await linuxSerial().open(device, settings)
  const progress = terminalProgress(systemClock)
  const file = createWriteStream(options.output, { flags: options.force ? 'w' : 'wx', mode: 0o600 })
  const written = finished(file)
  // Told when the end is waited for; until then nobody listens.
  written.catch(() => undefined)
  const startMs = systemClock.monotonicMs()
  const counts = { bytes: 0, telegrams: 0, discardedBytes: 0, fileBytes: 0 }
  const decoder = createDecoder('auto')
  const write = (line: string): void => {
    counts.fileBytes += line.length + 1
    file.write(`${line}\n`)
  }
  try {
    const startedMs = systemClock.nowMs()
    for (const line of captureLines({ settings, startedMs, notes: [], chunks: [], isTimed: true }))
      write(line)
    for (;;) {
      const atMs = systemClock.monotonicMs() - startMs
      if (stop.signal.aborted || atMs >= limitMs || file.errored) break
      if (counts.fileBytes > CAPTURE_FILE_BYTES_MAX) break
      const seconds = String(Math.floor(atMs / 1000))
      progress.show(
        `${seconds} s, ${String(counts.bytes)} bytes, ${String(counts.telegrams)} telegrams`,
      )
      const waitMs = Math.min(LOOK_MS, limitMs - atMs)
      const bytes = await readWithin(port, waitMs, systemClock, stop.signal).catch(quiet)
      if (bytes.length === 0) continue
      write(chunkLine({ atMs: systemClock.monotonicMs() - startMs, bytes }))
      counts.bytes += bytes.length
      for (const event of decoder.push(bytes)) {
        if (event.type === 'reading') counts.telegrams += 1
        else counts.discardedBytes += event.bytes
      }
    }
  } finally {
    progress.clear()
    await port.close()
    file.end()
  }
  await written.catch((error: unknown) => {
    throw unwritten(options.output, error)
  })
  const { bytes, telegrams, discardedBytes } = counts
  if (options.json) sayJson({ file: options.output, bytes, telegrams, discardedBytes })
  else say(`${options.output}: ${String(bytes)} bytes, ${String(telegrams)} telegrams`)
  return bytes > 0 ? EXIT.ok : EXIT.no
}

const LOOK_MS = 250

function unwritten(file: string, error: unknown): FirmwareError {
  const why =
    codeOf(error) === 'EEXIST' ? 'is there already; --force writes over it' : fileReasonOf(error)
  return new FirmwareError(codeOf(error) === 'EEXIST' ? 'exists' : 'source', `${file}: ${why}`, {
    cause: error,
  })
}

function quiet(error: unknown): Uint8Array {
  const isQuiet = error instanceof HalError && ['timeout', 'overrun'].includes(error.code)
  if (isQuiet || (error instanceof Error && error.name === 'AbortError')) return new Uint8Array(0)
  throw error
}
