import { parseSettings, systemClock } from '@s3mp/hal'
import { createDecoder } from '@s3mp/meter'
import type { Command } from 'commander'

import { readCapture, type Capture } from '../blackbox/capture.ts'
import { play } from '../blackbox/play.ts'
import { FirmwareError } from '../errors.ts'
import { EXIT, EXIT_HELP, say, sayJson, terminalProgress } from '../terminal.ts'
import { readingJson } from './decode.ts'

interface Options {
  readonly port?: string
  readonly settings?: string
  readonly speed: string
  readonly loop: boolean
  readonly json: boolean
}

const HELP = `
Without --port the capture goes through the decoder: a line for each telegram, with its time. With it
the bytes go out of a serial port, or into one end of a pty pair, with their silences and never faster
than the line is: a meter on a table.

Examples:
  s3mp replay meter.capture
  s3mp replay meter.capture --json | jq .registers
  socat pty,link=/tmp/meter,raw pty,link=/tmp/head,raw &
  s3mp replay meter.capture --port /tmp/meter --loop &
  s3mp doctor --device /tmp/head
${EXIT_HELP}`

/** Adds `s3mp replay`: plays a capture to the decoder or onto a line. */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description('play a capture to the decoder, or onto a line')
    .argument('<file>', 'capture, raw bytes, or hex text')
    .option('--port <path>', 'serial port or pty to play it onto')
    .option('-s, --settings <line>', "speed and format; the capture's own where left out")
    .option('--speed <factor>', 'so many times as fast as it was', '1')
    .option('--loop', 'begin again at the end, until Ctrl-C', false)
    .option('--json', 'one JSON line a telegram', false)
    .addHelpText('after', HELP)
    .action(async (file: string, options: Options) => {
      const capture = readCapture(file)
      process.exitCode =
        options.port === undefined
          ? decode(capture, options.json)
          : await playOnto(options.port, capture, options)
    })
}

function decode(capture: Capture, isJson: boolean): number {
  const decoder = createDecoder('auto')
  let readings = 0
  const startMs = capture.startedMs ?? 0
  const tell = (atMs: number, events: ReturnType<typeof decoder.push>): void => {
    for (const event of events) {
      if (event.type === 'reading') readings += 1
      const time = capture.isTimed ? { timeMs: startMs + atMs } : {}
      if (isJson && event.type === 'reading') {
        sayJson({ ...time, ...readingJson(event.reading, event.offset, event.length) })
      } else if (isJson && event.type === 'discarded') {
        sayJson({ ...time, discarded: event.bytes, reason: event.reason })
      } else say(`${clock(capture, atMs)}${sentence(event)}`)
    }
  }
  for (const { atMs, bytes } of capture.chunks) tell(atMs, decoder.push(bytes))
  tell(capture.chunks.at(-1)?.atMs ?? 0, decoder.end())
  return readings > 0 ? EXIT.ok : EXIT.no
}

function clock(capture: Capture, atMs: number): string {
  if (!capture.isTimed) return ''
  return `${(atMs / 1000).toFixed(3).padStart(10)} s  `
}

function sentence(event: ReturnType<ReturnType<typeof createDecoder>['push']>[number]): string {
  if (event.type === 'discarded') return `${String(event.bytes)} bytes discarded (${event.reason})`
  const { protocol, device, registers } = event.reading
  return `${protocol.toUpperCase()} from ${device === '' ? 'a meter without id' : device}, ${String(registers.length)} registers`
}

async function playOnto(path: string, capture: Capture, options: Options): Promise<number> {
  const settings =
    options.settings === undefined
      ? (capture.settings ?? parseSettings('9600 8N1'))
      : parseSettings(options.settings)
  const speed = Number(options.speed)
  if (!(speed > 0 && speed <= SPEED_MAX)) {
    const found = options.speed.slice(0, 40)
    throw new FirmwareError('usage', `--speed: expected up to ${String(SPEED_MAX)}, found ${found}`)
  }
  const { linuxSerial } = await import('@s3mp/hal/linux')
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  const progress = terminalProgress(systemClock)
  const port = await linuxSerial().open(path, settings)
  let played = 0
  try {
    do {
      await play(capture, {
        port,
        settings,
        clock: systemClock,
        signal: stop.signal,
        speed,
        onPlayed: (bytes) => {
          played += bytes
          progress.show(`${String(played)} bytes played onto ${path}`)
        },
      })
    } while (options.loop && capture.chunks.length > 0)
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    progress.clear()
    await port.close()
  }
  if (options.json) sayJson({ port: path, bytes: played })
  else say(`${String(played)} bytes played onto ${path}`)
  return EXIT.ok
}

/** Faster than this no line and no decoder is. */
const SPEED_MAX = 1000
