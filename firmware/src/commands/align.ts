import { systemClock, parseSettings } from '@s3mp/hal'
import type { Command } from 'commander'

import { FirmwareError } from '../errors.ts'
import { AlignmentMeter, alignmentLine, type AlignmentScore } from '../head/alignment.ts'
import { listen } from '../head/listen.ts'
import { complain, EXIT, EXIT_HELP, say, sayJson } from '../terminal.ts'

interface Options {
  readonly settings: string
  readonly seconds?: string
  readonly sound: boolean
  readonly led?: string
  readonly json: boolean
}

const HELP = `
The score is the share of bytes that sound telegrams are made of, over the last eight seconds. Move the
head until it stays at the top; the mark shows the best place so far.

Examples:
  s3mp align /dev/ttyUSB0
  s3mp align /dev/ttyUSB0 --sound          a tick a second, the faster the better
  s3mp align /dev/ttyAMA0 --led 17 --json
${EXIT_HELP}`

const SCORES_FOR_EVER = Number.MAX_SAFE_INTEGER

/** Adds `s3mp align`: how well the optical head sits, once a second. */
export function addAlignCommand(program: Command): void {
  program
    .command('align')
    .description('show once a second how well the optical head sits')
    .argument('<device>', 'serial port of the head')
    .option('-s, --settings <line>', 'speed and format', '9600 8N1')
    .option('-n, --seconds <count>', 'stop after so many seconds')
    .option('--sound', 'ring the terminal bell, more often the better', false)
    .option('--led <line>', 'light an LED on this GPIO line (BCM number) while it is good')
    .option('--json', 'one JSON line a second', false)
    .addHelpText('after', HELP)
    .action(async (device: string, options: Options) => {
      process.exitCode = await align(device, options)
    })
}

async function align(device: string, options: Options): Promise<number> {
  const { linuxGpio, linuxSerial } = await import('@s3mp/hal/linux')
  const stop = new AbortController()
  process.once('SIGINT', () => {
    stop.abort()
  })
  const seconds = options.seconds === undefined ? SCORES_FOR_EVER : count(options.seconds)
  const led =
    options.led === undefined ? undefined : await linuxGpio().openOutput(count(options.led), false)
  const meter = new AlignmentMeter()
  let last: AlignmentScore | undefined
  let nextMs = systemClock.monotonicMs() + 1000
  let shown = 0
  try {
    await listen(
      {
        serial: linuxSerial(),
        path: device,
        settings: parseSettings(options.settings),
        protocol: 'auto',
        clock: systemClock,
        signal: stop.signal,
        listenMs: Number.MAX_SAFE_INTEGER,
      },
      (heard) => {
        meter.hear(heard)
        if (systemClock.monotonicMs() < nextMs) return true
        nextMs += 1000
        last = meter.score()
        show(last, options)
        void led?.write(last.hint === 'good').catch(() => undefined)
        shown += 1
        return shown < seconds
      },
    )
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await led?.close()
  }
  if (process.stdout.isTTY && !options.json) process.stdout.write('\n')
  if (last?.hint === 'good') return EXIT.ok
  complain(`${device}: the head does not sit well yet (s3mp doctor looks for other reasons)`)
  return EXIT.no
}

/** Ticks a second at the best score. */
const TICKS_MAX = 5

function show(score: AlignmentScore, { json, sound }: Options): void {
  if (json) {
    sayJson(score)
    return
  }
  const line = alignmentLine(score)
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`)
  else say(line)
  if (!sound) return
  const ticks = Math.round((score.score * TICKS_MAX) / 100)
  for (let tick = 0; tick < ticks; tick++) {
    setTimeout(() => process.stderr.write('\x07'), (tick * 1000) / ticks).unref()
  }
}

function count(text: string): number {
  if (/^\d{1,9}$/u.test(text)) return Number(text)
  throw new FirmwareError('usage', `expected a number, found ${text}`)
}
